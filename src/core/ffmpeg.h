// What every adapter of FFmpeg shares: owning handles, and its log kept off stderr and turned into
// error messages and into the three facts that only the log tells. Header only, so that just the
// folders that use FFmpeg link it.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>
#include <libavutil/log.h>
#include <libswscale/swscale.h>
}

#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace shoal {

struct FfmpegFree {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
  void operator()(AVFormatContext* input) const { avformat_close_input(&input); }
  void operator()(AVCodecParameters* parameters) const { avcodec_parameters_free(&parameters); }
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};
using AvFrame = std::unique_ptr<AVFrame, FfmpegFree>;
using AvPacket = std::unique_ptr<AVPacket, FfmpegFree>;
using AvCodecContext = std::unique_ptr<AVCodecContext, FfmpegFree>;
using AvInput = std::unique_ptr<AVFormatContext, FfmpegFree>;
using AvScaler = std::unique_ptr<SwsContext, FfmpegFree>;

namespace internal {
// The newest error line of this thread: FFmpeg's codes are vague, its log says what was wrong.
inline thread_local std::array<char, 256> ffmpeg_line{};

inline thread_local bool ffmpeg_lost_packets = false;
inline thread_local bool ffmpeg_made_up = false;
struct RefusedSize {
  unsigned width = 0;
  unsigned height = 0;
};
inline thread_local RefusedSize ffmpeg_refused_size;

// Lines whose format begins like this say that RTP packets did not arrive (rtpdec.c), or that a
// frame has been made up in part, or predicted from one that is not there (error_resilience.c,
// h264_refs.c, h264_slice.c, hevc_refs.c), or that a stream asks for larger frames than max_pixels
// allows (imgutils.c). No flag or code says so in FFmpeg 5.1.
inline constexpr std::array<std::string_view, 2> kLostPackets = {"RTP: missed ",
                                                                 "max delay reached. need to"};
inline constexpr std::array<std::string_view, 4> kMadeUp = {
    "concealing ", "Missing reference picture", "reference picture missing during reorder",
    "Could not find ref with POC "};
inline constexpr std::string_view kRefusedSize = "Picture size %ux%u exceeds specified";

inline void keep_ffmpeg_line(void* /*who*/, int level, const char* format, va_list arguments) {
  const std::string_view words(format);
  for (const auto& known : kLostPackets) ffmpeg_lost_packets |= words.starts_with(known);
  for (const auto& known : kMadeUp) ffmpeg_made_up |= words.starts_with(known);
  if (level > AV_LOG_ERROR) return;
  if (words.starts_with(kRefusedSize) && ffmpeg_refused_size.width == 0) {
    va_list sides;
    va_copy(sides, arguments);
    ffmpeg_refused_size.width = va_arg(sides, unsigned);
    ffmpeg_refused_size.height = va_arg(sides, unsigned);
    va_end(sides);
  }
  // A line may come in pieces: what follows no line break goes on with it.
  std::size_t used = std::strlen(ffmpeg_line.data());
  if (used > 0 && ffmpeg_line[used - 1] == '\n') used = 0;
  std::vsnprintf(ffmpeg_line.data() + used, ffmpeg_line.size() - used, format, arguments);
}
}  // namespace internal

// Keeps FFmpeg's log off stderr for the whole process. Call it before the first use; once counts.
inline void quiet_ffmpeg() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(&internal::keep_ffmpeg_line); });
}

// Forgets the kept line: before a call whose failure describe_ffmpeg will explain.
inline void forget_ffmpeg_line() { internal::ffmpeg_line[0] = '\0'; }

// Whether FFmpeg has said on this thread, since the last call, that RTP packets were lost.
[[nodiscard]] inline bool take_lost_packets() {
  return std::exchange(internal::ffmpeg_lost_packets, false);
}

// Whether a decoder has said on this thread, since the last call, that it made something up.
[[nodiscard]] inline bool take_made_up() {
  return std::exchange(internal::ffmpeg_made_up, false);
}

// The size above max_pixels that a decoder has refused on this thread since the last call; 0x0.
[[nodiscard]] inline internal::RefusedSize take_refused_size() {
  return std::exchange(internal::ffmpeg_refused_size, {});
}

// The kept line of this thread, without line breaks and closing punctuation; may be empty.
[[nodiscard]] inline std::string ffmpeg_line() {
  std::string line = internal::ffmpeg_line.data();
  constexpr std::string_view kClosing = " \n\r.,:";
  while (!line.empty() && kClosing.find(line.back()) != std::string_view::npos) line.pop_back();
  return line;
}

// "moov atom not found (Invalid data found when processing input)": for messages.
[[nodiscard]] inline std::string describe_ffmpeg(int code) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(code, text.data(), text.size());
  const std::string line = ffmpeg_line();
  return line.empty() ? std::string(text.data()) : line + " (" + text.data() + ")";
}

}  // namespace shoal
