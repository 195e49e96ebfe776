// The arithmetic before the first layer is one multiplication and one addition a channel.
#include "engine/openvino/inner_scaling.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <openvino/op/constant.hpp>
#include <string_view>
#include <vector>

namespace shoal {
namespace {

// y = gain x + offset, three channels.
struct Affine {
  std::array<double, 3> gain{1, 1, 1};
  std::array<double, 3> offset{0, 0, 0};
  bool found = false;
  bool swapped = false;  // channels are in the other order
};

// The constant behind an operand, computed where it is made of constants; nullptr where it is not.
std::shared_ptr<ov::op::v0::Constant> folded(const ov::Output<ov::Node>& value, int depth = 0) {
  const std::shared_ptr<ov::Node> node = value.get_node_shared_ptr();
  if (auto constant = ov::as_type_ptr<ov::op::v0::Constant>(node)) return constant;
  constexpr int kDepthMax = 8;
  if (depth == kDepthMax || node->get_input_size() == 0) return nullptr;
  ov::OutputVector inputs;
  for (const auto& input : node->input_values()) {
    const auto constant = folded(input, depth + 1);
    if (!constant || ov::shape_size(constant->get_shape()) > 64) return nullptr;
    inputs.push_back(constant->output(0));
  }
  ov::OutputVector outputs(node->get_output_size());
  if (!node->constant_fold(outputs, inputs)) return nullptr;
  return ov::as_type_ptr<ov::op::v0::Constant>(
      outputs[value.get_index()].get_node_shared_ptr());
}

// One value for all channels or three, else empty.
std::vector<double> channel_values(const ov::Output<ov::Node>& value) {
  const auto constant = folded(value);
  if (!constant) return {};
  const std::size_t count = ov::shape_size(constant->get_shape());
  if (count != 1 && count != 3) return {};
  std::vector<double> values = constant->cast_vector<double>();
  values.resize(3, values[0]);
  return values;
}

bool moves_only(std::string_view type) {
  constexpr std::array<std::string_view, 9> kMoves = {
      "Convert", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Gather", "StridedSlice", "Slice",
      "Clamp"};
  return std::find(kMoves.begin(), kMoves.end(), type) != kMoves.end();
}

// Takes `node`, whose input `port` is the picture, into `affine`; false where it is no arithmetic
// with constants.
bool apply(const ov::Node& node, std::size_t port, Affine& affine) {
  const std::string_view type = node.get_type_name();
  const bool multiplies = type == "Multiply";
  const bool divides = type == "Divide" && port == 0;
  const bool subtracts = type == "Subtract" && port == 0;
  const bool adds = type == "Add";
  if (!multiplies && !divides && !subtracts && !adds) return false;
  const std::vector<double> values = channel_values(node.input_value(1 - port));
  if (values.empty()) return false;
  for (std::size_t c = 0; c < 3; ++c) {
    if (multiplies || divides) {
      const double factor = multiplies ? values[c] : 1 / values[c];
      affine.gain[c] *= factor;
      affine.offset[c] *= factor;
    } else {
      affine.offset[c] += adds ? values[c] : -values[c];
    }
  }
  affine.found = true;
  return true;
}

std::vector<std::int64_t> whole_numbers(const ov::Output<ov::Node>& value) {
  const auto constant = folded(value);
  return constant ? constant->cast_vector<std::int64_t>() : std::vector<std::int64_t>();
}

// Whether a move turns the order of three channels round.
bool reverses_channels(const ov::Node& node) {
  const std::string_view type = node.get_type_name();
  if (type == "Gather") {
    return whole_numbers(node.input_value(1)) == std::vector<std::int64_t>{2, 1, 0};
  }
  if ((type != "Slice" && type != "StridedSlice") || node.get_input_size() < 4) return false;
  const std::vector<std::int64_t> steps = whole_numbers(node.input_value(3));
  return std::count(steps.begin(), steps.end(), -1) == 1;  // pictures have no other axis for it
}

using Targets = std::vector<ov::Input<ov::Node>>;

// Consumers that work on values; shapes may be asked for beside them.
Targets consumers_of(const ov::Output<ov::Node>& value) {
  Targets found;
  for (const auto& target : value.get_target_inputs()) {
    if (std::string_view(target.get_node()->get_type_name()) != "ShapeOf") found.push_back(target);
  }
  return found;
}

// Where a picture that is split into channels is put together again: every part goes to one
// Concat. nullptr where it is not. `reversed`: the channels come out in the other order.
ov::Node* joined_again(ov::Node& split, bool& reversed) {
  ov::Node* concat = nullptr;
  reversed = split.get_output_size() == 3;
  for (std::size_t i = 0; i < split.get_output_size(); ++i) {
    const Targets targets = consumers_of(split.output(i));
    if (targets.size() != 1) return nullptr;
    ov::Node* node = targets[0].get_node();
    if (std::string_view(node->get_type_name()) != "Concat") return nullptr;
    if (concat != nullptr && concat != node) return nullptr;
    concat = node;
    reversed = reversed && targets[0].get_index() == split.get_output_size() - 1 - i;
  }
  return concat;
}

Affine leading_arithmetic(const ov::Model& graph) {
  Affine affine;
  ov::Output<ov::Node> value = graph.get_parameters().front()->output(0);
  constexpr int kStepsMax = 32;
  for (int step = 0; step < kStepsMax; ++step) {
    const Targets targets = consumers_of(value);
    if (targets.size() != 1) break;
    ov::Node* node = targets[0].get_node();
    const std::string_view type = node->get_type_name();
    if (type == "Split" || type == "VariadicSplit") {
      bool reversed = false;
      node = joined_again(*node, reversed);
      if (node == nullptr) break;
      affine.swapped = affine.swapped != reversed;
    } else if (targets[0].get_index() == 0 && moves_only(type)) {
      affine.swapped = affine.swapped != reverses_channels(*node);
    } else if (!apply(*node, targets[0].get_index(), affine)) {
      break;
    }
    value = node->output(0);
  }
  return affine;
}

InputRange range_of(const Affine& affine) {
  double gain = 0;
  double offset = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    gain += std::abs(affine.gain[c]) / 3;
    offset += std::abs(affine.offset[c] / affine.gain[c]) / 3;  // in units of the input
  }
  // Spans that networks are trained on: 1 (0..1), 2 (-1..1), 4.4 (ImageNet's deviation).
  const auto usual = [](double span) { return span > 0.9 && span < 12; };
  if (gain == 1) return offset > 2 ? InputRange::kBytes : InputRange::kUnit;  // takes a mean off
  if (usual(gain * 255)) return InputRange::kBytes;
  // 255: from 0..1 to the scale of bytes, as YOLOX and NanoDet are trained on.
  if (usual(gain) || std::abs(gain - 255) < 3) return InputRange::kUnit;
  return InputRange::kUnknown;
}

std::string text_of(const Affine& affine) {
  const auto& g = affine.gain;
  const auto& o = affine.offset;
  const bool same = g[0] == g[1] && g[1] == g[2] && o[0] == o[1] && o[1] == o[2];
  std::string text = same ? fmt::format("its first nodes multiply the input by {:.6g}", g[0])
                          : fmt::format("its first nodes multiply the input by {:.6g} {:.6g} "
                                        "{:.6g}", g[0], g[1], g[2]);
  if (o == std::array<double, 3>{0, 0, 0}) return text;
  if (same) return text + fmt::format(" and add {:.6g}", o[0]);
  return text + fmt::format(" and add {:.6g} {:.6g} {:.6g}", o[0], o[1], o[2]);
}

}  // namespace

InnerSteps inner_steps(const ov::Model& graph) {
  const Affine affine = leading_arithmetic(graph);
  InnerSteps steps{.scaling = std::nullopt, .swaps_channels = affine.swapped};
  const bool changes = affine.gain != std::array<double, 3>{1, 1, 1} ||
                       affine.offset != std::array<double, 3>{0, 0, 0};
  if (graph.get_parameters().front()->get_element_type() == ov::element::u8) {
    steps.scaling = InnerScaling{InputRange::kBytes, "its input is u8"};
  } else if (affine.found && changes) {
    steps.scaling = InnerScaling{range_of(affine), text_of(affine)};
  }
  return steps;
}

}  // namespace shoal
