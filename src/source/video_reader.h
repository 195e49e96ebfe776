// One video file or URL, demultiplexed through FFmpeg into packets. Decodes nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/ffmpeg.h"
#include "core/packet.h"
#include "shoal/result.h"
#include "source/source.h"
#include "source/stop_signal.h"

namespace shoal {

// Threads  one caller at a time; the StopSignal, raised by any thread, ends a blocked call.
class VideoReader {
 public:
  // `stop` must outlive the reader. `place` is a path or URL.
  //
  // Errors   begin with the name: not_found, corrupt_input (no video, no video stream),
  //          unavailable, deadline_exceeded (connect_timeout), cancelled.
  // Cost     reads the beginning of the file, or up to connect_timeout of a stream.
  [[nodiscard]] static Result<std::unique_ptr<VideoReader>> open(const std::string& place,
                                                                 const SourceOptions& options,
                                                                 StopSignal& stop);
  VideoReader(const VideoReader&) = delete;
  VideoReader& operator=(const VideoReader&) = delete;

  // As Source::next, for the packets of this one video; paced where the options say so.
  [[nodiscard]] Result<bool> next(Packet& packet);

  // A stream without an end, or a file that plays in real time.
  [[nodiscard]] bool is_live() const { return live_ || paced_; }
  [[nodiscard]] std::optional<std::uint64_t> packet_count() const;
  [[nodiscard]] VideoFormat format() const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  VideoReader(const std::string& place, const SourceOptions& options, StopSignal& stop);
  Result<void> connect(const std::string& place, const SourceOptions& options);
  Result<void> choose_stream();
  [[nodiscard]] Error failure(int code, std::chrono::milliseconds timeout,
                              std::string_view option) const;
  [[nodiscard]] bool is_cut_off() const;
  Result<bool> finish();
  void fill(Packet& packet);
  [[nodiscard]] std::optional<std::chrono::nanoseconds> since_start(std::int64_t time) const;

  // FFmpeg asks this while it waits for a network.
  static int interrupted(void* reader);

  std::string name_;  // without a password
  bool remote_;
  bool live_ = false;
  bool paced_;
  StreamId stream_id_;
  std::chrono::milliseconds read_timeout_;
  StopSignal& stop_;
  Pacer pacer_;
  std::optional<TimePoint> deadline_;
  AvInput input_;
  AvPacket packet_{av_packet_alloc()};
  AVStream* stream_ = nullptr;
  StreamParameters parameters_;
  int orientation_ = 1;
  std::int64_t start_ = AV_NOPTS_VALUE;  // in the stream's time base
  std::uint64_t packets_ = 0;
  bool ended_early_ = false;  // the demuxer said so in its log
  bool finished_ = false;
};

// "rtsp://admin:***@10.0.0.5/1": what may stand in messages, results and logs.
[[nodiscard]] std::string without_password(const std::string& url);

}  // namespace shoal
