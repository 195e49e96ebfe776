// Two reactors. Whose turn it is to touch gRPC is decided under a lock; gRPC is called outside it.
#include "service/kserve/grpc_infer.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "service/kserve/grpc_codec.h"
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

std::string address_of(const std::string& peer) {
  // "ipv4:127.0.0.1:54321": without kind and port.
  const auto kind = peer.find(':');
  const auto port = peer.rfind(':');
  if (kind == std::string::npos || port <= kind) return peer;
  return peer.substr(kind + 1, port - kind - 1);
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
  call->source = std::hash<std::string>{}(peer);
  call->source_name = address_of(peer);
  call->door = "grpc";
  call->items_max = service.options().items_max;
  call->arrived = arrived;
  call->deadline = deadline_of(context);
  return start_infer(entry, std::move(call), service.workers(), std::move(done));
}

class UnaryInfer final : public grpc::ServerUnaryReactor {
 public:
  UnaryInfer(grpc::CallbackServerContext& context, ModelInferResponse& response)
      : context_(context), response_(response) {}

  // Called before gRPC knows of this object, so no other method runs meanwhile.
  void begin(KserveService& service, MessageBudget& budget, const ModelInferRequest& request) {
    auto lease = budget.take(request);
    if (!lease) return fail(lease.error());
    lease_ = std::move(*lease);
    auto handle = start(service, context_, request, nullptr, host_,
                        [this](Result<InferAnswer> answer) { end(std::move(answer)); });
    if (handle) {
      handle_ = *handle;
    } else {
      fail(handle.error());
    }
  }
  void OnCancel() override { handle_.cancel(); }
  void OnDone() override { const std::unique_ptr<UnaryInfer> self(this); }

 private:
  void end(Result<InferAnswer> answer) {
    if (!answer) return fail(answer.error());
    lease_.reset();  // before the client knows: it may send the next one at once
    write_infer_response(std::move(*answer), response_);
    Finish(grpc::Status::OK);
  }
  void fail(const Error& error) {
    lease_.reset();
    const grpc::Status status = status_of(error);
    const bool again = status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED ||
                       status.error_code() == grpc::StatusCode::UNAVAILABLE;
    if (again && host_) {
      context_.AddTrailingMetadata("retry-after", std::to_string(host_->retry_after_s()));
    }
    Finish(status);
  }

  grpc::CallbackServerContext& context_;
  ModelInferResponse& response_;
  std::shared_ptr<ModelHost> host_;
  CallHandle handle_;
  std::optional<MessageBudget::Lease> lease_;
};

class StreamInfer final
    : public grpc::ServerBidiReactor<ModelInferRequest, ModelStreamInferResponse>,
      public Lasting,
      public std::enable_shared_from_this<StreamInfer> {
 public:
  StreamInfer(KserveService& service, grpc::CallbackServerContext& context, MessageBudget& budget,
              int window)
      : service_(service),
        context_(context),
        budget_(budget),
        window_(static_cast<std::size_t>(window)) {}

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
        slot->request = std::exchange(incoming_, nullptr);
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
    std::unique_ptr<ModelInferRequest> request;
    ModelStreamInferResponse response;
    CallHandle handle;
    std::optional<MessageBudget::Lease> lease;
    bool ready = false;
  };

  void launch(const std::shared_ptr<Slot>& slot) {
    auto lease = budget_.take(*slot->request);
    if (!lease) return end(slot, lease.error());
    slot->lease = std::move(*lease);
    std::shared_ptr<ModelHost> host;
    auto handle = start(service_, context_, *slot->request, slot, host,
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
    if (answer) {
      write_infer_response(std::move(*answer), *slot->response.mutable_infer_response());
    } else {
      slot->response.set_error_message(answer.error().message);
      slot->response.mutable_infer_response()->set_id(slot->request->id());
      slot->response.mutable_infer_response()->set_model_name(slot->request->model_name());
    }
    // Nobody reads the tensors any more, while the answer may still wait for its turn.
    slot->request.reset();
    slot->lease.reset();
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
      const ModelStreamInferResponse* response = nullptr;
      if (write) {
        writing_ = true;
        response = &slots_.front()->response;
      }
      if (read) {
        reading_ = true;
        incoming_ = std::make_unique<ModelInferRequest>();
      }
      lock.unlock();
      if (write) StartWrite(response);
      if (read) StartRead(incoming_.get());
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
  grpc::CallbackServerContext& context_;
  MessageBudget& budget_;
  const std::size_t window_;
  std::shared_ptr<StreamInfer> self_;  // until gRPC is done
  std::mutex mutex_;
  // Guarded by mutex_, but for what incoming_ points to: gRPC writes it while reading_.
  std::unique_ptr<ModelInferRequest> incoming_;
  std::deque<std::shared_ptr<Slot>> slots_;  // in the order of the requests
  bool reading_ = false;
  bool writing_ = false;
  bool reads_done_ = false;
  bool closing_ = false;
  bool cancelled_ = false;
  bool busy_ = false;
};

}  // namespace

Result<MessageBudget::Lease> MessageBudget::take(const ModelInferRequest& request) {
  const std::size_t bytes = request.ByteSizeLong();
  const std::size_t before = used_.fetch_add(bytes);
  Lease lease(*this, bytes);
  if (before == 0 || before + bytes <= bytes_max_) return lease;
  return Error{ErrorCode::kQueueFull, "too many bytes of requests in memory; try again later"};
}

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

grpc::ServerUnaryReactor* start_unary_infer(KserveService& service,
                                            grpc::CallbackServerContext& context,
                                            MessageBudget& budget,
                                            const ModelInferRequest& request,
                                            ModelInferResponse& response) {
  auto reactor = std::make_unique<UnaryInfer>(context, response);
  reactor->begin(service, budget, request);
  return reactor.release();
}

grpc::ServerBidiReactor<ModelInferRequest, ModelStreamInferResponse>* start_stream_infer(
    KserveService& service, grpc::CallbackServerContext& context, MessageBudget& budget,
    OpenStreams& streams, int window) {
  const auto reactor = std::make_shared<StreamInfer>(service, context, budget, window);
  reactor->begin(streams.add(reactor));
  return reactor.get();
}

}  // namespace shoal
