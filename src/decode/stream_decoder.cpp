// The adapter of FFmpeg's decoders for cameras. One packet is decoded at a time by the caller's
// thread, so that what FFmpeg logs about it can be attributed to it.
#include "decode/stream_decoder.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "decode/frame_convert.h"
#include "decode/h264_frame_numbers.h"
#include "decode/orientation.h"
#include "decode/picture_decoder.h"
#include "decode/picture_header.h"
#include "decode/raw_pixels.h"
#include "decode/video_codec.h"

namespace shoal {
namespace {

// What a viewer of the stream would call its format.
struct Format {
  int codec = AV_CODEC_ID_NONE;
  Size size;
  int pixels = AV_PIX_FMT_NONE;
  friend bool operator==(const Format&, const Format&) = default;
};

struct OpenDecoder {
  AvCodecContext context;
  StreamParameters parameters;
  int orientation = 1;
  bool intra_only = false;
  bool at_end = false;  // no more packets: what is inside comes out
  std::optional<Format> format;  // of the frame before
};

const AVCodecParameters& view(const StreamParameters& parameters) {
  return *static_cast<const AVCodecParameters*>(parameters.get());
}

bool says_the_same(const StreamParameters& a, const StreamParameters& b) {
  const AVCodecParameters& x = view(a);
  const AVCodecParameters& y = view(b);
  if (x.codec_id != y.codec_id || x.width != y.width || x.height != y.height) return false;
  return x.extradata_size == y.extradata_size &&
         (x.extradata_size == 0 ||
          std::memcmp(x.extradata, y.extradata, static_cast<std::size_t>(x.extradata_size)) == 0);
}

bool is_intra_only_codec(AVCodecID codec) {
  const AVCodecDescriptor* description = avcodec_descriptor_get(codec);
  return description != nullptr && (description->props & AV_CODEC_PROP_INTRA_ONLY) != 0;
}

// FFmpeg fills the rest of a JPEG that was cut off with grey and calls it whole.
bool is_cut_off(AVCodecID codec, std::span<const std::uint8_t> bytes) {
  if (codec != AV_CODEC_ID_MJPEG) return false;
  const auto header = read_picture_header(bytes);
  return header && !check_complete(*header, bytes);
}

// The size as stored that keeps the longer side within `side_max`; whole where it is.
Size reduced(Size stored, int side_max) {
  const int longer = std::max(stored.width, stored.height);
  if (side_max <= 0 || longer <= side_max) return stored;
  const auto side = [&](int length) {
    const std::int64_t scaled = (std::int64_t{2} * length * side_max + longer) / (2 * longer);
    return std::max(1, static_cast<int>(scaled));
  };
  return {side(stored.width), side(stored.height)};
}

}  // namespace

struct StreamDecoder::State {
  std::string name;
  StreamDecoderOptions options;
  StreamDecoderCounts counts;
  OpenDecoder current;
  OpenDecoder before;            // drained while its parameters are no longer the stream's
  StreamParameters refused;      // no decoder could be opened for these
  std::optional<Error> refusal;
  AvPacket packet{av_packet_alloc()};
  AvFrame decoded{av_frame_alloc()};
  bool waiting_for_key = true;
  H264FrameNumbers numbers;
  // Where the stream was joined: frames before it in time, which an open group of pictures sends
  // behind its key frame, lack references; FFmpeg knows and keeps them.
  std::optional<std::chrono::nanoseconds> joined_at;
  bool lacking_is_normal = false;  // for the packet that is being decoded
  bool skipping = false;
  // Stills and raw pixels: made by send(), given by next().
  PictureDecoder pictures;
  Frame still;
  std::optional<Format> still_format;
  AvFrame still_view{av_frame_alloc()};
  bool still_waits = false;
  bool stills = false;  // the packet before was one
  // The frame that next() gave last.
  enum class Given : std::uint8_t { kNone, kVideo, kStill } given = Given::kNone;
  StreamFrame frame;
  int orientation = 1;
  StreamId stream{};
  // One for each kind of call, so that taking turns makes no new tables.
  FrameConverter whole{ConvertQuality::kVideo};
  FrameConverter smaller{ConvertQuality::kVideo};
  PixelBuffer scratch;  // the other buffer of turn_upright

  Error error(ErrorCode code, const std::string& message) const {
    return {code, name + ": " + message};
  }

  Result<void> open(const StreamParameters& parameters);
  Result<void> send_video(const Packet& sent);
  Result<void> send_still(const Packet& sent);
  Result<void> note_failure(int code);
  void note_damage();
  void note_format(std::optional<Format>& before_it, const Format& seen);
  bool receive(OpenDecoder& decoder);
  bool give_still();
  void drop_inside();
};

// Nothing that was predicted from what is now known to be bad may come out.
void StreamDecoder::State::note_damage() {
  ++counts.damaged;
  avcodec_flush_buffers(current.context.get());
  waiting_for_key = !current.intra_only;
}

void StreamDecoder::State::note_format(std::optional<Format>& before_it, const Format& seen) {
  if (before_it && *before_it != seen) ++counts.format_changes;
  before_it = seen;
}

void StreamDecoder::State::drop_inside() {
  before = {};
  still_waits = false;
  given = Given::kNone;
  if (current.context) avcodec_flush_buffers(current.context.get());
  current.at_end = false;
  waiting_for_key = !current.intra_only;
}

Result<void> StreamDecoder::State::open(const StreamParameters& parameters) {
  if (refusal && parameters == refused) return *refusal;
  const bool known = parameters != nullptr && current.parameters != nullptr;
  const bool same = known && says_the_same(parameters, current.parameters);
  if (known && !same) ++counts.format_changes;
  auto context = open_video_codec(parameters, name, {.threads = options.threads,
                                                     .pixels_max = options.pixels_max});
  if (!context) {
    refused = parameters;
    refusal = context.error();
    return *refusal;
  }
  refusal.reset();
  if (current.context && !current.at_end && !waiting_for_key) {
    (void)avcodec_send_packet(current.context.get(), nullptr);
  }
  before = std::exchange(current, {});
  const AVCodecID codec = view(parameters).codec_id;
  if (same) current.format = before.format;
  current.context = *std::move(context);
  current.parameters = parameters;
  current.intra_only = is_intra_only_codec(codec);
  waiting_for_key = !current.intra_only;
  current.context->skip_frame = skipping ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
  numbers.begin({view(parameters).extradata,
                 static_cast<std::size_t>(view(parameters).extradata_size)});
  return {};
}

// An answer of FFmpeg below 0.
Result<void> StreamDecoder::State::note_failure(int code) {
  if (code == AVERROR(ENOMEM)) return error(ErrorCode::kOutOfMemory, "no memory to decode a frame");
  note_damage();
  const auto [width, height] = take_refused_size();  // it stands in the stream itself
  if (width == 0) return {};
  return error(ErrorCode::kOutOfMemory, "frames of " + std::to_string(width) + "x" +
                                            std::to_string(height) + " pixels; expected at most " +
                                            std::to_string(options.pixels_max) + " pixels");
}

Result<void> StreamDecoder::State::send_video(const Packet& sent) {
  if (sent.stream_parameters != current.parameters || !current.context) {
    SHOAL_TRY(open(sent.stream_parameters));
  }
  if (current.at_end) drop_inside();
  if (sent.bytes.empty()) return {};  // FFmpeg would take it for the end
  current.orientation = sent.orientation;
  if (sent.damaged || is_cut_off(current.context->codec_id, sent.bytes)) {
    note_damage();
    return {};
  }
  if (waiting_for_key && !sent.key_frame) {
    ++counts.before_key;
    return {};
  }
  if (waiting_for_key) numbers.restart();
  if (current.context->codec_id == AV_CODEC_ID_H264 && numbers.misses_reference(sent.bytes)) {
    note_damage();
    if (!sent.key_frame) return {};
  }
  if (skipping && !waiting_for_key && !numbers.newest_is_reference()) {
    ++counts.unreferenced;
    return {};
  }
  if (waiting_for_key) joined_at = sent.media_time;
  lacking_is_normal =
      waiting_for_key || (sent.media_time && joined_at && *sent.media_time < *joined_at);
  lend(*packet, sent);
  (void)take_refused_size();
  (void)take_made_up();
  const int code = avcodec_send_packet(current.context.get(), packet.get());
  av_packet_unref(packet.get());
  if (code == AVERROR(EAGAIN)) {
    return error(ErrorCode::kInternal, "the frames of the packet before were not taken");
  }
  waiting_for_key = false;
  if (code < 0) return note_failure(code);
  if (take_made_up() && !lacking_is_normal) note_damage();
  return {};
}

Result<void> StreamDecoder::State::send_still(const Packet& sent) {
  if (still_waits) {
    return error(ErrorCode::kInternal, "the frames of the packet before were not taken");
  }
  if (current.context) {  // the stream was a video until now
    ++counts.format_changes;
    before = {};
    current = {};
  }
  if (!std::exchange(stills, true)) still_format.reset();
  Format seen;
  bool whole_picture = false;
  ErrorCode failed = ErrorCode::kCorruptInput;
  if (sent.kind == PacketKind::kPixels) {
    const std::int64_t pixels = std::int64_t{sent.size.width} * sent.size.height;
    if (pixels > options.pixels_max) {
      return error(ErrorCode::kOutOfMemory, "frames of " + std::to_string(pixels) +
                                                " pixels; expected at most " +
                                                std::to_string(options.pixels_max));
    }
    const auto copied = copy_pixels(still, sent);
    whole_picture = copied.has_value();
    if (!copied) failed = copied.error().code;
    seen.pixels = AV_PIX_FMT_RGB24;
  } else {
    DecodeOptions decode;
    decode.limits.pixels_max = options.pixels_max;
    auto report = pictures.decode(still, sent.bytes, name, decode);
    whole_picture = report && !report->damaged;
    if (!report && report.error().code == ErrorCode::kOutOfMemory) {
      return std::move(report).error();
    }
    still.media_time = sent.media_time;
  }
  if (!whole_picture) {
    ++counts.damaged;
    if (failed == ErrorCode::kOutOfMemory) return error(failed, "no memory for a frame");
    return {};
  }
  still_waits = true;
  seen.size = still.size;
  note_format(still_format, seen);
  return {};
}

bool StreamDecoder::State::give_still() {
  if (!std::exchange(still_waits, false)) return false;
  given = Given::kStill;
  frame = {.media_time = still.media_time, .size = still.size, .key = true};
  return true;
}

// True: `decoded` is a clean frame of this decoder.
bool StreamDecoder::State::receive(OpenDecoder& decoder) {
  if (!decoder.context) return false;
  for (;;) {
    (void)take_made_up();
    const int code = avcodec_receive_frame(decoder.context.get(), decoded.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return false;
    // With several threads FFmpeg reports a packet that failed here, once, and goes on.
    const bool made_up = take_made_up() && !lacking_is_normal;
    if (code >= 0 && !is_damaged(*decoded) && !made_up) return true;
    av_frame_unref(decoded.get());
    if (&decoder != &current) {
      ++counts.damaged;
      return false;
    }
    note_damage();
  }
}

StreamDecoder::StreamDecoder(std::string name, const StreamDecoderOptions& options)
    : state_(std::make_unique<State>()) {
  quiet_ffmpeg();
  state_->name = std::move(name);
  state_->options = options;
}

StreamDecoder::~StreamDecoder() = default;

Result<void> StreamDecoder::send(const Packet& packet) {
  State& state = *state_;
  state.given = State::Given::kNone;
  if (!state.packet || !state.decoded || !state.still_view) {
    return state.error(ErrorCode::kOutOfMemory, "no memory for a video decoder");
  }
  ++state.counts.packets;
  state.stream = packet.stream;
  if (packet.kind != PacketKind::kVideo) return state.send_still(packet);
  if (std::exchange(state.stills, false)) ++state.counts.format_changes;
  return state.send_video(packet);
}

Result<std::optional<StreamFrame>> StreamDecoder::next() {
  State& state = *state_;
  state.given = State::Given::kNone;
  if (state.give_still()) {
    ++state.counts.frames;
    return std::optional(state.frame);
  }
  OpenDecoder* from = nullptr;
  if (state.before.context) {
    if (state.receive(state.before)) {
      from = &state.before;
    } else {
      state.before = {};
    }
  }
  if (from == nullptr && state.receive(state.current)) from = &state.current;
  if (from == nullptr) return std::optional<StreamFrame>();
  const AVFrame& decoded = *state.decoded;
  const Size stored{decoded.width, decoded.height};
  state.note_format(from->format,
                    {static_cast<int>(from->context->codec_id), stored, decoded.format});
  state.orientation = from->orientation;
  state.given = State::Given::kVideo;
  state.frame = {.media_time = media_time_of(decoded),
                 .size = upright(stored, from->orientation),
                 .key = decoded.key_frame != 0};
  ++state.counts.frames;
  return std::optional(state.frame);
}

Result<void> StreamDecoder::convert(Frame& frame, int side_max) {
  State& state = *state_;
  if (state.given == State::Given::kNone) {
    return state.error(ErrorCode::kInvalidArgument, "no frame to convert; next() gave none");
  }
  const AVFrame* source = state.decoded.get();
  if (state.given == State::Given::kStill) {
    AVFrame& pixels = *state.still_view;
    pixels.data[0] = state.still.pixels.data();
    pixels.linesize[0] = static_cast<int>(state.still.pitch_bytes);
    pixels.width = state.still.size.width;
    pixels.height = state.still.size.height;
    pixels.format = AV_PIX_FMT_RGB24;
    source = &pixels;
  }
  const Size stored{source->width, source->height};
  const Size target = reduced(stored, side_max);
  FrameConverter& converter = target == stored ? state.whole : state.smaller;
  const auto converted = converter.convert(frame, *source, target);
  if (!converted) return state.error(converted.error().code, converted.error().message);
  if (state.given == State::Given::kVideo) {
    SHOAL_TRY(turn_upright(frame, state.scratch, state.orientation));
  }
  frame.source_size = state.frame.size;
  frame.stream = state.stream;
  frame.id = FrameId{state.counts.frames - 1};
  frame.media_time = state.frame.media_time;
  return {};
}

void StreamDecoder::skip_unreferenced(bool skip) {
  state_->skipping = skip;
  if (!state_->current.context) return;
  state_->current.context->skip_frame = skip ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
}

void StreamDecoder::restart() { state_->drop_inside(); }

void StreamDecoder::finish() {
  OpenDecoder& current = state_->current;
  if (!current.context || std::exchange(current.at_end, true)) return;
  if (!state_->waiting_for_key) (void)avcodec_send_packet(current.context.get(), nullptr);
}

bool StreamDecoder::is_intra_only() const { return state_->stills || state_->current.intra_only; }

StreamDecoderCounts StreamDecoder::counts() const { return state_->counts; }

std::string StreamDecoder::codec() const {
  if (!state_->current.context) return {};
  return avcodec_get_name(state_->current.context->codec_id);
}

}  // namespace shoal
