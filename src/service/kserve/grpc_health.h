// The health protocol of gRPC's own probes: grpc.health.v1.Health.
#pragma once

#include <atomic>

#include "service/kserve/grpc_infer.h"
#include "service/kserve/health.grpc.pb.h"
#include "service/kserve/kserve_service.h"

namespace shoal {

// The service "" (and "inference.GRPCInferenceService") serves while every model is ready; a model
// is asked for by its name, either entry's. Check answers at once, Watch whenever that changes.
class GrpcHealth final : public grpc::health::v1::Health::CallbackService {
 public:
  // Both outlive it.
  GrpcHealth(KserveService& service, OpenStreams& streams);
  // From now on nothing serves.
  void close() { closing_.store(true); }

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request) override;

  [[nodiscard]] grpc::health::v1::HealthCheckResponse::ServingStatus status(
      const std::string& name) const;

 private:
  KserveService& service_;
  OpenStreams& streams_;
  std::atomic<bool> closing_{false};
};

}  // namespace shoal
