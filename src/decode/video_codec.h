// What every decoder of videos needs of FFmpeg: an open codec, packets on loan, frames looked at.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "core/ffmpeg.h"
#include "core/packet.h"
#include "shoal/result.h"

namespace shoal {

struct VideoCodecOptions {
  int threads = 1;
  std::int64_t pixels_max = 0;
};

// Opens the decoder for a stream. Its times are nanoseconds. Frames that FFmpeg holds for corrupt
// stay inside (no AV_CODEC_FLAG_OUTPUT_CORRUPT): also all before the first key frame.
//
// Errors   begin with `name`: invalid_argument: no parameters; unsupported: no decoder for this
//          codec; corrupt_input: it does not accept the parameters; out_of_memory: also a declared
//          size above pixels_max.
[[nodiscard]] Result<AvCodecContext> open_video_codec(const StreamParameters& stream_parameters,
                                                      const std::string& name,
                                                      const VideoCodecOptions& options);

// Lets `lent` show the bytes and times of `packet`, which has to stay until it is unreferenced.
// Without a buffer of its own a packet is copied by FFmpeg, with the padding that its bit readers
// need; nobody writes.
void lend(AVPacket& lent, const Packet& packet);

// Decoded only in part, or with made-up pieces.
[[nodiscard]] bool is_damaged(const AVFrame& frame);

[[nodiscard]] std::optional<std::chrono::nanoseconds> media_time_of(const AVFrame& frame);

}  // namespace shoal
