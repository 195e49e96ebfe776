// The adapter of libavformat. Every blocking call has a deadline and can be interrupted.
#include "source/video_reader.h"

extern "C" {
#include <libavutil/dict.h>
#include <libavutil/display.h>
#include <libavutil/mathematics.h>
}

#include <strings.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <utility>

#include "core/read_file.h"
#include "core/url_secrets.h"
#include "source/device_input.h"
#include "source/file_names.h"
#include "source/local_file.h"
#include "source/login_error.h"
#include "core/stream_url.h"

namespace shoal {
namespace {

constexpr AVRational kNanoseconds = {1, 1'000'000'000};
constexpr std::int64_t kPacketBytesMax = std::int64_t{64} << 20;  // over a network
constexpr std::chrono::milliseconds kDevicePoll{2};
constexpr std::chrono::seconds kPauseOfStream{10};  // of formats whose clock may begin anew
constexpr std::chrono::nanoseconds kUnknownDuration = std::chrono::milliseconds(40);
// What a server may make the reader open besides itself (redirections, playlists): never a file.
constexpr const char* kProtocols =
    "http,https,httpproxy,tcp,tls,udp,udplite,rtp,rtsp,rtmp,rtmps,rtmpt,rtmpe,ffrtmphttp,"
    "ffrtmpcrypt,srt,crypto";
// An RTSP answer's header lines are traced one by one (rtsp.c); these ask for a login. Of this
// thread, since its last connection.
thread_local std::string rtsp_challenges;

void keep_challenges(void* who, int level, const char* format, va_list arguments) {
  if (std::string_view(format).starts_with("line='%s'")) {
    va_list values;
    va_copy(values, arguments);
    const char* line = va_arg(values, const char*);
    va_end(values);
    constexpr std::string_view kName = "WWW-Authenticate:";
    if (line != nullptr && strncasecmp(line, kName.data(), kName.size()) == 0 &&
        rtsp_challenges.size() < 2000) {
      rtsp_challenges.append(line).append("\n");
    }
  }
  internal::keep_ffmpeg_line(who, level, format, arguments);
}

void listen_to_ffmpeg() {
  quiet_ffmpeg();
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(&keep_challenges); });
}

// What is recognised: what cameras and recorders write. libavformat knows hundreds, some of which
// take one random start code for a stream: of sixteen megabytes of noise it makes H.263 and frames.
// (Sound is there because playlists of HLS may refer to it.)
constexpr const char* kFormats =
    "rtsp,sdp,rtp,hls,mpegts,mpeg,mpegvideo,m4v,h264,hevc,obu,ivf,vc1,mjpeg,mpjpeg,image2,"
    "jpeg_pipe,png_pipe,gif,apng,mov,matroska,webm,avi,asf,asf_o,flv,live_flv,ogg,mxf,nut,wtv,rm,"
    "dhav,yuv4mpegpipe,aac,mp3,ac3,eac3,wav,webvtt";

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

// An answer of HTTP that says no length and ends with its connection is whole, though libavformat
// compares its length with -1.
bool ends_without_length(const std::string& line) {
  return line.find("should be 18446744073709551615") != std::string::npos;
}

bool is_live_scheme(const std::string& place) {
  return is_url(place) && !place.starts_with("http");
}

// Streams without times of their own; libavformat counts 25 frames a second for them.
bool carries_no_times(const AVInputFormat& format) {
  return (format.flags & AVFMT_NOTIMESTAMPS) != 0 || std::string_view(format.name) == "mpjpeg";
}

// For what is live by its scheme: nothing is gained by reading for seconds to estimate a rate.
void set_live_options(AVDictionary*& settings) {
  av_dict_set(&settings, "fpsprobesize", "0", 0);
  av_dict_set_int(&settings, "analyzeduration", 1'000'000, 0);  // us
}

void set_rtsp_options(AVDictionary*& settings, RtspTransport transport) {
  const bool udp = transport == RtspTransport::kUdp;
  av_dict_set(&settings, "rtsp_transport", udp ? "udp" : "tcp", 0);
  // No sound and no metadata: less to carry, and with a single stream libavformat takes times from
  // RTP alone instead of from the sender reports.
  av_dict_set(&settings, "allowed_media_types", "video", 0);
  if (!udp) return;
  // A key frame of 4K comes as a burst of a thousand packets; the kernel may grant less.
  av_dict_set_int(&settings, "buffer_size", std::int64_t{4} << 20, 0);
  av_dict_set_int(&settings, "reorder_queue_size", 1000, 0);  // packets
  av_dict_set_int(&settings, "max_delay", 200'000, 0);        // us until a gap counts as a loss
}

std::string seconds(std::chrono::milliseconds time) {
  const auto count = time.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

}  // namespace

VideoReader::VideoReader(const std::string& place, const SourceOptions& options,
                         const Playback& playback)
    : name_(without_secrets(place)),
      remote_(is_url(place)),
      sends_login_(remote_ && split_stream_url(place).has_login),
      device_(is_device(place)),
      paced_(options.pace == Pace::kLive && !remote_ && !device_),
      loop_(options.loop),
      joining_(playback.begins_at.count() > 0),
      stream_id_(options.stream),
      read_timeout_(options.read_timeout),
      stop_(playback.stop),
      pacer_(playback.pacer),
      begins_at_(playback.begins_at),
      ends_at_(playback.begins_at) {}

int VideoReader::interrupted(void* reader) {
  auto& self = *static_cast<VideoReader*>(reader);
  const bool late = self.deadline_ && Clock::now() > *self.deadline_;
  // A server that sends one picture without an end must not fill the memory until the deadline.
  const AVFormatContext* input = self.input_ ? self.input_.get() : self.opening_;
  AVIOContext* stream = self.remote_ && input != nullptr ? input->pb : nullptr;
  if (stream != nullptr) {
    self.heard_ = avio_tell(stream);
    self.overlong_ = self.overlong_ || self.heard_ - self.read_from_ > kPacketBytesMax;
  }
  return late || self.overlong_ || self.stop_.requested() ? 1 : 0;
}

Error VideoReader::failure(int code, std::chrono::milliseconds timeout,
                           std::string_view option) const {
  const auto error = [this](ErrorCode kind, const std::string& message) {
    return Error{kind, name_ + ": " + message};
  };
  if (stop_.requested()) return error(ErrorCode::kCancelled, "stopped");
  if (overlong_) {
    return error(ErrorCode::kCorruptInput, "a packet of more than " +
                                               std::to_string(kPacketBytesMax >> 20) + " MiB");
  }
  // FFmpeg may answer with the interruption only at the call after the one that it ended, and the
  // RTSP client answers with another code.
  if (code == AVERROR_EXIT || code == AVERROR(ETIMEDOUT) ||
      (deadline_ && Clock::now() > *deadline_)) {
    return late(timeout, option);
  }
  if (code == AVERROR(ENOMEM)) return error(ErrorCode::kOutOfMemory, "no memory to read it");
  if (code == AVERROR(ENOENT)) return error(ErrorCode::kNotFound, "no such file");
  const bool forbidden = code == AVERROR_HTTP_FORBIDDEN;
  if (code == AVERROR_HTTP_UNAUTHORIZED || forbidden) {
    const auto unknown = unknown_to_ffmpeg(rtsp_challenges);
    if (!forbidden && unknown && sends_login_) {
      return error(ErrorCode::kUnsupported,
                   "the camera asks for a login by " + *unknown +
                       ", which FFmpeg does not know; set its RTSP authentication to Digest with "
                       "MD5, or to Basic");
    }
    return login_error(name_, sends_login_, forbidden ? 403 : 401);
  }
  if (code == AVERROR_HTTP_NOT_FOUND) {
    return error(ErrorCode::kNotFound, "the server has no such file (404)");
  }
  if (code == AVERROR(EINVAL) && ffmpeg_line().starts_with("Format not on whitelist")) {
    return error(ErrorCode::kCorruptInput, "not a format that cameras or recorders write");
  }
  // Its line says the same with an address that nobody wrote.
  for (const int number : {ECONNREFUSED, ECONNRESET, EHOSTUNREACH, ENETUNREACH}) {
    if (code == AVERROR(number)) return error(ErrorCode::kUnavailable, std::strerror(number));
  }
  // What a server made it open may have secrets of its own.
  const std::string words = text_without_secrets(describe_ffmpeg(code));
  if (code == AVERROR_PROTOCOL_NOT_FOUND || code == AVERROR_DEMUXER_NOT_FOUND) {
    return error(ErrorCode::kUnsupported, words);
  }
  if (code == AVERROR_INVALIDDATA || (!remote_ && code == AVERROR_EOF)) {
    return error(ErrorCode::kCorruptInput, "cut off or not a video: " + words);
  }
  return error(ErrorCode::kUnavailable, words);
}

// Nothing of use came in time.
Error VideoReader::late(std::chrono::milliseconds timeout, std::string_view option) const {
  std::string what = "no answer";
  if (input_ != nullptr && heard_ > read_from_) {
    what = "data comes, but no whole picture";
  } else if (input_ == nullptr && heard_ > 0) {
    what = "data comes (" + std::to_string(heard_) + " bytes), but no video format was recognised";
  }
  return {ErrorCode::kDeadlineExceeded, name_ + ": " + what + " within " + seconds(timeout) + " (" +
                                            std::string(option) + ")"};
}

Result<std::unique_ptr<VideoReader>> VideoReader::open(const std::string& place,
                                                       const SourceOptions& options,
                                                       const Playback& playback) {
  listen_to_ffmpeg();
  std::unique_ptr<VideoReader> reader(new VideoReader(place, options, playback));
  if (!reader->packet_) {
    return Error{ErrorCode::kOutOfMemory, reader->name_ + ": no memory for a reader"};
  }
  if (!reader->remote_ && !reader->device_) {
    const std::uint64_t bytes = SHOAL_TRY(regular_file_size(place));
    if (bytes == 0) {
      return Error{ErrorCode::kCorruptInput,
                   reader->name_ + ": the file is empty; expected a video"};
    }
  }
  SHOAL_TRY(reader->connect(place, options));
  SHOAL_TRY(reader->choose_stream());
  return reader;
}

Result<void> VideoReader::connect(const std::string& place, const SourceOptions& options) {
  if (remote_ || device_) deadline_ = Clock::now() + options.connect_timeout;
  if (device_) {
    const DeviceSpec device = SHOAL_TRY(parse_device(place));
    input_ = SHOAL_TRY(open_device(device, {&VideoReader::interrupted, this}));
    live_ = true;
    return {};  // the driver has said all there is to know
  }
  AVFormatContext* input = avformat_alloc_context();
  if (input == nullptr) return Error{ErrorCode::kOutOfMemory, name_ + ": no memory for a reader"};
  input->interrupt_callback = {&VideoReader::interrupted, this};
  open_regular_files_only(*input);
  AVDictionary* settings = nullptr;
  av_dict_set(&settings, "format_whitelist", kFormats, 0);
  if (remote_) av_dict_set(&settings, "protocol_whitelist", kProtocols, 0);
  if (is_live_scheme(place)) set_live_options(settings);
  const bool is_rtsp = place.starts_with("rtsp");
  if (is_rtsp) set_rtsp_options(settings, options.transport);
  forget_ffmpeg_line();
  // "file:" keeps a path with a colon in it from being taken for a URL.
  const std::string address = remote_ ? encoded_stream_url(place) : "file:" + place;
  opening_ = input;
  rtsp_challenges.clear();
  const int code = avformat_open_input(&input, address.c_str(), nullptr, &settings);
  opening_ = nullptr;
  av_dict_free(&settings);
  if (code < 0) return failure(code, options.connect_timeout, "connect_timeout");
  input_.reset(input);
  // RTSP's description names the codec. Probing would read on to a key frame, which may be ten
  // seconds away, and then hand all of that out at once with the first packet's time wrong.
  if (is_rtsp) {
    live_ = true;
    deadline_.reset();
    (void)take_lost_packets();
    return {};
  }
  return probe(options);
}

Result<void> VideoReader::probe(const SourceOptions& options) {
  // Over HTTP what has neither a duration nor a length is a camera. Its rate is nobody's business,
  // and at a picture a second 20 of them would be a long time to wait for.
  const bool endless = input_->duration == AV_NOPTS_VALUE &&
                       (input_->pb == nullptr || avio_size(input_->pb) <= 0);
  if (remote_ && endless) input_->fps_probe_size = 0;
  const int code = avformat_find_stream_info(input_.get(), nullptr);
  const bool stopped = interrupted(this) != 0;
  if (code < 0 || stopped) {
    return failure(stopped ? AVERROR_EXIT : code, options.connect_timeout, "connect_timeout");
  }
  const bool still_endless = input_->duration == AV_NOPTS_VALUE &&
                             (input_->pb == nullptr || avio_size(input_->pb) <= 0);
  live_ = is_live_scheme(name_) || (remote_ && still_endless);
  untimed_ = live_ && carries_no_times(*input_->iformat);
  ended_early_ = says_cut_off(ffmpeg_line());
  deadline_.reset();
  (void)take_lost_packets();
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
  const bool clock_may_restart = (input_->iformat->flags & AVFMT_TS_DISCONT) != 0;
  return {.size = orientation_ >= 5 ? Size{stored.height, stored.width} : stored,
          .frames_per_second = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0,
          .pause_max = clock_may_restart ? kPauseOfStream : VideoFormat{}.pause_max};
}

std::optional<std::chrono::nanoseconds> VideoReader::since_start(std::int64_t time) const {
  if (time == AV_NOPTS_VALUE || start_ == AV_NOPTS_VALUE) return std::nullopt;
  return begins_at_ +
         std::chrono::nanoseconds(av_rescale_q(time - start_, stream_->time_base, kNanoseconds));
}

std::chrono::nanoseconds VideoReader::duration_of_frame() const {
  if (packet_->duration > 0) {
    return std::chrono::nanoseconds(
        av_rescale_q(packet_->duration, stream_->time_base, kNanoseconds));
  }
  const double rate = format().frames_per_second;
  return rate > 0 ? std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / rate))
                  : kUnknownDuration;
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
  const bool lost = take_lost_packets();
  // What is lost belongs to this packet or to the next one: libavformat's parser hands a frame out
  // when it sees the one behind it.
  packet.damaged = (packet_->flags & AV_PKT_FLAG_CORRUPT) != 0 || lost || lost_before_;
  lost_before_ = lost;
  packet.orientation = orientation_;
  if (untimed_) {
    const TimePoint now = Clock::now();
    if (!first_arrival_) first_arrival_ = now;
    packet.media_time = begins_at_ + (now - *first_arrival_);
  } else {
    packet.media_time = since_start(packet_->pts != AV_NOPTS_VALUE ? packet_->pts : packet_->dts);
  }
  if (packet.media_time) {
    ends_at_ = std::max(ends_at_, *packet.media_time + duration_of_frame());
  }
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
  if (loop_ || !is_cut_off()) return false;
  const auto expected = packet_count();
  std::string message = name_ + ": the video ends in the middle of a packet, after " +
                        std::to_string(packets_) + " whole ones";
  if (expected && *expected > packets_) {
    message += "; expected about " + std::to_string(*expected);
  }
  return Error{ErrorCode::kCorruptInput, std::move(message)};
}

// av_read_frame; the wait for a device, which is asked again and again, is ours.
int VideoReader::read_frame() {
  if (remote_ && input_->pb != nullptr) read_from_ = avio_tell(input_->pb);
  for (;;) {
    forget_ffmpeg_line();
    const int code = av_read_frame(input_.get(), packet_.get());
    if (!device_ || code != AVERROR(EAGAIN)) return code;
    if (interrupted(this) != 0 || !stop_.wait_until(Clock::now() + kDevicePoll)) {
      return AVERROR_EXIT;
    }
  }
}

Result<bool> VideoReader::next(Packet& packet) {
  // For the whole call: sound that goes on does not hide that the picture has stopped.
  if (remote_ || device_) deadline_ = Clock::now() + read_timeout_;
  while (!finished_) {
    const int code = read_frame();
    ended_early_ = ended_early_ || says_cut_off(ffmpeg_line());
    const bool over = code == AVERROR_EOF || (code < 0 && ends_without_length(ffmpeg_line()));
    if (over && !stop_.requested()) return finish();
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
    const bool too_early = joining_ && (packet_->flags & AV_PKT_FLAG_KEY) == 0;
    if (!ours || too_early) {
      av_packet_unref(packet_.get());
      continue;
    }
    joining_ = false;
    fill(packet);
    const auto due = since_start(packet_->dts != AV_NOPTS_VALUE ? packet_->dts : packet_->pts);
    av_packet_unref(packet_.get());
    if (paced_ && due && !pacer_.wait_for(*due)) return failure(AVERROR_EXIT, {}, {});
    return true;
  }
  return false;
}

}  // namespace shoal
