// The health protocol of gRPC's own probes: grpc.health.v1.Health.
#pragma once

#include <atomic>

#include "service/kserve/grpc_infer.h"
#include "service/kserve/health.pb.h"
#include "service/kserve/kserve_service.h"

namespace shoal {

// The service "" (and "inference.GRPCInferenceService") serves while every model is ready; a model
// is asked for by its name, either entry's. Check answers at once, Watch whenever that changes.
class GrpcHealth {
 public:
  // Both outlive it.
  GrpcHealth(KserveService& service, OpenStreams& streams);
  // From now on nothing serves.
  void close() { closing_.store(true); }

  [[nodiscard]] grpc::Status check(const grpc::health::v1::HealthCheckRequest& request,
                                   grpc::health::v1::HealthCheckResponse& response) const;
  [[nodiscard]] GrpcReactor* watch(GrpcCall call);

  [[nodiscard]] grpc::health::v1::HealthCheckResponse::ServingStatus status(
      const std::string& name) const;

 private:
  KserveService& service_;
  OpenStreams& streams_;
  std::atomic<bool> closing_{false};
};

}  // namespace shoal
