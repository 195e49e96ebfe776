// What every adapter of FFmpeg shares: owning handles, and its log kept off stderr and turned into
// error messages. Header only, so that just the folders that use FFmpeg link it.
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

inline void keep_ffmpeg_line(void* /*who*/, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_ERROR) return;
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
