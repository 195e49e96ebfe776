// One connection: requests in, answers out, in order; limits in time. Its waits are written as one
// coroutine; everything happens on the thread of its executor.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "service/http/api_keys.h"
#include "service/http/body_budget.h"
#include "service/http/connection_table.h"
#include "service/http/http_server.h"
#include "service/http/key_guard.h"
#include "service/http/pending_exchange.h"
#include "service/http/receive_buffer.h"
#include "service/http/request_reader.h"
#include "service/http/socket_session.h"
#include "service/http/transport.h"

namespace shoal {

// Bytes that have to move in every stall_timeout: a trickle is a stall too.
inline constexpr std::uint64_t kStallBytes = 4096;                            // of an answer
inline constexpr std::uint64_t kUploadBytes = std::uint64_t{64} << 10;  // of a request's body

// What all connections of a server share. Outlives them.
struct HttpShared {
  HttpShared(const HttpOptions& from, HttpRouter routes)
      : options(from),
        router(std::move(routes)),
        budget(std::make_shared<BodyBudget>(from.bodies_max)),
        table(from.connections_max, from.connections_per_client) {}

  const HttpOptions options;
  const HttpRouter router;
  std::unique_ptr<ApiKeys> keys;  // null: none are asked for
  std::shared_ptr<BodyBudget> budget;
  ConnectionTable table;
  KeyGuard guard{"http"};
  std::atomic<int> open_uploads = 0;  // bodies of requests that have not shown a key
  std::atomic<bool> draining = false;
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::uint64_t> refused = 0;
  std::atomic<std::uint64_t> aborted = 0;
};

class Connection final : public Closable, public std::enable_shared_from_this<Connection> {
 public:
  // `context` is the executor's: answers from other threads reach it only while it lives.
  Connection(std::uint64_t id, std::string client, std::unique_ptr<Transport> transport,
             boost::asio::any_io_executor executor, std::weak_ptr<void> context,
             std::shared_ptr<HttpShared> shared);

  ~Connection() override { shared_->table.remove(id_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] int descriptor() const { return transport_->descriptor(); }
  // Instead of run(): as much of an answer as goes out without waiting; nothing over TLS, where the
  // handshake would cost more than the connection.
  void turn_away(const HttpResponse& response);
  // Serves until the connection ends. Once, on the executor.
  static boost::asio::awaitable<void> run(std::shared_ptr<Connection> self);

  void close_if_idle() override;
  void drain() override;
  void kill() override;

 private:
  using Task = boost::asio::awaitable<bool>;  // false: the connection ends

  boost::asio::awaitable<void> serve();
  Task handshake();
  Task serve_request();
  Task read_head(RequestReader& reader);
  Task read_body(RequestReader& reader);
  Task answer(RequestReader& reader, HttpRouter::Match match);
  Task await_answer(AnswerSlot& slot, HttpResponse& response);
  Task refuse(RequestReader& reader, HttpResponse response);
  // Decides by the head alone; nothing: go on, with `match`.
  [[nodiscard]] std::optional<HttpResponse> admit(RequestHead& head, HttpRouter::Match& match);
  // The refusal of a request with the wrong key or of a foreign page.
  [[nodiscard]] std::optional<HttpResponse> check_access(HttpRequest& request, RouteAccess access);
  [[nodiscard]] std::optional<HttpResponse> check_key(HttpRequest& request, RouteAccess access);
  // From now on, until the next request, this connection is the first to make room for others.
  void refused();
  // Waits before the answer to a wrong key; false: the connection ends.
  Task hold_back();

  Task send(HttpResponse& response, bool keep_alive);
  Task send_stream(HttpResponse& response, bool keep_alive);
  Task send_pieces(BodySource& source);
  Task send_rest(TransportBuffers buffers);
  // The answer is out; the connection waits for the next request, or ends.
  void answered(bool keep_alive);
  Task serve_socket(const HttpResponse& response);
  boost::asio::awaitable<void> finish();

  // Until something has happened (which may be nothing of interest) or `deadline`: then false.
  Task wait(TimePoint deadline);
  boost::asio::awaitable<void> yield();
  void wake();
  // Unless a read is under way already or the buffer is full.
  void start_read(std::size_t capacity);
  void start_direct_read(std::span<char> into);
  void hang_up();
  // Wakes this connection from any thread, as long as there is one.
  [[nodiscard]] std::function<void()> waker();
  template <typename Action>
  void later(Action action);

  const std::uint64_t id_;
  const std::string client_;
  const std::unique_ptr<Transport> transport_;
  const boost::asio::any_io_executor executor_;
  const std::weak_ptr<void> context_;
  const std::shared_ptr<HttpShared> shared_;
  boost::asio::steady_timer event_;

  ReceiveBuffer in_;
  TimePoint received_at_;  // of the last bytes
  bool reading_ = false;
  bool direct_ = false;           // the read under way goes into a body
  std::size_t direct_count_ = 0;  // what it brought
  bool writing_ = false;
  std::size_t written_ = 0;
  bool gone_ = false;     // the client has closed, or the connection failed
  bool idle_ = true;      // between requests, or the request is refused: may be closed
  bool leaving_ = false;  // no further request
  bool linger_ = false;   // bytes of the client may still be on their way
  bool http_1_0_ = false;
  bool head_only_ = false;
  std::string request_id_;
  std::string origin_;  // of the page that asks, where it is an allowed one
  bool open_ = false;   // a key is needed and was not shown yet
  Duration penalty_{};  // how long the answer to a wrong key is held back
  std::optional<SocketHandshake> handshake_;  // of a request that asks to become a WebSocket
  HttpRefusal no_handshake_;                  // else: why it does not
  std::shared_ptr<AnswerSlot> slot_;
};

}  // namespace shoal
