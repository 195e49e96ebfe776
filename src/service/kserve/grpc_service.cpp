// What each method asks of the models. Inference is in grpc_infer.cpp, messages in grpc_codec.cpp.
#include "service/kserve/grpc_service.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "service/http/api_keys.h"
#include "service/kserve/entry.h"
#include "service/kserve/grpc_codec.h"
#include "service/kserve/model_control.h"

namespace shoal {
namespace {

constexpr std::string_view kService = "/inference.GRPCInferenceService/";
constexpr std::string_view kHealth = "/grpc.health.v1.Health/";
constexpr std::size_t kOpenMessage = std::size_t{1} << 10;   // health
constexpr std::string_view kMessageOption = "service.body_max_mib";
constexpr std::size_t kSmallMessage = std::size_t{4} << 20;  // names, settings, a configuration

grpc::Status as_status(const Result<void>& result) {
  return result ? grpc::Status::OK : status_of(result.error());
}

std::string_view metadata(const grpc::CallbackServerContext& context, const char* name) {
  const auto found = context.client_metadata().find(name);
  if (found == context.client_metadata().end()) return {};
  return {found->second.data(), found->second.size()};
}

grpc::Status no_key() {
  return {grpc::StatusCode::UNAUTHENTICATED,
          "needs an API key: authorization: Bearer KEY, or x-api-key: KEY"};
}

grpc::Status too_many() {
  return {grpc::StatusCode::RESOURCE_EXHAUSTED, "too many calls at once; try again later"};
}

}  // namespace

template <typename Request, typename Response, typename Function>
void GrpcService::add(std::string_view name, Function function, Access access) {
  Method method{.access = access,
                .message_max = access == Access::kOpen ? kOpenMessage : kSmallMessage,
                .start = {}};
  method.start = [function](GrpcCall call) -> GrpcReactor* {
    const auto reactor = std::make_shared<FunctionReactor<Request, Response>>(
        std::move(call), function, nullptr);
    reactor->begin();
    return reactor.get();
  };
  methods_.emplace(std::string(kService).append(name), std::move(method));
}

template <typename Request, typename Response, typename Function>
void GrpcService::add_later(std::string_view name, Function function) {
  Method method{.access = Access::kKey, .message_max = kSmallMessage, .start = {}};
  method.start = [this, function](GrpcCall call) -> GrpcReactor* {
    const auto reactor = std::make_shared<FunctionReactor<Request, Response>>(
        std::move(call), function,
        [this](std::function<void()> work) { service_.control().post(std::move(work)); });
    reactor->begin();
    return reactor.get();
  };
  methods_.emplace(std::string(kService).append(name), std::move(method));
}

template <typename Request, typename Response>
void GrpcService::add_unsupported(std::string_view name) {
  add<Request, Response>(name, [](const Request&, Response&) {
    return grpc::Status(grpc::StatusCode::UNIMPLEMENTED,
                        "shared memory is not supported; send tensors in the request");
  });
}

GrpcService::GrpcService(const GrpcOptions& options, KserveService& service, OpenStreams& streams,
                         GrpcHealth& health, GrpcDoor& door)
    : options_(options),
      service_(service),
      streams_(streams),
      health_(health),
      door_(door),
      load_({.bytes_max = options.memory_max}) {
  add_health();
  add_description();
  add_repository();
  add_settings();
  add_shared_memory();
  methods_.emplace(std::string(kService) + "ModelInfer",
                   Method{.message_max = options.message_max,
                          .message_option = kMessageOption,
                          .start = [this](GrpcCall call) {
                            return start_unary_infer(service_, std::move(call));
                          }});
  methods_.emplace(std::string(kService) + "ModelStreamInfer",
                   Method{.message_max = options.message_max,
                          .message_option = kMessageOption,
                          .start = [this](GrpcCall call) {
                            return start_stream_infer(service_, std::move(call), streams_,
                                                      options_.stream_window);
                          }});
}

grpc::Status GrpcService::check(const grpc::CallbackServerContext& context, GrpcLink& link,
                                Access access, bool& open, Duration& delay) {
  open = false;
  delay = Duration::zero();
  if (!options_.allows_key) {
    link.prove();
    // Only browsers send this, for a page that is not ours: this door has none.
    if (access == Access::kOpen || metadata(context, "origin").empty()) return grpc::Status::OK;
    return {grpc::StatusCode::PERMISSION_DENIED, "pages in a browser may not call this service"};
  }
  const std::string_view key =
      presented_key(metadata(context, "authorization"), metadata(context, "x-api-key"));
  if (!key.empty() && options_.allows_key(key)) {
    link.prove();
    return grpc::Status::OK;
  }
  open = true;
  if (access == Access::kOpen) return grpc::Status::OK;
  if (!key.empty()) delay = guard_.wrong(link.client(), Clock::now());
  return no_key();
}

grpc::ServerGenericBidiReactor* GrpcService::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  const auto link = door_.find(context->peer());
  if (link == nullptr) {
    return refuse_call({grpc::StatusCode::UNAVAILABLE, "the connection is gone"}, {}, nullptr);
  }
  const auto found = methods_.find(context->method());
  const Access access = found == methods_.end() ? Access::kKey : found->second.access;
  bool open = false;
  Duration delay{};
  const grpc::Status status = check(*context, *link, access, open, delay);
  auto ticket = GrpcTicket::take(load_, link, open);
  if (ticket == nullptr) return refuse_call(too_many(), {}, nullptr);
  if (!status.ok()) return refuse_call(status, delay, std::move(ticket));
  if (found == methods_.end()) {
    return refuse_call({grpc::StatusCode::UNIMPLEMENTED,
                        fmt::format("there is no method {}", context->method().substr(0, 100))},
                       {}, std::move(ticket));
  }
  return found->second.start({.context = *context,
                              .door = door_,
                              .ticket = std::move(ticket),
                              .message_max = found->second.message_max,
                              .message_option = found->second.message_option});
}

void GrpcService::add_health() {
  add<inference::ServerLiveRequest, inference::ServerLiveResponse>(
      "ServerLive", [](const auto&, auto& response) {
        response.set_live(true);
        return grpc::Status::OK;
      }, Access::kOpen);
  add<inference::ServerReadyRequest, inference::ServerReadyResponse>(
      "ServerReady", [this](const auto&, auto& response) {
        response.set_ready(service_.models().all_ready());
        return grpc::Status::OK;
      }, Access::kOpen);
  using grpc::health::v1::HealthCheckRequest;
  using grpc::health::v1::HealthCheckResponse;
  const auto check = [this](const HealthCheckRequest& request, HealthCheckResponse& response) {
    return health_.check(request, response);
  };
  methods_.emplace(
      std::string(kHealth) + "Check",
      Method{.access = Access::kOpen, .message_max = kOpenMessage,
             .start = [check](GrpcCall call) -> GrpcReactor* {
               const auto reactor =
                   std::make_shared<FunctionReactor<HealthCheckRequest, HealthCheckResponse>>(
                       std::move(call), check, nullptr);
               reactor->begin();
               return reactor.get();
             }});
  const auto watch = [this](GrpcCall call) { return health_.watch(std::move(call)); };
  methods_.emplace(
      std::string(kHealth) + "Watch",
      Method{.access = Access::kOpen, .message_max = kOpenMessage, .start = watch});
}

void GrpcService::add_description() {
  add<inference::ModelReadyRequest, inference::ModelReadyResponse>(
      "ModelReady", [this](const auto& request, auto& response) {
        const auto entry = find_entry(service_.models(), request.name(), request.version());
        response.set_ready(entry.has_value());
        const bool unknown = !entry && entry.error().code == ErrorCode::kNotFound;
        return unknown ? status_of(entry.error()) : grpc::Status::OK;
      });
  add<inference::ServerMetadataRequest, inference::ServerMetadataResponse>(
      "ServerMetadata", [this](const auto&, auto& response) {
        response.set_name(std::string(kServerName));
        response.set_version(std::string(kServerVersion));
        for (const std::string& name : service_.extensions()) response.add_extensions(name);
        return grpc::Status::OK;
      });
  add<inference::ModelMetadataRequest, inference::ModelMetadataResponse>(
      "ModelMetadata", [this](const auto& request, auto& response) {
        const auto entry = find_entry(service_.models(), request.name(), request.version());
        if (!entry) return status_of(entry.error());
        write_metadata(*entry, response);
        return grpc::Status::OK;
      });
  add<inference::ModelConfigRequest, inference::ModelConfigResponse>(
      "ModelConfig", [this](const auto& request, auto& response) {
        const auto entry = find_entry(service_.models(), request.name(), request.version());
        if (!entry) return status_of(entry.error());
        fill_config(*entry, *response.mutable_config());
        return grpc::Status::OK;
      });
  add<inference::ModelStatisticsRequest, inference::ModelStatisticsResponse>(
      "ModelStatistics", [this](const auto& request, auto& response) {
        if (!request.name().empty()) {
          const auto entry = find_entry(service_.models(), request.name(), request.version());
          if (!entry) return status_of(entry.error());
          write_statistics(*entry, *response.add_model_stats());
          return grpc::Status::OK;
        }
        for (const IndexLine& line : model_index(service_, true)) {
          const auto entry = find_entry(service_.models(), line.name, "");
          if (entry) write_statistics(*entry, *response.add_model_stats());
        }
        return grpc::Status::OK;
      });
}

void GrpcService::add_repository() {
  add<inference::RepositoryIndexRequest, inference::RepositoryIndexResponse>(
      "RepositoryIndex", [this](const auto& request, auto& response) {
        write_index(model_index(service_, request.ready()), response);
        return grpc::Status::OK;
      });
  const auto denied = [this] {
    return service_.options().model_control
               ? grpc::Status::OK
               : grpc::Status(grpc::StatusCode::PERMISSION_DENIED, std::string(kNoModelControl));
  };
  add_later<inference::RepositoryModelLoadRequest, inference::RepositoryModelLoadResponse>(
      "RepositoryModelLoad", [this, denied](const auto& request, auto&) {
        if (const grpc::Status status = denied(); !status.ok()) return status;
        const auto parameters = read_load_parameters(request);
        if (!parameters) return status_of(parameters.error());
        return as_status(load_model(service_, request.model_name(), *parameters,
                                    "a client of the gRPC door"));
      });
  add_later<inference::RepositoryModelUnloadRequest, inference::RepositoryModelUnloadResponse>(
      "RepositoryModelUnload", [this, denied](const auto& request, auto&) {
        if (const grpc::Status status = denied(); !status.ok()) return status;
        return as_status(unload_model(service_, request.model_name(), "a client of the gRPC door"));
      });
}

void GrpcService::add_settings() {
  add<inference::TraceSettingRequest, inference::TraceSettingResponse>(
      "TraceSetting", [this](const auto& request, auto& response) {
        const TraceHooks& trace = service_.options().trace;
        if (!trace.get || !trace.set) {
          return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "this service keeps no trace");
        }
        const std::string& model = request.model_name();
        if (!model.empty()) {
          const auto entry = find_entry(service_.models(), model, "");
          if (!entry) return status_of(entry.error());
        }
        // Clients ask for the settings by changing none of them.
        const TraceValues changes = read_trace(request);
        if (changes.empty()) {
          write_trace(trace.get(model), response);
          return grpc::Status::OK;
        }
        const auto values = trace.set(model, changes);
        if (!values) return status_of(values.error());
        write_trace(*values, response);
        return grpc::Status::OK;
      });
  add<inference::LogSettingsRequest, inference::LogSettingsResponse>(
      "LogSettings", [this](const auto& request, auto& response) {
        const LogHooks& hooks = service_.options().log;
        if (!hooks.get || !hooks.set) {
          return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "no log settings here");
        }
        const auto settings = hooks.set(read_log(request));
        if (!settings) return status_of(settings.error());
        write_log(*settings, response);
        return grpc::Status::OK;
      });
}

#define SHOAL_NO_SHARED_MEMORY(Name) \
  add_unsupported<inference::Name##Request, inference::Name##Response>(#Name)
void GrpcService::add_shared_memory() {
  SHOAL_NO_SHARED_MEMORY(SystemSharedMemoryStatus);
  SHOAL_NO_SHARED_MEMORY(SystemSharedMemoryRegister);
  SHOAL_NO_SHARED_MEMORY(SystemSharedMemoryUnregister);
  SHOAL_NO_SHARED_MEMORY(CudaSharedMemoryStatus);
  SHOAL_NO_SHARED_MEMORY(CudaSharedMemoryRegister);
  SHOAL_NO_SHARED_MEMORY(CudaSharedMemoryUnregister);
}
#undef SHOAL_NO_SHARED_MEMORY

}  // namespace shoal
