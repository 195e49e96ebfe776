// Chooses the engine by name. Each engine lives in a folder below this one.
#include "engine/engine_load.h"

#include <fmt/format.h>

#include <openvino/core/version.hpp>

#include <array>
#include <mutex>
#include <set>
#include <string_view>

#include "core/log.h"
#include "core/suggest.h"
#include "engine/openvino/import.h"
#include "engine/openvino/inspect.h"
#include "engine/openvino/network_cost.h"
#include "engine/openvino/openvino_engine.h"

namespace shoal {
namespace {

Result<void> check_name(const std::string& name) {
  constexpr std::array<std::string_view, 2> kEngines = {"auto", "openvino"};
  if (name != "auto" && name != "openvino") {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("unknown engine '{}'{}; known: auto, openvino", name,
                             suggestion(name, kEngines))};
  }
  return {};
}

// A model is loaded several times where batches or precisions are compared; one word is enough.
void warn_once(const ModelDescription& model) {
  static std::mutex mutex;
  static std::set<std::string> said;
  const std::lock_guard lock(mutex);
  for (const std::string& warning : model.warnings) {
    const std::string line = fmt::format("{}: {}", model.path, warning);
    if (said.insert(line).second) log(LogLevel::kWarn, "model", "{}", line);
  }
}

}  // namespace

Result<std::unique_ptr<Engine>> load_engine(const ModelSource& source,
                                            const EngineOptions& options,
                                            const AcceptModel& accept) {
  SHOAL_TRY(check_name(options.name));
  ImportedModel model = SHOAL_TRY(import_model(source, options));
  if (accept) SHOAL_TRY(accept(model.description));
  auto engine = SHOAL_TRY(load_openvino_engine(std::move(model), options));
  if (!options.raw) warn_once(engine->model());
  return engine;
}

Result<ModelInspection> inspect_model(const ModelSource& source, const EngineOptions& options) {
  ImportedModel model = SHOAL_TRY(import_model(source, options));
  return inspect_imported(std::move(model), options);
}

Result<ModelCosts> model_costs(const ModelSource& source, const EngineOptions& options) {
  SHOAL_TRY(check_name(options.name));
  ImportedModel model = SHOAL_TRY(import_model(source, options));
  return costs_of(std::move(model), options);
}

std::string engine_versions() {
  // "2026.4.1-21222-abc" without the build number.
  const std::string_view build = ov::get_openvino_version().buildNumber;
  return fmt::format("openvino {}", build.substr(0, build.find('-')));
}

}  // namespace shoal
