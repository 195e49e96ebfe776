// ModelInfer and ModelStreamInfer: calls that are answered later, on other threads.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "service/kserve/inference.pb.h"
#include "service/kserve/kserve_service.h"
#include "shoal/result.h"

namespace shoal {

// Something that lasts until its client ends it, and has to end when the server does.
class Lasting {
 public:
  virtual ~Lasting() = default;
  virtual void close() = 0;  // idempotent; any thread
};

// Those that are open. Threads: any.
class OpenStreams {
 public:
  // False once closed; then nothing is kept.
  [[nodiscard]] bool add(const std::shared_ptr<Lasting>& one);
  void close_all();

 private:
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<std::weak_ptr<Lasting>> open_;
};

// Bytes of requests that wait for their answers, all calls together: gRPC itself bounds only single
// messages. Threads: any.
class MessageBudget {
 public:
  explicit MessageBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  // Holds its bytes for as long as it lives; the budget outlives it.
  class Lease {
   public:
    Lease(MessageBudget& budget, std::size_t bytes) : budget_(&budget), bytes_(bytes) {}
    Lease(Lease&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)) {
      bytes_ = other.bytes_;
    }
    Lease& operator=(Lease&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Lease() {
      if (budget_ != nullptr) budget_->used_.fetch_sub(bytes_);
    }

   private:
    MessageBudget* budget_;
    std::size_t bytes_;
  };
  // Errors   queue_full. A message that is larger than the budget gets in alone.
  [[nodiscard]] Result<Lease> take(const inference::ModelInferRequest& request);

 private:
  const std::size_t bytes_max_;
  std::atomic<std::size_t> used_{0};
};

// One request, one response. Owns itself until gRPC is done with it.
[[nodiscard]] grpc::ServerUnaryReactor* start_unary_infer(
    KserveService& service, grpc::CallbackServerContext& context, MessageBudget& budget,
    const inference::ModelInferRequest& request, inference::ModelInferResponse& response);

// Requests and responses side by side. Answers come in the order of the requests; an error is an
// answer with error_message. At most `window` requests wait for theirs: then no more are read.
[[nodiscard]] grpc::ServerBidiReactor<inference::ModelInferRequest,
                                      inference::ModelStreamInferResponse>*
start_stream_infer(KserveService& service, grpc::CallbackServerContext& context,
                   MessageBudget& budget, OpenStreams& streams, int window);

}  // namespace shoal
