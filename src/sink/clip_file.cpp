// libavformat's MP4 muxer for packets, TurboJPEG and VideoWriter for JPEGs.
#include "sink/clip_file.h"

#include <fmt/format.h>
#include <turbojpeg.h>
#include <unistd.h>

extern "C" {
#include <libavutil/display.h>
#include <libavutil/mem.h>
}

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "core/ffmpeg.h"
#include "sink/output_file.h"
#include "sink/video_writer.h"

namespace shoal {
namespace {

constexpr int kTicksPerSecond = 90000;

struct FreeOutput {
  void operator()(AVFormatContext* format) const {
    avio_closep(&format->pb);
    avformat_free_context(format);
  }
};

std::int64_t ticks(Duration time) {
  return (std::chrono::nanoseconds(time).count() / 1000 * 9 + 50) / 100;
}

// Decoding times for packets of which only the time they are shown is known: the i-th packet is
// decoded when the (i - depth)-th in the order of showing is shown, which is never later than its
// own.
class DecodingTimes {
 public:
  // `interval` in ticks, between two frames.
  DecodingTimes(int depth, std::int64_t interval)
      : depth_(static_cast<std::size_t>(depth)), interval_(interval) {}

  // For the next packet, in the order of decoding; grows from one to the next.
  std::int64_t of(std::int64_t shown) {
    if (pending_.empty()) {
      for (std::size_t i = depth_; i > 0; --i) {
        pending_.push_back(shown - static_cast<std::int64_t>(i) * interval_);
      }
    }
    pending_.insert(std::upper_bound(pending_.begin(), pending_.end(), shown), shown);
    const std::int64_t decoded = std::max(pending_.front(), last_ + 1);
    pending_.erase(pending_.begin());
    last_ = decoded;
    return decoded;
  }

 private:
  std::size_t depth_;
  std::int64_t interval_;
  std::vector<std::int64_t> pending_;  // ascending; depth_ of them between calls
  std::int64_t last_ = std::int64_t{-1} << 60;
};

// The display matrix of an orientation as EXIF counts it: x' = a x + c y, y' = b x + d y.
void set_orientation(AVStream& stream, int orientation) {
  struct Turn {
    int a, b, c, d;
  };
  constexpr std::array<Turn, 9> kTurns = {{{1, 0, 0, 1}, {1, 0, 0, 1}, {-1, 0, 0, 1},
                                           {-1, 0, 0, -1}, {1, 0, 0, -1}, {0, 1, 1, 0},
                                           {0, 1, -1, 0}, {0, -1, -1, 0}, {0, -1, 1, 0}}};
  if (orientation < 2 || orientation > 8) return;
  std::uint8_t* data = av_stream_new_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX,
                                               9 * sizeof(std::int32_t));
  if (data == nullptr) return;
  const Turn& turn = kTurns[static_cast<std::size_t>(orientation)];
  constexpr std::int32_t kOne = 1 << 16;
  const std::array<std::int32_t, 9> matrix = {turn.a * kOne, turn.b * kOne, 0,
                                              turn.c * kOne, turn.d * kOne, 0, 0, 0, 1 << 30};
  std::memcpy(data, matrix.data(), sizeof matrix);
}

// RTSP's description of a stream does not tell its size, and MP4 wants it: from the decoded key
// frame. What cannot be decoded leaves it as it is, and the muxer says what it misses.
void learn_size(AVCodecParameters& parameters, std::span<const std::uint8_t> key_frame) {
  const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
  const AvCodecContext decoder(codec != nullptr ? avcodec_alloc_context3(codec) : nullptr);
  const AvPacket packet(av_packet_alloc());
  const AvFrame frame(av_frame_alloc());
  if (!decoder || !packet || !frame ||
      avcodec_parameters_to_context(decoder.get(), &parameters) < 0) {
    return;
  }
  decoder->thread_count = 1;
  // A copy with the padding that decoders read over.
  if (avcodec_open2(decoder.get(), codec, nullptr) < 0 ||
      av_new_packet(packet.get(), static_cast<int>(key_frame.size())) < 0) {
    return;
  }
  std::memcpy(packet->data, key_frame.data(), key_frame.size());
  packet->flags = AV_PKT_FLAG_KEY;
  if (avcodec_send_packet(decoder.get(), packet.get()) < 0 ||
      avcodec_send_packet(decoder.get(), nullptr) < 0 ||
      avcodec_receive_frame(decoder.get(), frame.get()) < 0) {
    return;
  }
  parameters.width = frame->width;
  parameters.height = frame->height;
}

class PacketClip final : public ClipFile {
 public:
  PacketClip(std::string path, int depth, Duration interval)
      : path_(std::move(path)), interval_(ticks(interval)), decoding_(depth, interval_) {}
  ~PacketClip() override {
    if (!finished_) ::unlink(path_.c_str());
  }

  Result<void> start(const TapedPacket& first, std::span<const std::uint8_t> bytes) {
    quiet_ffmpeg();
    forget_ffmpeg_line();
    const auto* parameters = static_cast<const AVCodecParameters*>(first.parameters.get());
    AVFormatContext* raw = nullptr;
    // "file:" so that a colon in a folder's name is not taken for a protocol. The muxer opens the
    // file by this name once more, to move the index to the front.
    const std::string url = "file:" + path_;
    avformat_alloc_output_context2(&raw, nullptr, "mp4", url.c_str());
    format_.reset(raw);
    stream_ = format_ ? avformat_new_stream(format_.get(), nullptr) : nullptr;
    packet_.reset(av_packet_alloc());
    if (stream_ == nullptr || !packet_ ||
        avcodec_parameters_copy(stream_->codecpar, parameters) < 0) {
      return Error{ErrorCode::kOutOfMemory, path_ + ": no memory for the clip's writer"};
    }
    stream_->codecpar->codec_tag = 0;
    // Apple's players know HEVC by this tag only.
    if (parameters->codec_id == AV_CODEC_ID_HEVC) {
      stream_->codecpar->codec_tag = MKTAG('h', 'v', 'c', '1');
    }
    if (parameters->width <= 0 || parameters->height <= 0) learn_size(*stream_->codecpar, bytes);
    stream_->time_base = {1, kTicksPerSecond};
    set_orientation(*stream_, first.orientation);
    int status = avio_open(&format_->pb, url.c_str(), AVIO_FLAG_WRITE);
    if (status < 0) {
      return Error{ErrorCode::kUnavailable,
                   fmt::format("{}: cannot be opened: {}; expected a file that can be written to",
                               path_, describe_ffmpeg(status))};
    }
    AVDictionary* options = nullptr;
    av_dict_set(&options, "movflags", "faststart", 0);
    av_dict_set_int(&options, "video_track_timescale", kTicksPerSecond, 0);
    status = avformat_write_header(format_.get(), &options);
    av_dict_free(&options);
    if (status >= 0) return {};
    if (format_->pb->error < 0) return write_failure(format_->pb->error);
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: MP4 does not take {}: {}", path_,
                             avcodec_get_name(parameters->codec_id), describe_ffmpeg(status))};
  }

  Result<void> write(const TapedPacket& packet, std::span<const std::uint8_t> bytes) override {
    forget_ffmpeg_line();
    if (!begin_) begin_ = packet.time;
    const std::int64_t shown = ticks(packet.time - *begin_);
    // Shown before the key frame: it needs frames that are not here.
    if (shown < 0) return {};
    const std::int64_t decoded = decoding_.of(shown);
    packet_->data = const_cast<std::uint8_t*>(bytes.data());
    packet_->size = static_cast<int>(bytes.size());
    packet_->dts = decoded;
    packet_->pts = std::max(shown, decoded);
    packet_->duration = std::max<std::int64_t>(1, decoded - last_decoded_.value_or(
                                                      decoded - interval_));
    packet_->flags = packet.key ? AV_PKT_FLAG_KEY : 0;
    packet_->stream_index = 0;
    last_decoded_ = decoded;
    av_packet_rescale_ts(packet_.get(), {1, kTicksPerSecond}, stream_->time_base);
    const int status = av_write_frame(format_.get(), packet_.get());
    av_packet_unref(packet_.get());
    if (format_->pb->error < 0) return write_failure(format_->pb->error);
    if (status < 0) {
      return Error{ErrorCode::kCorruptInput,
                   fmt::format("{}: a packet is left out: {}", path_, describe_ffmpeg(status))};
    }
    ++packets_;
    return {};
  }

  Result<void> finish() override {
    if (packets_ == 0) {
      return Error{ErrorCode::kUnavailable, path_ + ": no packet could be written"};
    }
    forget_ffmpeg_line();
    int status = av_write_trailer(format_.get());
    avio_flush(format_->pb);
    if (status >= 0) status = format_->pb->error;
    const Error failure = write_failure(status);
    const int closed = avio_closep(&format_->pb);
    if (status >= 0) status = closed;
    if (status < 0) return failure;
    finished_ = true;
    return {};
  }

 private:
  Error write_failure(int status) const {
    const std::int64_t after =
        format_->pb != nullptr ? std::max<std::int64_t>(0, format_->pb->pos) : 0;
    return write_error(path_, after, status < 0 && status > -4096 ? -status : EIO);
  }

  std::string path_;
  std::int64_t interval_;
  DecodingTimes decoding_;
  std::unique_ptr<AVFormatContext, FreeOutput> format_;
  AvPacket packet_;
  AVStream* stream_ = nullptr;
  std::optional<Duration> begin_;
  std::optional<std::int64_t> last_decoded_;
  std::int64_t packets_ = 0;
  bool finished_ = false;
};

class JpegClip final : public ClipFile {
 public:
  JpegClip(std::string path, Size size) : path_(std::move(path)), size_(size) {}
  ~JpegClip() override {
    if (!finished_) ::unlink(path_.c_str());
  }

  Result<void> start() {
    decoder_.reset(tjInitDecompress());
    if (!decoder_) return Error{ErrorCode::kOutOfMemory, path_ + ": no memory for a decoder"};
    writer_ = std::make_unique<VideoWriter>(
        SHOAL_TRY(VideoWriter::open(path_, size_, VideoLayout::kIndexFirst)));
    return {};
  }

  Result<void> write(const TapedPacket& packet, std::span<const std::uint8_t> bytes) override {
    const std::ptrdiff_t pitch = static_cast<std::ptrdiff_t>(size_.width) * 3;
    std::uint8_t* pixels = pixels_.reserve(static_cast<std::size_t>(pitch) *
                                           static_cast<std::size_t>(size_.height));
    if (pixels == nullptr) return Error{ErrorCode::kOutOfMemory, path_ + ": no memory"};
    if (packet.size != size_ ||
        tjDecompress2(decoder_.get(), bytes.data(), static_cast<unsigned long>(bytes.size()),
                      pixels, size_.width, static_cast<int>(pitch), size_.height, TJPF_RGB,
                      0) != 0) {
      return Error{ErrorCode::kCorruptInput, path_ + ": a picture is left out"};
    }
    return writer_->write({pixels, size_, pitch, PixelFormat::kRgb8}, packet.time);
  }

  Result<void> finish() override {
    SHOAL_TRY(writer_->finish());
    finished_ = true;
    return {};
  }

 private:
  struct FreeDecoder {
    void operator()(void* decoder) const { tjDestroy(decoder); }
  };
  std::string path_;
  Size size_;
  std::unique_ptr<void, FreeDecoder> decoder_;
  std::unique_ptr<VideoWriter> writer_;
  PixelBuffer pixels_;
  bool finished_ = false;
};

}  // namespace

Result<std::unique_ptr<ClipFile>> ClipFile::open(const std::string& path, const TapedPacket& first,
                                                 std::span<const std::uint8_t> bytes,
                                                 const PacketTape::Cut& cut) {
  if (first.parameters) {
    const auto* parameters = static_cast<const AVCodecParameters*>(first.parameters.get());
    auto clip = std::make_unique<PacketClip>(
        path, std::max(cut.reorder_depth, parameters->video_delay), cut.interval);
    SHOAL_TRY(clip->start(first, bytes));
    return std::unique_ptr<ClipFile>(std::move(clip));
  }
  auto clip = std::make_unique<JpegClip>(path, first.size);
  SHOAL_TRY(clip->start());
  return std::unique_ptr<ClipFile>(std::move(clip));
}

}  // namespace shoal
