// `shoal eval`: mean average precision of a model on labelled pictures, by the COCO rules.
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "cli/model_arguments.h"
#include "cli/progress.h"
#include "cli/run_progress.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "evaluate/coco_map.h"
#include "evaluate/dataset.h"
#include "pipeline/advice.h"
#include "pipeline/loading.h"
#include "pipeline/run.h"

namespace shoal {
namespace {

struct EvalArguments {
  ModelArguments model;
  std::string data;
  std::string split = "val";
  float confidence = 0.001F;
  float iou = 0.65F;
  int max_det = 300;
  bool scaled_decode = false;
  std::string json;
  bool quiet = false;
};

void print_report(const EvalReport& report, const RunSummary& summary, const std::string& data) {
  fmt::print(stderr, "mAP50-95 {:.3f}   mAP50 {:.3f}   {} pictures of {}   {:.1f} images/s\n",
             report.map50_95, report.map50, report.images, data, summary.images_per_second());
  fmt::print(stderr, "{}\n{}\n\n", summary.model, summary.engine);
  fmt::print(stderr, "  {:<24} {:>9}   {:>8}   {:>6}\n", "class", "instances", "mAP50-95", "mAP50");
  for (const ClassReport& one : report.classes) {
    fmt::print(stderr, "  {:<24} {:>9}   {:>8.3f}   {:>6.3f}\n", one.name, one.instances,
               one.map50_95, one.map50);
  }
  if (report.left_out > 0) {
    fmt::print(stderr, "  left out {} {}: see the warnings\n", report.left_out,
               report.left_out == 1 ? "picture" : "pictures");
  }
  for (const std::string& failure : summary.failures) {
    fmt::print(stderr, "  failed   {}\n", failure);
  }
}

// Runs all pictures of the split; pictures that fail count as pictures without detections.
EvalReport evaluate(LanePool& lanes, const Dataset& dataset, const EvalArguments& arguments,
                    const Config& config, RunSummary& summary) {
  CocoEvaluator evaluator(dataset.class_names);
  std::optional<ProgressBar> bar;
  RunOptions options;
  for (const DatasetItem& item : dataset.items) options.reader.inputs.push_back(item.picture);
  options.reader.source.films = false;  // one outcome a picture
  options.decode_threads = config.decode_threads;
  options.scaled_decode = config.scaled_decode || arguments.scaled_decode;
  options.requests_max = config.detector.requests_max;
  options.stop = &interrupted();
  std::size_t next = 0;
  options.on_outcome = [&](const Outcome& outcome) {
    if (next >= dataset.items.size()) return;
    const DatasetItem& item = dataset.items[next];
    // Without a size (the picture failed) only the number of labels matters.
    const Size size = outcome.size.width > 0 ? outcome.size : Size{1, 1};
    evaluator.add(static_cast<std::int64_t>(next), to_pixels(item.labels, size),
                  outcome.detections.items);
    ++next;
  };
  if (!arguments.quiet) options.on_progress = progress_to(bar);
  summary = run_inputs(lanes, options);
  EvalReport report = evaluator.finish();
  report.left_out = dataset.left_out_count;
  return report;
}

int run_eval(const EvalArguments& arguments, const Overrides& overrides) {
  auto config = make_config(arguments.model, overrides);
  if (!config) return report_load_error(config.error());
  config->detector.confidence = arguments.confidence;
  config->detector.iou = arguments.iou;
  config->detector.max_det = arguments.max_det;
  config->detector.multi_label = true;
  const auto dataset = load_dataset(arguments.data, arguments.split);
  if (!dataset) return report(dataset.error().message, kCannotLoad);
  auto engine = make_engine_options(arguments.model, *config);
  if (!engine) return report_load_error(engine.error());
  auto loaded = load_engine(resolve_model(config->detector.model), *engine);
  if (!loaded) return report_load_error(loaded.error());
  const ModelDescription& model = (*loaded)->model();
  const auto counts = check_class_count(*dataset, model.name, model.class_names.size());
  if (!counts) return report(counts.error().message, kCannotLoad);
  if (const auto difference = first_name_difference(*dataset, model.class_names)) {
    log(LogLevel::kWarn, "eval", "{}", *difference);
  }
  const LanePoolOptions lane_options{.postprocess = postprocess_options(config->detector)};
  auto lanes = LanePool::create(std::move(*loaded), lane_options);
  if (!lanes) return report_load_error(lanes.error());

  catch_interrupts();
  RunSummary summary;
  EvalReport result = evaluate(**lanes, *dataset, arguments, *config, summary);
  if (summary.interrupted) {
    report("eval: interrupted; no result", kSomeFailed);
    return interrupted_status();
  }
  result.multi_label = config->detector.multi_label;
  describe_run(summary, (*lanes)->engine(), config->detector.multi_label);
  if (!arguments.quiet) print_report(result, summary, dataset->path);
  if (!arguments.json.empty()) {
    const auto written = write_output(arguments.json, to_json(result) + "\n");
    if (!written) return report(written.error().message, kSomeFailed);
  }
  return summary.failed > 0 ? kSomeFailed : kAllWell;
}

}  // namespace

VerbBody add_eval(CLI::App& program) {
  const auto arguments = std::make_shared<EvalArguments>();
  CLI::App& verb = *program.add_subcommand("eval", "mAP on labelled pictures, by the COCO rules");
  verb.add_option("--data", arguments->data, "data.yaml")->required()->type_name("FILE");
  verb.add_option("--split", arguments->split, "train, val (default) or test")->type_name("NAME");
  add_model_arguments(verb, arguments->model);
  verb.add_option("--conf", arguments->confidence, "least confidence (0.001)")->type_name("P");
  verb.add_option("--iou", arguments->iou, "overlap that suppresses (0.65)")->type_name("P");
  verb.add_option("--max-det", arguments->max_det, "most detections of a picture (300)")
      ->type_name("N");
  verb.add_flag("--scaled-decode", arguments->scaled_decode,
                "decode JPEGs only as large as the network needs (faster)");
  verb.add_option("--json", arguments->json, "the result as JSON; - is stdout")
      ->type_name("FILE");
  verb.add_flag("-q,--quiet", arguments->quiet, "no progress bar, no table");
  return [arguments](const Overrides& overrides) { return run_eval(*arguments, overrides); };
}

}  // namespace shoal
