// libcurl's multi interface with one transfer: what has arrived is taken when it is wanted, so that
// a slow reader holds the camera back and not this machine's memory.
#include "source/http_pictures.h"

#include <curl/curl.h>

extern "C" {
#include <libavcodec/avcodec.h>
}

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "core/ffmpeg.h"
#include "core/letters.h"
#include "core/picture_pages.h"
#include "core/url_secrets.h"
#include "source/file_names.h"
#include "source/jpeg_splitter.h"
#include "source/login_error.h"
#include "core/stream_url.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kPictureBytesMax = std::size_t{64} << 20;
constexpr milliseconds kStopSeen{100};  // how soon a stop ends a wait
constexpr std::size_t kMagicBytes = 32;  // enough to know a picture by
constexpr long kRedirectsMax = 5;
// Behind a picture that is all there is, some servers send a line break more.
constexpr curl_off_t kTail = 64;

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)started;
}

std::string_view path_of(std::string_view url) {
  const std::string_view rest = split_stream_url(url).rest;
  return rest.substr(0, rest.find_first_of("?#"));
}

std::string time_text(milliseconds time) {
  const auto count = time.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

// What libcurl takes without a login, which it is given beside: no blanks, no bytes above ASCII.
std::string request_url(const StreamUrl& url) {
  std::string text = std::string(url.scheme) + "://" + std::string(url.place);
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const char c : url.rest) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7F) {
      text += c;
      continue;
    }
    text += '%';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// How an answer is read.
enum class Body : std::uint8_t {
  kUnknown,    // too little of it has come
  kPicture,    // the whole body is a picture
  kPictures,   // JPEGs, and perhaps something between them
  kForeign,
  kPage,       // a web page
};

Body body_of(std::string_view type, std::string_view begin, bool has_length) {
  const std::size_t text = begin.find_first_not_of(" \t\r\n");
  const std::string_view visible = text == std::string_view::npos ? "" : begin.substr(text);
  const bool jpeg = visible.starts_with("\xFF\xD8\xFF");
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(begin.data());
  const bool other = !jpeg && begins_as_picture({bytes, begin.size()});
  if (type.starts_with("multipart/")) return Body::kPictures;
  if (type.starts_with("image/")) return has_length || !jpeg ? Body::kPicture : Body::kPictures;
  if (jpeg || (visible.starts_with("--") && !type.starts_with("text/html"))) return Body::kPictures;
  if (other) return Body::kPicture;  // whatever its type is said to be
  return type.starts_with("text/html") || visible.starts_with("<") ? Body::kPage : Body::kForeign;
}

}  // namespace

struct HttpPictures::State {
  std::string name;  // without a password
  std::string url;   // without a login
  Login login;
  bool has_login = false;
  SourceOptions options;
  StopSignal* stop = nullptr;
  std::array<char, CURL_ERROR_SIZE> words{};
  std::unique_ptr<CURLM, FreeMulti> multi;
  std::unique_ptr<CURL, FreeEasy> easy;

  // Of the answer that is being read.
  bool ended = false;
  CURLcode code = CURLE_OK;
  long status = 0;
  Body body = Body::kUnknown;
  bool image_type = false;
  bool multipart = false;
  curl_off_t length = -1;
  std::size_t heard = 0;                // bytes of its body
  std::vector<std::uint8_t> pending;    // until it is known what it is, or the picture itself
  JpegSplitter splitter{kPictureBytesMax};
  bool too_long = false;
  std::uint64_t given = 0;              // pictures of it

  bool have = false;     // `picture` is the next packet's
  struct {
    std::vector<std::uint8_t> bytes;
    Size size;
    bool whole = true;
    bool still = false;  // a picture file, not motion JPEG
  } picture;
  std::uint64_t packets = 0;
  std::optional<TimePoint> first_arrival;
  TimePoint asked{};
  StreamParameters parameters;
  Size parameters_size;
  bool live = false;

  Error error(ErrorCode kind, const std::string& text) const { return {kind, name + ": " + text}; }
  void ask();
  Result<void> pump(TimePoint deadline, milliseconds timeout, std::string_view option);
  void take(std::span<const std::uint8_t> bytes);
  void decide();
  Result<bool> fetch(TimePoint deadline, milliseconds timeout, std::string_view option);
  Result<bool> end_of_answer();
  bool keep_still();
  Result<bool> ends_here(curl_off_t end, TimePoint deadline, milliseconds timeout,
                         std::string_view option);
  Error transfer_error() const;
  Result<void> check_status() const;
  Result<void> make_parameters();
  bool is_single() const { return !multipart && given == 1; }

  static std::size_t write(char* data, std::size_t size, std::size_t count, void* state);
};

std::size_t HttpPictures::State::write(char* data, std::size_t size, std::size_t count,
                                       void* state) {
  auto& self = *static_cast<State*>(state);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(data);
  self.take({bytes, size * count});
  return self.too_long ? 0 : size * count;
}

void HttpPictures::State::take(std::span<const std::uint8_t> bytes) {
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status >= 300) return;  // the words of a refusal
  heard += bytes.size();
  if (body == Body::kPictures) {
    splitter.push(bytes);
    return;
  }
  pending.insert(pending.end(), bytes.begin(), bytes.end());
  too_long = pending.size() > kPictureBytesMax;
  if (body == Body::kUnknown && pending.size() >= kMagicBytes) decide();
}

void HttpPictures::State::decide() {
  const char* type = nullptr;
  curl_easy_getinfo(easy.get(), CURLINFO_CONTENT_TYPE, &type);
  curl_easy_getinfo(easy.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  const std::string low = lower(type == nullptr ? "" : type);
  multipart = low.starts_with("multipart/");
  image_type = low.starts_with("image/");
  body = body_of(low, {reinterpret_cast<const char*>(pending.data()), pending.size()}, length > 0);
  if (body != Body::kPictures) return;
  multipart = multipart || (!pending.empty() && pending[0] != 0xFF);
  splitter.push(pending);
  pending.clear();
}

void HttpPictures::State::ask() {
  CURL* one = easy.get();
  curl_multi_remove_handle(multi.get(), one);  // keeps the connection
  ended = false;
  code = CURLE_OK;
  status = 0;
  body = Body::kUnknown;
  image_type = multipart = too_long = false;
  length = -1;
  heard = 0;
  pending.clear();
  splitter.restart();
  given = 0;
  words[0] = '\0';
  asked = Clock::now();
  curl_easy_reset(one);
  curl_easy_setopt(one, CURLOPT_URL, url.c_str());
  curl_easy_setopt(one, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(one, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(one, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(one, CURLOPT_MAXREDIRS, kRedirectsMax);
  curl_easy_setopt(one, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(one, CURLOPT_QUICK_EXIT, 1L);  // a resolver that hangs holds nobody up
  curl_easy_setopt(one, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(one, CURLOPT_SSL_VERIFYPEER, 0L);
  curl_easy_setopt(one, CURLOPT_SSL_VERIFYHOST, 0L);
  curl_easy_setopt(one, CURLOPT_USERAGENT, "shoal");
  curl_easy_setopt(one, CURLOPT_ERRORBUFFER, words.data());
  curl_easy_setopt(one, CURLOPT_WRITEFUNCTION, &State::write);
  curl_easy_setopt(one, CURLOPT_WRITEDATA, this);
  if (has_login) {
    curl_easy_setopt(one, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC | CURLAUTH_DIGEST));
    curl_easy_setopt(one, CURLOPT_USERNAME, login.user.c_str());
    curl_easy_setopt(one, CURLOPT_PASSWORD, login.password.c_str());
  }
  curl_multi_add_handle(multi.get(), one);
}

// Takes what has arrived, or waits for something.
Result<void> HttpPictures::State::pump(TimePoint deadline, milliseconds timeout,
                                       std::string_view option) {
  if (stop->requested()) return error(ErrorCode::kCancelled, "stopped");
  const TimePoint now = Clock::now();
  if (now >= deadline) {
    const std::string within = " within " + time_text(timeout) + " (" + std::string(option) + ")";
    if (heard == 0) return error(ErrorCode::kDeadlineExceeded, "no answer" + within);
    return error(ErrorCode::kDeadlineExceeded, "data comes (" + std::to_string(heard) +
                                                   " bytes), but no whole picture" + within);
  }
  const std::size_t before = heard;
  int running = 0;
  curl_multi_perform(multi.get(), &running);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    ended = true;
    code = message->data.result;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  }
  if (ended || heard > before) return {};
  const auto wait = std::min(std::chrono::ceil<milliseconds>(deadline - now), kStopSeen);
  curl_multi_poll(multi.get(), nullptr, 0, static_cast<int>(wait.count()), nullptr);
  return {};
}

Error HttpPictures::State::transfer_error() const {
  if (too_long) {
    return error(ErrorCode::kCorruptInput, "a picture of more than " +
                                               std::to_string(kPictureBytesMax >> 20) + " MiB");
  }
  long number = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_OS_ERRNO, &number);
  if (code == CURLE_COULDNT_CONNECT && number != 0) {
    return error(ErrorCode::kUnavailable, std::strerror(static_cast<int>(number)));
  }
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return error(ErrorCode::kDeadlineExceeded,
                 "no answer within " + time_text(options.connect_timeout) + " (connect_timeout)");
  }
  return error(ErrorCode::kUnavailable,
               words[0] != '\0' ? words.data() : curl_easy_strerror(code));
}

Result<void> HttpPictures::State::check_status() const {
  if (status == 401 || status == 403) {
    return login_error(name, has_login, static_cast<int>(status));
  }
  if (status == 404) return error(ErrorCode::kNotFound, "the server has no such file (404)");
  if (status >= 300 || status < 200) {
    return error(ErrorCode::kUnavailable, "the server answers " + std::to_string(status));
  }
  return {};
}

// True: `pending` is a picture of its own.
bool HttpPictures::State::keep_still() {
  if (body != Body::kPicture || given > 0 || pending.empty()) return false;
  std::swap(picture.bytes, pending);
  picture.size = {};
  picture.whole = true;
  picture.still = have = true;
  ++given;
  return true;
}

// Whether an answer of unknown length is over behind its first picture, which ends at `end`.
Result<bool> HttpPictures::State::ends_here(curl_off_t end, TimePoint deadline,
                                            milliseconds timeout, std::string_view option) {
  while (!ended && static_cast<curl_off_t>(heard) <= end) {
    if (Clock::now() + kStopSeen >= deadline) return false;  // a stream that has paused
    SHOAL_TRY(pump(deadline, timeout, option));
  }
  return ended && static_cast<curl_off_t>(heard) <= end;
}

// The next picture of this answer into `picture`. False: it is over.
Result<bool> HttpPictures::State::fetch(TimePoint deadline, milliseconds timeout,
                                        std::string_view option) {
  for (;;) {
    if (body == Body::kPictures) {
      if (const auto found = splitter.next()) {
        picture.bytes.assign(found->bytes.begin(), found->bytes.end());
        picture.size = found->size;
        picture.whole = found->whole;
        // All there is: a picture file, whatever its type is said to be.
        const auto end = static_cast<curl_off_t>(found->bytes.size()) + kTail;
        picture.still = image_type || (!multipart && length > 0 && given == 0 && length <= end);
        if (!picture.still && !multipart && length <= 0 && given == 0) {
          picture.still = SHOAL_TRY(ends_here(end, deadline, timeout, option));
        }
        have = true;
        ++given;
        return true;
      }
    }
    if (body == Body::kForeign || body == Body::kPage) return false;
    if (ended) return end_of_answer();
    SHOAL_TRY(pump(deadline, timeout, option));
  }
}

// What is left when no more comes; called again until it gives false.
Result<bool> HttpPictures::State::end_of_answer() {
  // A length that is too long is the server's mistake; whether its picture is whole is seen.
  if (code == CURLE_PARTIAL_FILE && status == 200 && keep_still()) return true;
  if (code != CURLE_OK && (given == 0 || !is_single())) return transfer_error();
  SHOAL_TRY(check_status());
  if (body == Body::kUnknown) decide();
  if (keep_still()) return true;
  if (body != Body::kPictures) return false;
  splitter.finish();
  const auto found = splitter.next();
  if (!found) return false;
  picture.bytes.assign(found->bytes.begin(), found->bytes.end());
  picture.size = found->size;
  picture.whole = found->whole;
  picture.still = image_type;
  have = true;
  ++given;
  return true;
}

// FFmpeg's description of motion JPEG of this size, for decoders and clips.
Result<void> HttpPictures::State::make_parameters() {
  if (parameters != nullptr && parameters_size == picture.size) return {};
  std::shared_ptr<AVCodecParameters> made(avcodec_parameters_alloc(), FfmpegFree{});
  if (!made) return error(ErrorCode::kOutOfMemory, "no memory for stream parameters");
  made->codec_type = AVMEDIA_TYPE_VIDEO;
  made->codec_id = AV_CODEC_ID_MJPEG;
  made->format = AV_PIX_FMT_YUVJ420P;
  made->width = picture.size.width;
  made->height = picture.size.height;
  parameters = std::move(made);
  parameters_size = picture.size;
  return {};
}

bool may_give_pictures(std::string_view url) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) return false;
  const std::string path = lower(path_of(url));
  if (path.ends_with(".m3u8") || path.ends_with(".mpd") || path.ends_with(".sdp")) return false;
  const bool motion_jpeg = path.ends_with(".mjpg") || path.ends_with(".mjpeg");
  return motion_jpeg || file_kind(path) != FileKind::kVideo;
}

HttpPictures::HttpPictures(std::unique_ptr<State> state) : state_(std::move(state)) {}

HttpPictures::~HttpPictures() {
  if (state_->multi && state_->easy) {
    curl_multi_remove_handle(state_->multi.get(), state_->easy.get());
  }
}

Result<std::unique_ptr<HttpPictures>> HttpPictures::open(const std::string& url,
                                                         const SourceOptions& options,
                                                         StopSignal& stop) {
  start_curl();
  auto made = std::make_unique<State>();
  State& state = *made;
  state.name = without_secrets(url);
  const StreamUrl parts = split_stream_url(url);
  state.url = request_url(parts);
  state.has_login = parts.has_login;
  state.login = login_of(parts);
  state.options = options;
  state.stop = &stop;
  state.multi.reset(curl_multi_init());
  state.easy.reset(curl_easy_init());
  if (!state.multi || !state.easy) {
    return state.error(ErrorCode::kOutOfMemory, "no memory for a connection");
  }
  std::unique_ptr<HttpPictures> pictures(new HttpPictures(std::move(made)));
  state.ask();
  const auto timeout = options.connect_timeout;
  const bool found = SHOAL_TRY(state.fetch(state.asked + timeout, timeout, "connect_timeout"));
  if (state.body == Body::kForeign) return std::unique_ptr<HttpPictures>();
  if (state.body == Body::kPage) {
    return state.error(ErrorCode::kUnsupported,
                       "expected pictures or a video, got a web page; is it the camera's stream?");
  }
  if (!found) return state.error(ErrorCode::kCorruptInput, "the answer holds no picture");
  // A GIF or APNG with several frames is a film, as it is on a disk.
  const bool film = options.films && options.poll.count() <= 0 && state.picture.still &&
                    is_animation(state.picture.bytes);
  if (film) return std::unique_ptr<HttpPictures>();
  state.live = options.poll.count() > 0 || state.length <= 0;
  return pictures;
}

Result<bool> HttpPictures::next(Packet& packet) {
  State& state = *state_;
  const milliseconds timeout = state.options.read_timeout;
  packet.name = state.name;
  TimePoint deadline = Clock::now() + timeout;
  while (!state.have) {
    if (SHOAL_TRY(state.fetch(deadline, timeout, "read_timeout"))) break;
    if (state.given == 0) {
      return state.error(ErrorCode::kCorruptInput, "the answer holds no picture");
    }
    // What was one picture is one again; a stream that is over is over.
    if (state.options.poll.count() <= 0 || !state.is_single()) return false;
    if (!state.stop->wait_until(state.asked + state.options.poll)) {
      return state.error(ErrorCode::kCancelled, "stopped");
    }
    state.ask();
    deadline = state.asked + timeout;
  }
  state.have = false;
  const TimePoint now = Clock::now();
  if (!state.first_arrival) state.first_arrival = now;
  packet.kind = state.picture.still ? PacketKind::kPicture : PacketKind::kVideo;
  std::swap(packet.bytes, state.picture.bytes);
  packet.stream = state.options.stream;
  packet.frame = FrameId{state.packets++};
  packet.size = {};
  packet.key_frame = true;
  packet.hidden = false;
  packet.damaged = !state.picture.whole;
  packet.orientation = 1;
  packet.media_time.reset();
  packet.stream_parameters.reset();
  if (packet.kind == PacketKind::kPicture) return true;
  SHOAL_TRY(state.make_parameters());
  packet.media_time = now - *state.first_arrival;  // the stream carries no times
  packet.stream_parameters = state.parameters;
  return true;
}

bool HttpPictures::is_live() const { return state_->live; }

VideoFormat HttpPictures::format() const { return {.size = state_->picture.size}; }

}  // namespace shoal
