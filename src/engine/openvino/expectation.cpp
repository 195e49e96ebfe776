#include "engine/openvino/expectation.h"

#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/multiply.hpp>
#include <openvino/op/reduce_sum.hpp>
#include <vector>

namespace shoal {
namespace {

std::shared_ptr<ov::op::v0::Constant> constant_behind(ov::Output<ov::Node> value) {
  std::shared_ptr<ov::Node> node = value.get_node_shared_ptr();
  while (ov::is_type<ov::op::v0::Convert>(node)) node = node->get_input_node_shared_ptr(0);
  return ov::as_type_ptr<ov::op::v0::Constant>(node);
}

// The weights of a 1x1 convolution to one channel, if they count from 0.
std::vector<float> counting_weights(const ov::op::v1::Convolution& convolution) {
  const auto weights = constant_behind(convolution.input_value(1));
  if (!weights) return {};
  const ov::Shape shape = weights->get_shape();
  if (shape.size() != 4 || shape[0] != 1 || shape[1] < 2 || shape[2] != 1 || shape[3] != 1) {
    return {};
  }
  std::vector<float> values = weights->cast_vector<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] != static_cast<float>(i)) return {};
  }
  return values;
}

}  // namespace

int expectations_to_sums(ov::Model& graph) {
  int replaced = 0;
  for (const auto& node : graph.get_ordered_ops()) {
    const auto convolution = ov::as_type_ptr<ov::op::v1::Convolution>(node);
    if (!convolution) continue;
    const std::vector<float> bins = counting_weights(*convolution);
    if (bins.empty()) continue;
    const ov::Shape along_bins{1, bins.size(), 1, 1};
    const auto values = ov::op::v0::Constant::create(ov::element::f32, along_bins, bins);
    const auto axis = ov::op::v0::Constant::create(ov::element::i64, {1}, {1});
    const auto weighted =
        std::make_shared<ov::op::v1::Multiply>(convolution->input_value(0), values);
    const auto sum = std::make_shared<ov::op::v1::ReduceSum>(weighted, axis, true);
    sum->set_friendly_name(convolution->get_friendly_name());
    convolution->output(0).replace(sum->output(0));
    ++replaced;
  }
  return replaced;
}

}  // namespace shoal
