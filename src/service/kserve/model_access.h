// What the doors need of the models behind them, as functions, so that a test can stand in for a
// registry whose models are files.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/model_host.h"
#include "pipeline/model_registry.h"
#include "shoal/result.h"

namespace shoal {

// The contracts are ModelRegistry's.
struct ModelAccess {
  std::function<Result<std::shared_ptr<ModelHost>>(std::string_view)> find;
  std::function<std::vector<ModelStatus>()> index;
  std::function<bool()> all_ready;
  std::function<Result<void>(const std::string&)> load;
  std::function<Result<void>(const std::string&, const DetectorOptions&)> load_changed;
  std::function<Result<void>(const std::string&)> unload;
  // How a model that is not loaded would be loaded. May be empty: then only loaded models can be
  // loaded again with a changed configuration.
  ModelSourceFor source;
};

// `registry` outlives the functions.
[[nodiscard]] ModelAccess access_to(ModelRegistry& registry, ModelSourceFor source);

// A name that can be a path segment and nothing else: letters, digits, "_-.+@ =,()" and bytes of
// UTF-8, not beginning with a dot or a space, at most 200 bytes.
[[nodiscard]] bool is_model_name(std::string_view name);

}  // namespace shoal
