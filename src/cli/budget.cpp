// `shoal budget`: what a model needs of memory before it is loaded, what fits a limit, how many
// streams; with --check the measured figure beside the planned one.
#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "cli/display_text.h"
#include "cli/model_arguments.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "core/memory_size.h"
#include "pipeline/budget.h"
#include "pipeline/loading.h"
#include "pipeline/memory_limits.h"
#include "telemetry/process.h"

namespace shoal {
namespace {

// Planned and measured agree where Shoal or the model says what is allocated.
constexpr double kTolerance = 0.1;

struct BudgetArguments {
  ModelArguments model;
  std::string memory;
  std::string stream;
  bool check = false;
  std::string json;
};

// A measured figure: of the rows that it is beside, together.
struct Measured {
  std::vector<Part> parts;
  std::int64_t planned = 0;
  std::int64_t bytes = 0;
  bool estimate = false;  // OpenVINO's own: it can only be measured
};

std::vector<Measured> measured_parts(const Budget& budget, const BudgetCheck& check) {
  const EngineMemory& planned = check.planned;
  std::int64_t queues = 0;
  for (const BudgetRow& row : budget.rows) {
    if (row.part == Part::kQueues) queues = row.bytes;
  }
  std::vector<Measured> parts{{{Part::kInputs, Part::kOutputs}, planned.buffers(), check.buffers},
                              {{Part::kQueues}, queues, check.queues}};
  const std::int64_t own = planned.weights + planned.workspace;
  if (check.activations_apart) {
    parts.push_back({{Part::kActivations}, planned.activations, check.activations});
    parts.push_back({{Part::kWeights, Part::kWorkspace}, own, check.engine, true});
  } else {
    parts.push_back({{Part::kWeights, Part::kWorkspace, Part::kActivations},
                     own + planned.activations, check.engine, true});
  }
  return parts;
}

double deviation(const Measured& one) {
  return one.planned > 0 ? static_cast<double>(one.bytes) / static_cast<double>(one.planned) - 1
                         : 0;
}

std::string mib(std::int64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024.0 * 1024));
}

void print_rows(const Budget& budget) {
  constexpr std::size_t kNote = 29;
  fmt::print("{:<15}{:<41}{:>12}\n", "component", "formula", "this model");
  for (const BudgetRow& row : budget.rows) {
    std::string line = fmt::format("{:<15}{:<41}{:>12}", to_string(row.part), row.formula,
                                   mib(row.bytes));
    // A node's name may be as long as it likes; its end tells most.
    const std::string& note = row.note;
    if (note.size() > kNote) {
      line += "   ..." + note.substr(note.size() - kNote + 3);
    } else if (!note.empty()) {
      line += "   " + note;
    }
    fmt::print("{}\n", line);
  }
  fmt::print("{:<15}{:>41}{:>12}\n", "", "sum", mib(budget.sum()));
}

void print_check(const Budget& budget, const BudgetCheck& check) {
  std::string_view head = "measured";
  fmt::print("\n");
  for (const std::string& line : wrapped(check.engine_summary, 85)) {
    fmt::print("{:<15}{}\n", std::exchange(head, ""), line);
  }
  fmt::print("{:<38}{:>12}{:>12}\n", "", "planned", "measured");
  for (const Measured& one : measured_parts(budget, check)) {
    std::string names;
    for (const Part part : one.parts) {
      names += (names.empty() ? "" : ", ") + std::string(to_string(part));
    }
    const double off = deviation(one);
    const std::string verdict = one.estimate ? "OpenVINO's own: only measured"
                                : std::abs(off) <= kTolerance ? "ok"
                                                              : "more than 10 % off";
    fmt::print("{:<38}{:>12}{:>12}  {:+6.1f} %  {}\n", names, mib(one.planned), mib(one.bytes),
               100 * off, verdict);
  }
  fmt::print("{:<38}{:>12}{:>12}\n", "resident, with program and libraries", "",
             mib(check.resident));
}

std::string streams_text(const Budget& budget, const std::optional<StreamKind>& stream,
                         const std::optional<BudgetCheck>& check) {
  if (!stream) return "";
  std::string text = fmt::format("{} {} by memory", budget.streams_by_memory,
                                 budget.streams_by_memory == 1 ? "stream" : "streams");
  if (check) {
    text += fmt::format(", {} by compute (measured {:.1f} images/s, {:.0f} % in reserve)",
                        check->streams_by_compute(stream->fps), check->images_per_second,
                        100 * kReserve);
  } else {
    text += fmt::format(" ({:.0f} % in reserve); --check measures compute", 100 * kReserve);
  }
  return text + "\n";
}

void print_verdict(const Budget& budget, const std::optional<StreamKind>& stream,
                   const std::optional<BudgetCheck>& check) {
  if (budget.limit <= 0) return;
  const std::string limit = memory_text(budget.limit);
  if (budget.fitting.batch == 0) {
    fmt::print("does not fit: not even one picture on one lane fits {}\n", limit);
    return;
  }
  const std::string most = budget.largest_batch >= kBatchMost
                               ? fmt::format("{} or more", kBatchMost)
                               : std::to_string(budget.largest_batch);
  if (budget.fits) {
    fmt::print("fits {}: batch {} at most\n", limit, most);
  } else {
    fmt::print("does not fit {}: batch {} on {} {} would\n", limit, budget.fitting.batch,
               budget.fitting.lanes, budget.fitting.lanes == 1 ? "lane" : "lanes");
  }
  fmt::print("{}", streams_text(budget, stream, check));
  if (stream && check) {
    const bool compute = check->streams_by_compute(stream->fps) < budget.streams_by_memory;
    fmt::print("the limit is {}\n", compute ? "compute, not memory" : "memory, not compute");
  }
}

boost::json::object to_json(const Budget& budget, const std::optional<StreamKind>& stream,
                            const std::optional<BudgetCheck>& check) {
  boost::json::array parts;
  for (const BudgetRow& row : budget.rows) {
    parts.push_back({{"name", to_string(row.part)}, {"formula", row.formula},
                     {"bytes", row.bytes}, {"note", row.note}});
  }
  const MemoryShape& shape = budget.shape;
  boost::json::object json{{"model", budget.model},
                           {"precision", to_string(shape.precision)},
                           {"batch", shape.batch},
                           {"lanes", shape.lanes},
                           {"parts", parts},
                           {"sum_bytes", budget.sum()}};
  if (budget.limit > 0) {
    json["limit_bytes"] = budget.limit;
    json["fits"] = budget.fits;
    json["largest_batch"] = budget.largest_batch;
    json["fitting"] = {{"batch", budget.fitting.batch}, {"lanes", budget.fitting.lanes}};
  }
  if (stream) {
    json["stream"] = {{"width", stream->size.width}, {"height", stream->size.height},
                      {"fps", stream->fps}, {"bytes", budget.stream_bytes}};
    if (budget.limit > 0) json["streams_by_memory"] = budget.streams_by_memory;
    if (check) json["streams_by_compute"] = check->streams_by_compute(stream->fps);
  }
  if (!check) return json;
  boost::json::array measured;
  for (const Measured& one : measured_parts(budget, *check)) {
    boost::json::array names;
    for (const Part part : one.parts) names.emplace_back(to_string(part));
    measured.push_back({{"parts", names}, {"planned_bytes", one.planned},
                        {"measured_bytes", one.bytes}, {"estimate", one.estimate}});
  }
  json["check"] = {{"engine", check->engine_summary},
                   {"images_per_second", check->images_per_second},
                   {"resident_bytes", check->resident},
                   {"parts", measured}};
  return json;
}

Result<BudgetOptions> budget_options(const BudgetArguments& arguments, const Config& config) {
  BudgetOptions options;
  options.decode_threads = config.decode_threads;
  options.requests_max = config.detector.requests_max;
  const std::int64_t total = this_machine().memory_total();
  const bool named = !arguments.memory.empty();
  const auto limit =
      parse_memory_limit(named ? arguments.memory : config.detector.process_memory_limit);
  if (!limit) return Error{limit.error().code, "--memory: " + limit.error().message};
  options.limit = limit->of(total);
  if (!arguments.stream.empty()) options.stream = SHOAL_TRY(parse_stream(arguments.stream));
  return options;
}

int run_budget(const BudgetArguments& arguments, const Overrides& overrides) {
  auto config = make_config(arguments.model, overrides);
  if (!config) return report_load_error(config.error());
  const auto options = budget_options(arguments, *config);
  if (!options) return report_load_error(options.error());
  auto engine = make_engine_options(arguments.model, *config);
  if (!engine) return report_load_error(engine.error());
  const auto costs = model_costs(resolve_model(config->detector.model), *engine);
  if (!costs) return report_load_error(costs.error());
  const Budget budget = plan_budget(*costs, *options);
  const bool to_stdout = arguments.json == "-";
  if (!to_stdout) print_rows(budget);
  std::optional<BudgetCheck> check;
  if (arguments.check) {
    auto measured = check_budget(config->detector, *engine, *options);
    if (!measured) return report_load_error(measured.error());
    check = std::move(*measured);
    if (!to_stdout) print_check(budget, *check);
  }
  if (!to_stdout) print_verdict(budget, options->stream, check);
  if (!arguments.json.empty()) {
    const auto written = write_output(
        arguments.json,
        boost::json::serialize(to_json(budget, options->stream, check)) + "\n");
    if (!written) return report(written.error().message, kSomeFailed);
  }
  return budget.fits ? kAllWell : kCheckDidNotHold;
}

}  // namespace

VerbBody add_budget(CLI::App& program) {
  const auto arguments = std::make_shared<BudgetArguments>();
  CLI::App& verb = *program.add_subcommand(
      "budget", "what a model needs of memory, and what fits, before it is loaded");
  add_model_arguments(verb, arguments->model);
  verb.add_option("--memory", arguments->memory,
                  "plan for so much: 24GiB, 80% (default: the process's limit)")
      ->type_name("SIZE");
  verb.add_option("--stream", arguments->stream, "streams of this kind: 1920x1080@30")
      ->type_name("WxH@FPS");
  verb.add_flag("--check", arguments->check, "load it, and show the measured figures too");
  verb.add_option("--json", arguments->json, "as JSON; - is stdout")->type_name("FILE");
  return [arguments](const Overrides& overrides) { return run_budget(*arguments, overrides); };
}

}  // namespace shoal
