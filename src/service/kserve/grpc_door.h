// The connections of the gRPC server: accepted here, counted, and handed to gRPC only where there
// is room. gRPC itself bounds no connections.
#pragma once

#include <grpcpp/server_builder.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "service/http/connection_table.h"
#include "shoal/result.h"

namespace shoal {

struct GrpcDoorOptions {
  int connections_max = 1024;
  int connections_per_client = 256;
  std::chrono::milliseconds stall_timeout{10'000};
};

// A request whose message is on its way. Threads: any.
class ReadingCall {
 public:
  virtual ~ReadingCall() = default;
  virtual void stalled() = 0;  // its message does not arrive
};

// One connection. Owned by the door; calls hold it while they run.
//
// gRPC owns the socket. What is kept here is a second descriptor of it: it tells when the
// connection has ended and how many bytes came, and can end the connection.
//
// Threads  all methods from any thread.
class GrpcLink final : public Closable {
 public:
  GrpcLink(int descriptor, std::string client, ConnectionTable& table, std::uint64_t id);
  ~GrpcLink() override;
  GrpcLink(const GrpcLink&) = delete;
  GrpcLink& operator=(const GrpcLink&) = delete;

  void close_if_idle() override;
  void drain() override {}
  void kill() override;

  void begin_call();
  void end_call();
  // A message is awaited, as long as the call lives or until end_read. `open`: of a caller who has
  // not shown a key, and may send little.
  void begin_read(const std::weak_ptr<ReadingCall>& call, bool open);
  void end_read(bool open);
  // A right key was shown here, or none is needed.
  void prove() { proven_ = true; }

  [[nodiscard]] const std::string& client() const { return client_; }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] std::uint64_t id() const { return id_; }
  // Looks at messages that do not arrive and at callers without a key who send much.
  // True: look again soon.
  [[nodiscard]] bool inspect(TimePoint now, std::chrono::milliseconds stall_timeout);
  // When the server drains: closes what has no call, and has had none for a moment.
  void close_if_quiet(TimePoint now);

 private:
  [[nodiscard]] std::uint64_t bytes_received() const;
  [[nodiscard]] std::vector<std::shared_ptr<ReadingCall>> take_stalled(
      TimePoint now, std::chrono::milliseconds stall_timeout);

  const int descriptor_;
  const std::string client_;
  ConnectionTable& table_;
  const std::uint64_t id_;
  std::atomic<bool> proven_{false};
  std::mutex mutex_;
  // Guarded by mutex_.
  int calls_ = 0;
  bool served_ = false;  // there was a call
  TimePoint quiet_since_;
  std::vector<std::weak_ptr<ReadingCall>> reads_;
  int awaited_ = 0;       // messages that are on their way
  int open_awaited_ = 0;  // those of callers without a key
  TimePoint reads_since_;  // or when the last progress was seen
  std::uint64_t reads_mark_ = 0;
  std::uint64_t open_mark_ = 0;
};

// Listens on create(), accepts from start() to drain().
//
// Threads  create, start, drain, stop: one thread; the others: any.
class GrpcDoor {
 public:
  // Errors   unavailable (the port is taken).
  [[nodiscard]] static Result<std::unique_ptr<GrpcDoor>> create(const std::string& address,
                                                                std::uint16_t port,
                                                                const GrpcDoorOptions& options);
  ~GrpcDoor();  // stops
  GrpcDoor(const GrpcDoor&) = delete;
  GrpcDoor& operator=(const GrpcDoor&) = delete;

  void start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor);
  [[nodiscard]] std::uint16_t port() const { return port_; }
  // The connection of a call, by grpc::ServerContext::peer(); null where it is gone.
  [[nodiscard]] std::shared_ptr<GrpcLink> find(std::string_view peer) const;
  [[nodiscard]] std::size_t connections() const { return table_.count(); }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  // A message is awaited: the thread looks soon.
  void look_soon();
  // No more connections; those without a call are closed, also while gRPC ends its calls.
  void drain();
  void stop();

 private:
  GrpcDoor(int listener, int events, int bell, std::uint16_t port, const GrpcDoorOptions& options);
  void run();
  void accept_all();
  void listen_for(std::uint32_t what);  // events of epoll; 0 pauses
  void admit(int descriptor);
  void forget(std::uint64_t id);
  [[nodiscard]] bool inspect_all();
  void ring() const;

  const GrpcDoorOptions options_;
  const int listener_;
  const int events_;  // epoll
  const int bell_;    // eventfd
  const std::uint16_t port_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  ConnectionTable table_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::unordered_map<std::uint64_t, std::shared_ptr<GrpcLink>> links_;
  std::unordered_map<std::string, std::shared_ptr<GrpcLink>> by_peer_;
  std::unordered_map<std::uint64_t, std::string> peers_;
  // Of the door's thread.
  std::uint64_t last_id_ = 1;  // 0 and 1 stand for listener and bell
  bool paused_ = false;        // no descriptor was left
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<bool> look_soon_{false};
  std::atomic<bool> draining_{false};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

// "ipv4:127.0.0.1:4711" or "ipv6:%5B::1%5D:4711", as gRPC writes them, without kind and port.
[[nodiscard]] std::string address_of_peer(std::string_view peer);

}  // namespace shoal
