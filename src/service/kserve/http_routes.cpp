// Handlers of the protocol's paths. Those that take long (inference, loading) hand over to threads
// of the service; the others answer at once.
#include "service/kserve/http_routes.h"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "service/kserve/describe_json.h"
#include "service/kserve/entry.h"
#include "service/kserve/http_settings.h"
#include "service/kserve/infer.h"
#include "service/kserve/infer_reader.h"
#include "service/kserve/infer_writer.h"
#include "service/kserve/model_control.h"
#include "service/rest/rest_answer.h"

namespace shoal {
namespace {

using Exchange = std::shared_ptr<HttpExchange>;

// Requests that take longer to read than this many bytes of JSON or of all do not hold up a thread
// of the server.
constexpr std::size_t kJsonInline = std::size_t{8} << 10;
constexpr std::size_t kBodyInline = std::size_t{1} << 20;

// Not of inference. tritonclient.http.aio takes such documents as they come, and says that it
// accepts gzip.
HttpResponse json_response(std::string body) {
  HttpResponse response;
  response.compressible = false;
  response.body = std::move(body);
  return response;
}

HttpResponse response_of(Result<std::string> body) {
  if (body) return json_response(std::move(*body));
  HttpResponse response = kserve_error(body.error(), true);
  // Not what was sent is unsupported, but what was asked for.
  if (body.error().code == ErrorCode::kUnsupported) response.status = 501;
  return response;
}

Result<Entry> entry_of(const KserveService& service, const HttpExchange& exchange) {
  return find_entry(service.models(), exchange.path_part("model"), exchange.path_part("version"));
}

// A handler that answers at once with a document or an error.
template <typename Make>
HttpHandler answer_with(KserveService& service, Make make) {
  return [&service, make](const Exchange& exchange) {
    exchange->respond(response_of(make(service, *exchange)));
  };
}

// The same on the thread for loading.
template <typename Make>
HttpHandler answer_later(KserveService& service, Make make) {
  return [&service, make](const Exchange& exchange) {
    service.control().post([&service, make, exchange] {
      exchange->respond(response_of(make(service, *exchange)));
    });
  };
}

HttpHandler not_here(std::string why) {
  return [why](const Exchange& exchange) { exchange->respond(http_error(501, why)); };
}

void start(KserveService& service, const Exchange& exchange) {
  const HttpRequest& request = exchange->request();
  const auto refuse = [&](const Error& error, int retry_after_s) {
    exchange->respond(kserve_error(error, true, retry_after_s));
  };
  auto entry = entry_of(service, *exchange);
  if (!entry) return refuse(entry.error(), 1);
  auto json_length = read_json_length(request.header("inference-header-content-length"));
  if (!json_length) return refuse(json_length.error(), 1);
  auto read = read_infer_body(request.body, *json_length);
  if (!read) return refuse(read.error(), 1);
  auto call = std::make_shared<InferCall>(std::move(*read));
  call->model = entry->name;
  call->owner = exchange;
  call->source = client_source(request.client);
  call->source_name = request.client;
  call->door = "http";
  if (!service.options().timeout_override) call->timeout.reset();
  call->items_max = service.options().items_max;
  call->arrived = request.first_byte;
  const std::shared_ptr<ModelHost> host = entry->host;
  auto handle = start_infer(*entry, std::move(call), service.workers(),
                            [exchange, host](Result<InferAnswer> answer) {
                              exchange->respond(answer ? write_infer_answer(*answer)
                                                       : kserve_error(answer.error(), false,
                                                                      host->retry_after_s()));
                            });
  if (!handle) return refuse(handle.error(), host->retry_after_s());
  exchange->on_abort([handle = *handle] { handle.cancel(); });
}

HttpHandler infer(KserveService& service) {
  return [&service](const Exchange& exchange) {
    const HttpRequest& request = exchange->request();
    const auto json = read_json_length(request.header("inference-header-content-length"));
    const std::size_t json_bytes = json ? json->value_or(request.body.size()) : 0;
    if (json_bytes <= kJsonInline && request.body.size() <= kBodyInline) {
      return start(service, exchange);
    }
    service.workers().post([&service, exchange] { start(service, exchange); });
  };
}

void add_health(HttpRouter& router, KserveService& service) {
  router.add("GET", "/v2/health/live", answer_with(service, [](const auto&, const auto&) {
    return Result<std::string>(R"({"live":true})");
  }), RouteAccess::kOpen);
  router.add("GET", "/v2/health/ready", [&service](const Exchange& exchange) {
    const bool ready = service.models().all_ready();
    HttpResponse response = json_response(ready ? R"({"ready":true})" : R"({"ready":false})");
    response.status = ready ? 200 : 503;
    exchange->respond(std::move(response));
  }, RouteAccess::kOpen);
  router.add("GET", "/v2", answer_with(service, [](const KserveService& s, const auto&) {
    return Result<std::string>(server_metadata_json(s));
  }));
}

Result<std::string> model_ready(const KserveService& service, const HttpExchange& exchange) {
  const Entry entry = SHOAL_TRY(entry_of(service, exchange));
  return fmt::format(R"({{"name":"{}","ready":true}})", entry.name);
}

Result<std::string> all_statistics(const KserveService& service, const HttpExchange&) {
  std::vector<Entry> entries;
  for (const IndexLine& line : model_index(service, true)) {
    auto entry = find_entry(service.models(), line.name, "");
    if (entry) entries.push_back(std::move(*entry));
  }
  return statistics_json(entries);
}

void add_models(HttpRouter& router, KserveService& service) {
  router.add("GET", "/v2/models/stats", answer_with(service, all_statistics));
  for (const std::string base : {"/v2/models/{model}", "/v2/models/{model}/versions/{version}"}) {
    router.add("GET", base, answer_with(service, [](const auto& s, const auto& e) {
      const auto entry = entry_of(s, e);
      return entry ? Result<std::string>(model_metadata_json(*entry)) : entry.error();
    }));
    router.add("GET", base + "/config", answer_with(service, [](const auto& s, const auto& e) {
      const auto entry = entry_of(s, e);
      return entry ? Result<std::string>(model_config_json(*entry)) : entry.error();
    }));
    router.add("GET", base + "/stats", answer_with(service, [](const auto& s, const auto& e) {
      auto entry = entry_of(s, e);
      return entry ? Result<std::string>(statistics_json({*entry})) : entry.error();
    }));
    router.add("GET", base + "/ready", answer_with(service, model_ready));
    router.add("POST", base + "/infer", infer(service));
    for (const std::string path : {"/generate", "/generate_stream"}) {
      router.add("POST", base + path, not_here("generate is for models of text; send pictures to "
                                               "infer"));
    }
  }
}

Result<std::string> repository_index(const KserveService& service, const HttpExchange& exchange) {
  return index_json(model_index(service, SHOAL_TRY(read_index_request(exchange.request().body))));
}

Result<std::string> load(const KserveService& service, const HttpExchange& exchange) {
  const Parameters parameters = SHOAL_TRY(read_load_request(exchange.request().body));
  SHOAL_TRY(load_model(service, exchange.path_part("model"), parameters,
                       exchange.request().client));
  return std::string("{}");
}

Result<std::string> unload(const KserveService& service, const HttpExchange& exchange) {
  SHOAL_TRY(read_load_request(exchange.request().body));
  SHOAL_TRY(unload_model(service, exchange.path_part("model"), exchange.request().client));
  return std::string("{}");
}

void add_repository(HttpRouter& router, KserveService& service) {
  router.add("POST", "/v2/repository/index", answer_with(service, repository_index));
  const auto control = [&](Result<std::string> (*make)(const KserveService&,
                                                       const HttpExchange&)) -> HttpHandler {
    if (service.options().model_control) return answer_later(service, make);
    return [](const Exchange& exchange) { exchange->respond(http_error(403, kNoModelControl)); };
  };
  router.add("POST", "/v2/repository/models/{model}/load", control(load));
  router.add("POST", "/v2/repository/models/{model}/unload", control(unload));
}

// "" for the whole service; else the entry has to exist.
Result<std::string> trace_model(const KserveService& service, const HttpExchange& exchange) {
  if (!service.options().trace.get || !service.options().trace.set) {
    return Error{ErrorCode::kUnsupported, "this service keeps no trace"};
  }
  if (exchange.path_part("model").empty()) return std::string();
  return SHOAL_TRY(entry_of(service, exchange)).name;
}

Result<std::string> get_trace(const KserveService& service, const HttpExchange& exchange) {
  return trace_json(service.options().trace.get(SHOAL_TRY(trace_model(service, exchange))));
}

Result<std::string> set_trace(const KserveService& service, const HttpExchange& exchange) {
  const std::string model = SHOAL_TRY(trace_model(service, exchange));
  const TraceValues changes = SHOAL_TRY(read_trace_request(exchange.request().body));
  return trace_json(SHOAL_TRY(service.options().trace.set(model, changes)));
}

Result<std::string> get_log(const KserveService& service, const HttpExchange&) {
  if (!service.options().log.get) return Error{ErrorCode::kUnsupported, "no log settings here"};
  return log_json(service.options().log.get());
}

Result<std::string> set_log(const KserveService& service, const HttpExchange& exchange) {
  if (!service.options().log.set) return Error{ErrorCode::kUnsupported, "no log settings here"};
  const LogSettings changes = SHOAL_TRY(read_log_request(exchange.request().body));
  return log_json(SHOAL_TRY(service.options().log.set(changes)));
}

void add_settings(HttpRouter& router, KserveService& service) {
  for (const std::string path : {"/v2/trace/setting", "/v2/models/{model}/trace/setting"}) {
    router.add("GET", path, answer_with(service, get_trace));
    router.add("POST", path, answer_with(service, set_trace));
  }
  router.add("GET", "/v2/logging", answer_with(service, get_log));
  router.add("POST", "/v2/logging", answer_with(service, set_log));
}

void add_shared_memory(HttpRouter& router) {
  for (const std::string kind : {"/v2/systemsharedmemory", "/v2/cudasharedmemory"}) {
    const auto refuse = not_here("shared memory is not supported; send tensors in the request");
    for (const std::string region : {"", "/region/{region}"}) {
      router.add("GET", kind + region + "/status", refuse);
      router.add("POST", kind + region + "/register", refuse);
      router.add("POST", kind + region + "/unregister", refuse);
    }
  }
}

}  // namespace

HttpResponse kserve_error(const Error& error, bool refused, int retry_after_s) {
  HttpResponse response = http_error(status_of(error.code, refused), error.message);
  set_retry_after(response, retry_after_s);
  return response;
}

void add_kserve_routes(HttpRouter& router, KserveService& service) {
  add_health(router, service);
  add_models(router, service);
  add_repository(router, service);
  add_settings(router, service);
  add_shared_memory(router);
}

}  // namespace shoal
