// The registry's methods as functions, and which names are names.
#include "service/kserve/model_access.h"

#include <utility>

#include "core/json_text.h"

namespace shoal {

ModelAccess access_to(ModelRegistry& registry, ModelSourceFor source) {
  return {
      .find = [&registry](std::string_view name) { return registry.find(name); },
      .index = [&registry] { return registry.index(); },
      .all_ready = [&registry] { return registry.all_ready(); },
      .load = [&registry](const std::string& name) { return registry.load(name); },
      .load_changed = [&registry](const std::string& name, const DetectorOptions& options) {
        return registry.load(name, options);
      },
      .unload = [&registry](const std::string& name) { return registry.unload(name); },
      .source = std::move(source),
  };
}

bool is_model_name(std::string_view name) {
  if (name.empty() || name.size() > 200 || name.front() == '.' || name.front() == ' ') return false;
  while (!name.empty()) {
    const auto c = static_cast<unsigned char>(name.front());
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const std::size_t length = utf8_sequence(name);
    if (length == 0) return false;
    if (length == 1 && !alphanumeric &&
        std::string_view("_-.+@ =,()").find(name.front()) == std::string_view::npos) {
      return false;
    }
    name.remove_prefix(length);
  }
  return true;
}

}  // namespace shoal
