// A RequestRecord that owns its texts, in a fixed size: what a ring of preallocated records holds.
// Texts that do not fit are cut, never allocated.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "core/request_record.h"

namespace shoal {

// A text of at most `Capacity` bytes; what is longer is cut between two characters of UTF-8.
template <std::size_t Capacity>
class FixedText {
 public:
  void assign(std::string_view text) noexcept {
    size_ = std::min(text.size(), Capacity);
    if (size_ < text.size()) {
      while (size_ > 0 && (static_cast<unsigned char>(text[size_]) & 0xC0) == 0x80) --size_;
    }
    if (size_ > 0) std::memcpy(bytes_.data(), text.data(), size_);
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::size_t size_ = 0;
  std::array<char, Capacity> bytes_{};
};

struct LoggedRequest {
  FixedText<128> request_id;
  FixedText<64> model;
  FixedText<16> door;
  FixedText<384> source;
  FixedText<64> camera;
  FixedText<16> device;
  std::int64_t unix_ns = 0;
  TimePoint arrived;
  TimePoint answered;
  Size input;
  Priority priority = Priority::kNormal;
  Work work = Work::kPixels;
  BatchFacts batch;  // its close_reason is static text
  int batch_size = 0;
  int batch_max = 0;
  double pad_waste = 0;
  StageTimes times;
  std::optional<ErrorCode> error;
  std::int64_t detections = 0;
  bool truncated = false;
  std::uint64_t trace_id = 0;  // of the trace file; 0: not sampled
  bool logged = true;          // goes to the request log

  // Cost     no allocation.
  void assign(const RequestRecord& record) noexcept {
    request_id.assign(record.request_id);
    model.assign(record.model);
    door.assign(record.door);
    source.assign(record.source);
    camera.assign(record.camera);
    device.assign(record.device);
    unix_ns = record.unix_ns;
    arrived = record.arrived;
    answered = record.answered;
    input = record.input;
    priority = record.priority;
    work = record.work;
    batch = record.batch;
    batch_size = record.batch_size;
    batch_max = record.batch_max;
    pad_waste = record.pad_waste;
    times = record.times;
    error = record.error;
    detections = record.detections;
    truncated = record.truncated;
    trace_id = 0;
    logged = true;
  }
};

}  // namespace shoal
