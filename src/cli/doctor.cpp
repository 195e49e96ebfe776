// `shoal doctor`: the machine, the engines, and proofs on the user's model.
#include <fmt/format.h>

#include <boost/json.hpp>

#include <memory>
#include <optional>

#include "cli/model_arguments.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "pipeline/doctor.h"
#include "pipeline/loading.h"
#include "telemetry/process.h"

namespace shoal {
namespace {

struct DoctorArguments {
  ModelArguments model;
  std::vector<int> batches{1, 2, 4, 8, 16};
  std::vector<std::string> pictures;
  std::string json;
};

constexpr double kGiB = 1024.0 * 1024 * 1024;

std::string machine_line() {
  const Machine machine = this_machine();
  const std::string limit =
      machine.memory_limit_bytes == 0
          ? "none"
          : fmt::format("{:.1f} GiB", static_cast<double>(machine.memory_limit_bytes) / kGiB);
  return fmt::format("{}, {} {} ({}), {:.0f} GiB, container limit {}", machine.cpu, machine.cores,
                     machine.cores == 1 ? "core" : "cores", machine.instruction_sets,
                     static_cast<double>(machine.memory_bytes) / kGiB, limit);
}

std::string_view outcome_text(CheckOutcome outcome) {
  switch (outcome) {
    case CheckOutcome::kOk: return "ok";
    case CheckOutcome::kFailed: return "NOT OK";
    case CheckOutcome::kNotJudged: return "not judged";
  }
  return "NOT OK";
}

void print_check(const Check& check) {
  fmt::print("{:<12} {}: {:<70} {}\n", check.model, check.engine, check.detail,
             outcome_text(check.outcome));
}

boost::json::object to_json(const Check& check) {
  return {{"name", check.name},
          {"model", check.model},
          {"engine", check.engine},
          {"outcome", to_string(check.outcome)},
          {"ok", check.outcome == CheckOutcome::kOk},
          {"detail", check.detail}};
}

// bf16 beside fp32, where both run here.
Result<std::optional<Check>> check_precision(const DoctorArguments& arguments,
                                             const Config& config, const EngineOptions& engine) {
  const bool wants_bf16 =
      engine.precision == Precision::kAuto || engine.precision == Precision::kBf16;
  const bool has_bf16 = this_machine().instruction_sets.find("BF16") != std::string::npos;
  const ModelSource source = resolve_model(config.detector.model);
  if (wants_bf16 && has_bf16) {
    return std::optional(SHOAL_TRY(check_precision_agreement(
        source, engine, postprocess_options(config.detector),
        {.inputs = arguments.pictures, .decode_threads = config.decode_threads},
        Precision::kBf16)));
  }
  if (arguments.pictures.empty()) return std::optional<Check>();
  return std::optional(
      Check{.name = "precision_agreement",
            .model = source.name.empty() ? source.path : source.name,
            .engine = "openvino fp32",
            .outcome = CheckOutcome::kNotJudged,
            .detail = wants_bf16 ? "this CPU has no bf16: there is nothing to compare fp32 with"
                                 : "fp32 was asked for: there is nothing to compare it with"});
}

CheckOutcome worst_of(const std::vector<Check>& checks) {
  CheckOutcome worst = CheckOutcome::kOk;
  for (const Check& check : checks) {
    if (check.outcome == CheckOutcome::kFailed) return CheckOutcome::kFailed;
    if (check.outcome == CheckOutcome::kNotJudged) worst = CheckOutcome::kNotJudged;
  }
  return worst;
}

int run_doctor(const DoctorArguments& arguments, const Overrides& overrides) {
  auto config = make_config(arguments.model, overrides);
  if (!config) return report_load_error(config.error());
  const auto engine = make_engine_options(arguments.model, *config);
  if (!engine) return report_load_error(engine.error());
  const ModelSource source = resolve_model(config->detector.model);
  const bool to_stdout = arguments.json == "-";
  if (!to_stdout) {
    fmt::print("{:<12} {}\n", "machine", machine_line());
    fmt::print("{:<12} {}\n", "engines", engine_versions());
  }
  std::vector<Check> checks;
  const auto run = [&](Result<Check> check) {
    if (!check) return report_load_error(check.error());
    if (!to_stdout) print_check(*check);
    checks.push_back(std::move(*check));
    return static_cast<int>(kAllWell);
  };
  if (const int status = run(check_batch_invariance(source, *engine, arguments.batches))) {
    return status;
  }
  auto precision = check_precision(arguments, *config, *engine);
  if (!precision) return report_load_error(precision.error());
  if (*precision) {
    if (const int status = run(std::move(**precision))) return status;
  }
  boost::json::array list;
  for (const Check& check : checks) list.push_back(to_json(check));
  const CheckOutcome worst = worst_of(checks);
  if (!arguments.json.empty()) {
    const boost::json::object document{{"checks", list},
                                       {"outcome", to_string(worst)},
                                       {"ok", worst == CheckOutcome::kOk}};
    const auto written = write_output(arguments.json, boost::json::serialize(document) + "\n");
    if (!written) return report(written.error().message, kSomeFailed);
  }
  return worst == CheckOutcome::kFailed ? kCheckDidNotHold : kAllWell;
}

}  // namespace

VerbBody add_doctor(CLI::App& program) {
  const auto arguments = std::make_shared<DoctorArguments>();
  CLI::App& verb =
      *program.add_subcommand("doctor", "proves batch invariance and precision on this machine");
  verb.add_option("PICTURE", arguments->pictures,
                  "pictures or folders that suit the model, to compare precisions on (boards)");
  add_model_arguments(verb, arguments->model);
  verb.add_option("--batches", arguments->batches, "batch sizes to prove (1,2,4,8,16)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(1, 256))
      ->type_name("N,N");
  verb.add_option("--json", arguments->json, "the checks as JSON; - is stdout")->type_name("FILE");
  return [arguments](const Overrides& overrides) { return run_doctor(*arguments, overrides); };
}

}  // namespace shoal
