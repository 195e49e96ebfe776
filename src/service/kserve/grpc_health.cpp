// Watch looks at the models twice a second: a change of theirs is rare, and nobody calls back.
#include "service/kserve/grpc_health.h"

#include <fmt/format.h>
#include <grpcpp/alarm.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "service/kserve/entry.h"

namespace shoal {
namespace {

namespace health = grpc::health::v1;
using Status = health::HealthCheckResponse::ServingStatus;

constexpr std::size_t kNameMax = 256;  // of a service: a model's name has 200 bytes at most

grpc::Status shutting_down() { return {grpc::StatusCode::UNAVAILABLE, "shutting down"}; }

grpc::Status name_too_long(std::size_t size) {
  return {grpc::StatusCode::INVALID_ARGUMENT,
          fmt::format("the name of a service with {} bytes; the longest there are have {}", size,
                      kNameMax)};
}

// One thing is under way at any time, the read, a write or the alarm; what ends it decides what is
// next. So nothing here needs a lock, but for the end by a message that stalls.
class HealthWatch final : public GrpcReactor,
                          public Lasting,
                          public ReadingCall,
                          public std::enable_shared_from_this<HealthWatch> {
 public:
  HealthWatch(const GrpcHealth& of, GrpcCall call) : health_(of), call_(std::move(call)) {}

  void begin(bool open) {
    self_ = shared_from_this();
    if (!open) {
      reading_ = false;
      return Finish(shutting_down());
    }
    call_.ticket->link().begin_read(weak_from_this(), call_.ticket->open());
    if (call_.ticket->open()) call_.door.look_soon();
    StartRead(&bytes_);
  }
  void OnReadDone(bool ok) override {
    if (!end_read()) return;  // it has stalled
    health::HealthCheckRequest request;
    if (!ok || !read_message(bytes_, request)) return Finish(no_such_message());
    if (request.service().size() > kNameMax) {
      return Finish(name_too_long(request.service().size()));
    }
    name_ = request.service();
    write();
  }
  void OnWriteDone(bool ok) override {
    if (!ok) ended_ = true;
    wait();
  }
  void OnCancel() override { ended_ = true; }
  void OnDone() override {
    (void)end_read();
    call_.ticket.reset();  // who still holds this may outlive the server
    const std::shared_ptr<HealthWatch> last = std::move(self_);
  }
  void close() override {
    ended_ = true;
    if (end_read()) Finish(shutting_down());
  }
  void stalled() override {
    if (!end_read()) return;  // it came at last
    Finish({grpc::StatusCode::DEADLINE_EXCEEDED, "the request stalled (stall_timeout)"});
  }

 private:
  // False: it had ended.
  bool end_read() {
    if (!reading_.exchange(false)) return false;
    call_.ticket->link().end_read(call_.ticket->open());
    return true;
  }
  void write() {
    response_.set_status(health_.status(name_));
    bytes_.Clear();
    write_message(response_, bytes_);
    StartWrite(&bytes_);
  }
  void wait() {
    if (ended_) return Finish(grpc::Status::OK);
    alarm_.Set(std::chrono::system_clock::now() + std::chrono::milliseconds(500), [this](bool) {
      if (!ended_ && health_.status(name_) != response_.status()) return write();
      wait();
    });
  }

  const GrpcHealth& health_;
  GrpcCall call_;
  std::string name_;
  std::shared_ptr<HealthWatch> self_;  // until gRPC is done
  std::atomic<bool> ended_{false};
  std::atomic<bool> reading_{true};
  grpc::ByteBuffer bytes_;
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

grpc::Status GrpcHealth::check(const health::HealthCheckRequest& request,
                               health::HealthCheckResponse& response) const {
  if (request.service().size() > kNameMax) return name_too_long(request.service().size());
  response.set_status(status(request.service()));
  if (response.status() != health::HealthCheckResponse::SERVICE_UNKNOWN) return grpc::Status::OK;
  return {grpc::StatusCode::NOT_FOUND, "unknown service"};
}

GrpcReactor* GrpcHealth::watch(GrpcCall call) {
  const auto reactor = std::make_shared<HealthWatch>(*this, std::move(call));
  reactor->begin(streams_.add(reactor));
  return reactor.get();
}

}  // namespace shoal
