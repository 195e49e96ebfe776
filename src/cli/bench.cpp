// `shoal bench`: images a second and latency of a model on this machine.
#include <fmt/format.h>

#include <boost/json.hpp>

#include <map>
#include <memory>

#include "cli/model_arguments.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "pipeline/bench.h"
#include "pipeline/loading.h"

namespace shoal {
namespace {

struct BenchArguments {
  ModelArguments model;
  std::string scenario = "offline";
  std::string from = "host";
  std::vector<int> batches;
  double seconds = 5;
  std::vector<std::string> files;
  std::string json;
};

struct Header {
  std::string model, engine, precision;
};

Result<BenchRun> run_one(const BenchOptions& options, const Config& config,
                         const EngineOptions& engine, Header& header) {
  const auto describe = [&](const Engine& loaded) {
    header = {loaded.model().name, engine.name == "auto" ? "openvino" : engine.name,
              std::string(to_string(loaded.precision()))};
  };
  if (options.from == BenchFrom::kDevice) {
    const auto loaded = SHOAL_TRY(load_engine(resolve_model(config.detector.model), engine));
    describe(*loaded);
    return bench_network(*loaded, options);
  }
  const auto lanes = SHOAL_TRY(load_lanes(config.detector, engine));
  describe(lanes->engine());
  return bench_pictures(*lanes, options);
}

boost::json::object to_json(const BenchRun& run) {
  return {{"batch", run.batch},
          {"lanes", run.lanes},
          {"images_per_second", run.images_per_second},
          {"latency_ms", {{"p50", run.p50_ms}, {"p90", run.p90_ms}, {"p99", run.p99_ms}}},
          {"memory_bytes", run.memory_bytes}};
}

Result<BenchOptions> bench_options(const BenchArguments& arguments) {
  static const std::map<std::string, Scenario> scenarios{
      {"offline", Scenario::kOffline}, {"single_stream", Scenario::kSingleStream}};
  static const std::map<std::string, BenchFrom> origins{
      {"disk", BenchFrom::kDisk}, {"host", BenchFrom::kHost}, {"device", BenchFrom::kDevice}};
  const auto scenario = scenarios.find(arguments.scenario);
  if (scenario == scenarios.end()) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("--scenario: expected offline or single_stream, got {}",
                             arguments.scenario)};
  }
  const auto from = origins.find(arguments.from);
  if (from == origins.end()) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("--from: expected disk, host or device, got {}", arguments.from)};
  }
  BenchOptions options;
  options.scenario = scenario->second;
  options.from = from->second;
  options.seconds = arguments.seconds;
  // Before anything is compiled: what cannot be read is said at once.
  if (options.from == BenchFrom::kDisk) {
    options.files = SHOAL_TRY(read_bench_pictures(arguments.files));
  }
  return options;
}

int run_bench(const BenchArguments& arguments, const Overrides& overrides) {
  auto config = make_config(arguments.model, overrides);
  if (!config) return report_load_error(config.error());
  auto options = bench_options(arguments);
  if (!options) return report_load_error(options.error());
  options->decode_threads = config->decode_threads;
  std::vector<int> batches = arguments.batches;
  if (batches.empty()) batches = {config->detector.batch_max};

  Header header;
  boost::json::array runs;
  bool printed = false;
  for (const int batch : batches) {
    config->detector.batch_max = batch;
    auto engine = make_engine_options(arguments.model, *config);
    if (!engine) return report_load_error(engine.error());
    if (options->scenario == Scenario::kSingleStream) engine->mode = PerformanceMode::kLatency;
    const auto run = run_one(*options, *config, *engine, header);
    if (!run) return report_load_error(run.error());
    runs.push_back(to_json(*run));
    if (!printed) {
      fmt::print(stderr, "{}   {} {}   {} from {}\n\n  batch  lanes    images/s     p50 ms     "
                 "p90 ms     p99 ms     memory\n", header.model, header.engine, header.precision,
                 arguments.scenario, arguments.from);
      printed = true;
    }
    fmt::print(stderr, "  {:>5}  {:>5}  {:>10.1f} {:>10.2f} {:>10.2f} {:>10.2f} {:>6.0f} MiB\n",
               run->batch, run->lanes, run->images_per_second, run->p50_ms, run->p90_ms,
               run->p99_ms, static_cast<double>(run->memory_bytes) / (1024.0 * 1024));
  }
  if (arguments.json.empty()) return kAllWell;
  const boost::json::object document{{"model", header.model},
                                     {"engine", header.engine},
                                     {"precision", header.precision},
                                     {"scenario", arguments.scenario},
                                     {"from", arguments.from},
                                     {"runs", runs}};
  const auto written = write_output(arguments.json, boost::json::serialize(document) + "\n");
  return written ? static_cast<int>(kAllWell) : report(written.error().message, kSomeFailed);
}

}  // namespace

VerbBody add_bench(CLI::App& program) {
  const auto arguments = std::make_shared<BenchArguments>();
  CLI::App& verb = *program.add_subcommand("bench", "images a second and latency, measured");
  verb.add_option("PICTURE", arguments->files, "picture files or folders for --from disk");
  add_model_arguments(verb, arguments->model);
  verb.remove_option(verb.get_option("--batch"));
  verb.add_option("--batch", arguments->batches, "batch sizes to measure: 1,2,4,8")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(1, 1024))
      ->type_name("N,N");
  verb.add_option("--scenario", arguments->scenario, "offline or single_stream")
      ->type_name("NAME");
  verb.add_option("--from", arguments->from,
                  "disk (picture files), host (decoded pictures) or device (the network alone)")
      ->type_name("WHERE");
  verb.add_option("--seconds", arguments->seconds, "measured time of one run (5)")
      ->check(CLI::Range(0.1, 3600.0))
      ->type_name("S");
  verb.add_option("--json", arguments->json, "the runs as JSON; - is stdout")->type_name("FILE");
  return [arguments](const Overrides& overrides) { return run_bench(*arguments, overrides); };
}

}  // namespace shoal
