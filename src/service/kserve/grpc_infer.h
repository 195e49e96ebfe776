// ModelInfer and ModelStreamInfer: calls that are answered later, on other threads.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "service/kserve/grpc_call.h"
#include "service/kserve/inference.pb.h"
#include "service/kserve/kserve_service.h"

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

// One request, one response.
[[nodiscard]] GrpcReactor* start_unary_infer(KserveService& service, GrpcCall call);

// Requests and responses side by side. Answers come in the order of the requests; an error is an
// answer with error_message. At most `window` requests wait for theirs: then no more are read.
[[nodiscard]] GrpcReactor* start_stream_infer(KserveService& service, GrpcCall call,
                                              OpenStreams& streams, int window);

}  // namespace shoal
