// For tests of the video decoder: packets of small H.264 videos that are encoded on the spot, and
// the packets of a file.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/ffmpeg.h"
#include "core/packet.h"

extern "C" {
#include <libavutil/mathematics.h>
#include <libavutil/opt.h>
}

namespace shoal {

struct Yuv {
  int y = 0;
  int u = 128;
  int v = 128;
};

struct EncodeOptions {
  Size size{64, 48};
  int frames = 10;  // at 25 frames a second
  AVColorSpace space = AVCOL_SPC_UNSPECIFIED;
  AVColorRange range = AVCOL_RANGE_UNSPECIFIED;
  int b_frames = 0;
  int group = 12;  // frames from key frame to key frame
  std::string codec = "libx264";  // libx265, mjpeg
  std::string codec_options{};  // x264-params or x265-params
  // The colour at a place of a frame: frame, column, row.
  std::function<Yuv(int, int, int)> colour = [](int frame, int, int) {
    return Yuv{60 + 4 * frame};
  };
};

// 4:2:0; `frame` has buffers.
inline void paint(AVFrame& frame, int number, const EncodeOptions& options) {
  ASSERT_GE(av_frame_make_writable(&frame), 0);
  for (int y = 0; y < options.size.height; ++y) {
    for (int x = 0; x < options.size.width; ++x) {
      const Yuv colour = options.colour(number, x, y);
      frame.data[0][y * frame.linesize[0] + x] = static_cast<std::uint8_t>(colour.y);
      frame.data[1][y / 2 * frame.linesize[1] + x / 2] = static_cast<std::uint8_t>(colour.u);
      frame.data[2][y / 2 * frame.linesize[2] + x / 2] = static_cast<std::uint8_t>(colour.v);
    }
  }
}

inline Packet to_packet(const AVPacket& encoded, AVRational time_base,
                        const StreamParameters& parameters) {
  Packet packet;
  packet.kind = PacketKind::kVideo;
  packet.name = "test.mp4";
  packet.bytes.assign(encoded.data, encoded.data + encoded.size);
  packet.key_frame = (encoded.flags & AV_PKT_FLAG_KEY) != 0;
  packet.hidden = (encoded.flags & AV_PKT_FLAG_DISCARD) != 0;
  packet.media_time =
      std::chrono::nanoseconds(av_rescale_q(encoded.pts, time_base, {1, 1'000'000'000}));
  packet.stream_parameters = parameters;
  return packet;
}

inline StreamParameters copy_parameters(const AVCodecParameters& from) {
  std::shared_ptr<AVCodecParameters> parameters(avcodec_parameters_alloc(), FfmpegFree{});
  EXPECT_GE(avcodec_parameters_copy(parameters.get(), &from), 0);
  return parameters;
}

inline AvCodecContext open_encoder(const EncodeOptions& options) {
  const AVCodec* codec = avcodec_find_encoder_by_name(options.codec.c_str());
  AvCodecContext context(avcodec_alloc_context3(codec));
  context->width = options.size.width;
  context->height = options.size.height;
  context->pix_fmt = AV_PIX_FMT_YUV420P;
  context->time_base = {1, 25};
  context->gop_size = options.group;
  context->max_b_frames = options.b_frames;
  context->thread_count = 1;
  context->colorspace = options.space;
  context->color_range = options.range;
  if (options.codec == "mjpeg") {
    context->pix_fmt = AV_PIX_FMT_YUVJ420P;
    context->flags |= AV_CODEC_FLAG_QSCALE;
    context->global_quality = 3 * FF_QP2LAMBDA;
  } else if (options.codec == "libx265") {
    const std::string quiet = "log-level=none:pools=1:frame-threads=1:qp=8";
    const std::string& more = options.codec_options;
    av_opt_set(context->priv_data, "x265-params",
               (more.empty() ? quiet : quiet + ":" + more).c_str(), 0);
  } else {
    av_opt_set(context->priv_data, "qp", "4", 0);
    av_opt_set(context->priv_data, "forced-idr", "1", 0);
    av_opt_set(context->priv_data, "x264-params", options.codec_options.c_str(), 0);
  }
  EXPECT_GE(avcodec_open2(context.get(), codec, nullptr), 0);
  return context;
}

// Parameters in front of each key frame, as in a broadcast. Near lossless.
inline std::vector<Packet> encode(const EncodeOptions& options) {
  quiet_ffmpeg();
  std::vector<Packet> packets;
  const AvCodecContext context = open_encoder(options);
  const AvFrame frame(av_frame_alloc());
  frame->width = options.size.width;
  frame->height = options.size.height;
  frame->format = context->pix_fmt;
  frame->quality = context->global_quality;
  EXPECT_GE(av_frame_get_buffer(frame.get(), 0), 0);
  std::shared_ptr<AVCodecParameters> shared(avcodec_parameters_alloc(), FfmpegFree{});
  EXPECT_GE(avcodec_parameters_from_context(shared.get(), context.get()), 0);
  const AvPacket encoded(av_packet_alloc());
  for (int i = 0; i <= options.frames; ++i) {
    if (i < options.frames) paint(*frame, i, options);
    frame->pts = i;
    EXPECT_GE(avcodec_send_frame(context.get(), i < options.frames ? frame.get() : nullptr), 0);
    while (avcodec_receive_packet(context.get(), encoded.get()) >= 0) {
      packets.push_back(to_packet(*encoded, context->time_base, shared));
      av_packet_unref(encoded.get());
    }
  }
  return packets;
}

// The first `limit` packets of the video in a file.
inline std::vector<Packet> packets_of(const std::string& path, std::size_t limit) {
  quiet_ffmpeg();
  AVFormatContext* opened = nullptr;
  std::vector<Packet> packets;
  if (avformat_open_input(&opened, path.c_str(), nullptr, nullptr) < 0) return packets;
  const AvInput input(opened);
  if (avformat_find_stream_info(opened, nullptr) < 0) return packets;
  const int index = av_find_best_stream(opened, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  const StreamParameters parameters = copy_parameters(*opened->streams[index]->codecpar);
  const AvPacket read(av_packet_alloc());
  while (packets.size() < limit && av_read_frame(opened, read.get()) >= 0) {
    if (read->stream_index == index) {
      packets.push_back(to_packet(*read, opened->streams[index]->time_base, parameters));
    }
    av_packet_unref(read.get());
  }
  return packets;
}

}  // namespace shoal
