// Watch looks at the models twice a second: a change of theirs is rare, and nobody calls back.
#include "service/kserve/grpc_health.h"

#include <grpcpp/alarm.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "service/kserve/entry.h"

namespace shoal {
namespace {

namespace health = grpc::health::v1;
using Status = health::HealthCheckResponse::ServingStatus;

// One thing is under way at any time, a write or the alarm; what ends it decides what is next. So
// nothing here needs a lock.
class HealthWatch final : public grpc::ServerWriteReactor<health::HealthCheckResponse>,
                          public Lasting,
                          public std::enable_shared_from_this<HealthWatch> {
 public:
  HealthWatch(const GrpcHealth& of, std::string name) : health_(of), name_(std::move(name)) {}

  void begin(bool open) {
    self_ = shared_from_this();
    if (!open) ended_ = true;
    write();
  }
  void OnWriteDone(bool ok) override {
    if (!ok) ended_ = true;
    wait();
  }
  void OnCancel() override { ended_ = true; }
  void OnDone() override { const std::shared_ptr<HealthWatch> last = std::move(self_); }
  void close() override { ended_ = true; }

 private:
  void write() {
    response_.set_status(health_.status(name_));
    StartWrite(&response_);
  }
  void wait() {
    if (ended_) return Finish(grpc::Status::OK);
    alarm_.Set(std::chrono::system_clock::now() + std::chrono::milliseconds(500), [this](bool) {
      if (!ended_ && health_.status(name_) != response_.status()) return write();
      wait();
    });
  }

  const GrpcHealth& health_;
  const std::string name_;
  std::shared_ptr<HealthWatch> self_;  // until gRPC is done
  std::atomic<bool> ended_{false};
  health::HealthCheckResponse response_;
  grpc::Alarm alarm_;
};

}  // namespace

GrpcHealth::GrpcHealth(KserveService& service, OpenStreams& streams)
    : service_(service), streams_(streams) {}

Status GrpcHealth::status(const std::string& name) const {
  if (name.empty() || name == "inference.GRPCInferenceService") {
    return !closing_ && service_.models().all_ready() ? health::HealthCheckResponse::SERVING
                                                      : health::HealthCheckResponse::NOT_SERVING;
  }
  const auto entry = find_entry(service_.models(), name, "");
  if (entry) {
    return closing_ ? health::HealthCheckResponse::NOT_SERVING
                    : health::HealthCheckResponse::SERVING;
  }
  return entry.error().code == ErrorCode::kNotFound ? health::HealthCheckResponse::SERVICE_UNKNOWN
                                                    : health::HealthCheckResponse::NOT_SERVING;
}

grpc::ServerUnaryReactor* GrpcHealth::Check(grpc::CallbackServerContext* context,
                                            const health::HealthCheckRequest* request,
                                            health::HealthCheckResponse* response) {
  const Status now = status(request->service());
  auto* reactor = context->DefaultReactor();
  if (now == health::HealthCheckResponse::SERVICE_UNKNOWN) {
    reactor->Finish({grpc::StatusCode::NOT_FOUND, "unknown service"});
  } else {
    response->set_status(now);
    reactor->Finish(grpc::Status::OK);
  }
  return reactor;
}

grpc::ServerWriteReactor<health::HealthCheckResponse>* GrpcHealth::Watch(
    grpc::CallbackServerContext*, const health::HealthCheckRequest* request) {
  const auto reactor = std::make_shared<HealthWatch>(*this, request->service());
  reactor->begin(streams_.add(reactor));
  return reactor.get();
}

}  // namespace shoal
