// Bodies that come piece by piece: a file that is not read into memory, pictures that never end.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace shoal {

// Where the body of one answer comes from. Owned by the answer; gone when it was sent, when the
// client went away, or when the server drains.
//
// Threads  length, begin and next: one thread of the server. next() must not wait: it answers kWait
//          and calls `wake` when it is worth asking again.
class BodySource {
 public:
  enum class Step : std::uint8_t {
    kPiece,  // bytes to be sent; next() is called again when they are out
    kWait,   // none now
    kEnd,    // that was all
    kFail,   // cannot go on: the connection is cut, so that nobody takes it for the end
  };
  struct Next {
    Step step = Step::kEnd;
    std::string_view bytes;  // valid until the next call
  };

  virtual ~BodySource() = default;
  // Bytes in all, sent as Content-Length. Nothing: the end of the connection is the end of the
  // body, and a server that drains ends it at once.
  [[nodiscard]] virtual std::optional<std::uint64_t> length() const { return std::nullopt; }
  // Once, before the first next(). `wake` may be called from any thread, any number of times, also
  // when all this is over.
  virtual void begin(std::function<void()> wake) { (void)wake; }
  [[nodiscard]] virtual Next next() = 0;
};

}  // namespace shoal
