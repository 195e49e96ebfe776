// Calls as they come from gRPC: bytes in, bytes out, decided about before their message is read.
// gRPC's own handlers of unary calls see a call only when its whole message is in memory.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "service/kserve/grpc_door.h"
#include "shoal/result.h"

namespace shoal {

// Calls that are under way, and bytes of messages that wait for their answers: gRPC itself bounds
// only single messages. Threads: any.
class GrpcLoad {
 public:
  struct Limits {
    int calls_max = 4096;           // of callers with a key, or where none is needed
    int open_calls_max = 1024;      // of callers without
    int open_calls_per_client = 64;
    std::size_t bytes_max = std::size_t{512} << 20;
  };
  explicit GrpcLoad(const Limits& limits) : limits_(limits) {}

  // Holds its bytes for as long as it lives; the load outlives it.
  class Lease {
   public:
    Lease(GrpcLoad& load, std::size_t bytes) : load_(&load), bytes_(bytes) {}
    Lease(Lease&& other) noexcept
        : load_(std::exchange(other.load_, nullptr)), bytes_(other.bytes_) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(load_, other.load_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Lease() {
      if (load_ != nullptr) load_->bytes_.fetch_sub(bytes_);
    }

   private:
    GrpcLoad* load_;
    std::size_t bytes_;
  };
  // Errors   queue_full. A message that is larger than the bound gets in alone.
  [[nodiscard]] Result<Lease> take(std::size_t bytes);

  [[nodiscard]] bool begin(const std::string& client, bool open);  // false: too many calls
  void end(const std::string& client, bool open);

 private:
  const Limits limits_;
  std::atomic<std::size_t> bytes_{0};
  std::mutex mutex_;
  // Guarded by mutex_.
  int calls_ = 0;
  int open_calls_ = 0;
  std::map<std::string, int> open_of_client_;
};

// A call's place: in the load, and on its connection. Held until gRPC is done with the call.
class GrpcTicket {
 public:
  // Null where there are too many calls already.
  [[nodiscard]] static std::shared_ptr<GrpcTicket> take(GrpcLoad& load,
                                                        std::shared_ptr<GrpcLink> link, bool open);
  GrpcTicket(GrpcLoad& load, std::shared_ptr<GrpcLink> link, bool open);
  ~GrpcTicket();
  GrpcTicket(const GrpcTicket&) = delete;
  GrpcTicket& operator=(const GrpcTicket&) = delete;

  [[nodiscard]] GrpcLink& link() { return *link_; }
  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] GrpcLoad& load() { return load_; }

 private:
  GrpcLoad& load_;
  const std::shared_ptr<GrpcLink> link_;
  const bool open_;
};

// What a method's reactor is made from.
struct GrpcCall {
  grpc::CallbackServerContext& context;
  GrpcDoor& door;
  std::shared_ptr<GrpcTicket> ticket;
  std::size_t message_max;  // bytes; above: RESOURCE_EXHAUSTED
  std::string_view message_option = {};  // what sets message_max; "": nothing

  // Why a message of `size` bytes is not taken; OK where it is.
  [[nodiscard]] Result<void> check_size(std::size_t size) const;
};

using GrpcReactor = grpc::ServerGenericBidiReactor;

// Ends a call at once, or after `delay`.
[[nodiscard]] GrpcReactor* refuse_call(const grpc::Status& status, Duration delay,
                                       std::shared_ptr<GrpcTicket> ticket);

// One message in, one answer out. Owns itself until gRPC is done with it.
class UnaryReactor : public GrpcReactor,
                     public ReadingCall,
                     public std::enable_shared_from_this<UnaryReactor> {
 public:
  explicit UnaryReactor(GrpcCall call);
  // Once, right after the making.
  void begin();

  // Answers; once, by any thread. `answer` is looked at only where the status is OK.
  void finish(const grpc::Status& status, const google::protobuf::MessageLite& answer);
  void fail(const grpc::Status& status);

  void OnReadDone(bool ok) override;
  void OnDone() override;
  void stalled() override;

 protected:
  [[nodiscard]] grpc::CallbackServerContext& context() { return call_.context; }
  // The message has come. It holds its place in the load until release().
  virtual void received(grpc::ByteBuffer& bytes) = 0;
  void release() { lease_.reset(); }

 private:
  [[nodiscard]] bool end_read();  // false: it had ended

  GrpcCall call_;
  std::shared_ptr<UnaryReactor> self_;  // until gRPC is done
  std::atomic<bool> reading_{true};
  std::atomic<bool> finished_{false};
  grpc::ByteBuffer bytes_;
  grpc::ByteBuffer answer_;
  std::optional<GrpcLoad::Lease> lease_;
};

// False: the bytes are no such message.
template <typename Message>
[[nodiscard]] bool read_message(grpc::ByteBuffer& bytes, Message& message) {
  return grpc::SerializationTraits<Message>::Deserialize(&bytes, &message).ok();
}

void write_message(const google::protobuf::MessageLite& message, grpc::ByteBuffer& bytes);

inline grpc::Status no_such_message() {
  return {grpc::StatusCode::INVALID_ARGUMENT, "the request is not a message of this method's type"};
}

// A method whose answer is a function of its request.
template <typename Request, typename Response>
class FunctionReactor final : public UnaryReactor {
 public:
  using Function = std::function<grpc::Status(const Request&, Response&)>;
  using Post = std::function<void(std::function<void()>)>;
  // With `post` the function runs where that puts it.
  FunctionReactor(GrpcCall call, Function function, Post post)
      : UnaryReactor(std::move(call)), function_(std::move(function)), post_(std::move(post)) {}

 private:
  void received(grpc::ByteBuffer& bytes) override {
    const auto request = std::make_shared<Request>();
    if (!read_message(bytes, *request)) return fail(no_such_message());
    if (!post_) return answer(*request);
    post_([self = shared_from_this(), this, request] { answer(*request); });
  }
  void answer(const Request& request) {
    Response response;
    const grpc::Status status = function_(request, response);
    finish(status, response);
  }

  const Function function_;
  const Post post_;
};

}  // namespace shoal
