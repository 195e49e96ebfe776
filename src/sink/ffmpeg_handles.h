// Owners of FFmpeg's objects for this folder's encoders.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
}

#include <array>
#include <memory>
#include <string>

namespace shoal {

struct FreeCodecContext {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
};
struct FreeAvFrame {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
struct FreeAvPacket {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};
struct FreeOutputFormat {
  void operator()(AVFormatContext* format) const {
    avio_closep(&format->pb);
    avformat_free_context(format);
  }
};
struct FreeScaler {
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};

using CodecContext = std::unique_ptr<AVCodecContext, FreeCodecContext>;
using AvFrame = std::unique_ptr<AVFrame, FreeAvFrame>;
using AvPacket = std::unique_ptr<AVPacket, FreeAvPacket>;
using OutputFormat = std::unique_ptr<AVFormatContext, FreeOutputFormat>;
using Scaler = std::unique_ptr<SwsContext, FreeScaler>;

inline std::string ffmpeg_message(int status) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(status, text.data(), text.size());
  return text.data();
}

}  // namespace shoal
