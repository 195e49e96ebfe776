// `shoal inspect`: what a model is, and what would be refused and why.
#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>
#include <memory>

#include "cli/display_text.h"
#include "cli/model_arguments.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "pipeline/loading.h"

namespace shoal {
namespace {

struct InspectArguments {
  ModelArguments model;
  std::string json;
};

constexpr double kMiB = 1024.0 * 1024;

std::string shape_text(const Shape& shape) {
  std::string text = "[B";
  for (int axis = 0; axis < shape.rank; ++axis) text += fmt::format(", {}", shape[axis]);
  return text + "]";
}

std::string batch_text(const ModelDescription& model) {
  return model.dynamic_batch ? "dynamic" : fmt::format("{} baked in", model.baked_batch);
}

std::string_view placement_text(Placement placement) {
  switch (placement) {
    case Placement::kCentred: return "letterbox centred";
    case Placement::kTopLeft: return "letterbox top left";
    case Placement::kStretched: return "stretched";
  }
  return {};
}

std::string input_text(const InputDescription& input) {
  const bool rgb = input.channels == PixelFormat::kRgb8;
  return fmt::format("{}   {}x{} {}, mean {:g} {:g} {:g}, scale {:.6g} {:.6g} {:.6g}, {}",
                     input.name, input.size.width, input.size.height, rgb ? "RGB" : "BGR",
                     input.mean[0], input.mean[1], input.mean[2], input.scale[0], input.scale[1],
                     input.scale[2],
                     placement_text(input.placement));
}

// A name as a literal would show it: one line, whatever is in it.
std::string escaped(const std::string& name) {
  std::string text;
  for (const char c : name) {
    if (c == '\n') {
      text += "\\n";
    } else if (c == '\t') {
      text += "\\t";
    } else if (c == '\r') {
      text += "\\r";
    } else {
      text.push_back(c);
    }
  }
  return printable(text);
}

std::string names_text(const ModelDescription& model) {
  std::string text;
  for (std::size_t i = 0; i < model.class_names.size() && i < 6; ++i) {
    text += (i == 0 ? "" : ", ") + escaped(model.class_names[i]);
  }
  if (model.class_names.size() > 6) text += ", ...";
  return model.names_known ? text : text + "  (a guess: not in the file)";
}

void print_text(const ModelInspection& inspection) {
  const ModelDescription& model = inspection.model;
  const auto line = [](std::string_view name, const std::string& value) {
    fmt::print("{:<12} {}\n", name, value);
  };
  line("model", model.path);
  line("family", fmt::format("{}  ({})", model.family, model.why));
  line("input", input_text(model.input));
  for (const OutputDescription& output : model.outputs) {
    line("output", fmt::format("{}   {}", output.name, shape_text(output.shape)));
  }
  line("decoder", fmt::format("{}, {} classes, {}", to_string(model.head.encoding),
                              model.head.class_count,
                              model.head.needs_nms() ? "NMS by Shoal" : "no NMS needed"));
  line("classes", names_text(model));
  line("batch", batch_text(model));
  line("parameters", fmt::format("{:.2f} M", static_cast<double>(model.parameter_count) / 1e6));
  line("work", fmt::format("{:.2f} GFLOP a picture", static_cast<double>(model.flops) / 1e9));
  line("memory", fmt::format("weights {:.1f} MiB, activations {:.1f} MiB (f32, one picture), "
                             "input and outputs {:.1f} MiB",
                             static_cast<double>(inspection.weight_bytes) / kMiB,
                             static_cast<double>(inspection.activation_bytes) / kMiB,
                             static_cast<double>(inspection.io_bytes) / kMiB));
  for (const std::string& warning : model.warnings) line("warning", printable(warning));
  for (const std::string& note : inspection.notes) line("note", note);
  for (const Refusal& refusal : inspection.refusals) {
    line("refused", fmt::format("{}: {}", refusal.what, refusal.why));
  }
}

boost::json::object to_json(const ModelInspection& inspection) {
  const ModelDescription& model = inspection.model;
  boost::json::array outputs;
  for (const OutputDescription& output : model.outputs) {
    boost::json::array dims;
    for (int axis = 0; axis < output.shape.rank; ++axis) dims.push_back(output.shape[axis]);
    outputs.push_back({{"name", output.name}, {"shape", dims}});
  }
  boost::json::array refusals;
  for (const Refusal& refusal : inspection.refusals) {
    refusals.push_back({{"what", refusal.what}, {"why", refusal.why}});
  }
  boost::json::array names(model.class_names.begin(), model.class_names.end());
  return {{"model", model.path},
          {"name", model.name},
          {"family", model.family},
          {"recognised_by", model.why},
          {"input",
           {{"name", model.input.name},
            {"width", model.input.size.width},
            {"height", model.input.size.height},
            {"channels", model.input.channels == PixelFormat::kRgb8 ? "rgb" : "bgr"},
            {"mean", boost::json::array(model.input.mean.begin(), model.input.mean.end())},
            {"scale", boost::json::array(model.input.scale.begin(), model.input.scale.end())},
            {"letterbox", to_string(model.input.placement)}}},
          {"outputs", outputs},
          {"decoder", to_string(model.head.encoding)},
          {"nms", model.head.needs_nms()},
          {"classes", model.head.class_count},
          {"names", names},
          {"names_known", model.names_known},
          {"warnings", boost::json::array(model.warnings.begin(), model.warnings.end())},
          {"dynamic_batch", model.dynamic_batch},
          {"baked_batch", model.baked_batch},
          {"parameters", model.parameter_count},
          {"flops", model.flops},
          {"memory",
           {{"weight_bytes", inspection.weight_bytes},
            {"activation_bytes", inspection.activation_bytes},
            {"io_bytes", inspection.io_bytes}}},
          {"notes", boost::json::array(inspection.notes.begin(), inspection.notes.end())},
          {"refusals", refusals}};
}

int run_inspect(const InspectArguments& arguments, const Overrides& overrides) {
  auto config = make_config(arguments.model, overrides);
  if (!config) return report_load_error(config.error());
  const auto engine = engine_options(config->detector);
  if (!engine) return report_load_error(engine.error());
  const auto inspection = inspect_model(resolve_model(config->detector.model), *engine);
  if (!inspection) return report_load_error(inspection.error());
  if (arguments.json != "-") print_text(*inspection);
  if (!arguments.json.empty()) {
    const auto written =
        write_output(arguments.json, boost::json::serialize(to_json(*inspection)) + "\n");
    if (!written) return report(written.error().message, kSomeFailed);
  }
  const auto is_fatal = [](const Refusal& refusal) { return refusal.what == kAnyExecution; };
  return std::ranges::any_of(inspection->refusals, is_fatal) ? kCannotLoad : kAllWell;
}

}  // namespace

VerbBody add_inspect(CLI::App& program) {
  const auto arguments = std::make_shared<InspectArguments>();
  CLI::App& verb =
      *program.add_subcommand("inspect", "what a model is, and what would be refused and why");
  verb.add_option("MODEL", arguments->model.model, "ONNX or OpenVINO IR file, or pcb")
      ->type_name("");
  add_model_arguments(verb, arguments->model);
  verb.add_option("--json", arguments->json, "as JSON; - is stdout")->type_name("FILE");
  return [arguments](const Overrides& overrides) { return run_inspect(*arguments, overrides); };
}

}  // namespace shoal
