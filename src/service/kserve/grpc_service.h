// The methods of inference.GRPCInferenceService and grpc.health.v1.Health, each behind the checks
// of its caller. What is refused is refused before its message is read.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "service/http/key_guard.h"
#include "service/kserve/grpc_call.h"
#include "service/kserve/grpc_health.h"
#include "service/kserve/grpc_infer.h"
#include "service/kserve/grpc_server.h"

namespace shoal {

class GrpcService final : public grpc::CallbackGenericService {
 public:
  // All outlive it.
  GrpcService(const GrpcOptions& options, KserveService& service, OpenStreams& streams,
              GrpcHealth& health, GrpcDoor& door);

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

 private:
  enum class Access : std::uint8_t { kKey, kOpen };  // kOpen: without a key too
  struct Method {
    Access access = Access::kKey;
    std::size_t message_max = 0;
    std::string_view message_option = {};  // what sets it
    std::function<GrpcReactor*(GrpcCall)> start;
  };

  // `function` is grpc::Status(const Request&, Response&).
  template <typename Request, typename Response, typename Function>
  void add(std::string_view name, Function function, Access access = Access::kKey);
  // The same on the thread for loading.
  template <typename Request, typename Response, typename Function>
  void add_later(std::string_view name, Function function);
  template <typename Request, typename Response>
  void add_unsupported(std::string_view name);
  void add_health();
  void add_description();
  void add_repository();
  void add_settings();
  void add_shared_memory();
  // Why the caller may not call; `open` says whether the call is one without a key.
  [[nodiscard]] grpc::Status check(const grpc::CallbackServerContext& context, GrpcLink& link,
                                   Access access, bool& open, Duration& delay);

  const GrpcOptions& options_;
  KserveService& service_;
  OpenStreams& streams_;
  GrpcHealth& health_;
  GrpcDoor& door_;
  GrpcLoad load_;
  KeyGuard guard_{"grpc"};
  std::map<std::string, Method, std::less<>> methods_;  // by path
};

}  // namespace shoal
