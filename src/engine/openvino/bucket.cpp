// Checks go from cheap to dear: sides, shapes, row counts, baked constants, a trial run.
#include "engine/openvino/bucket.h"

#include <fmt/format.h>

#include <algorithm>
#include <openvino/op/constant.hpp>
#include <set>

#include "engine/family.h"
#include "engine/openvino/batch.h"
#include "engine/openvino/compile.h"
#include "engine/openvino/grid_probe.h"
#include "engine/openvino/trial.h"

namespace shoal {
namespace {

// Two f32 runs of the same arithmetic in another order stay far below it.
constexpr double kRewriteTolerance = 1e-3;

std::string size_name(Size size) { return fmt::format("{}x{}", size.width, size.height); }

Error baked(const ModelDescription& model, Size size, std::string_view why) {
  return {ErrorCode::kUnsupported,
          fmt::format("{}: bucket {}: the graph is made for {}: {}; export it with dynamic height "
                      "and width, or leave the bucket out",
                      model.path, size_name(size), size_name(model.input.size), why)};
}

// Planes of cells a stride, found at the exported size; 0 where N says nothing.
std::int64_t anchors_of(const ModelDescription& model) {
  const auto& shape = model.outputs[0].shape;
  const std::int64_t cells = cell_count(model.input.size, model.head.strides);
  switch (model.head.encoding) {
    case BoxEncoding::kXywhScores: return shape[1] / cells;
    case BoxEncoding::kXywhObjectnessScores:
    case BoxEncoding::kYoloxGrid: return shape[0] / cells;
    default: return 0;
  }
}

std::int64_t expected_rows(const ModelDescription& model, Size size, std::size_t output) {
  const HeadDescription& head = model.head;
  if (head.encoding == BoxEncoding::kEndToEnd) return model.outputs[output].shape[0];
  if (head.levels.size() == 1) return anchors_of(model) * cell_count(size, head.strides);
  for (const HeadLevel& level : head.levels) {
    if (static_cast<std::size_t>(level.boxes) == output ||
        static_cast<std::size_t>(level.scores) == output) {
      return cell_count(size, level.stride);
    }
  }
  return 0;
}

// The first node that answers the exported shape although its input has another one, or that
// moves pixels into the batch axis. Both graphs are copies of one, so their nodes pair up.
const ov::Node* first_baked_node(const ov::Model& exported, const ov::Model& bucket) {
  const auto before = exported.get_ordered_ops();
  const auto now = bucket.get_ordered_ops();
  for (std::size_t n = 0; n < now.size() && before.size() == now.size(); ++n) {
    const ov::Node& node = *now[n];
    const std::string_view type = node.get_type_name();
    if (node.get_output_size() == 0 || type == "ShapeOf" || type.starts_with("Reduce")) continue;
    bool input_changed = false;
    for (std::size_t i = 0; i < node.get_input_size(); ++i) {
      input_changed = input_changed ||
                      node.get_input_partial_shape(i) != before[n]->get_input_partial_shape(i);
    }
    if (!input_changed) continue;
    const ov::PartialShape& was = before[n]->get_output_partial_shape(0);
    const ov::PartialShape& is = node.get_output_partial_shape(0);
    const bool batch_changed = was.size() > 2 && is.size() > 2 && was[0] != is[0];
    if (was == is || batch_changed) return &node;
  }
  return nullptr;
}

Result<void> check_rows(const ImportedModel& imported, const ov::Model& graph, Size size) {
  const ModelDescription& model = imported.description;
  const std::size_t axis = model.head.encoding == BoxEncoding::kXywhScores ? 2 : 1;
  for (std::size_t i = 0; i < graph.outputs().size(); ++i) {
    const ov::PartialShape shape = graph.output(i).get_partial_shape();
    const std::int64_t rows = expected_rows(model, size, i);
    if (shape.is_dynamic() || shape.size() != 3 || shape[0].get_length() != 1 ||
        shape[static_cast<std::ptrdiff_t>(axis)].get_length() != rows) {
      const GraphPointer exported = SHOAL_TRY(graph_at(imported, model.input.size, 1));
      const ov::Node* node = first_baked_node(*exported, graph);
      if (node == nullptr) node = graph.output(i).get_node()->get_input_node_ptr(0);
      return baked(model, size,
                   fmt::format("{} gives {}, and output '{}' {} where {} rows are expected",
                               node_name(*node), node->get_output_partial_shape(0).to_string(),
                               model.outputs[i].name, shape.to_string(), rows));
    }
  }
  return {};
}

// A constant with one entry a cell is a grid that was baked in. It goes unnoticed by shapes
// where two sizes have the same number of cells, as 640x384 and 384x640.
Result<void> check_no_baked_grid(const ModelDescription& model, const ov::Model& graph,
                                 Size size) {
  const std::vector<int> strides =
      model.head.strides.empty() ? std::vector<int>{8, 16, 32} : model.head.strides;
  std::set<std::int64_t> counts = {cell_count(size, strides)};
  for (const int stride : strides) counts.insert(cell_count(size, stride));
  for (const auto& node : graph.get_ordered_ops()) {
    const auto* constant = ov::as_type<const ov::op::v0::Constant>(node.get());
    if (constant == nullptr || constant->get_shape().size() < 2) continue;
    for (const auto& target : constant->output(0).get_target_inputs()) {
      const ov::Node& consumer = *target.get_node();
      const bool plain = std::string_view(consumer.get_type_name()) != "Convolution" &&
                         std::string_view(consumer.get_type_name()) != "GroupConvolution";
      for (const std::size_t side : constant->get_shape()) {
        if (plain && side >= 16 && counts.contains(static_cast<std::int64_t>(side))) {
          return baked(model, size,
                       fmt::format("{} uses a baked grid {}", node_name(consumer),
                                   constant->get_shape().to_string()));
        }
      }
    }
  }
  return {};
}

Result<void> check_centres(const ImportedModel& model, const GraphPointer& graph, Size size) {
  const HeadDescription& head = model.description.head;
  const bool channels_first = head.encoding == BoxEncoding::kXywhScores;
  if (!channels_first && head.encoding != BoxEncoding::kXywhObjectnessScores) return {};
  const CellGrid grid{.output = 0,
                      .channels_first = channels_first,
                      .anchors = static_cast<int>(anchors_of(model.description)),
                      .strides = head.strides,
                      .size = size};
  const double distance = SHOAL_TRY(centre_distance(graph, model.layout, grid));
  if (distance < kOnGrid) return {};
  return baked(model.description, size,
               fmt::format("in a trial run its boxes lie {:.1f} strides off their cells; {} or "
                           "what feeds it holds another grid", distance,
                           node_name(*graph->output(0).get_node()->get_input_node_ptr(0))));
}

// A batch that was baked in is gone from `rewritten`; the results must not be.
Result<void> prove_rewrite(const ImportedModel& model, Size size, const GraphPointer& rewritten) {
  const std::int64_t baked_batch = model.description.baked_batch;
  if (model.description.dynamic_batch || baked_batch <= 1) return {};
  const GraphPointer original = SHOAL_TRY(graph_at(model, size, baked_batch));
  return catching(ErrorCode::kUnsupported, model.description.path, [&]() -> Result<void> {
    const CompileSettings settings{.precision = Precision::kFp32, .cache_folder = {}};
    const InputDescription& input = model.description.input;
    auto before = compile(original, model.layout, input, settings);
    auto after = compile(rewritten, model.layout, input, settings);
    const int count = static_cast<int>(baked_batch);
    const double difference =
        largest_difference(run_trial(before, count), run_trial(after, count));
    if (difference < kRewriteTolerance) return {};
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: batch {} is baked in, and rewriting it to 1 changes results by "
                             "{:.2g}; export the model with batch 1 or a dynamic batch",
                             model.description.path, baked_batch, difference)};
  });
}

}  // namespace

Result<GraphPointer> bucket_graph(const ImportedModel& model, Size size) {
  const ModelDescription& description = model.description;
  if (size == description.input.size) {
    auto graph = graph_at(model, size, 1);
    if (!graph) {
      return Error{graph.error().code,
                   fmt::format("{}: {}", description.path, graph.error().message)};
    }
    SHOAL_TRY(prove_rewrite(model, size, *graph));
    return graph;
  }
  const int stride = description.stride_max;
  if (size.width < stride || size.height < stride || size.width % stride != 0 ||
      size.height % stride != 0 || size.width > 8192 || size.height > 8192) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: bucket {}: expected sides that are multiples of {}, at most 8192",
                             description.path, size_name(size), stride)};
  }
  auto graph = graph_at(model, size, 1);
  if (!graph) return baked(description, size, graph.error().message);
  SHOAL_TRY(check_rows(model, **graph, size));
  const auto area = [](Size s) { return std::int64_t{s.width} * s.height; };
  if (area(size) == area(description.input.size)) {
    SHOAL_TRY(check_no_baked_grid(description, **graph, size));
  }
  SHOAL_TRY(check_centres(model, *graph, size));
  SHOAL_TRY(prove_rewrite(model, size, *graph));
  return graph;
}

}  // namespace shoal
