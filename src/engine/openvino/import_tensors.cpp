// Steps of an import: what the input takes, and boxes that are not what the decoder expects.
#include <algorithm>
#include <cmath>
#include <openvino/op/add.hpp>
#include <openvino/op/concat.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/gather.hpp>
#include <openvino/op/multiply.hpp>
#include <openvino/op/shape_of.hpp>
#include <openvino/op/subtract.hpp>
#include <openvino/op/variadic_split.hpp>

#include "engine/openvino/draft.h"
#include "engine/openvino/inner_scaling.h"

namespace shoal {
namespace {

using Value = ov::Output<ov::Node>;

bool is_normalised_by_sidecar(const Sidecar& sidecar) {
  return sidecar.mean || sidecar.std || sidecar.scale;
}

bool are_near(const std::array<float, 3>& values, float expected) {
  return std::all_of(values.begin(), values.end(), [expected](float value) {
    return std::abs(value - expected) <= 0.02F * expected;
  });
}

constexpr float kUnitScale = 1.0F / 255;

std::string range_text(InputRange range) {
  return range == InputRange::kBytes ? "0..255 (scale = 1, mean = 0)"
                                     : "0..1 (scale = 0.00392157, mean = 0)";
}

// Values that the graph itself turns into what its layers want are fed as it takes them.
Result<void> describe_scaled_input(Draft& draft, FamilyMatch& match, const InnerScaling& inner) {
  InputDescription& input = draft.model.description.input;
  const Sidecar& sidecar = draft.sidecar;
  const float wanted = inner.range == InputRange::kBytes ? 1.0F : kUnitScale;
  if (is_normalised_by_sidecar(sidecar)) {
    if (inner.range != InputRange::kUnknown && !are_near(input.scale, wanted)) {
      draft.model.description.warnings.push_back(
          fmt::format("{}, so it takes {}; {} says something else and is believed", inner.what,
                      range_text(inner.range), sidecar.path));
    }
    return {};
  }
  if (inner.range == InputRange::kUnknown) {
    return draft.refuse(
        ErrorCode::kUnsupported,
        fmt::format("{}, which leaves open what it takes; say it in {}.toml: scale = 1 and mean = "
                    "0 for 0..255, scale = 0.00392157 and mean = 0 for 0..1", inner.what,
                    draft.path));
  }
  input.mean = {0, 0, 0};
  input.scale = {wanted, wanted, wanted};
  match.why += fmt::format("; {}: it is fed {}", inner.what,
                           inner.range == InputRange::kBytes ? "0..255" : "0..1");
  return {};
}

Value scalar(float value, const ov::element::Type& type) {
  return ov::op::v0::Constant::create(type, ov::Shape{}, {value});
}

Value product(const Value& a, const Value& b) {
  return std::make_shared<ov::op::v1::Multiply>(a, b);
}

// A side of the input as a scalar of `type`, whatever size the graph is brought to.
Value input_side(const Draft& draft, std::int64_t axis, const ov::element::Type& type) {
  const auto shape = std::make_shared<ov::op::v3::ShapeOf>(draft.model.graph->input());
  const auto index = ov::op::v0::Constant::create(ov::element::i64, ov::Shape{}, {axis});
  const auto first = ov::op::v0::Constant::create(ov::element::i64, ov::Shape{}, {0});
  const auto side = std::make_shared<ov::op::v8::Gather>(shape, index, first);
  return std::make_shared<ov::op::v0::Convert>(side, type);
}

}  // namespace

Result<void> describe_input(Draft& draft, FamilyMatch& match) {
  const FamilyRow& row = *match.row;
  InputDescription& input = draft.model.description.input;
  const Sidecar& sidecar = draft.sidecar;
  const InnerSteps steps = inner_steps(*draft.model.graph);
  const auto& inner = steps.scaling;
  input.channels = sidecar.color_order.value_or(row.channels);
  if (steps.swaps_channels && !sidecar.color_order) {
    const bool rgb = row.channels == PixelFormat::kRgb8;
    input.channels = rgb ? PixelFormat::kBgr8 : PixelFormat::kRgb8;
    match.why += fmt::format("; the graph swaps its channels: it is fed {}", rgb ? "BGR" : "RGB");
  }
  input.placement = sidecar.placement.value_or(row.placement);
  // Where the graph normalises, a part that the sidecar leaves out is nothing, not the family's.
  const bool bare = inner && is_normalised_by_sidecar(sidecar);
  input.mean = sidecar.mean.value_or(bare ? std::array<float, 3>{0, 0, 0} : row.mean);
  const std::array<float, 3> divisor =
      sidecar.std.value_or(bare ? std::array<float, 3>{1, 1, 1} : row.std);
  for (std::size_t i = 0; i < 3; ++i) {
    input.scale[i] = sidecar.scale ? (*sidecar.scale)[i] : 1.0F / divisor[i];
  }
  return inner ? describe_scaled_input(draft, match, *inner) : Result<void>{};
}

ov::Output<ov::Node> boxes_as_decoded(const Draft& draft, const FamilyRow& row,
                                      const ov::Output<ov::Node>& tensor) {
  const bool ranked = row.layout == HeadLayout::kRankedDetections;
  const BoxForm wanted = ranked ? BoxForm::kXyxy : BoxForm::kXywh;
  const BoxForm form = draft.sidecar.boxes.value_or(wanted);
  const bool shares = draft.sidecar.boxes_are_shares.value_or(false);
  if (row.layout == HeadLayout::kPairs || !row.decoded || (form == wanted && !shares)) {
    return tensor;
  }
  const std::int64_t axis = row.encoding == BoxEncoding::kXywhScores ? 1 : 2;
  const ov::element::Type type = tensor.get_element_type();
  const auto split = std::make_shared<ov::op::v1::VariadicSplit>(
      tensor, ov::op::v0::Constant::create(ov::element::i64, ov::Shape{}, {axis}),
      ov::op::v0::Constant::create(ov::element::i64, ov::Shape{5}, {1, 1, 1, 1, -1}));
  std::array<Value, 4> box = {split->output(0), split->output(1), split->output(2),
                              split->output(3)};
  if (shares) {
    const bool planar = draft.model.layout == InputLayout::kNchw;
    const Value width = input_side(draft, planar ? 3 : 2, type);
    const Value height = input_side(draft, planar ? 2 : 1, type);
    for (std::size_t i = 0; i < 4; ++i) box[i] = product(box[i], i % 2 == 0 ? width : height);
  }
  const Value half = scalar(0.5F, type);
  const auto sum = [](const Value& a, const Value& b) -> Value {
    return std::make_shared<ov::op::v1::Add>(a, b);
  };
  const auto difference = [](const Value& a, const Value& b) -> Value {
    return std::make_shared<ov::op::v1::Subtract>(a, b);
  };
  for (std::size_t i = 0; i < 2 && form != wanted; ++i) {
    const Value first = box[i];
    const Value second = box[i + 2];
    if (ranked) {  // to two corners
      if (form == BoxForm::kXywh) box[i] = difference(first, product(second, half));
      box[i + 2] = sum(box[i], second);
    } else {  // to centre and size
      if (form == BoxForm::kXyxy) box[i + 2] = difference(second, first);
      box[i] = sum(first, product(box[i + 2], half));
    }
  }
  return std::make_shared<ov::op::v0::Concat>(
      ov::OutputVector{box[0], box[1], box[2], box[3], split->output(4)}, axis);
}

}  // namespace shoal
