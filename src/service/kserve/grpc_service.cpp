// What each rpc asks of the models. Inference is in grpc_infer.cpp, messages in grpc_codec.cpp.
#include "service/kserve/grpc_service.h"

#include <string>
#include <utility>

#include "service/http/api_keys.h"
#include "service/kserve/entry.h"
#include "service/kserve/grpc_codec.h"
#include "service/kserve/model_control.h"

namespace shoal {
namespace {

grpc::Status as_status(const Result<void>& result) {
  return result ? grpc::Status::OK : status_of(result.error());
}

std::string_view metadata(const grpc::CallbackServerContext& context, const char* name) {
  const auto found = context.client_metadata().find(name);
  if (found == context.client_metadata().end()) return {};
  return {found->second.data(), found->second.size()};
}

const grpc::Status kNoKey(grpc::StatusCode::UNAUTHENTICATED,
                          "needs an API key: authorization: Bearer KEY, or x-api-key: KEY");
const grpc::Status kNoSharedMemory(grpc::StatusCode::UNIMPLEMENTED,
                                   "shared memory is not supported; send tensors in the request");

// A stream that ends before it begins.
class Refused final : public grpc::ServerBidiReactor<inference::ModelInferRequest,
                                                     inference::ModelStreamInferResponse> {
 public:
  Refused() { Finish(kNoKey); }
  void OnDone() override { const std::unique_ptr<Refused> self(this); }
};

}  // namespace

bool GrpcService::allowed(const Context& context) const {
  if (!options_.allows_key) return true;
  return options_.allows_key(
      presented_key(metadata(context, "authorization"), metadata(context, "x-api-key")));
}

template <typename Make>
GrpcService::Reactor* GrpcService::answer(Context* context, Make make) const {
  Reactor* reactor = context->DefaultReactor();
  reactor->Finish(allowed(*context) ? make() : kNoKey);
  return reactor;
}

template <typename Make>
GrpcService::Reactor* GrpcService::answer_later(Context* context, Make make) {
  Reactor* reactor = context->DefaultReactor();
  if (!allowed(*context)) {
    reactor->Finish(kNoKey);
  } else {
    service_.control().post([reactor, make] { reactor->Finish(make()); });
  }
  return reactor;
}

GrpcService::Reactor* GrpcService::ServerLive(Context* context,
                                              const inference::ServerLiveRequest*,
                                              inference::ServerLiveResponse* response) {
  response->set_live(true);
  Reactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

GrpcService::Reactor* GrpcService::ServerReady(Context* context,
                                               const inference::ServerReadyRequest*,
                                               inference::ServerReadyResponse* response) {
  response->set_ready(service_.models().all_ready());
  Reactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

GrpcService::Reactor* GrpcService::ModelReady(Context* context,
                                              const inference::ModelReadyRequest* request,
                                              inference::ModelReadyResponse* response) {
  return answer(context, [&] {
    const auto entry = find_entry(service_.models(), request->name(), request->version());
    response->set_ready(entry.has_value());
    const bool unknown = !entry && entry.error().code == ErrorCode::kNotFound;
    return unknown ? status_of(entry.error()) : grpc::Status::OK;
  });
}

GrpcService::Reactor* GrpcService::ServerMetadata(Context* context,
                                                  const inference::ServerMetadataRequest*,
                                                  inference::ServerMetadataResponse* response) {
  return answer(context, [&] {
    response->set_name(std::string(kServerName));
    response->set_version(std::string(kServerVersion));
    for (const std::string& name : service_.extensions()) response->add_extensions(name);
    return grpc::Status::OK;
  });
}

GrpcService::Reactor* GrpcService::ModelMetadata(Context* context,
                                                 const inference::ModelMetadataRequest* request,
                                                 inference::ModelMetadataResponse* response) {
  return answer(context, [&] {
    const auto entry = find_entry(service_.models(), request->name(), request->version());
    if (!entry) return status_of(entry.error());
    write_metadata(*entry, *response);
    return grpc::Status::OK;
  });
}

GrpcService::Reactor* GrpcService::ModelInfer(Context* context,
                                              const inference::ModelInferRequest* request,
                                              inference::ModelInferResponse* response) {
  if (allowed(*context)) {
    return start_unary_infer(service_, *context, budget_, *request, *response);
  }
  return answer(context, [] { return grpc::Status::OK; });
}

grpc::ServerBidiReactor<inference::ModelInferRequest, inference::ModelStreamInferResponse>*
GrpcService::ModelStreamInfer(Context* context) {
  if (!allowed(*context)) return std::make_unique<Refused>().release();
  return start_stream_infer(service_, *context, budget_, streams_, options_.stream_window);
}

GrpcService::Reactor* GrpcService::ModelConfig(Context* context,
                                               const inference::ModelConfigRequest* request,
                                               inference::ModelConfigResponse* response) {
  return answer(context, [&] {
    const auto entry = find_entry(service_.models(), request->name(), request->version());
    if (!entry) return status_of(entry.error());
    fill_config(*entry, *response->mutable_config());
    return grpc::Status::OK;
  });
}

GrpcService::Reactor* GrpcService::ModelStatistics(
    Context* context, const inference::ModelStatisticsRequest* request,
    inference::ModelStatisticsResponse* response) {
  return answer(context, [&] {
    if (!request->name().empty()) {
      const auto entry = find_entry(service_.models(), request->name(), request->version());
      if (!entry) return status_of(entry.error());
      write_statistics(*entry, *response->add_model_stats());
      return grpc::Status::OK;
    }
    for (const IndexLine& line : model_index(service_, true)) {
      const auto entry = find_entry(service_.models(), line.name, "");
      if (entry) write_statistics(*entry, *response->add_model_stats());
    }
    return grpc::Status::OK;
  });
}

GrpcService::Reactor* GrpcService::RepositoryIndex(
    Context* context, const inference::RepositoryIndexRequest* request,
    inference::RepositoryIndexResponse* response) {
  return answer(context, [&] {
    write_index(model_index(service_, request->ready()), *response);
    return grpc::Status::OK;
  });
}

GrpcService::Reactor* GrpcService::RepositoryModelLoad(
    Context* context, const inference::RepositoryModelLoadRequest* request,
    inference::RepositoryModelLoadResponse*) {
  return answer_later(context, [this, request] {
    const auto parameters = read_load_parameters(*request);
    if (!parameters) return status_of(parameters.error());
    return as_status(load_model(service_, request->model_name(), *parameters));
  });
}

GrpcService::Reactor* GrpcService::RepositoryModelUnload(
    Context* context, const inference::RepositoryModelUnloadRequest* request,
    inference::RepositoryModelUnloadResponse*) {
  return answer_later(context, [this, request] {
    return as_status(unload_model(service_, request->model_name()));
  });
}

GrpcService::Reactor* GrpcService::TraceSetting(Context* context,
                                                const inference::TraceSettingRequest* request,
                                                inference::TraceSettingResponse* response) {
  return answer(context, [&] {
    const TraceHooks& trace = service_.options().trace;
    if (!trace.get || !trace.set) {
      return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "this service keeps no trace");
    }
    std::string model = request->model_name();
    if (!model.empty()) {
      const auto entry = find_entry(service_.models(), model, "");
      if (!entry) return status_of(entry.error());
    }
    // Clients ask for the settings by changing none of them.
    const TraceValues changes = read_trace(*request);
    if (changes.empty()) {
      write_trace(trace.get(model), *response);
      return grpc::Status::OK;
    }
    const auto values = trace.set(model, changes);
    if (!values) return status_of(values.error());
    write_trace(*values, *response);
    return grpc::Status::OK;
  });
}

GrpcService::Reactor* GrpcService::LogSettings(Context* context,
                                               const inference::LogSettingsRequest* request,
                                               inference::LogSettingsResponse* response) {
  return answer(context, [&] {
    const LogHooks& hooks = service_.options().log;
    if (!hooks.get || !hooks.set) {
      return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "no log settings here");
    }
    const auto settings = hooks.set(read_log(*request));
    if (!settings) return status_of(settings.error());
    write_log(*settings, *response);
    return grpc::Status::OK;
  });
}

#define SHOAL_NO_SHARED_MEMORY(Name)                                                     \
  GrpcService::Reactor* GrpcService::Name(Context* context, const inference::Name##Request*, \
                                          inference::Name##Response*) {                  \
    return answer(context, [] { return kNoSharedMemory; });                              \
  }
SHOAL_NO_SHARED_MEMORY(SystemSharedMemoryStatus)
SHOAL_NO_SHARED_MEMORY(SystemSharedMemoryRegister)
SHOAL_NO_SHARED_MEMORY(SystemSharedMemoryUnregister)
SHOAL_NO_SHARED_MEMORY(CudaSharedMemoryStatus)
SHOAL_NO_SHARED_MEMORY(CudaSharedMemoryRegister)
SHOAL_NO_SHARED_MEMORY(CudaSharedMemoryUnregister)
#undef SHOAL_NO_SHARED_MEMORY

}  // namespace shoal
