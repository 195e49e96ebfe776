// The models of a service by name: load, unload and reload without dropping traffic.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/model_host.h"

namespace shoal {

enum class ModelState : std::uint8_t { kUnloaded, kLoading, kReady, kUnavailable };

[[nodiscard]] constexpr std::string_view to_string(ModelState state) {
  switch (state) {
    case ModelState::kUnloaded: return "not loaded";
    case ModelState::kLoading: return "loading";
    case ModelState::kReady: return "ready";
    case ModelState::kUnavailable: return "unavailable";
  }
  return "unavailable";
}

struct ModelStatus {
  std::string name;
  ModelState state = ModelState::kUnloaded;
  std::string reason;  // why it is unavailable; "" otherwise
};

// How a model gets loaded: its detector options, by name; not_found where there is no such model.
// Called without locks held.
using ModelSourceFor = std::function<Result<DetectorOptions>(const std::string& name)>;

// Every name stands for two entries at the doors: NAME is the raw network (tensors as the file
// declares them), NAME_boxes the detector (pictures in, boxes out). Here both are one ModelHost.
//
// Threads  all methods may be called from any thread.
class ModelRegistry {
 public:
  ModelRegistry(HostOptions host_options, ModelSourceFor source);
  ~ModelRegistry();  // closes all

  // Loads (or loads again: the old one answers what it accepted and goes when the new one is
  // ready; it stays where the new one fails). Blocks for the load. `changed` overrides the source.
  // Models are loaded beside one another. Of one name one load runs and another may wait for it;
  // more are unavailable, so that a slow model cannot hold up those who load others.
  [[nodiscard]] Result<void> load(const std::string& name);
  [[nodiscard]] Result<void> load(const std::string& name, const DetectorOptions& changed);
  // No new calls; what it accepted is answered. Blocks until it is.
  [[nodiscard]] Result<void> unload(const std::string& name);

  // Errors   not_found with the names there are; unavailable while loading or after a failure.
  [[nodiscard]] Result<std::shared_ptr<ModelHost>> find(std::string_view name) const;
  // The only ready model, or the one that serves where a door names none. Errors as find.
  [[nodiscard]] Result<std::shared_ptr<ModelHost>> find_default() const;

  // Known names that are not loaded (a repository's), beside those that are.
  void announce(const std::string& name);
  [[nodiscard]] std::vector<ModelStatus> index() const;  // sorted by name
  [[nodiscard]] bool all_ready() const;  // every model asked for is ready, and there is one

  // No new loads or calls; returns when everything accepted is answered. Idempotent.
  void close();

  // Ends waiting for loads that run, and begins no more: they are answered with cancelled.
  void stop_loads() { stop_.request_stop(); }

 private:
  struct Entry {
    ModelState state = ModelState::kUnloaded;
    std::string reason;
    std::shared_ptr<ModelHost> host;
    std::uint64_t order = 0;  // of loading: the first loaded is the default
  };
  // The turn of a load; load_with ends it.
  [[nodiscard]] Result<void> begin_load(const std::string& name);
  [[nodiscard]] Result<void> load_with(const std::string& name, const DetectorOptions& options);

  HostOptions host_options_;  // unchanged after construction
  const ModelSourceFor source_;
  mutable std::mutex mutex_;
  std::condition_variable loaded_;  // a name has left `loading_`
  // Loads that run or wait, by name: they run beside one another, those of one name one after the
  // other.
  std::map<std::string, int, std::less<>> loading_;
  std::stop_source stop_;  // of loads
  std::map<std::string, Entry, std::less<>> entries_;
  std::uint64_t loads_ = 0;
  bool closed_ = false;
};

}  // namespace shoal
