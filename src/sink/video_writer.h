// One H.264 video in an MP4 file.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "shoal/frame.h"
#include "shoal/result.h"

namespace shoal {

enum class VideoLayout : std::uint8_t {
  // A fragment of about two seconds goes to the file at a time, so that a killed run or a full
  // disk leaves a video that plays.
  kFragments,
  // No video before finish(); then one that browsers play while it loads, and can seek in.
  kIndexFirst,
};

// H.264 in MP4: yuv420p, BT.709, no B-frames.
// Threads  one at a time. libx264 uses threads of its own.
class VideoWriter {
 public:
  // Replaces the file. Sides of the video are even and at least 16: see padded().
  // REQUIRES: size == padded(size).
  // Errors   kUnavailable: the file cannot be written; kUnsupported: this FFmpeg has no libx264,
  //          or libx264 refuses the size.
  [[nodiscard]] static Result<VideoWriter> open(
      const std::string& path, Size size, VideoLayout layout = VideoLayout::kFragments);
  ~VideoWriter();
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;

  // The size that pictures of `size` must be padded to.
  [[nodiscard]] static Size padded(Size size);

  // Frames are shown at their `time`, counted from the first; a time that does not grow is moved
  // behind the one before.
  // REQUIRES: image.size is the size given to open(); format kRgb8.
  // Errors   kUnavailable: the disk is full.
  [[nodiscard]] Result<void> write(const ImageView& image, std::chrono::nanoseconds time);

  // Writes what the encoder still holds, and the end of the file. Once; also after an error.
  [[nodiscard]] Result<void> finish();

  [[nodiscard]] Size size() const;

 private:
  struct State;
  explicit VideoWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace shoal
