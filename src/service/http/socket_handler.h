// What a handler sees of a WebSocket (RFC 6455): messages in, messages out. No sockets here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace shoal {

// The client of one WebSocket. Messages are shared, so that one text or picture goes to many
// without a copy.
//
// Threads  all methods may be called from any thread, also when the connection is gone: then they
//          do nothing.
class SocketPeer {
 public:
  using Bytes = std::shared_ptr<const std::string>;

  virtual ~SocketPeer() = default;
  // Queued, never dropped; but a client that leaves more than 1 MiB of texts unread is
  // disconnected. Texts go before binary messages.
  // REQUIRES: well-formed UTF-8.
  virtual void send_text(Bytes text) = 0;
  // The newest of each slot: replaces one of the same slot that waits. Slots take turns.
  virtual void send_binary(std::uint64_t slot, Bytes bytes) = 0;
  // What waits in that slot is not wanted any more.
  virtual void drop_binary(std::uint64_t slot) = 0;
  // After the messages that are under way; `code` as RFC 6455 7.4 has it, `reason` at most 123
  // bytes. The first call counts.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
  [[nodiscard]] virtual bool is_open() const = 0;
};

// One WebSocket's life: opened, text..., closed. Kept until closed() has returned.
//
// Threads  one thread of the server; it hands over and returns.
class SocketHandler {
 public:
  virtual ~SocketHandler() = default;
  virtual void opened(std::shared_ptr<SocketPeer> peer) = 0;
  // A whole message of at most 64 KiB, well-formed UTF-8.
  virtual void text(std::string_view message) = 0;
  // Whoever ended it, for whatever reason. Once, if opened() was called.
  virtual void closed() = 0;
};

}  // namespace shoal
