// Only convolutions and matrix products count as operations: the rest is below 2 % of a YOLO.
#include "engine/openvino/graph_cost.h"

#include <algorithm>
#include <openvino/op/constant.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/group_conv.hpp>
#include <openvino/op/matmul.hpp>

namespace shoal {
namespace {

std::int64_t elements(const ov::Shape& shape) {
  return static_cast<std::int64_t>(ov::shape_size(shape));
}

bool is_constant(const ov::Node& node) { return ov::is_type<const ov::op::v0::Constant>(&node); }

// A weight reaches its consumer directly or through conversions and reshapes of constants.
bool comes_from_constant(const ov::Output<ov::Node>& output) {
  const ov::Node* node = output.get_node();
  for (int depth = 0; depth < 8 && node->get_input_size() > 0; ++depth) {
    node = node->get_input_node_ptr(0);
  }
  return is_constant(*node);
}

std::int64_t flops_of(const ov::Node& node) {
  // Behind a suppression inside the graph shapes depend on data, and no network follows.
  if (node.get_output_partial_shape(0).is_dynamic()) return 0;
  const ov::Shape& out = node.get_output_shape(0);
  if (ov::is_type<const ov::op::v1::Convolution>(&node)) {
    const ov::Shape weights = node.get_input_shape(1);  // [out, in, kh, kw]
    return 2 * elements(out) * elements(weights) / static_cast<std::int64_t>(weights[0]);
  }
  if (ov::is_type<const ov::op::v1::GroupConvolution>(&node)) {
    const ov::Shape weights = node.get_input_shape(1);  // [groups, out, in, kh, kw]
    return 2 * elements(out) * elements(weights) /
           static_cast<std::int64_t>(weights[0] * weights[1]);
  }
  if (ov::is_type<const ov::op::v1::ConvolutionBackpropData>(&node)) {
    const ov::Shape weights = node.get_input_shape(1);  // [in, out, kh, kw]
    return 2 * elements(node.get_input_shape(0)) * elements(weights) /
           static_cast<std::int64_t>(weights[0]);
  }
  if (const auto* product = ov::as_type<const ov::op::v0::MatMul>(&node)) {
    const ov::Shape left = node.get_input_shape(0);
    if (left.empty()) return 0;
    const std::size_t inner = product->get_transpose_a() && left.size() > 1
                                  ? left[left.size() - 2]
                                  : left.back();
    return 2 * elements(out) * static_cast<std::int64_t>(inner);
  }
  return 0;
}

// Weights of convolutions and products, and per-channel operands of what follows them.
bool is_parameter(const ov::op::v0::Constant& constant) {
  if (!constant.get_element_type().is_real() && !constant.get_element_type().is_quantized()) {
    return false;
  }
  const ov::Shape& shape = constant.get_shape();
  if (elements(shape) < 2) return false;
  const auto larger_than_one = std::count_if(shape.begin(), shape.end(),
                                             [](std::size_t side) { return side > 1; });
  if (larger_than_one == 1 && shape.size() != 2) return true;
  for (const auto& target : constant.output(0).get_target_inputs()) {
    const ov::Node* consumer = target.get_node();
    if (ov::is_type<const ov::op::v1::Convolution>(consumer) ||
        ov::is_type<const ov::op::v1::GroupConvolution>(consumer) ||
        ov::is_type<const ov::op::v1::ConvolutionBackpropData>(consumer) ||
        ov::is_type<const ov::op::v0::MatMul>(consumer) ||
        comes_from_constant(consumer->input_value(0))) {
      return true;
    }
  }
  return false;
}

}  // namespace

GraphCost graph_cost(const ov::Model& graph) {
  GraphCost cost;
  for (const auto& node : graph.get_ordered_ops()) {
    if (const auto* constant = ov::as_type<const ov::op::v0::Constant>(node.get())) {
      cost.weight_bytes += static_cast<std::int64_t>(constant->get_byte_size());
      if (is_parameter(*constant)) cost.parameters += elements(constant->get_shape());
    } else {
      const std::int64_t flops = flops_of(*node);
      cost.flops += flops;
      cost.kernels += flops > 0 ? 1 : 0;
    }
  }
  return cost;
}

}  // namespace shoal
