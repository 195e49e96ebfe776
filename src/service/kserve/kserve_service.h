// What the two dialects of KServe (HTTP and gRPC) share: the models, the settings that clients may
// read and change, and threads. The dialects are in http_routes.h and grpc_server.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "service/kserve/model_access.h"
#include "service/kserve/worker_pool.h"
#include "shoal/result.h"

namespace shoal {

// Settings of the trace by the names that Triton's clients know (trace_level, trace_rate, ...). In
// a change, a name without values goes back to its default; telemetry's TraceSampler has both.
using TraceValues = std::map<std::string, std::vector<std::string>>;

// `model` is an entry's name, or "" for the whole service. set() returns what holds afterwards.
// Any thread.
struct TraceHooks {
  std::function<TraceValues(const std::string& model)> get;
  std::function<Result<TraceValues>(const std::string& model, const TraceValues& changes)> set;
};

// log_info, log_warning, log_error (bool), log_verbose_level (number), log_file, log_format (text).
using LogValue = std::variant<bool, std::int64_t, std::string>;
using LogSettings = std::map<std::string, LogValue>;

struct LogHooks {
  std::function<LogSettings()> get;
  std::function<Result<LogSettings>(const LogSettings& changes)> set;
};

// The program's log (core/log.h): each switch for itself. Another file is refused.
[[nodiscard]] LogHooks log_hooks();

struct KserveOptions {
  ModelAccess models;
  // Clients may load and unload models.
  bool model_control = true;
  TraceHooks trace;  // empty: the service has no trace
  LogHooks log;      // empty: the settings cannot be seen
  // The parameter `timeout` of a request is its deadline; else it is read and ignored, as in Triton
  // where a model does not allow it.
  bool timeout_override = false;
  std::size_t items_max = 4096;  // pictures or batch positions of one call
  int threads = 2;               // that read large requests and write answers
  int control_threads = 4;       // that wait for loads and unloads of models
};

// Lifetime  outlives the servers and the calls they started: drain the servers, close the registry,
//           then let it go.
// Threads   any.
class KserveService {
 public:
  explicit KserveService(KserveOptions options);

  [[nodiscard]] const KserveOptions& options() const { return options_; }
  [[nodiscard]] const ModelAccess& models() const { return options_.models; }
  [[nodiscard]] WorkerPool& workers() { return workers_; }
  [[nodiscard]] WorkerPool& control() { return control_; }  // for loads: seconds, minutes
  // Only those that work.
  [[nodiscard]] std::vector<std::string> extensions() const;

 private:
  const KserveOptions options_;
  WorkerPool workers_;
  WorkerPool control_;
};

inline constexpr std::string_view kServerName = "shoal";
inline constexpr std::string_view kServerVersion = "0.1.0";

}  // namespace shoal
