#include "service/kserve/grpc_call.h"

#include <fmt/format.h>
#include <grpcpp/alarm.h>

namespace shoal {
namespace {

class RefusedCall final : public GrpcReactor {
 public:
  RefusedCall(const grpc::Status& status, std::shared_ptr<GrpcTicket> ticket)
      : status_(status), ticket_(std::move(ticket)) {}
  void begin(Duration delay) {
    if (delay <= Duration::zero()) return Finish(status_);
    const auto until = std::chrono::system_clock::now() +
                       std::chrono::duration_cast<std::chrono::milliseconds>(delay);
    // A call that is cancelled meanwhile waits for its end all the same: it keeps its place.
    alarm_.Set(until, [this](bool) { Finish(status_); });
  }
  void OnDone() override { const std::unique_ptr<RefusedCall> self(this); }

 private:
  const grpc::Status status_;
  const std::shared_ptr<GrpcTicket> ticket_;
  grpc::Alarm alarm_;
};

}  // namespace

Result<GrpcLoad::Lease> GrpcLoad::take(std::size_t bytes) {
  const std::size_t before = bytes_.fetch_add(bytes);
  Lease lease(*this, bytes);
  if (before == 0 || before + bytes <= limits_.bytes_max) return lease;
  return Error{ErrorCode::kQueueFull, "too many bytes of requests in memory; try again later"};
}

void write_message(const google::protobuf::MessageLite& message, grpc::ByteBuffer& bytes) {
  bool own = false;
  bytes.Clear();
  // Fails only for messages that are not complete, which proto3's always are.
  (void)grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::MessageLite>(
      message, &bytes, &own);
}

bool GrpcLoad::begin(const std::string& client, bool open) {
  const std::lock_guard lock(mutex_);
  if (!open) {
    if (calls_ >= limits_.calls_max) return false;
    ++calls_;
    return true;
  }
  int& of_client = open_of_client_[client];
  if (open_calls_ >= limits_.open_calls_max || of_client >= limits_.open_calls_per_client) {
    if (of_client == 0) open_of_client_.erase(client);
    return false;
  }
  ++of_client;
  ++open_calls_;
  return true;
}

void GrpcLoad::end(const std::string& client, bool open) {
  const std::lock_guard lock(mutex_);
  if (!open) {
    --calls_;
    return;
  }
  --open_calls_;
  const auto found = open_of_client_.find(client);
  if (--found->second == 0) open_of_client_.erase(found);
}

std::shared_ptr<GrpcTicket> GrpcTicket::take(GrpcLoad& load, std::shared_ptr<GrpcLink> link,
                                             bool open) {
  if (!load.begin(link->client(), open)) return nullptr;
  return std::make_shared<GrpcTicket>(load, std::move(link), open);
}

GrpcTicket::GrpcTicket(GrpcLoad& load, std::shared_ptr<GrpcLink> link, bool open)
    : load_(load), link_(std::move(link)), open_(open) {
  link_->begin_call();
}

GrpcTicket::~GrpcTicket() {
  link_->end_call();
  load_.end(link_->client(), open_);
}

GrpcReactor* refuse_call(const grpc::Status& status, Duration delay,
                         std::shared_ptr<GrpcTicket> ticket) {
  auto refused = std::make_unique<RefusedCall>(status, std::move(ticket));
  refused->begin(delay);
  return refused.release();
}

Result<void> GrpcCall::check_size(std::size_t size) const {
  if (size <= message_max) return {};
  return Error{ErrorCode::kQueueFull,
               fmt::format("a request of {} bytes; this method takes at most {}{}{}", size,
                           message_max, message_option.empty() ? "" : ": raise ",
                           message_option)};
}

UnaryReactor::UnaryReactor(GrpcCall call) : call_(std::move(call)) {}

void UnaryReactor::begin() {
  self_ = shared_from_this();
  call_.ticket->link().begin_read(weak_from_this(), call_.ticket->open());
  if (call_.ticket->open()) call_.door.look_soon();
  StartRead(&bytes_);
}

bool UnaryReactor::end_read() {
  if (!reading_.exchange(false)) return false;
  call_.ticket->link().end_read(call_.ticket->open());
  return true;
}

void UnaryReactor::OnReadDone(bool ok) {
  if (!end_read()) return;  // it has stalled
  if (!ok) return fail({grpc::StatusCode::INVALID_ARGUMENT, "there is no request in this call"});
  const std::size_t size = bytes_.Length();
  if (const Result<void> fits = call_.check_size(size); !fits) {
    bytes_.Clear();
    return fail({grpc::StatusCode::RESOURCE_EXHAUSTED, fits.error().message});
  }
  auto lease = call_.ticket->load().take(size);
  if (!lease) {
    bytes_.Clear();
    return fail({grpc::StatusCode::RESOURCE_EXHAUSTED, lease.error().message});
  }
  lease_ = std::move(*lease);
  received(bytes_);
}

void UnaryReactor::stalled() {
  if (!end_read()) return;  // it came at last
  fail({grpc::StatusCode::DEADLINE_EXCEEDED, "the request stalled (stall_timeout)"});
}

void UnaryReactor::finish(const grpc::Status& status,
                          const google::protobuf::MessageLite& answer) {
  if (finished_.exchange(true)) return;
  release();  // before the client knows: it may send the next one at once
  if (!status.ok()) return Finish(status);
  write_message(answer, answer_);
  StartWriteAndFinish(&answer_, grpc::WriteOptions(), grpc::Status::OK);
}

void UnaryReactor::fail(const grpc::Status& status) {
  if (finished_.exchange(true)) return;
  release();
  Finish(status);
}

void UnaryReactor::OnDone() {
  (void)end_read();
  call_.ticket.reset();  // who still holds this may outlive the server
  const std::shared_ptr<UnaryReactor> last = std::move(self_);
}

}  // namespace shoal
