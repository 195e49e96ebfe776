// Access to one fake host, as the doors have it to a registry; remembers what it was asked.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service/kserve/fake_host_for_test.h"
#include "service/kserve/model_access.h"

namespace shoal {

// One host under its name, and an "other" that is not loaded.
class FakeModels {
 public:
  std::shared_ptr<FakeHost> host = std::make_shared<FakeHost>();
  std::atomic<bool> ready = true;

  // "load net", "unload net", ...
  [[nodiscard]] std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  // Of the last load with other options.
  [[nodiscard]] std::optional<DetectorOptions> changed() const {
    const std::lock_guard lock(mutex_);
    return changed_;
  }
  void note(std::string what) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(std::move(what));
  }

  [[nodiscard]] ModelAccess access() {
    return {.find = [this](std::string_view name) -> Result<std::shared_ptr<ModelHost>> {
              if (name != host->name()) {
                return Error{ErrorCode::kNotFound, "no model '" + std::string(name) + "'"};
              }
              if (!ready) return Error{ErrorCode::kUnavailable, "loading"};
              return std::shared_ptr<ModelHost>(host);
            },
            .index = [this]() -> std::vector<ModelStatus> {
              return {{host->name(), ready ? ModelState::kReady : ModelState::kLoading, ""},
                      {"other", ModelState::kUnavailable, "unloaded"}};
            },
            .all_ready = [this] { return ready.load(); },
            .load = [this](const std::string& name) -> Result<void> {
              note("load " + name);
              if (name == "absent") return Error{ErrorCode::kNotFound, "no such model"};
              return {};
            },
            .load_changed = [this](const std::string& name, const DetectorOptions& options)
                -> Result<void> {
              note("change " + name);
              const std::lock_guard lock(mutex_);
              changed_ = options;
              return {};
            },
            .unload = [this](const std::string& name) -> Result<void> {
              note("unload " + name);
              return {};
            },
            .source = {}};
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> asked_;
  std::optional<DetectorOptions> changed_;
};

}  // namespace shoal
