// Order of life: listen, load, serve; drain doors first, then models, then the evidence of both.
#include "service/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "core/json_text.h"
#include "core/log.h"
#include "pipeline/model_registry.h"
#include "pipeline/result_painter.h"
#include "pipeline/site.h"
#include "service/camera_gauges.h"
#include "service/cameras/camera_routes.h"
#include "service/http/api_keys.h"
#include "service/http/http_server.h"
#include "service/kserve/grpc_server.h"
#include "service/kserve/http_routes.h"
#include "service/kserve/kserve_service.h"
#include "service/kserve/repository.h"
#include "service/page/page_routes.h"
#include "service/rest/rest_routes.h"
#include "service/site_figures.h"
#include "telemetry/evidence.h"

namespace shoal {
namespace {

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};

// "host:port" as the configuration checked it; brackets around IPv6 are taken off.
Endpoint endpoint_of(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  Endpoint endpoint{address.substr(0, colon), 0};
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), endpoint.port);
  if (endpoint.host.starts_with('[') && endpoint.host.ends_with(']')) {
    endpoint.host = endpoint.host.substr(1, endpoint.host.size() - 2);
  }
  return endpoint;
}

std::string shown(const std::string& address, std::uint16_t port) {
  return fmt::format("{}:{}", address.substr(0, address.rfind(':')), port);
}

HttpOptions http_options(const ServiceConfig& config, const std::string& address) {
  const Endpoint endpoint = endpoint_of(address);
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  HttpOptions options;
  options.address = endpoint.host;
  options.port = endpoint.port;
  options.tls = {config.tls_certificate, config.tls_key, config.tls_client_ca};
  options.api_keys_file = config.api_keys_file;
  options.host_names = config.host_names;
  options.allow_origins = config.allow_origins;
  options.body_max = kMiB * static_cast<std::size_t>(config.body_max_mib);
  options.bodies_max = kMiB * static_cast<std::size_t>(config.bodies_max_mib);
  options.connections_max = config.connections_max;
  options.connections_per_client = config.connections_per_client;
  options.header_timeout = config.header_timeout;
  options.idle_timeout = config.idle_timeout;
  options.stall_timeout = config.stall_timeout;
  return options;
}

HostOptions host_options(const ServiceOptions& options, RequestObserver* observer) {
  const Config& config = options.config;
  HostOptions host;
  host.queue_limit = config.queue_limit;
  // A camera keeps a place for as long as it is there.
  if (options.with_cameras) {
    host.queue_limit += std::max(64, 2 * static_cast<int>(config.site.cameras.size()));
  }
  host.timeout = config.timeout;
  host.priority_ageing = config.priority_ageing;
  host.bypass_lane = config.bypass_lane;
  host.limits.pixels_max = std::int64_t{config.service.pixels_max_mp} * 1'000'000;
  host.plan_cache = options.plan_cache;
  host.load = config.load;
  host.execution = options.execution;
  host.observer = observer;
  return host;
}

EvidenceOptions evidence_options(const ServiceConfig& config) {
  EvidenceOptions options;
  options.log.path = config.request_log;
  options.log.rotate_bytes = std::int64_t{config.request_log_mib} << 20;
  options.log.files_max = config.request_log_files;
  options.trace.file = config.trace_file;
  options.trace.timestamps = config.trace_level == "TIMESTAMPS";
  options.trace.rate = static_cast<std::uint32_t>(config.trace_rate);
  options.version = kServerVersion;
  return options;
}

HttpHandler text_handler(std::string_view type, std::function<std::string()> text) {
  return [type, text = std::move(text)](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->respond({.status = 200, .content_type = std::string(type), .body = text(),
                       .headers = {}});
  };
}

// Which models there are and how each would be loaded.
//
// Threads  all methods may be called from any thread.
class Catalogue {
 public:
  void set(const std::vector<NamedModel>& models) {
    const std::lock_guard lock(mutex_);
    options_.clear();
    for (const NamedModel& model : models) options_[model.name] = model.detector;
  }
  [[nodiscard]] Result<DetectorOptions> find(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = options_.find(name);
    if (found != options_.end()) return found->second;
    return Error{ErrorCode::kNotFound, fmt::format("no model '{}'", name)};
  }
  [[nodiscard]] std::map<std::string, DetectorOptions> all() const {
    const std::lock_guard lock(mutex_);
    return options_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, DetectorOptions> options_;
};

class RunningService final : public Service {
 public:
  explicit RunningService(const ServiceOptions& options)
      : options_(options),
        evidence_(evidence_options(options.config.service)),
        registry_(host_options(options, &evidence_), source()),
        kserve_(kserve_options()) {}
  ~RunningService() override { drain(); }

  Result<void> listen();
  Result<void> load();

  const ServiceAddresses& addresses() const override { return addresses_; }
  std::vector<std::string> models() const override;
  CameraControl* cameras() override { return site_.get(); }
  bool cameras_ended() const override { return site_ && site_->all_ended(); }
  std::vector<std::string> reload(const Config& config) override;
  void drain() override;
  bool is_stuck() const override { return site_ && site_->has_stuck_cameras(); }

 private:
  void reload_models(const Config& config, std::vector<std::string>& lines);

  [[nodiscard]] ModelSourceFor source() {
    return [this](const std::string& name) { return find(name); };
  }
  [[nodiscard]] Result<DetectorOptions> find(const std::string& name) const;
  [[nodiscard]] KserveOptions kserve_options();
  // Every model is ready, and so is that of every camera. Cheap: looked at a few times a second at
  // most.
  [[nodiscard]] bool ready();
  // The cameras that have no model now, as "a (net), b (net)"; "" where all have theirs.
  [[nodiscard]] std::string blind_cameras() const;
  [[nodiscard]] Result<void> unload(const std::string& name);
  [[nodiscard]] Result<void> listen_http();
  [[nodiscard]] Result<void> listen_grpc();
  [[nodiscard]] Result<void> listen_metrics();
  void add_site_routes(HttpRouter& router);
  // Empty where no keys are configured: every caller is allowed.
  [[nodiscard]] std::function<bool(std::string_view)> key_check() const;
  void fill(ServiceGauges& gauges) const;

  ServiceOptions options_;
  Catalogue catalogue_;
  Evidence evidence_;
  ModelRegistry registry_;
  std::unique_ptr<Site> site_;
  std::unique_ptr<SiteMeter> meter_;  // of the site
  KserveService kserve_;
  std::unique_ptr<ApiKeys> keys_;  // of the doors that check for themselves: gRPC, DeepStack
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<HttpServer> metrics_;
  ServiceAddresses addresses_;
  std::mutex ready_mutex_;
  bool ready_ = false;    // when last looked at; guarded by ready_mutex_
  TimePoint ready_at_{};  // guarded by ready_mutex_
  bool drained_ = false;
};

// Named in the configuration, or a folder of the repository as it is now.
Result<DetectorOptions> RunningService::find(const std::string& name) const {
  auto found = catalogue_.find(name);
  const std::string& repository = options_.config.service.repository;
  if (found || repository.empty()) return found;
  return read_repository_model(repository, name, options_.config.detector);
}

KserveOptions RunningService::kserve_options() {
  KserveOptions options;
  // Every load that may run, and one more that waits for each.
  options.control_threads = 2 * options_.config.load.at_once;
  options.models = access_to(registry_, source());
  options.models.all_ready = [this] { return ready(); };
  options.models.unload = [this](const std::string& name) { return unload(name); };
  options.model_control = options_.config.service.model_control;
  options.trace = {.get = [this](const std::string& model) {
                     return evidence_.trace_settings().get(model);
                   },
                   .set = [this](const std::string& model, const TraceValues& changes) {
                     return evidence_.trace_settings().change(model, changes);
                   }};
  options.log = log_hooks();
  options.timeout_override = options_.config.service.allow_timeout_override;
  options.items_max = static_cast<std::size_t>(options_.config.service.items_max);
  return options;
}

std::string RunningService::blind_cameras() const {
  std::string names;
  if (!site_) return names;
  for (const CameraStatus& camera : site_->cameras()) {
    if (camera.state == CameraState::kPaused || camera.state == CameraState::kEnded) continue;
    const std::string& model = camera.config.model;
    if (model.empty() ? registry_.find_default().has_value() : registry_.find(model).has_value()) {
      continue;
    }
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", camera.config.name,
                         model.empty() ? "the default" : model);
  }
  return names;
}

bool RunningService::ready() {
  constexpr std::chrono::milliseconds kKept{200};
  const TimePoint now = Clock::now();
  const std::lock_guard lock(ready_mutex_);
  if (ready_at_ != TimePoint{} && now - ready_at_ < kKept) return ready_;
  ready_at_ = now;
  ready_ = registry_.all_ready() && blind_cameras().empty();
  return ready_;
}

Result<void> RunningService::unload(const std::string& name) {
  SHOAL_TRY(registry_.unload(name));
  {
    const std::lock_guard lock(ready_mutex_);
    ready_at_ = {};
  }
  const std::string blind = blind_cameras();
  if (!blind.empty()) {
    log(LogLevel::kError, "service", "cameras without their model, whose frames nobody analyses:"
        " {}", blind);
  }
  return {};
}

Result<void> RunningService::listen_http() {
  const ServiceConfig& config = options_.config.service;
  HttpRouter router;
  add_kserve_routes(router, kserve_);
  RestModels models = rest_models(registry_);
  models.all_ready = [this] { return ready(); };
  add_rest_routes(router, {.models = std::move(models),
                           .pictures_max = static_cast<std::size_t>(config.items_max),
                           .deepstack = {.check_key = key_check()},
                           .page_path = site_ ? "/try" : "/"});
  if (site_) add_site_routes(router);
  http_ = SHOAL_TRY(HttpServer::create(http_options(config, config.http), std::move(router)));
  addresses_.http = shown(config.http, http_->port());
  http_->start();
  return {};
}

void RunningService::add_site_routes(HttpRouter& router) {
  add_page_routes(router);
  fmt::memory_buffer text;
  append_json_string(text, config_text(options_.config));
  const std::string config = fmt::format("{{\"toml\":{}}}", fmt::to_string(text));
  const auto painter = std::make_shared<ResultPainter>();
  add_camera_routes(router, {.control = site_.get(),
                             .figures = [this] { return meter_->figures(); },
                             .config_json = [config] { return config; },
                             .draw =
                                 [painter](const DrawnPixels& pixels, const CameraResult& result) {
                                   painter->draw({.data = pixels.data,
                                                  .size = pixels.size,
                                                  .pitch_bytes = pixels.pitch_bytes},
                                                 result);
                                 },
                             .version = std::string(kServerVersion),
                             .ready = [this] { return registry_.all_ready(); }});
}

std::function<bool(std::string_view)> RunningService::key_check() const {
  if (!keys_) return nullptr;
  return [keys = keys_.get()](std::string_view key) { return keys->allows(key); };
}

Result<void> RunningService::listen_grpc() {
  const ServiceConfig& config = options_.config.service;
  const Endpoint endpoint = endpoint_of(config.grpc);
  GrpcOptions options;
  options.address = endpoint.host;
  options.port = endpoint.port;
  options.tls = {config.tls_certificate, config.tls_key, config.tls_client_ca};
  options.allows_key = key_check();
  options.message_max = static_cast<std::size_t>(config.body_max_mib) << 20;
  options.memory_max = static_cast<std::size_t>(config.bodies_max_mib) << 20;
  options.connections_max = config.connections_max;
  options.connections_per_client = config.connections_per_client;
  options.header_timeout = config.header_timeout;
  options.idle_timeout = config.idle_timeout;
  options.stall_timeout = config.stall_timeout;
  grpc_ = SHOAL_TRY(GrpcServer::create(options, kserve_));
  addresses_.grpc = shown(config.grpc, grpc_->port());
  return {};
}

Result<void> RunningService::listen_metrics() {
  const ServiceConfig& config = options_.config.service;
  HttpRouter router;
  router.add("GET", "/metrics",
             text_handler(kMetricsContentType, [this] { return evidence_.metrics_text(); }));
  router.add("GET", "/trace",
             text_handler("application/json", [this] { return evidence_.trace_json(); }));
  metrics_ =
      SHOAL_TRY(HttpServer::create(http_options(config, config.metrics), std::move(router)));
  addresses_.metrics = shown(config.metrics, metrics_->port());
  metrics_->start();
  return {};
}

Result<void> RunningService::listen() {
  const ServiceConfig& config = options_.config.service;
  if (config.trace_level != "OFF" && config.trace_file.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "service.trace_level is TIMESTAMPS, and there is no service.trace_file to write"};
  }
  if (options_.with_cameras) {
    std::vector<std::string> names;
    for (const NamedModel& model : options_.config.models) names.push_back(model.name);
    site_ = SHOAL_TRY(Site::create(options_.config.site, registry_, names));
    meter_ = std::make_unique<SiteMeter>(registry_, *site_);
  }
  if (!config.api_keys_file.empty()) keys_ = SHOAL_TRY(ApiKeys::load(config.api_keys_file));
  if (!config.http.empty()) SHOAL_TRY(listen_http());
  if (!config.grpc.empty()) SHOAL_TRY(listen_grpc());
  if (!config.metrics.empty()) SHOAL_TRY(listen_metrics());
  evidence_.set_gauges([this](ServiceGauges& gauges) { fill(gauges); });
  return {};
}

void RunningService::fill(ServiceGauges& gauges) const {
  for (const ModelStatus& status : registry_.index()) {
    const auto host = registry_.find(status.name);
    if (!host) continue;
    for (const bool raw : {false, true}) {
      const HostStatistics now = (*host)->statistics(raw);
      if (now.lanes == 0) continue;
      gauges.models.push_back(
          {.model = raw ? status.name : status.name + "_boxes",
           .waiting = static_cast<std::int64_t>(now.waiting),
           .in_flight = raw ? 0 : static_cast<std::int64_t>(now.pending),
           .batch_max = now.batch_max,
           .lanes = now.lanes,
           .idle_lanes = now.idle_lanes});
    }
    for (const PoolGauge& pool : (*host)->pools()) {
      gauges.pools.push_back({.model = status.name, .gauge = pool});
    }
  }
  if (site_) add_camera_gauges(gauges, *site_);
  const auto add = [&](const char* name, const char* help, bool counter, std::uint64_t value) {
    gauges.values.push_back({.name = name, .help = help, .counter = counter,
                             .value = static_cast<double>(value)});
  };
  if (grpc_) {
    add("shoal_grpc_connections", "Open gRPC connections.", false, grpc_->connections());
    add("shoal_grpc_connections_refused_total", "gRPC connections above a limit.", true,
              grpc_->connections_refused());
  }
  if (!http_) return;
  const HttpCounts counts = http_->counts();
  add("shoal_http_connections", "Open HTTP connections.", false, counts.connections_open);
  add("shoal_http_body_bytes", "Bytes of request bodies in memory.", false,
      counts.body_bytes_in_memory);
  add("shoal_http_connections_refused_total", "Connections above a limit.", true,
      counts.connections_refused);
  add("shoal_http_requests_total", "HTTP requests.", true, counts.requests);
  add("shoal_http_requests_refused_total", "Requests that the HTTP server refused by itself.",
      true, counts.requests_refused);
  add("shoal_http_requests_aborted_total", "Requests whose client left before the answer.", true,
      counts.requests_aborted);
}

Result<void> RunningService::load() {
  const Config& config = options_.config;
  catalogue_.set(config.models);
  std::vector<std::string> names;
  for (const NamedModel& model : config.models) names.push_back(model.name);
  if (!config.service.repository.empty()) {
    for (std::string& name : SHOAL_TRY(repository_names(config.service.repository))) {
      names.push_back(std::move(name));
    }
  }
  for (const std::string& name : names) registry_.announce(name);
  for (const std::string& name : names) SHOAL_TRY(registry_.load(name));
  if (site_) SHOAL_TRY(site_->start());
  return {};
}

std::vector<std::string> RunningService::models() const {
  std::vector<std::string> lines;
  for (const ModelStatus& status : registry_.index()) {
    const auto host = registry_.find(status.name);
    lines.push_back(fmt::format("{}: {}", status.name,
                                host ? (*host)->summary() : std::string(to_string(status.state))));
  }
  return lines;
}

void RunningService::reload_models(const Config& config, std::vector<std::string>& lines) {
  const auto before = catalogue_.all();
  std::set<std::string> wanted;
  std::vector<std::string> changed;
  for (const NamedModel& model : config.models) {
    wanted.insert(model.name);
    const auto known = before.find(model.name);
    if (known == before.end() || !(known->second == model.detector)) changed.push_back(model.name);
  }
  catalogue_.set(config.models);
  for (const std::string& name : changed) {
    const Result<void> loaded = registry_.load(name);
    lines.push_back(loaded ? fmt::format("model {}: loaded", name)
                           : fmt::format("model {}: {}; what was loaded before serves on", name,
                                         loaded.error().message));
  }
  for (const auto& [name, options] : before) {
    if (wanted.contains(name)) continue;
    if (registry_.unload(name)) lines.push_back(fmt::format("model {}: unloaded", name));
  }
}

std::vector<std::string> RunningService::reload(const Config& config) {
  std::vector<std::string> lines;
  reload_models(config, lines);
  evidence_.reopen_log();
  if (keys_) (void)keys_->reload();  // what is wrong with the file is said below
  for (HttpServer* server : {http_.get(), metrics_.get()}) {
    if (server == nullptr) continue;
    if (const Result<void> keys = server->reload_keys(); !keys) {
      lines.push_back(keys.error().message + "; the keys of before stay");
    }
  }
  const Config& now = options_.config;
  if (!(config.service == now.service) || config.queue_limit != now.queue_limit ||
      config.timeout != now.timeout || config.priority_ageing != now.priority_ageing ||
      config.bypass_lane != now.bypass_lane) {
    lines.emplace_back(
        "[service] and [scheduler] cannot change while serving: restart to change them");
  }
  if (site_ && !(config.site == now.site)) {
    lines.emplace_back(
        "[site], [[camera]], [[alarm]] and [[sink]] are read at start: change cameras by "
        "/api/v1/cameras, restart for the rest");
  }
  return lines;
}

void RunningService::drain() {
  if (std::exchange(drained_, true)) return;
  const auto patience = options_.config.service.drain_timeout;
  registry_.stop_loads();  // else the doors, which drain one after another, wait for their answers
  if (http_) http_->drain(patience);
  if (grpc_) grpc_->drain(patience);
  if (site_) site_->stop(patience);
  registry_.close();
  // Scrapes go on while the doors drain.
  evidence_.set_gauges(nullptr);
  if (metrics_) metrics_->drain(std::chrono::milliseconds(100));
}

}  // namespace

Result<std::unique_ptr<Service>> Service::start(const ServiceOptions& options) {
  auto service = std::make_unique<RunningService>(options);
  SHOAL_TRY(service->listen());
  SHOAL_TRY(service->load());
  return std::unique_ptr<Service>(std::move(service));
}

}  // namespace shoal
