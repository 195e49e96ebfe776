#include "pipeline/timed_load.h"

#include <fmt/format.h>
#include <malloc.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "core/clock.h"
#include "core/log.h"
#include "core/memory_guard.h"

namespace shoal {
namespace {

using LoadedEngine = Result<std::unique_ptr<Engine>>;

// All loads of the process. Never destroyed: threads that were left behind come back to it.
struct Desk {
  std::mutex mutex;
  std::condition_variable_any changed;
  int running = 0;                          // guarded by mutex; without those left behind
  std::multiset<std::string> left_behind;   // guarded by mutex; paths
};

Desk& desk() {
  static const auto only = std::make_unique<Desk>().release();
  return *only;
}

// What the caller and the loading thread share.
struct Load {
  std::string path;
  std::optional<LoadedEngine> outcome;  // guarded by Desk::mutex
  bool left_behind = false;             // guarded by Desk::mutex
};

void run(const std::shared_ptr<Load>& load, const internal::Loading& loading) {
  LoadedEngine outcome = guarding_memory(load->path, loading);
  ::malloc_trim(0);  // compiling takes several times what stays
  Desk& all = desk();
  bool late = false;
  {
    const std::lock_guard lock(all.mutex);
    late = load->left_behind;
    if (late) {
      all.left_behind.erase(all.left_behind.find(load->path));
    } else {
      --all.running;
      load->outcome = std::move(outcome);
    }
    all.changed.notify_all();
  }
  if (late) log(LogLevel::kInfo, "engine", "{}: the load that took too long has ended", load->path);
}

// Whether another load may begin, beside those that were left behind.
Result<void> check_left_behind(const Desk& all, const std::string& path,
                               const LoadLimits& limits) {
  if (all.left_behind.contains(path)) {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{}: an earlier load of it took too long and still runs; it can be "
                             "loaded again once that has ended", path)};
  }
  if (static_cast<int>(all.left_behind.size()) >= limits.at_once) {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{}: {} loads that took too long still run; no more is begun beside "
                             "them (load.at_once)", path, all.left_behind.size())};
  }
  return {};
}

Error too_late(const std::string& path, const LoadLimits& limits, std::string_view what) {
  return {ErrorCode::kDeadlineExceeded,
          fmt::format("{}: {} {:.0f} s (load.timeout_ms)", path, what,
                      std::chrono::duration<double>(limits.timeout).count())};
}

}  // namespace

namespace internal {

Result<std::unique_ptr<Engine>> load_in_time(const std::string& path, const LoadLimits& limits,
                                             Loading loading) {
  Desk& all = desk();
  const TimePoint latest =
      limits.timeout.count() > 0 ? Clock::now() + limits.timeout : TimePoint::max();
  // Whether `condition` came to hold before the end.
  const auto wait_for = [&](std::unique_lock<std::mutex>& lock, const auto& condition) {
    if (latest == TimePoint::max()) return all.changed.wait(lock, limits.stop, condition);
    return all.changed.wait_until(lock, limits.stop, latest, condition);
  };
  std::unique_lock lock(all.mutex);
  SHOAL_TRY(check_left_behind(all, path, limits));
  const bool begins = wait_for(lock, [&] { return all.running < limits.at_once; });
  if (limits.stop.stop_requested()) return Error{ErrorCode::kCancelled, path + ": shutting down"};
  if (!begins) return too_late(path, limits, "other loads were not done within");
  const auto load = std::make_shared<Load>(Load{.path = path, .outcome = {}});
  try {
    std::thread([load, loading = std::move(loading)] { run(load, loading); }).detach();
  } catch (const std::system_error& error) {
    return Error{ErrorCode::kUnavailable, fmt::format("{}: no thread for loading: {}", path,
                                                      error.code().message())};
  }
  ++all.running;
  if (wait_for(lock, [&] { return load->outcome.has_value(); })) return *std::move(load->outcome);
  load->left_behind = true;
  --all.running;
  all.left_behind.insert(path);
  all.changed.notify_all();
  if (limits.stop.stop_requested()) return Error{ErrorCode::kCancelled, path + ": shutting down"};
  return too_late(path, limits, "loading was not done within");
}

}  // namespace internal

Result<std::unique_ptr<Engine>> load_engine_in_time(const ModelSource& source,
                                                    const EngineOptions& options,
                                                    const AcceptModel& accept) {
  const std::string& path = source.path.empty() ? source.name : source.path;
  return internal::load_in_time(path, options.load, [source, options, accept] {
    return load_engine(source, options, accept);
  });
}

int loads_left_behind() {
  const std::lock_guard lock(desk().mutex);
  return static_cast<int>(desk().left_behind.size());
}

}  // namespace shoal
