// The adapter of libavformat. Every blocking call has a deadline and can be interrupted.
#include "source/video_reader.h"

extern "C" {
#include <libavutil/dict.h>
#include <libavutil/display.h>
#include <libavutil/mathematics.h>
}

#include <filesystem>
#include <system_error>
#include <utility>

#include "source/file_names.h"

namespace shoal {
namespace {

constexpr AVRational kNanoseconds = {1, 1'000'000'000};

// How the display matrix turns the stored picture, as EXIF's orientation. x' = a x + c y and
// y' = b x + d y, with a, b, c, d at places 0, 1, 3 and 4; only quarter turns and mirrors count.
int orientation_of(const AVStream& stream) {
  std::size_t bytes = 0;
  const std::uint8_t* data =
      av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &bytes);
  if (data == nullptr || bytes < 9 * sizeof(std::int32_t)) return 1;
  const auto* matrix = reinterpret_cast<const std::int32_t*>(data);
  const auto sign = [&](int place) { return (matrix[place] > 0) - (matrix[place] < 0); };
  const int a = sign(0);
  const int b = sign(1);
  const int c = sign(3);
  const int d = sign(4);
  if (b == 0 && c == 0) return a >= 0 ? (d >= 0 ? 1 : 4) : (d >= 0 ? 2 : 3);
  if (a != 0 || d != 0) return 1;
  return b > 0 ? (c > 0 ? 5 : 6) : (c > 0 ? 8 : 7);
}

bool says_cut_off(const std::string& line) {
  return line.find("ended prematurely") != std::string::npos ||
         line.find("partial file") != std::string::npos;
}

bool is_live_scheme(const std::string& place) {
  return is_url(place) && !place.starts_with("http");
}

std::string seconds(std::chrono::milliseconds time) {
  const auto count = time.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

}  // namespace

std::string without_password(const std::string& url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const std::size_t user = scheme + 3;
  const std::size_t host_end = std::min(url.find('/', user), url.size());
  const std::size_t at = url.rfind('@', host_end);
  const std::size_t colon = url.find(':', user);
  if (at == std::string::npos || at < user || colon >= at) return url;
  return url.substr(0, colon) + ":***" + url.substr(at);
}

VideoReader::VideoReader(const std::string& place, const SourceOptions& options, StopSignal& stop)
    : name_(without_password(place)),
      remote_(is_url(place)),
      paced_(options.pace == Pace::kLive && !remote_),
      stream_id_(options.stream),
      read_timeout_(options.read_timeout),
      stop_(stop),
      pacer_(stop) {}

int VideoReader::interrupted(void* reader) {
  const auto& self = *static_cast<const VideoReader*>(reader);
  const bool late = self.deadline_ && Clock::now() > *self.deadline_;
  return late || self.stop_.requested() ? 1 : 0;
}

Error VideoReader::failure(int code, std::chrono::milliseconds timeout,
                           std::string_view option) const {
  const auto error = [this](ErrorCode kind, const std::string& message) {
    return Error{kind, name_ + ": " + message};
  };
  if (stop_.requested()) return error(ErrorCode::kCancelled, "stopped");
  // FFmpeg may answer with the interruption only at the call after the one that it ended, and the
  // RTSP client answers with another code.
  if (code == AVERROR_EXIT || code == AVERROR(ETIMEDOUT) ||
      (deadline_ && Clock::now() > *deadline_)) {
    return error(ErrorCode::kDeadlineExceeded,
                 "no answer within " + seconds(timeout) + " (" + std::string(option) + ")");
  }
  if (code == AVERROR(ENOMEM)) return error(ErrorCode::kOutOfMemory, "no memory to read it");
  if (code == AVERROR(ENOENT)) return error(ErrorCode::kNotFound, "no such file");
  if (code == AVERROR_HTTP_NOT_FOUND) {
    return error(ErrorCode::kNotFound, "the server has no such file (404)");
  }
  const std::string words = describe_ffmpeg(code);
  if (code == AVERROR_PROTOCOL_NOT_FOUND || code == AVERROR_DEMUXER_NOT_FOUND) {
    return error(ErrorCode::kUnsupported, words);
  }
  if (code == AVERROR_INVALIDDATA || (!remote_ && code == AVERROR_EOF)) {
    return error(ErrorCode::kCorruptInput, "cut off or not a video: " + words);
  }
  return error(ErrorCode::kUnavailable, words);
}

Result<std::unique_ptr<VideoReader>> VideoReader::open(const std::string& place,
                                                       const SourceOptions& options,
                                                       StopSignal& stop) {
  quiet_ffmpeg();
  std::unique_ptr<VideoReader> reader(new VideoReader(place, options, stop));
  if (!reader->packet_) {
    return Error{ErrorCode::kOutOfMemory, reader->name_ + ": no memory for a reader"};
  }
  if (!reader->remote_) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(place, error);
    if (!error && bytes == 0) {
      return Error{ErrorCode::kCorruptInput,
                   reader->name_ + ": the file is empty; expected a video"};
    }
  }
  SHOAL_TRY(reader->connect(place, options));
  SHOAL_TRY(reader->choose_stream());
  return reader;
}

Result<void> VideoReader::connect(const std::string& place, const SourceOptions& options) {
  AVFormatContext* input = avformat_alloc_context();
  if (input == nullptr) return Error{ErrorCode::kOutOfMemory, name_ + ": no memory for a reader"};
  input->interrupt_callback = {&VideoReader::interrupted, this};
  if (remote_) deadline_ = Clock::now() + options.connect_timeout;
  AVDictionary* settings = nullptr;
  // Over UDP, the default, a lost packet smears the picture until the next key frame.
  if (place.starts_with("rtsp")) av_dict_set(&settings, "rtsp_transport", "tcp", 0);
  forget_ffmpeg_line();
  // "file:" keeps a path with a colon in it from being taken for a URL.
  const std::string address = remote_ ? place : "file:" + place;
  int code = avformat_open_input(&input, address.c_str(), nullptr, &settings);
  av_dict_free(&settings);
  if (code < 0) return failure(code, options.connect_timeout, "connect_timeout");
  input_.reset(input);
  code = avformat_find_stream_info(input, nullptr);
  const bool stopped = interrupted(this) != 0;
  if (code < 0 || stopped) {
    return failure(stopped ? AVERROR_EXIT : code, options.connect_timeout, "connect_timeout");
  }
  ended_early_ = says_cut_off(ffmpeg_line());
  deadline_.reset();
  return {};
}

Result<void> VideoReader::choose_stream() {
  const int index = av_find_best_stream(input_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (index < 0) {
    return Error{ErrorCode::kCorruptInput,
                 name_ + ": expected a video stream; got none among " +
                     std::to_string(input_->nb_streams) + " streams"};
  }
  for (unsigned i = 0; i < input_->nb_streams; ++i) {
    if (static_cast<int>(i) != index) input_->streams[i]->discard = AVDISCARD_ALL;
  }
  stream_ = input_->streams[index];
  start_ = stream_->start_time;
  orientation_ = orientation_of(*stream_);
  // Over HTTP what has neither a duration nor a length is a camera.
  const bool endless = input_->duration == AV_NOPTS_VALUE &&
                       (input_->pb == nullptr || avio_size(input_->pb) <= 0);
  live_ = is_live_scheme(name_) || (remote_ && endless);
  std::shared_ptr<AVCodecParameters> parameters(avcodec_parameters_alloc(), FfmpegFree{});
  if (!parameters || avcodec_parameters_copy(parameters.get(), stream_->codecpar) < 0) {
    return Error{ErrorCode::kOutOfMemory, name_ + ": no memory for stream parameters"};
  }
  parameters_ = std::move(parameters);
  return {};
}

std::optional<std::uint64_t> VideoReader::packet_count() const {
  if (live_) return std::nullopt;
  if (stream_->nb_frames > 0) return static_cast<std::uint64_t>(stream_->nb_frames);
  const double frames_per_second = format().frames_per_second;
  if (input_->duration <= 0 || frames_per_second <= 0) return std::nullopt;
  const double duration_seconds = static_cast<double>(input_->duration) / AV_TIME_BASE;
  return static_cast<std::uint64_t>(duration_seconds * frames_per_second + 0.5);
}

VideoFormat VideoReader::format() const {
  const AVRational rate = av_guess_frame_rate(input_.get(), stream_, nullptr);
  const Size stored{stream_->codecpar->width, stream_->codecpar->height};
  return {.size = orientation_ >= 5 ? Size{stored.height, stored.width} : stored,
          .frames_per_second = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0};
}

std::optional<std::chrono::nanoseconds> VideoReader::since_start(std::int64_t time) const {
  if (time == AV_NOPTS_VALUE || start_ == AV_NOPTS_VALUE) return std::nullopt;
  return std::chrono::nanoseconds(av_rescale_q(time - start_, stream_->time_base, kNanoseconds));
}

void VideoReader::fill(Packet& packet) {
  if (start_ == AV_NOPTS_VALUE) start_ = packet_->pts;
  if (start_ == AV_NOPTS_VALUE) start_ = packet_->dts;
  packet.kind = PacketKind::kVideo;
  packet.bytes.assign(packet_->data, packet_->data + packet_->size);
  packet.name = name_;
  packet.stream = stream_id_;
  packet.frame = FrameId{packets_};
  packet.size = {};
  packet.key_frame = (packet_->flags & AV_PKT_FLAG_KEY) != 0;
  packet.hidden = (packet_->flags & AV_PKT_FLAG_DISCARD) != 0;
  packet.orientation = orientation_;
  packet.media_time = since_start(packet_->pts != AV_NOPTS_VALUE ? packet_->pts : packet_->dts);
  packet.stream_parameters = parameters_;
  ++packets_;
}

// What the containers tell of a missing end: an index that points behind the end of the file
// (MP4, MOV, AVI), the demuxer's log (Matroska, MP4), or a broken last packet of a fixed size (TS).
bool VideoReader::is_cut_off() const {
  if (live_) return false;
  if (ended_early_) return true;
  const std::int64_t bytes = input_->pb == nullptr ? -1 : avio_size(input_->pb);
  if (bytes <= 0) return false;
  const int entries = avformat_index_get_entries_count(stream_);
  if (entries > 0) {
    const AVIndexEntry* last = avformat_index_get_entry(stream_, entries - 1);
    if (last != nullptr && last->pos + last->size > bytes) return true;
  }
  return std::string_view(input_->iformat->name) == "mpegts" && bytes % 188 != 0 &&
         bytes % 192 != 0 && bytes % 204 != 0;
}

Result<bool> VideoReader::finish() {
  finished_ = true;
  if (packets_ == 0) {
    return Error{ErrorCode::kCorruptInput, name_ + ": the video holds no frames"};
  }
  if (!is_cut_off()) return false;
  const auto expected = packet_count();
  std::string message = name_ + ": the video ends in the middle of a packet, after " +
                        std::to_string(packets_) + " whole ones";
  if (expected && *expected > packets_) {
    message += "; expected about " + std::to_string(*expected);
  }
  return Error{ErrorCode::kCorruptInput, std::move(message)};
}

Result<bool> VideoReader::next(Packet& packet) {
  while (!finished_) {
    if (remote_) deadline_ = Clock::now() + read_timeout_;
    forget_ffmpeg_line();
    const int code = av_read_frame(input_.get(), packet_.get());
    ended_early_ = ended_early_ || says_cut_off(ffmpeg_line());
    if (code == AVERROR_EOF && !stop_.requested()) return finish();
    if (code < 0) {
      finished_ = true;
      // A local file's read error behind the last whole packet is its missing end.
      if (!remote_ && packets_ > 0 && is_cut_off()) return finish();
      return failure(code, read_timeout_, "read_timeout");
    }
    const bool ours = packet_->stream_index == stream_->index && packet_->size > 0;
    const bool partial = (packet_->flags & AV_PKT_FLAG_CORRUPT) != 0 && !live_ &&
                         input_->pb != nullptr && avio_feof(input_->pb) != 0;
    if (ours && partial) {
      av_packet_unref(packet_.get());
      ended_early_ = true;
      return finish();
    }
    if (!ours) {
      av_packet_unref(packet_.get());
      continue;
    }
    fill(packet);
    const auto due = since_start(packet_->dts != AV_NOPTS_VALUE ? packet_->dts : packet_->pts);
    av_packet_unref(packet_.get());
    if (paced_ && due && !pacer_.wait_for(*due)) return failure(AVERROR_EXIT, {}, {});
    return true;
  }
  return false;
}

}  // namespace shoal
