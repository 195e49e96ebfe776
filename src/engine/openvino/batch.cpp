// Node by node in topological order, so that the first obstacle is the one that is named.
#include "engine/openvino/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <openvino/op/broadcast.hpp>
#include <openvino/op/concat.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/interpolate.hpp>
#include <openvino/op/reshape.hpp>
#include <openvino/op/shape_of.hpp>
#include <openvino/op/softmax.hpp>
#include <openvino/op/unsqueeze.hpp>
#include <optional>
#include <unordered_map>
#include <vector>

namespace shoal {
namespace {

using ov::op::v0::Constant;
constexpr const char* kExportInstead = "export the model with a dynamic batch instead";

std::vector<ov::Shape> shapes_of(const ov::Node& node) {
  std::vector<ov::Shape> shapes;
  for (const auto& output : node.outputs()) {
    shapes.push_back(output.get_partial_shape().is_static() ? output.get_shape() : ov::Shape{});
  }
  return shapes;
}

// Re-derives one node's shapes; the reason if that fails.
std::optional<std::string> derive(ov::Node& node) {
  try {
    node.revalidate_and_infer_types();
    return std::nullopt;
  } catch (const std::exception& error) {
    // What stands before the node's name is the text of an assertion.
    std::string reason = reason_of(error);
    const std::size_t named = reason.rfind("':; ");
    return named == std::string::npos ? reason : reason.substr(named + 4);
  }
}

class Rewriter {
 public:
  Rewriter(GraphPointer graph, std::int64_t batch)
      : graph_(std::move(graph)),
        old_batch_(graph_->input().get_shape()[0]),
        new_batch_(static_cast<std::size_t>(batch)) {}

  Result<GraphPointer> run() {
    const auto nodes = graph_->get_ordered_ops();
    std::unordered_map<const ov::Node*, std::vector<ov::Shape>> old_shapes;
    for (const auto& node : nodes) old_shapes.emplace(node.get(), shapes_of(*node));
    const auto parameter = graph_->get_parameters()[0];
    parameter->set_partial_shape(scaled(parameter->get_shape(), 0));
    for (const auto& node : nodes) SHOAL_TRY(visit(*node, old_shapes.at(node.get())));
    for (const auto& result : graph_->get_results()) {
      if (axis_of(result->input_value(0)) != std::optional<std::size_t>(0)) {
        return refusal(*result->get_input_node_ptr(0), "its output has no batch axis in front");
      }
    }
    graph_->validate_nodes_and_infer_types();
    return graph_;
  }

 private:
  Result<void> visit(ov::Node& node, const std::vector<ov::Shape>& before) {
    if (ov::is_type<Constant>(&node)) return {};
    std::optional<std::string> reason = derive(node);
    if (!reason) reason = judge(node, before);
    if (reason && replace_unsqueeze(node, before)) return {};
    if (reason && repair(node, before)) {
      reason = derive(node);
      if (!reason) reason = judge(node, before);
    }
    if (reason) return refusal(node, *reason);
    if (const auto axis = batched_input_axis(node); axis && mixes_pictures(node, *axis)) {
      return refusal(node, "it works across the pictures of a batch");
    }
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (const auto axis = changed_axis(before[i], node.get_output_shape(i))) {
        axes_[node.output(i)] = *axis;
      }
    }
    return {};
  }

  // Why the node's new shapes are not the old ones with only the batch axis changed.
  std::optional<std::string> judge(const ov::Node& node, const std::vector<ov::Shape>& before) {
    const auto input_axis = batched_input_axis(node);
    const bool absorbs = ov::is_type<const ov::op::v0::ShapeOf>(&node) ||
                         ov::is_type<const ov::op::v3::ShapeOf>(&node);
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (node.get_output_partial_shape(i).is_dynamic()) return "its shape depends on data";
      const ov::Shape& now = node.get_output_shape(i);
      const auto axis = changed_axis(before[i], now);
      if (now != before[i] && !axis) {
        return fmt::format("its output {} becomes {}", before[i].to_string(), now.to_string());
      }
      if (now == before[i] && input_axis && !absorbs) {
        return fmt::format("its output {} has batch {} baked in", before[i].to_string(),
                           old_batch_);
      }
      const bool keeps_front = (ov::is_type<const ov::op::v1::Reshape>(&node) ||
                                ov::is_type<const ov::op::v0::Unsqueeze>(&node)) &&
                               input_axis == std::optional<std::size_t>(0);
      if (keeps_front && axis != std::optional<std::size_t>(0)) {
        return fmt::format("its output {} becomes {}", before[i].to_string(), now.to_string());
      }
    }
    return std::nullopt;
  }

  // [b * n, ...] -> [1, b * n, ...] has to become [b, n, ...]: a Reshape instead.
  bool replace_unsqueeze(ov::Node& node, const std::vector<ov::Shape>& before) {
    if (!ov::is_type<ov::op::v0::Unsqueeze>(&node) || before[0][0] != old_batch_ ||
        axis_of(node.input_value(0)) != std::optional<std::size_t>(0)) {
      return false;
    }
    const auto turned = std::make_shared<ov::op::v1::Reshape>(
        node.input_value(0), shape_constant(scaled(before[0], 0)), false);
    turned->set_friendly_name(node.get_friendly_name());
    turned->output(0).set_names(node.output(0).get_names());
    node.output(0).replace(turned->output(0));
    axes_[turned->output(0)] = 0;
    return true;
  }

  // Replaces what the export baked into this node. False where there is nothing to replace.
  bool repair(ov::Node& node, const std::vector<ov::Shape>& before) {
    if (before.size() != 1 || before[0].empty()) return false;
    bool changed = repair_operands(node, before[0]);
    if (axis_of(node.input_value(0)) != std::optional<std::size_t>(0)) return changed;
    if (before[0][0] % old_batch_ != 0) return changed;
    const ov::Shape wanted = scaled(before[0], 0);
    if (ov::is_type<ov::op::v1::Reshape>(&node) || ov::is_type<ov::op::v1::Broadcast>(&node) ||
        ov::is_type<ov::op::v3::Broadcast>(&node)) {
      node.input(1).replace_source_output(shape_constant(wanted));
      return true;
    }
    if (const auto* resize = ov::as_type<ov::op::v4::Interpolate>(&node)) {
      using Mode = ov::op::v4::Interpolate::ShapeCalcMode;
      if (resize->get_attrs().shape_calculation_mode == Mode::SIZES &&
          node.get_input_size() == 3) {
        node.input(1).replace_source_output(shape_constant(wanted));
        return true;
      }
    }
    return changed;
  }

  // Constants that hold one row a picture, all rows alike, get as many rows as the new batch.
  bool repair_operands(ov::Node& node, const ov::Shape& out) {
    const auto axis = batched_input_axis(node);
    if (!axis || *axis != 0) return false;
    const bool joins = ov::is_type<ov::op::v0::Concat>(&node);
    bool changed = false;
    for (std::size_t i = 0; i < node.get_input_size(); ++i) {
      const auto value = node.input_value(i);
      if (axis_of(value) || value.get_partial_shape().is_dynamic()) continue;
      const ov::Shape shape = value.get_shape();
      if (shape.size() != out.size() || shape[0] != old_batch_) continue;
      if (old_batch_ == 1 && joins) {
        const auto spread =
            std::make_shared<ov::op::v3::Broadcast>(value, shape_constant(scaled(shape, 0)));
        node.input(i).replace_source_output(spread);
        changed = true;
      } else if (const auto* constant = ov::as_type<Constant>(value.get_node());
                 constant != nullptr && old_batch_ > 1) {
        if (const auto replacement = first_row_only(*constant)) {
          node.input(i).replace_source_output(replacement);
          changed = true;
        }
      }
    }
    return changed;
  }

  std::shared_ptr<Constant> first_row_only(const Constant& constant) const {
    const std::size_t row = constant.get_byte_size() / old_batch_;
    const auto* bytes = static_cast<const char*>(constant.get_data_ptr());
    for (std::size_t i = 1; i < old_batch_; ++i) {
      if (std::memcmp(bytes, bytes + i * row, row) != 0) return nullptr;
    }
    std::vector<char> rows;
    for (std::size_t i = 0; i < new_batch_; ++i) rows.insert(rows.end(), bytes, bytes + row);
    return std::make_shared<Constant>(constant.get_element_type(),
                                      scaled(constant.get_shape(), 0), rows.data());
  }

  bool mixes_pictures(const ov::Node& node, std::size_t axis) const {
    const auto on_axis = [&](std::int64_t softmax_axis) {
      const auto rank = static_cast<std::int64_t>(node.get_input_shape(0).size());
      return static_cast<std::size_t>(softmax_axis < 0 ? softmax_axis + rank : softmax_axis) ==
             axis;
    };
    if (const auto* s = ov::as_type<const ov::op::v1::Softmax>(&node)) {
      return s->get_axis() == axis;
    }
    if (const auto* s = ov::as_type<const ov::op::v8::Softmax>(&node)) {
      return on_axis(s->get_axis());
    }
    return false;
  }

  std::optional<std::size_t> axis_of(const ov::Output<ov::Node>& output) const {
    const auto found = axes_.find(output);
    if (found == axes_.end()) return std::nullopt;
    return found->second;
  }

  std::optional<std::size_t> batched_input_axis(const ov::Node& node) const {
    for (std::size_t i = 0; i < node.get_input_size(); ++i) {
      if (const auto axis = axis_of(node.input_value(i))) return axis;
    }
    return std::nullopt;
  }

  ov::Shape scaled(ov::Shape shape, std::size_t axis) const {
    shape[axis] = shape[axis] * new_batch_ / old_batch_;
    return shape;
  }

  // The one axis whose length changed by the ratio of the batches.
  std::optional<std::size_t> changed_axis(const ov::Shape& before, const ov::Shape& now) const {
    if (before.size() != now.size() || before == now) return std::nullopt;
    std::optional<std::size_t> changed;
    for (std::size_t axis = 0; axis < before.size(); ++axis) {
      if (before[axis] == now[axis]) continue;
      if (changed || now[axis] * old_batch_ != before[axis] * new_batch_) return std::nullopt;
      changed = axis;
    }
    return changed;
  }

  static std::shared_ptr<Constant> shape_constant(const ov::Shape& shape) {
    std::vector<std::int64_t> values(shape.begin(), shape.end());
    return Constant::create(ov::element::i64, {values.size()}, values);
  }

  Error refusal(const ov::Node& node, std::string_view why) const {
    return {ErrorCode::kUnsupported,
            fmt::format("{} keeps batch {} from becoming {}: {}; {}", node_name(node), old_batch_,
                        new_batch_, why, kExportInstead)};
  }

  GraphPointer graph_;
  const std::size_t old_batch_;
  const std::size_t new_batch_;
  std::map<ov::Output<ov::Node>, std::size_t> axes_;  // where the batch lies in a tensor
};

}  // namespace

Result<GraphPointer> with_batch(const GraphPointer& fixed, std::int64_t batch) {
  return catching(ErrorCode::kUnsupported, "rewriting the batch",
                  [&] { return Rewriter(fixed->clone(), batch).run(); });
}

Result<GraphPointer> with_input(const GraphPointer& graph, const ov::PartialShape& shape) {
  return catching(ErrorCode::kUnsupported, "reshaping", [&]() -> Result<GraphPointer> {
    GraphPointer copy = graph->clone();
    copy->get_parameters()[0]->set_partial_shape(shape);
    for (const auto& node : copy->get_ordered_ops()) {
      if (const auto reason = derive(*node)) {
        return Error{ErrorCode::kUnsupported,
                     fmt::format("{} cannot take input {}: {}", node_name(*node),
                                 shape.to_string(), *reason)};
      }
    }
    copy->validate_nodes_and_infer_types();
    return copy;
  });
}

Result<GraphPointer> graph_at(const ImportedModel& model, Size size, std::int64_t batch) {
  const ModelDescription& description = model.description;
  const std::int64_t exported = description.dynamic_batch ? batch : description.baked_batch;
  GraphPointer fixed =
      SHOAL_TRY(with_input(model.graph, input_shape(model.layout, exported, size)));
  if (exported == batch) return fixed;
  return with_batch(fixed, batch);
}

}  // namespace shoal
