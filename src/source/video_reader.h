// One video file, URL or camera device, demultiplexed through FFmpeg into packets. Decodes nothing.
#pragma once

#include <chrono>
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

// What the videos of one source share. Both must outlive the reader.
struct Playback {
  StopSignal& stop;
  Pacer& pacer;
  // Media time of the first packet. Beyond 0 the video goes on behind another one, and what stands
  // before its first key frame is left out.
  std::chrono::nanoseconds begins_at{0};
};

// Threads  one caller at a time; the StopSignal, raised by any thread, ends a blocked call.
class VideoReader {
 public:
  // `place` is a path, URL or device.
  //
  // Errors   begin with the name: not_found, corrupt_input (no video, no video stream),
  //          unavailable, deadline_exceeded (connect_timeout), cancelled; of a device also
  //          invalid_argument and unsupported. Resolving a host's name is the system's, which does
  //          not end at a time-out of ours.
  // Cost     reads the beginning of the file, or up to connect_timeout of a stream.
  [[nodiscard]] static Result<std::unique_ptr<VideoReader>> open(const std::string& place,
                                                                 const SourceOptions& options,
                                                                 const Playback& playback);
  VideoReader(const VideoReader&) = delete;
  VideoReader& operator=(const VideoReader&) = delete;

  // As Source::next, for the packets of this one video; paced where the options say so.
  [[nodiscard]] Result<bool> next(Packet& packet);

  // A stream without an end, or a file that plays in real time.
  [[nodiscard]] bool is_live() const { return live_ || paced_; }
  [[nodiscard]] std::optional<std::uint64_t> packet_count() const;
  [[nodiscard]] VideoFormat format() const;
  [[nodiscard]] const std::string& name() const { return name_; }
  // Media time at which the last frame so far is over.
  [[nodiscard]] std::chrono::nanoseconds ends_at() const { return ends_at_; }

 private:
  VideoReader(const std::string& place, const SourceOptions& options, const Playback& playback);
  Result<void> connect(const std::string& place, const SourceOptions& options);
  Result<void> probe(const SourceOptions& options);
  Result<void> choose_stream();
  int read_frame();
  [[nodiscard]] Error failure(int code, std::chrono::milliseconds timeout,
                              std::string_view option) const;
  [[nodiscard]] Error late(std::chrono::milliseconds timeout, std::string_view option) const;
  [[nodiscard]] bool is_cut_off() const;
  Result<bool> finish();
  void fill(Packet& packet);
  [[nodiscard]] std::optional<std::chrono::nanoseconds> since_start(std::int64_t time) const;
  [[nodiscard]] std::chrono::nanoseconds duration_of_frame() const;

  // FFmpeg asks this while it waits for a network.
  static int interrupted(void* reader);

  std::string name_;  // without secrets
  bool remote_;       // a URL
  bool sends_login_;  // of a URL
  bool device_;
  bool live_ = false;
  bool paced_;
  bool loop_;
  bool untimed_ = false;  // the stream carries no times: arrival counts
  bool joining_;          // nothing before a key frame
  StreamId stream_id_;
  std::chrono::milliseconds read_timeout_;
  StopSignal& stop_;
  Pacer& pacer_;
  std::chrono::nanoseconds begins_at_;
  std::chrono::nanoseconds ends_at_;
  std::optional<TimePoint> deadline_;
  std::optional<TimePoint> first_arrival_;
  std::int64_t read_from_ = 0;  // position at which the packet that is being read began
  bool overlong_ = false;       // that packet does not end
  AVFormatContext* opening_ = nullptr;  // while FFmpeg opens it
  std::int64_t heard_ = 0;              // bytes so far, where FFmpeg tells
  AvInput input_;
  AvPacket packet_{av_packet_alloc()};
  AVStream* stream_ = nullptr;
  StreamParameters parameters_;
  int orientation_ = 1;
  std::int64_t start_ = AV_NOPTS_VALUE;  // in the stream's time base
  std::uint64_t packets_ = 0;
  bool lost_before_ = false;  // RTP packets were lost while the packet before was read
  bool ended_early_ = false;  // the demuxer said so in its log
  bool finished_ = false;
};

}  // namespace shoal
