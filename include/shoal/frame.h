// Pictures: a view of pixels, and the Frame that owns decoded ones.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "shoal/geometry.h"

namespace shoal {

enum class PixelFormat : std::uint8_t { kRgb8, kBgr8 };

enum class StreamId : std::uint32_t {};
enum class FrameId : std::uint64_t {};  // counts from 0 within a stream

// Interleaved pixels, u8 [height, width, 3], that somebody else owns.
struct ImageView {
  const std::uint8_t* data = nullptr;
  Size size;
  std::ptrdiff_t pitch_bytes = 0;  // from one row to the next; >= 3 * width
  PixelFormat format = PixelFormat::kRgb8;
};

// 64-byte aligned bytes that grow and never shrink, so that a recycled one does not allocate.
class PixelBuffer {
 public:
  PixelBuffer() = default;
  PixelBuffer(PixelBuffer&& other) noexcept { swap(other); }
  PixelBuffer& operator=(PixelBuffer&& other) noexcept {
    swap(other);
    return *this;
  }

  // Makes room for `bytes`, with 64 readable bytes behind them (vector loads may overrun). Old
  // contents are lost when it grows. Returns nullptr if memory is short.
  [[nodiscard]] std::uint8_t* reserve(std::size_t bytes) {
    if (bytes > capacity_) {
      data_.reset(static_cast<std::uint8_t*>(
          ::operator new[](bytes + kSlack, std::align_val_t{64}, std::nothrow)));
      capacity_ = data_ ? bytes : 0;
    }
    return data_.get();
  }
  [[nodiscard]] std::uint8_t* data() const { return data_.get(); }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  void swap(PixelBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  static constexpr std::size_t kSlack = 64;
  struct Free {
    void operator()(std::uint8_t* data) const {
      ::operator delete[](data, std::align_val_t{64});
    }
  };
  std::unique_ptr<std::uint8_t[], Free> data_;
  std::size_t capacity_ = 0;
};

// A decoded picture. Recycled: decoders overwrite every field.
struct Frame {
  PixelBuffer pixels;
  Size size;         // of the pixels held here
  Size source_size;  // of the upright picture; larger than `size` after a scaled decode
  std::ptrdiff_t pitch_bytes = 0;
  PixelFormat format = PixelFormat::kRgb8;
  StreamId stream{};
  FrameId id{};
  std::optional<std::chrono::nanoseconds> media_time;  // since the stream's start; videos only

  [[nodiscard]] ImageView view() const { return {pixels.data(), size, pitch_bytes, format}; }
};

}  // namespace shoal
