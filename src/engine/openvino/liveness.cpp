#include "engine/openvino/liveness.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/openvino/load_check.h"

namespace shoal {
namespace {

using Value = std::pair<const ov::Node*, std::size_t>;  // an output of a node

Value value_of(const ov::Output<ov::Node>& output) {
  return {output.get_node(), output.get_index()};
}

bool is_one_of(const ov::Node& node, std::span<const std::string_view> names) {
  return std::find(names.begin(), names.end(), node.get_type_name()) != names.end();
}

bool is_view(const ov::Node& node) {
  static constexpr std::array<std::string_view, 5> kViews = {"Reshape", "Squeeze", "Unsqueeze",
                                                             "Convert", "Result"};
  return is_one_of(node, kViews);
}

bool is_elementwise(const ov::Node& node) {
  static constexpr std::array<std::string_view, 26> kNames = {
      "Add",     "Subtract", "Multiply", "Divide",      "Maximum",  "Minimum",      "Power",
      "Sqrt",    "Exp",      "Log",      "Abs",         "Negative", "Clamp",        "Sigmoid",
      "Swish",   "HSwish",   "HSigmoid", "HardSigmoid", "Relu",     "PRelu",        "Elu",
      "Gelu",    "Mish",     "Tanh",     "SoftPlus",    "FakeQuantize"};
  return is_one_of(node, kNames);
}

// Ends OpenVINO's f32 tail: what it finds worth computing in bf16.
bool is_heavy(const ov::Node& node) {
  static constexpr std::array<std::string_view, 5> kNames = {
      "Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul", "Interpolate"};
  return is_one_of(node, kNames);
}

struct Buffer {
  std::int64_t bytes = 0;
  std::size_t born = 0;
  std::size_t dies = 0;
};

class Liveness {
 public:
  Liveness(const ov::Model& graph, Precision precision)
      : nodes_(graph.get_ordered_ops()), half_(precision == Precision::kBf16) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      position_[nodes_[i].get()] = i;
      for (const auto& input : nodes_[i]->inputs()) {
        last_use_[value_of(input.get_source_output())] = i;
      }
    }
    if (half_) find_tail();
    for (std::size_t i = 0; i < nodes_.size(); ++i) place(*nodes_[i], i);
  }

  [[nodiscard]] LivePeak peak() const {
    // Births and deaths as differences, summed over time.
    std::vector<std::int64_t> change(nodes_.size() + 1);
    for (const Buffer& buffer : buffers_) {
      change[buffer.born] += buffer.bytes;
      change[buffer.dies + 1] -= buffer.bytes;
    }
    LivePeak peak;
    std::int64_t live = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      live += change[i];
      if (live > peak.bytes) peak = {live, nodes_[i]->get_friendly_name()};
    }
    return peak;
  }

 private:
  // Backwards from the outputs to the first heavy operations, which are part of it: they write f32.
  void find_tail() {
    std::vector<const ov::Node*> open;
    for (const auto& node : nodes_) {
      if (ov::is_type<const ov::op::v0::Result>(node.get())) open.push_back(node.get());
    }
    while (!open.empty()) {
      const ov::Node* node = open.back();
      open.pop_back();
      if (!tail_.insert(node).second || is_heavy(*node)) continue;
      for (const auto& input : node->inputs()) {
        open.push_back(input.get_source_output().get_node());
      }
    }
  }

  [[nodiscard]] bool constant(const ov::Node* node) const { return constant_.contains(node); }

  void place(const ov::Node& node, std::size_t now) {
    const bool source = node.get_input_size() == 0;
    const auto inputs = node.input_values();
    const bool folds = std::all_of(inputs.begin(), inputs.end(),
                                   [&](const auto& input) { return constant(input.get_node()); });
    static constexpr std::array<std::string_view, 1> kShapes = {"ShapeOf"};
    const bool parameter = ov::is_type<const ov::op::v0::Parameter>(&node);
    if ((source && !parameter) || (!source && folds) ||
        is_one_of(node, kShapes)) {
      constant_.insert(&node);
      return;
    }
    for (std::size_t i = 0; i < node.get_output_size(); ++i) {
      const Value value{&node, i};
      const auto shared = shared_buffer(node, i, now);
      if (!shared) {
        const std::int64_t width = half_ && !tail_.contains(&node) ? 2 : 4;
        const std::int64_t elements = elements_at_most(node.get_output_partial_shape(i));
        buffer_of_[value] = buffers_.size();
        buffers_.push_back({.bytes = width * elements, .born = now, .dies = now});
      } else {
        buffer_of_[value] = *shared;
      }
      Buffer& buffer = buffers_[buffer_of_[value]];
      const auto use = last_use_.find(value);
      buffer.dies = std::max({buffer.dies, now, use == last_use_.end() ? now : use->second});
    }
  }

  // The buffer of an input that the output may lie in.
  [[nodiscard]] std::optional<std::size_t> shared_buffer(const ov::Node& node, std::size_t output,
                                                         std::size_t now) const {
    const bool elementwise = is_elementwise(node);
    if (!elementwise && !is_view(node)) return std::nullopt;
    const std::int64_t elements = elements_at_most(node.get_output_partial_shape(output));
    for (const auto& input : node.input_values()) {
      if (constant(input.get_node()) ||
          elements_at_most(input.get_partial_shape()) != elements) {
        continue;
      }
      if (elementwise && needed_later(input, now)) continue;
      // A change of width is a copy.
      if (half_ && tail_.contains(&node) != tail_.contains(input.get_node())) continue;
      const auto found = buffer_of_.find(value_of(input));
      if (found != buffer_of_.end()) return found->second;
    }
    return std::nullopt;
  }

  // By anything but element-wise operations, which are fused with this one: x * sigmoid(x).
  [[nodiscard]] bool needed_later(const ov::Output<ov::Node>& value, std::size_t now) const {
    const auto targets = value.get_target_inputs();
    return std::any_of(targets.begin(), targets.end(), [&](const auto& target) {
      const ov::Node* user = target.get_node();
      return position_.at(user) > now && !is_elementwise(*user);
    });
  }

  const ov::NodeVector nodes_;
  const bool half_;
  std::unordered_map<const ov::Node*, std::size_t> position_;
  std::map<Value, std::size_t> last_use_;
  std::unordered_set<const ov::Node*> constant_;
  std::unordered_set<const ov::Node*> tail_;
  std::map<Value, std::size_t> buffer_of_;
  std::vector<Buffer> buffers_;
};

}  // namespace

LivePeak live_peak(const ov::Model& graph, Precision precision) {
  return Liveness(graph, precision).peak();
}

}  // namespace shoal
