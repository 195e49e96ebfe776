// One WebSocket on a connection that was HTTP until now: Beast does the protocol, here are the
// limits. Everything happens on the thread of the executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "service/http/socket_handler.h"
#include "service/http/socket_handshake.h"
#include "service/http/transport.h"

namespace shoal {

struct SocketLimits {
  std::chrono::milliseconds stall_timeout{10'000};  // as HttpOptions
  std::chrono::milliseconds idle_timeout{75'000};   // without a byte of the client, pongs included
  std::size_t message_max = std::size_t{64} << 10;  // bytes, whole
  int messages_per_second = 50;                     // on average; four times as many at once
};

class SocketSession {
 public:
  // `early`: bytes that came behind the request. `changed` is called on the executor's thread when
  // finished() may have become true. `transport` outlives the session; nobody else uses it from
  // start() until finished().
  [[nodiscard]] static std::shared_ptr<SocketSession> create(
      boost::asio::any_io_executor executor, Transport& transport, std::string early,
      const SocketLimits& limits, std::function<void()> changed);
  virtual ~SocketSession() = default;

  // What the handler is given; may be woken from any thread by `wake`, which leads to pump().
  virtual void start(const SocketHandshake& handshake, const std::string& request_id,
                     std::shared_ptr<SocketHandler> handler, std::function<void()> wake) = 0;
  // Sends what waits.
  virtual void pump() = 0;
  // The server drains: says goodbye (1001).
  virtual void go_away() = 0;
  // Nothing is under way any more, and the handler has heard of it.
  [[nodiscard]] virtual bool finished() const = 0;
  // Both sides have said goodbye: the connection may be closed in peace.
  [[nodiscard]] virtual bool clean() const = 0;
};

}  // namespace shoal
