// Loading, unloading and listing models, as both dialects ask for it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/kserve/kserve_service.h"
#include "service/kserve/message.h"
#include "shoal/result.h"

namespace shoal {

inline constexpr std::string_view kNoModelControl =
    "models cannot be loaded or unloaded by clients of this service (service.model_control)";

struct IndexLine {
  std::string name;
  std::string version;
  std::string state;   // "READY", "LOADING", "UNAVAILABLE"
  std::string reason;  // why it is not ready
};

// Both entries of every model, sorted; only those that are ready where `ready`.
[[nodiscard]] std::vector<IndexLine> model_index(const KserveService& service, bool ready);

// Loads NAME (or the model that NAME_boxes belongs to), or loads it again. Parameters: "config" is
// a model configuration as JSON text, whose honoured fields go before the model's own.
//
// Errors   unsupported: control is off, files in the request ("file:..."); not_found;
//          invalid_argument; those of loading.
// Cost     seconds. The model that was there answers meanwhile.
//
// `by` is who asks, for the log.
[[nodiscard]] Result<void> load_model(const KserveService& service, std::string_view name,
                                      const Parameters& parameters, std::string_view by);

// Answers what the model accepted, then returns. "unload_dependents" changes nothing, as no model
// depends on another.
[[nodiscard]] Result<void> unload_model(const KserveService& service, std::string_view name,
                                        std::string_view by);

}  // namespace shoal
