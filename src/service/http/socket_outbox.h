// What waits to be sent over one WebSocket: texts in order and bounded, of binary messages the
// newest of each slot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "service/http/socket_handler.h"

namespace shoal {

// Threads  SocketPeer's methods: any. The others: the connection's.
class SocketOutbox final : public SocketPeer {
 public:
  static constexpr std::size_t kTextMax = std::size_t{1} << 20;  // bytes

  // `wake` is called, on any thread, when there is something to do.
  explicit SocketOutbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  void send_text(Bytes text) override;
  void send_binary(std::uint64_t slot, Bytes bytes) override;
  void drop_binary(std::uint64_t slot) override;
  void close(std::uint16_t code, std::string_view reason) override;
  [[nodiscard]] bool is_open() const override;

  struct Message {
    Bytes bytes;
    bool text = false;
  };
  // The next to be sent; nothing where none waits or it has overflowed.
  [[nodiscard]] std::optional<Message> take();
  struct Closing {
    std::uint16_t code = 0;
    std::string reason;
  };
  // Somebody asked for the end. Texts that were queued before are sent first.
  [[nodiscard]] std::optional<Closing> closing() const;
  // More texts than kTextMax waited: the client is to be disconnected at once.
  [[nodiscard]] bool overflowed() const;
  // The connection is gone: nothing is kept or taken any more.
  void shut();

 private:
  void call_wake() const { wake_(); }
  void clear();

  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  bool open_ = true;
  bool overflowed_ = false;
  std::optional<Closing> closing_;
  std::deque<Bytes> texts_;
  std::size_t text_bytes_ = 0;
  std::deque<std::uint64_t> turns_;  // slots with a message, in their turn
  std::unordered_map<std::uint64_t, Bytes> newest_;
};

}  // namespace shoal
