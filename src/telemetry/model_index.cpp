#include "telemetry/model_index.h"

#include <utility>

namespace shoal {

ModelIndex::ModelIndex(Added added) : added_(std::move(added)) {}

int ModelIndex::find(std::string_view name) const {
  const int known = count();
  for (int model = 0; model < known; ++model) {
    if (*names_[static_cast<std::size_t>(model)] == name) return model;
  }
  return -1;
}

int ModelIndex::resolve(std::string_view name) {
  if (const int known = find(name); known >= 0) return known;
  const std::lock_guard lock(adding_);
  if (count() >= kModelsMax - 1) name = kOthers;
  if (const int known = find(name); known >= 0) return known;
  const int model = count();
  names_[static_cast<std::size_t>(model)] = std::make_unique<const std::string>(name);
  added_(model, *names_[static_cast<std::size_t>(model)]);
  count_.store(model + 1, std::memory_order_release);
  return model;
}

}  // namespace shoal
