// Steps: read metadata, input, names; fix shapes; match the table; arrange outputs; describe.
#include "engine/openvino/import.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <openvino/op/concat.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/reshape.hpp>
#include <openvino/op/sigmoid.hpp>
#include <openvino/op/squeeze.hpp>
#include <openvino/op/transpose.hpp>
#include <openvino/op/unsqueeze.hpp>
#include <optional>
#include <set>

#include "core/memory_size.h"
#include "engine/family.h"
#include "engine/openvino/batch.h"
#include "engine/openvino/draft.h"
#include "engine/openvino/graph_cost.h"
#include "engine/openvino/grid_probe.h"
#include "engine/openvino/load_check.h"

namespace shoal {
namespace {

// ONNX metadata_props arrive as rt_info "framework"; Ultralytics' IR has "model_info" as well.
Metadata read_metadata(const ov::Model& graph) {
  Metadata metadata;
  for (const char* section : {"framework", "model_info"}) {
    if (!graph.has_rt_info(section)) continue;
    for (const auto& [key, value] : graph.get_rt_info<ov::AnyMap>(section)) {
      if (value.is<std::string>()) metadata.emplace(key, value.as<std::string>());
    }
  }
  return metadata;
}

Result<void> read_input(Draft& draft) {
  const ov::Model& graph = *draft.model.graph;
  if (graph.inputs().size() != 1) {
    return draft.refuse(ErrorCode::kUnsupported,
                  fmt::format("not a detector that Shoal knows: it has {} inputs; expected one "
                              "picture", graph.inputs().size()));
  }
  const auto input = graph.input();
  const ov::PartialShape shape = input.get_partial_shape();
  const auto is_three = [&](std::int64_t axis) {
    return shape[axis].is_static() && shape[axis].get_length() == 3;
  };
  if (shape.rank().is_dynamic() || shape.size() != 4 || (!is_three(1) && !is_three(3)) ||
      (!input.get_element_type().is_real() && input.get_element_type() != ov::element::u8)) {
    return draft.refuse(ErrorCode::kUnsupported,
                  fmt::format("not a detector that Shoal knows: its input is {} {}; expected "
                              "pictures [batch, 3, height, width] or [batch, height, width, 3]",
                              input.get_element_type().get_type_name(), shape.to_string()));
  }
  draft.model.layout = is_three(1) ? InputLayout::kNchw : InputLayout::kNhwc;
  ModelDescription& description = draft.model.description;
  description.input.name = input.get_names().empty() ? input.get_node()->get_friendly_name()
                                                     : *input.get_names().begin();
  description.dynamic_batch = shape[0].is_dynamic();
  description.baked_batch = shape[0].is_dynamic() ? 0 : shape[0].get_length();
  const std::int64_t height_axis = is_three(1) ? 2 : 1;
  const auto side = [&](std::int64_t axis) {
    // A free size takes what the exporter says it trained with, else the size most YOLOs have.
    constexpr int kUsual = 640;
    if (shape[axis].is_static()) return static_cast<int>(shape[axis].get_length());
    const std::string text = draft.metadata_value("imgsz");
    int sides[2] = {kUsual, kUsual};
    if (std::sscanf(text.c_str(), "[%d, %d]", &sides[0], &sides[1]) < 2) sides[1] = sides[0];
    const int value = sides[axis == height_axis ? 0 : 1];
    return value > 0 && value <= 8192 ? value : kUsual;
  };
  description.input.size = {side(height_axis + 1), side(height_axis)};
  return {};
}

bool ends_in_sigmoid(const ov::Output<ov::Node>& output, int depth = 0) {
  const ov::Node* node = output.get_node();
  if (ov::is_type<const ov::op::v0::Sigmoid>(node)) return true;
  const bool moves = ov::is_type<const ov::op::v1::Reshape>(node) ||
                     ov::is_type<const ov::op::v1::Transpose>(node) ||
                     ov::is_type<const ov::op::v0::Squeeze>(node) ||
                     ov::is_type<const ov::op::v0::Unsqueeze>(node);
  return moves && depth < 16 && ends_in_sigmoid(node->input_value(0), depth + 1);
}

std::string output_name(const ov::Output<const ov::Node>& output) {
  return output.get_names().empty() ? output.get_node()->get_friendly_name()
                                    : *output.get_names().begin();
}

// ", which NonMaxSuppression 'name' makes", or nothing.
std::string suppression_in(const ov::Model& graph) {
  for (const auto& node : graph.get_ordered_ops()) {
    const std::string_view type = node->get_type_name();
    if (type.find("NonMaxSuppression") != type.npos || type.find("Nms") != type.npos) {
      return fmt::format(", which {} makes", node_name(*node));
    }
  }
  return {};
}

Result<GraphFacts> collect_facts(const Draft& draft) {
  GraphFacts facts;
  facts.size = draft.model.description.input.size;
  facts.strides = draft.sidecar.strides;
  facts.bins = draft.sidecar.bins.value_or(0);
  facts.class_count = draft.sidecar.class_count.value_or(0);
  const ov::Model& fixed = *draft.fixed;
  for (const auto& output : fixed.outputs()) {
    const ov::PartialShape shape = output.get_partial_shape();
    if (shape.is_dynamic()) {
      return draft.refuse(ErrorCode::kUnsupported,
                    fmt::format("output '{}' has the data-dependent shape {}{}; export the model "
                                "without suppression inside: yolo export model=... format=onnx "
                                "nms=False", output_name(output), shape.to_string(),
                                suppression_in(fixed)));
    }
    OutputFacts fact{.name = output_name(output), .shape = {}, .whole = {}};
    const ov::Shape whole = shape.to_shape();
    fact.whole = fmt::format("[{}]", fmt::join(whole, ", "));
    if (whole.size() > 1 && whole.size() <= 7) {
      for (std::size_t axis = 1; axis < whole.size(); ++axis) {
        fact.shape.dims[axis - 1] = static_cast<std::int64_t>(whole[axis]);
      }
      fact.shape.rank = static_cast<int>(whole.size()) - 1;
    }
    fact.ends_in_sigmoid = ends_in_sigmoid(output.get_node()->input_value(0));
    facts.outputs.push_back(std::move(fact));
  }
  return facts;
}

std::string list_outputs(const GraphFacts& facts) {
  std::vector<std::string> found;
  for (const OutputFacts& output : facts.outputs) {
    found.push_back(fmt::format("{} {}", output.name, output.whole));
    if (found.size() == 10) break;
  }
  return fmt::format("{}", fmt::join(found, ", "));
}

std::string list_rows(const std::vector<FamilyMatch>& matches) {
  std::vector<std::string> rows;
  for (const FamilyMatch& match : matches) {
    rows.push_back(fmt::format("'{}' ({}, {} classes)", match.row->name,
                               to_string(match.row->encoding), match.head.class_count));
  }
  return fmt::format("{}", fmt::join(rows, " and "));
}

// One tensor of a cell each may be raw or decoded; running the graph once tells which.
Result<void> narrow_by_probe(const Draft& draft, std::vector<FamilyMatch>& matches) {
  const auto differs = [&](const FamilyMatch& match) {
    return match.row->decoded != matches.front().row->decoded;
  };
  if (matches.size() < 2 || std::none_of(matches.begin(), matches.end(), differs)) return {};
  const FamilyMatch& match = matches.front();
  const CellGrid grid{.output = static_cast<std::size_t>(match.outputs.front()),
                      .channels_first = false,
                      .anchors = 1,
                      .strides = match.head.strides,
                      .size = draft.model.description.input.size};
  // Only decoded boxes have a form that a sidecar could name.
  const bool told = draft.sidecar.boxes || draft.sidecar.boxes_are_shares;
  const bool decoded =
      told || SHOAL_TRY(centre_distance(draft.fixed, draft.model.layout, grid)) < kOnGrid;
  std::erase_if(matches, [&](FamilyMatch& m) { return m.row->decoded != decoded; });
  for (FamilyMatch& m : matches) {
    m.why += decoded ? "; a trial run gives network pixels" : "; a trial run gives raw offsets";
  }
  return {};
}

Result<FamilyMatch> choose_family(Draft& draft, const GraphFacts& facts) {
  GraphFacts with_names = facts;
  if (with_names.class_count == 0) {
    with_names.class_count = static_cast<int>(draft.class_names.size());
  }
  auto matches = fitting_families(with_names, draft.family);
  if (matches.empty() && draft.names_are_plain) {
    // Any text reads as plain names; only their number shows whether it is a list of them.
    matches = fitting_families(facts, draft.family);
    if (!matches.empty()) {
      draft.names_trouble = fmt::format("the metadata's names read as {}, not one a class",
                                        draft.class_names.size());
      draft.class_names.clear();
    }
  }
  if (matches.empty()) {
    // Perhaps only the number of names is wrong: say that rather than "unknown".
    matches = fitting_families(facts, draft.family);
    if (!matches.empty()) {
      return draft.refuse(ErrorCode::kInvalidArgument,
                    fmt::format("{} class names from {}, but the model has {} classes",
                                draft.class_names.size(), draft.names_origin,
                                matches.front().head.class_count));
    }
    if (!draft.family.empty()) {
      return draft.refuse(ErrorCode::kUnsupported,
                    fmt::format("the graph does not fit family '{}'; its outputs are {} at input "
                                "{}x{}", draft.family, list_outputs(facts), facts.size.width,
                                facts.size.height));
    }
    return draft.refuse(ErrorCode::kUnsupported,
                  fmt::format("not a detector that Shoal knows: input {}x{}, outputs {}; expected "
                              "one tensor [4+C, N], [N, 5+C] or [K, 6], or a pair for every "
                              "stride", facts.size.width, facts.size.height,
                              list_outputs(facts)));
  }
  SHOAL_TRY(narrow_by_probe(draft, matches));
  if (matches.size() != 1) {
    return draft.refuse(ErrorCode::kUnsupported,
                  fmt::format("outputs {} fit {}; say which with family = \"{}\" (option, or in "
                              "{}.toml)", list_outputs(facts), list_rows(matches),
                              matches.empty() ? "..." : matches.front().row->name,
                              draft.path));
  }
  return std::move(matches.front());
}

// Leaves exactly the matched outputs, in order, in the graph; transposes where needed.
void arrange_outputs(Draft& draft, const FamilyMatch& match, const GraphFacts& facts) {
  ov::Model& graph = *draft.model.graph;
  const ov::ResultVector results = graph.get_results();
  std::set<std::shared_ptr<ov::op::v0::Result>> kept;
  ov::ResultVector wanted;
  for (const int index : match.outputs) {
    const auto at = static_cast<std::size_t>(index);
    auto result = results[at];
    if (match.transpose) {
      const auto order = ov::op::v0::Constant::create(ov::element::i64, {3}, {0, 2, 1});
      const auto turned =
          std::make_shared<ov::op::v1::Transpose>(result->input_value(0), order);
      result = std::make_shared<ov::op::v0::Result>(turned);
    }
    const auto boxes = boxes_as_decoded(draft, *match.row, result->input_value(0));
    if (boxes != result->input_value(0)) result = std::make_shared<ov::op::v0::Result>(boxes);
    wanted.push_back(result);
    Shape shape = facts.outputs[at].shape;
    if (match.transpose) std::swap(shape.dims[0], shape.dims[1]);
    draft.model.description.outputs.push_back({facts.outputs[at].name, shape});
  }
  draft.model.graph = std::make_shared<ov::Model>(wanted, graph.get_parameters(),
                                                  graph.get_friendly_name());
}

void describe_declared(Draft& draft, const GraphFacts& facts) {
  ModelDescription& description = draft.model.description;
  const Size size = description.input.size;
  description.declared_input = {.name = description.input.name, .shape = {}};
  description.declared_input.shape.rank = 3;
  if (draft.model.layout == InputLayout::kNchw) {
    description.declared_input.shape.dims = {3, size.height, size.width};
  } else {
    description.declared_input.shape.dims = {size.height, size.width, 3};
  }
  for (const OutputFacts& output : facts.outputs) {
    description.declared_outputs.push_back({output.name, output.shape});
  }
  draft.model.declared = draft.model.graph;
}

void describe(Draft& draft, FamilyMatch match) {
  ModelDescription& description = draft.model.description;
  description.family = member_name(
      *match.row, draft.metadata_value("description") + " " + description.name);
  match.head.scores_are_logits =
      draft.sidecar.scores_are_logits.value_or(match.head.scores_are_logits);
  match.head.cell_offset = draft.sidecar.cell_offset.value_or(match.head.cell_offset);
  draft.model.claims = {
      .boxes = draft.sidecar.boxes || draft.sidecar.boxes_are_shares ||
               !draft.sidecar.strides.empty(),
      .scores = draft.sidecar.scores_are_logits.has_value(),
      .classes = draft.sidecar.class_count.has_value(),
      .family = !draft.family.empty()};
  int stride_max = 32;
  if (!match.head.strides.empty()) {
    stride_max = match.head.strides.back();
  } else {
    int stated = 0;
    const std::string stride = draft.metadata_value("stride");
    if (std::sscanf(stride.c_str(), "%d", &stated) == 1 && stated > 0 && stated <= 1024) {
      stride_max = stated;
    }
  }
  description.stride_max = stride_max;
  description.head = std::move(match.head);
  description.why = std::move(match.why);
  const GraphCost cost = graph_cost(*draft.fixed);
  const std::int64_t batch = std::max<std::int64_t>(1, description.baked_batch);
  description.parameter_count = cost.parameters;
  description.flops = cost.flops / batch;
}

// Some exports have a symbolic batch in front and a baked one inside.
void check_dynamic_batch(Draft& draft, FamilyMatch& match) {
  ModelDescription& description = draft.model.description;
  if (!description.dynamic_batch) return;
  constexpr std::int64_t kTrial = 3;
  const auto graph = with_input(
      draft.model.graph, input_shape(draft.model.layout, kTrial, description.input.size));
  bool follows = graph.has_value();
  for (std::size_t i = 0; follows && i < (*graph)->outputs().size(); ++i) {
    const ov::PartialShape shape = (*graph)->output(i).get_partial_shape();
    follows = shape.is_static() && shape[0].get_length() == kTrial;
  }
  if (follows) return;
  description.dynamic_batch = false;
  description.baked_batch = 1;
  match.why += "; the input's batch is symbolic, but 1 is baked in behind it";
}

// A graph that suppresses boxes itself answers what Shoal has nothing to add to.
void note_suppression(const ov::Model& graph, FamilyMatch& match) {
  if (suppression_in(graph).empty()) return;
  match.why += "; it suppresses boxes itself, with the confidence and overlap of its export";
}

Result<ImportedModel> recognise(Draft& draft, const EngineOptions& options) {
  const std::string task = draft.metadata_value("task");
  if (!task.empty() && task != "detect") {
    return draft.refuse(ErrorCode::kUnsupported,
                  fmt::format("its metadata says task '{}'; Shoal runs 'detect'", task));
  }
  SHOAL_TRY(read_input(draft));
  read_names(draft, options.class_names);
  const ModelDescription& description = draft.model.description;
  draft.fixed = reshaped(draft.model.graph, draft.model.layout,
                         std::max<std::int64_t>(1, description.baked_batch),
                         description.input.size);
  SHOAL_TRY(check_load(*draft.fixed, options.load, options.memory_limit, draft.path));
  draft.reading.reset();
  const GraphFacts facts = SHOAL_TRY(collect_facts(draft));
  FamilyMatch match = SHOAL_TRY(choose_family(draft, facts));
  SHOAL_TRY(describe_classes(draft, match));
  SHOAL_TRY(describe_input(draft, match));
  describe_declared(draft, facts);
  note_suppression(*draft.fixed, match);
  arrange_outputs(draft, match, facts);
  check_dynamic_batch(draft, match);
  describe(draft, std::move(match));
  return std::move(draft.model);
}

// Of the model's files; 0 for what is not there, which reading says.
std::int64_t file_bytes(const ModelSource& source) {
  if (!source.embedded.empty()) return static_cast<std::int64_t>(source.embedded.size());
  std::int64_t bytes = 0;
  const std::filesystem::path path(source.path);
  for (const auto& part : {path, std::filesystem::path(path).replace_extension(".bin")}) {
    std::error_code error;
    const auto size = std::filesystem::file_size(part, error);
    if (!error) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

}  // namespace

Result<ImportedModel> import_model(const ModelSource& source, const EngineOptions& options) {
  Draft draft;
  draft.path = source.path.empty() ? source.name : source.path;
  ModelSource shown = source;
  shown.path = draft.path;
  draft.reading.emplace(options.load.memory_max + 4 * file_bytes(source));
  auto read = read_graph(shown);
  if (!read && read.error().code == ErrorCode::kOutOfMemory) {
    return draft.refuse(ErrorCode::kOutOfMemory,
                  fmt::format("reading it needs more memory than there is, or than load.memory_max "
                              "allows ({})", memory_text(options.load.memory_max)));
  }
  GraphFile file = SHOAL_TRY(std::move(read));
  draft.model.graph = std::move(file.graph);
  ModelDescription& description = draft.model.description;
  description.content_hash = file.content_hash;
  description.path = draft.path;
  description.name =
      source.name.empty() ? std::filesystem::path(source.path).stem().string() : source.name;
  draft.sidecar = SHOAL_TRY(read_sidecar(source.embedded.empty() ? source.path : ""));
  draft.family =
      !options.family.empty() ? options.family : draft.sidecar.family.value_or("");
  if (!draft.family.empty()) {
    if (auto known = check_family_name(draft.family); !known) {
      return draft.refuse(known.error().code, known.error().message);
    }
  }
  return catching(ErrorCode::kUnsupported, draft.path, [&]() -> Result<ImportedModel> {
    draft.metadata = read_metadata(*draft.model.graph);
    return recognise(draft, options);
  });
}

}  // namespace shoal
