// Two reactors. Whose turn it is to touch gRPC is decided under a lock; gRPC is called outside it.
#include "service/kserve/grpc_infer.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "core/memory_guard.h"
#include "service/kserve/grpc_codec.h"
#include "service/kserve/grpc_door.h"
#include "service/kserve/infer.h"

namespace shoal {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using inference::ModelStreamInferResponse;

// A client's deadline is on the wall clock; ours are on the steady one.
std::optional<TimePoint> deadline_of(const grpc::CallbackServerContext& context) {
  const auto wall = context.deadline();
  const auto now = std::chrono::system_clock::now();
  if (wall > now + std::chrono::hours(24)) return std::nullopt;  // none was set
  return Clock::now() + std::chrono::duration_cast<Duration>(wall - now);
}

// `owner` keeps `request`. An Error means that `done` is not called; `host` is then set where the
// model was found.
Result<CallHandle> start(KserveService& service, const grpc::CallbackServerContext& context,
                         const ModelInferRequest& request, std::shared_ptr<const void> owner,
                         std::shared_ptr<ModelHost>& host, InferDone done) {
  const TimePoint arrived = Clock::now();
  const Entry entry = SHOAL_TRY(
      find_entry(service.models(), request.model_name(), request.model_version()));
  host = entry.host;
  InferCall read = SHOAL_TRY(read_infer_request(request));
  auto call = std::make_shared<InferCall>(std::move(read));
  const std::string peer = context.peer();
  call->model = entry.name;
  call->owner = std::move(owner);
  call->source_name = address_of_peer(peer);
  call->source = client_source(call->source_name);
  call->door = "grpc";
  if (!service.options().timeout_override) call->timeout.reset();
  call->items_max = service.options().items_max;
  call->arrived = arrived;
  call->deadline = deadline_of(context);
  return start_infer(entry, std::move(call), service.workers(), std::move(done));
}

class UnaryInfer final : public UnaryReactor {
 public:
  UnaryInfer(KserveService& service, GrpcCall call)
      : UnaryReactor(std::move(call)), service_(service) {}

  void OnCancel() override {
    std::optional<CallHandle> handle;
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
      handle = handle_;
    }
    if (handle) handle->cancel();
  }

 private:
  void received(grpc::ByteBuffer& bytes) override {
    const auto request = std::make_shared<ModelInferRequest>();
    if (!read_message(bytes, *request)) return fail(no_such_message());
    const std::shared_ptr<UnaryReactor> self = shared_from_this();
    auto handle = start(service_, context(), *request, request, host_,
                        [self, this](Result<InferAnswer> answer) { end(std::move(answer)); });
    if (!handle) return end(handle.error());
    bool gone = false;
    {
      const std::lock_guard lock(mutex_);
      handle_ = *handle;
      gone = cancelled_;
    }
    if (gone) handle->cancel();
  }
  void end(Result<InferAnswer> answer) {
    if (!answer) return refuse(answer.error());
    ModelInferResponse response;
    const Result<void> written = guarding_memory("the answer", [&]() -> Result<void> {
      write_infer_response(std::move(*answer), response);
      return {};
    });
    if (!written) return refuse(try_again_later(written.error()));
    finish(grpc::Status::OK, response);
  }
  void refuse(const Error& error) {
    const grpc::Status status = status_of(error);
    const bool again = status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED ||
                       status.error_code() == grpc::StatusCode::UNAVAILABLE;
    if (again && host_) {
      context().AddTrailingMetadata("retry-after", std::to_string(host_->retry_after_s()));
    }
    fail(status);
  }

  KserveService& service_;
  std::shared_ptr<ModelHost> host_;  // before any answer
  std::mutex mutex_;
  // Guarded by mutex_.
  std::optional<CallHandle> handle_;
  bool cancelled_ = false;
};

class StreamInfer final : public GrpcReactor,
                          public Lasting,
                          public std::enable_shared_from_this<StreamInfer> {
 public:
  StreamInfer(KserveService& service, GrpcCall call, int window)
      : service_(service), call_(std::move(call)), window_(static_cast<std::size_t>(window)) {}

  void begin(bool open) {
    self_ = shared_from_this();
    if (open) {
      advance();
    } else {
      close();
    }
  }

  void OnReadDone(bool ok) override {
    std::shared_ptr<Slot> slot;
    {
      const std::lock_guard lock(mutex_);
      reading_ = false;
      if (ok) {
        slot = std::make_shared<Slot>();
        slot->bytes.Swap(&incoming_);
        slots_.push_back(slot);
      } else {
        reads_done_ = true;
      }
    }
    // What is in slots_ keeps the stream from ending, so `this` lives until its answer is there.
    if (slot) launch(slot);
    advance();
  }
  void OnWriteDone(bool) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      slots_.pop_front();
    }
    advance();
  }
  void OnCancel() override {
    std::vector<CallHandle> handles;
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
      for (const auto& slot : slots_) handles.push_back(slot->handle);
    }
    for (const CallHandle& handle : handles) handle.cancel();
  }
  void OnDone() override { const std::shared_ptr<StreamInfer> last = std::move(self_); }

  void close() override {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    advance();
  }

 private:
  struct Slot {
    grpc::ByteBuffer bytes;  // of the request, then of the answer
    ModelInferRequest request;
    CallHandle handle;
    std::optional<GrpcLoad::Lease> lease;
    bool ready = false;
  };

  void launch(const std::shared_ptr<Slot>& slot) {
    if (const Result<void> fits = call_.check_size(slot->bytes.Length()); !fits) {
      return end(slot, fits.error());
    }
    auto lease = call_.ticket->load().take(slot->bytes.Length());
    if (!lease) return end(slot, lease.error());
    slot->lease = std::move(*lease);
    if (!read_message(slot->bytes, slot->request)) {
      return end(slot, Error{ErrorCode::kInvalidArgument, no_such_message().error_message()});
    }
    std::shared_ptr<ModelHost> host;
    auto handle = start(service_, call_.context, slot->request, slot, host,
                        [this, slot](Result<InferAnswer> answer) { end(slot, std::move(answer)); });
    if (!handle) return end(slot, handle.error());
    bool gone = false;
    {
      const std::lock_guard lock(mutex_);
      slot->handle = *handle;
      gone = cancelled_;
    }
    if (gone) handle->cancel();
  }

  void end(const std::shared_ptr<Slot>& slot, Result<InferAnswer> answer) {
    ModelStreamInferResponse response;
    if (answer) {
      const Result<void> written = guarding_memory("the answer", [&]() -> Result<void> {
        write_infer_response(std::move(*answer), *response.mutable_infer_response());
        return {};
      });
      if (!written) answer = try_again_later(written.error());
    }
    if (!answer) {
      response.set_error_message(answer.error().message);
      response.mutable_infer_response()->set_id(slot->request.id());
      response.mutable_infer_response()->set_model_name(slot->request.model_name());
    }
    // Nobody reads the tensors any more, while the answer may still wait for its turn.
    ModelInferRequest().Swap(&slot->request);
    slot->lease.reset();
    write_message(response, slot->bytes);
    {
      const std::lock_guard lock(mutex_);
      slot->ready = true;
    }
    advance();
  }

  // Does what can be done now: writes the first answer, reads the next request, ends. One thread
  // at a time; who finds another one here leaves what changed to it. After Finish() nobody gets in
  // again, and this object may be gone.
  void advance() {
    std::unique_lock lock(mutex_);
    if (busy_) return;
    busy_ = true;
    while (true) {
      const bool write = !writing_ && !slots_.empty() && slots_.front()->ready;
      const bool read = !reading_ && !reads_done_ && !closing_ && slots_.size() < window_;
      if (!write && !read) break;
      const grpc::ByteBuffer* response = nullptr;
      if (write) {
        writing_ = true;
        response = &slots_.front()->bytes;
      }
      if (read) {
        reading_ = true;
        incoming_.Clear();
      }
      lock.unlock();
      if (write) StartWrite(response);
      if (read) StartRead(&incoming_);
      lock.lock();
    }
    if ((reads_done_ || closing_) && slots_.empty()) {
      const bool cut = closing_ && !reads_done_;
      lock.unlock();
      Finish(cut ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down") : grpc::Status::OK);
      return;
    }
    busy_ = false;
  }

  KserveService& service_;
  GrpcCall call_;
  const std::size_t window_;
  std::shared_ptr<StreamInfer> self_;  // until gRPC is done
  std::mutex mutex_;
  // Guarded by mutex_, but for incoming_ while reading_: gRPC writes it.
  grpc::ByteBuffer incoming_;
  std::deque<std::shared_ptr<Slot>> slots_;  // in the order of the requests
  bool reading_ = false;
  bool writing_ = false;
  bool reads_done_ = false;
  bool closing_ = false;
  bool cancelled_ = false;
  bool busy_ = false;
};

}  // namespace

bool OpenStreams::add(const std::shared_ptr<Lasting>& one) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  std::erase_if(open_, [](const std::weak_ptr<Lasting>& held) { return held.expired(); });
  open_.push_back(one);
  return true;
}

void OpenStreams::close_all() {
  std::vector<std::weak_ptr<Lasting>> open;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    open.swap(open_);
  }
  for (const auto& held : open) {
    if (const auto one = held.lock()) one->close();
  }
}

GrpcReactor* start_unary_infer(KserveService& service, GrpcCall call) {
  const auto reactor = std::make_shared<UnaryInfer>(service, std::move(call));
  reactor->begin();
  return reactor.get();
}

GrpcReactor* start_stream_infer(KserveService& service, GrpcCall call, OpenStreams& streams,
                                int window) {
  const auto reactor = std::make_shared<StreamInfer>(service, std::move(call), window);
  reactor->begin(streams.add(reactor));
  return reactor.get();
}

}  // namespace shoal
