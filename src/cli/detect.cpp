// `shoal detect`: inputs to boxes, through the sinks that were asked for.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "cli/model_arguments.h"
#include "cli/progress.h"
#include "cli/run_progress.h"
#include "cli/summary.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "pipeline/advice.h"
#include "pipeline/loading.h"
#include "pipeline/run.h"
#include "sink/annotated_sink.h"
#include "sink/coco_sink.h"
#include "sink/jsonl_sink.h"
#include "sink/mot_sink.h"
#include "sink/yolo_txt_sink.h"

namespace shoal {
namespace {

struct DetectArguments {
  ModelArguments model;
  BoxArguments boxes;
  std::vector<std::string> inputs;
  bool recursive = false;
  bool scaled_decode = false;
  std::string json;
  std::string coco;
  std::string txt;
  bool save_conf = false;
  std::string save;
  bool track = false;
  std::string mot;
  std::string summary;
  bool quiet = false;
};

using Sinks = std::vector<std::unique_ptr<Sink>>;

// The folders that pictures come from, so that annotated ones never replace them.
std::vector<std::string> input_folders(const std::vector<std::string>& inputs) {
  std::vector<std::string> folders;
  for (const std::string& input : inputs) {
    std::error_code ignored;
    const std::filesystem::path path(input);
    folders.push_back(std::filesystem::is_directory(path, ignored)
                          ? input
                          : path.parent_path().string());
  }
  return folders;
}

Result<Sinks> open_sinks(const DetectArguments& arguments,
                         const std::vector<std::string>& class_names) {
  Sinks sinks;
  if (!arguments.json.empty()) {
    sinks.push_back(SHOAL_TRY(create_jsonl_sink({.path = arguments.json,
                                                 .class_names = class_names})));
  }
  if (!arguments.coco.empty()) {
    sinks.push_back(SHOAL_TRY(create_coco_sink({.path = arguments.coco,
                                                .class_names = class_names})));
  }
  if (!arguments.txt.empty()) {
    sinks.push_back(SHOAL_TRY(create_yolo_txt_sink({.directory = arguments.txt,
                                                    .save_conf = arguments.save_conf})));
  }
  if (!arguments.mot.empty()) {
    sinks.push_back(SHOAL_TRY(create_mot_sink({.path = arguments.mot})));
  }
  if (!arguments.save.empty()) {
    sinks.push_back(SHOAL_TRY(create_annotated_sink(
        {.directory = arguments.save, .class_names = class_names,
         .input_folders = input_folders(arguments.inputs)})));
  }
  return sinks;
}

// Closes the outputs and notes what they hold.
void finish_sinks(Sinks& sinks, RunSummary& summary) {
  for (const auto& sink : sinks) {
    const Result<void> finished = sink->finish();
    if (!finished) {
      ++summary.sink_failures;
      summary.failures.push_back(finished.error().message);
    }
    summary.written.push_back(fmt::format("{} ({})", sink->name(), sink->written()));
  }
}

RunOptions run_options(const DetectArguments& arguments, const Config& config,
                       const Sinks& sinks, std::optional<ProgressBar>& bar) {
  RunOptions options;
  options.reader.inputs = arguments.inputs;
  options.reader.source.recursive = arguments.recursive;
  options.decode_threads = config.decode_threads;
  options.scaled_decode = config.scaled_decode || arguments.scaled_decode;
  options.requests_max = config.detector.requests_max;
  options.stop = &interrupted();
  if (arguments.track) options.track = TrackerOptions{};
  for (const auto& sink : sinks) options.sinks.push_back(sink.get());
  if (!arguments.quiet) options.on_progress = progress_to(bar);
  return options;
}

int run_detect(const DetectArguments& arguments, const Overrides& overrides) {
  if (arguments.inputs.empty()) {
    return report("detect: expected at least one SOURCE (a picture, directory, glob, list.txt, "
                  "video, URL or synthetic:pcb)", kWrongUsage);
  }
  auto config = make_config(arguments.model, overrides);
  if (!config) return report_load_error(config.error());
  // Faint detections continue tracks; they begin none (docs/tracking.md).
  if (arguments.track && !arguments.boxes.confidence) {
    config->detector.confidence = std::min(config->detector.confidence, TrackerOptions{}.low);
  }
  apply(arguments.boxes, *config);
  const auto chosen = choose_classes(arguments.boxes, config->detector);
  if (!chosen) return report_load_error(chosen.error());
  const auto engine = make_engine_options(arguments.model, *config);
  if (!engine) return report_load_error(engine.error());
  auto lanes = load_lanes(config->detector, *engine);
  if (!lanes) return report_load_error(lanes.error());
  auto sinks = open_sinks(arguments, (*lanes)->engine().model().class_names);
  if (!sinks) return report(sinks.error().message, kWrongUsage);

  catch_interrupts();
  std::optional<ProgressBar> bar;
  RunSummary summary = run_inputs(**lanes, run_options(arguments, *config, *sinks, bar));
  bar.reset();
  finish_sinks(*sinks, summary);
  describe_run(summary, (*lanes)->engine(), config->detector.multi_label);

  if (!arguments.quiet) {
    const SummaryStyle style{.colour = colour_wanted(), .width = terminal_columns(stderr),
                             .wrap = stderr_is_terminal()};
    fmt::print(stderr, "{}", render_summary(summary, style));
  }
  if (!arguments.summary.empty()) {
    const auto written = write_output(arguments.summary, summary_to_json(summary) + "\n");
    if (!written) return report(written.error().message, kSomeFailed);
  }
  if (summary.interrupted) return interrupted_status();
  return summary.failed + summary.sink_failures > 0 ? kSomeFailed : kAllWell;
}

}  // namespace

VerbBody add_detect(CLI::App& program) {
  const auto arguments = std::make_shared<DetectArguments>();
  CLI::App& verb = *program.add_subcommand("detect", "pictures, videos and streams to boxes");
  verb.add_option("SOURCE", arguments->inputs,
                  "pictures, directories, globs, list.txt, videos, RTSP/HTTP URLs, "
                  "synthetic:pcb?size=1280x720&frames=500");
  add_model_arguments(verb, arguments->model);
  add_box_arguments(verb, arguments->boxes);
  verb.add_flag("--recursive", arguments->recursive, "descend into sub-folders");
  verb.add_flag("--scaled-decode", arguments->scaled_decode,
                "decode JPEGs only as large as the network needs (faster)");
  verb.add_option("--json", arguments->json, "one JSON object a line; - is stdout")
      ->type_name("FILE");
  verb.add_option("--coco", arguments->coco, "COCO results, as pycocotools reads them")
      ->type_name("FILE");
  verb.add_option("--txt", arguments->txt, "YOLO labels, as Ultralytics names them")
      ->type_name("DIR");
  verb.add_flag("--save-conf", arguments->save_conf, "with --txt: append the confidence");
  verb.add_option("--save", arguments->save, "annotated pictures and videos")->type_name("DIR");
  verb.add_flag("--track", arguments->track,
                "follow objects through videos: tracked ones only, with track_id");
  verb.add_option("--mot", arguments->mot, "MOTChallenge text, for --track")->type_name("FILE");
  verb.add_option("--summary", arguments->summary, "the summary as JSON; - is stdout")
      ->type_name("FILE");
  verb.add_flag("-q,--quiet", arguments->quiet, "no progress bar, no summary");
  return [arguments](const Overrides& overrides) { return run_detect(*arguments, overrides); };
}

}  // namespace shoal
