// JPEGs out of any stream of bytes: motion JPEG over HTTP in all its dialects. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "shoal/geometry.h"

namespace shoal {

// Finds pictures by their own structure: from the start of image through its segments, whose
// lengths are followed, and its scans to the end of image. What stands between pictures (boundary
// lines, headers, lengths, right or wrong) is passed over, whatever it is.
//
//   splitter.push(bytes); while (auto picture = splitter.next()) ...
//
// Threads  one at a time.
// Cost     linear in the bytes, whatever they are; keeps at most one picture and what was pushed
//          last. Allocates nothing once the buffer has grown.
class JpegSplitter {
 public:
  struct Picture {
    std::span<const std::uint8_t> bytes;  // until the next push()
    Size size;                            // as its header says
    bool whole = true;                    // false: another one began before its end
  };

  // A longer picture is passed over, and counted.
  explicit JpegSplitter(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void push(std::span<const std::uint8_t> bytes);
  [[nodiscard]] std::optional<Picture> next();
  // No more bytes come: next() gives what is left of the last picture.
  void finish() { finished_ = true; }
  [[nodiscard]] std::uint64_t overlong() const { return overlong_; }
  void restart();  // another stream

 private:
  enum class State : std::uint8_t { kSearch, kHeader, kScan };

  // Each goes on from at_. False: more bytes are needed.
  bool search();
  bool read_header();
  bool read_segment();
  bool read_scan();
  void end(std::size_t end, bool whole);
  void give_up();
  [[nodiscard]] std::size_t left() const { return buffer_.size() - at_; }
  [[nodiscard]] unsigned word(std::size_t at) const { return buffer_[at] * 256U + buffer_[at + 1]; }

  std::size_t bytes_max_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;  // of the picture that is being read, or of what is not needed any more
  std::size_t at_ = 0;     // read so far
  State state_ = State::kSearch;
  Size size_;
  bool scanned_ = false;   // a scan has begun
  bool finished_ = false;
  std::uint64_t overlong_ = 0;
  std::optional<Picture> found_;
};

}  // namespace shoal
