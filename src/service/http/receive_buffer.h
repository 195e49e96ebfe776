// Bytes received and not yet taken: small while a connection is idle, growing to a bound.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace shoal {

class ReceiveBuffer {
 public:
  static constexpr std::size_t kStep = 4096;  // a head with a little; what an idle connection keeps

  [[nodiscard]] std::string_view bytes() const { return {data_.data() + begin_, end_ - begin_}; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  void take(std::size_t count);
  // Room after the bytes, within `capacity` in all; empty where that is used up. It stays where it
  // is until received() is called.
  [[nodiscard]] std::span<char> room(std::size_t capacity);
  void received(std::size_t count) {
    end_ += count;
    lent_ = false;
  }

 private:
  std::vector<char> data_;
  bool lent_ = false;  // room() was given out: nothing may move until received()
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace shoal
