#include "pipeline/model_registry.h"

#include <fmt/format.h>

#include <utility>

#include "core/log.h"
#include "core/suggest.h"

namespace shoal {

ModelRegistry::ModelRegistry(HostOptions host_options, ModelSourceFor source)
    : host_options_(std::move(host_options)), source_(std::move(source)) {
  host_options_.load.stop = stop_.get_token();
}

ModelRegistry::~ModelRegistry() { close(); }

Result<void> ModelRegistry::load(const std::string& name) {
  const DetectorOptions options = SHOAL_TRY(source_(name));
  return load_with(name, options);
}

Result<void> ModelRegistry::load(const std::string& name, const DetectorOptions& changed) {
  return load_with(name, changed);
}

Result<void> ModelRegistry::begin_load(const std::string& name) {
  std::unique_lock lock(mutex_);
  if (closed_) return Error{ErrorCode::kCancelled, "shutting down"};
  int& loads = loading_[name];
  if (loads >= 2) {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("model '{}' is being loaded, and another load of it waits already",
                             name)};
  }
  if (++loads == 2) loaded_.wait(lock, [&] { return closed_ || loading_[name] == 1; });
  if (closed_) {
    if (--loading_[name] == 0) loading_.erase(name);
    return Error{ErrorCode::kCancelled, "shutting down"};
  }
  Entry& entry = entries_[name];
  if (!entry.host) entry.state = ModelState::kLoading;
  return {};
}

Result<void> ModelRegistry::load_with(const std::string& name, const DetectorOptions& options) {
  SHOAL_TRY(begin_load(name));
  auto host = ModelHost::load(name, options, host_options_);
  std::shared_ptr<ModelHost> before;
  {
    const std::lock_guard lock(mutex_);
    if (--loading_[name] == 0) loading_.erase(name);
    loaded_.notify_all();
    Entry& entry = entries_[name];
    // A service that closed meanwhile must not find itself with an open model.
    Result<void> ended;
    if (!host) ended = host.error();
    if (closed_) ended = Error{ErrorCode::kCancelled, "shutting down"};
    if (!ended) {
      if (!entry.host) {  // else the one before goes on, and nothing is wrong with that
        entry.state = ModelState::kUnavailable;
        entry.reason = ended.error().message;
      }
      return ended;  // a host that nobody knows closes itself
    }
    before = std::exchange(entry.host, std::move(*host));
    entry.state = ModelState::kReady;
    entry.reason.clear();
    if (entry.order == 0) entry.order = ++loads_;
  }
  // Answers what it accepted; new calls already go to the other one.
  if (before) before->close();
  return {};
}

Result<void> ModelRegistry::unload(const std::string& name) {
  std::shared_ptr<ModelHost> host;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
      return Error{ErrorCode::kNotFound, fmt::format("no model '{}'", name)};
    }
    host = std::exchange(found->second.host, nullptr);
    found->second.state = ModelState::kUnavailable;
    found->second.reason = "unloaded";
  }
  if (host) host->close();
  return {};
}

Result<std::shared_ptr<ModelHost>> ModelRegistry::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    std::vector<std::string_view> known;
    for (const auto& [key, entry] : entries_) known.push_back(key);
    std::string names;
    for (const std::string_view key : known) {
      names += (names.empty() ? "" : ", ") + std::string(key);
    }
    return Error{ErrorCode::kNotFound,
                 fmt::format("no model '{}'{}; there are: {}", name, suggestion(name, known),
                             names.empty() ? "none" : names)};
  }
  const Entry& entry = found->second;
  if (entry.host) return entry.host;
  return Error{ErrorCode::kUnavailable,
               fmt::format("model '{}' is {}{}{}", name, to_string(entry.state),
                           entry.reason.empty() ? "" : ": ", entry.reason)};
}

Result<std::shared_ptr<ModelHost>> ModelRegistry::find_default() const {
  const std::lock_guard lock(mutex_);
  const Entry* first = nullptr;
  for (const auto& [name, entry] : entries_) {
    if (entry.host && (first == nullptr || entry.order < first->order)) first = &entry;
  }
  if (first != nullptr) return first->host;
  return Error{ErrorCode::kUnavailable, "no model is ready"};
}

void ModelRegistry::announce(const std::string& name) {
  const std::lock_guard lock(mutex_);
  entries_.try_emplace(name);
}

std::vector<ModelStatus> ModelRegistry::index() const {
  const std::lock_guard lock(mutex_);
  std::vector<ModelStatus> all;
  for (const auto& [name, entry] : entries_) all.push_back({name, entry.state, entry.reason});
  return all;
}

bool ModelRegistry::all_ready() const {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  bool any = entries_.empty();
  for (const auto& [name, entry] : entries_) {
    if (entry.state == ModelState::kLoading) return false;
    if (entry.state == ModelState::kUnavailable && entry.reason != "unloaded") return false;
    any = any || entry.host != nullptr;
  }
  return any;
}

void ModelRegistry::close() {
  stop_.request_stop();
  std::vector<std::shared_ptr<ModelHost>> hosts;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    loaded_.notify_all();
    for (auto& [name, entry] : entries_) {
      if (entry.host) hosts.push_back(entry.host);
    }
  }
  for (const auto& host : hosts) host->close();
}

}  // namespace shoal
