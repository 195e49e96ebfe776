// libcurl's easy interface in the sink's own thread: one connection, kept alive.
#include "sink/webhook_sink.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/json_text.h"
#include "core/url_secrets.h"
#include "sink/alarm_message.h"

namespace shoal {
namespace {

constexpr int kRedirectsMax = 3;
constexpr std::size_t kAnswerMax = 200;  // bytes of the answer that an error quotes

struct FreeCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Curl = std::unique_ptr<CURL, FreeCurl>;
using Headers = std::unique_ptr<curl_slist, FreeList>;
using Url = std::unique_ptr<CURLU, FreeUrl>;

void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)started;
}

void add_header(Headers& headers, const std::string& line) {
  curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
  if (longer == nullptr) return;  // out of memory: the request goes without it
  (void)headers.release();
  headers.reset(longer);
}

// A header ends with its line: nothing in a value may end it early.
std::string header_value(std::string_view text) {
  std::string value(text);
  for (char& c : value) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '_';
  }
  return value;
}

std::string url_part(const Url& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

Url parse_url(const std::string& text) {
  Url url(curl_url());
  if (url && curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) url.reset();
  return url;
}

// "https://host:443": who is spoken to.
std::string origin_of(const std::string& text) {
  const Url url = parse_url(text);
  if (!url) return {};
  return fmt::format("{}://{}:{}", url_part(url, CURLUPART_SCHEME), url_part(url, CURLUPART_HOST),
                     url_part(url, CURLUPART_PORT));
}

std::string signature(std::string_view secret, std::string_view body) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data(), &length);
  std::string hex;
  for (unsigned i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

// What came back for one request.
struct Answer {
  CURLcode code = CURLE_OK;
  long status = 0;
  std::string text;      // its beginning
  std::string redirect;  // absolute; "": none
};

class WebhookSink final : public CameraSink {
 public:
  WebhookSink(WebhookSinkOptions options, Curl curl)
      : options_(std::move(options)), origin_(origin_of(options_.url)), curl_(std::move(curl)) {}

  std::string name() const override { return options_.url; }
  bool wants_results() const override { return false; }
  Result<void> write(const CameraResult& /*result*/) override { return {}; }

  Result<void> write(const Alarm& alarm) override {
    body_.clear();
    append_alarm_message(body_, alarm, Picture::kWith);
    const Headers headers = headers_of(alarm);
    std::string url = options_.url;
    Answer answer = post(url, headers);
    for (int hop = 0; hop < kRedirectsMax && is_redirect_here(answer); ++hop) {
      url = answer.redirect;
      answer = post(url, headers);
    }
    return judge(answer);
  }

  Result<void> finish() override {
    curl_.reset();
    return {};
  }
  std::string written() const override { return fmt::format("{} alarms", delivered_); }

 private:
  Headers headers_of(const Alarm& alarm) const {
    Headers headers;
    const std::string id = header_value(alarm.id);
    add_header(headers, "Content-Type: application/json");
    add_header(headers, "X-Shoal-Id: " + id);
    add_header(headers, "Idempotency-Key: " + id);
    add_header(headers, "Expect:");  // no waiting for 100 Continue
    if (!options_.secret.empty()) {
      add_header(headers,
                 "X-Shoal-Signature: sha256=" + signature(options_.secret, view_of(body_)));
    }
    return headers;
  }

  bool is_redirect_here(const Answer& answer) const {
    return answer.code == CURLE_OK && (answer.status == 307 || answer.status == 308) &&
           !answer.redirect.empty() && origin_of(answer.redirect) == origin_;
  }

  Answer post(const std::string& url, const Headers& headers);
  Result<void> judge(const Answer& answer);
  static std::size_t take_answer(char* data, std::size_t size, std::size_t count, void* text);

  const WebhookSinkOptions options_;
  const std::string origin_;
  Curl curl_;
  fmt::memory_buffer body_;
  std::uint64_t delivered_ = 0;
};

std::size_t WebhookSink::take_answer(char* data, std::size_t size, std::size_t count,
                                     void* text) {
  auto& kept = *static_cast<std::string*>(text);
  kept.append(data, std::min(size * count, kAnswerMax - std::min(kept.size(), kAnswerMax)));
  return size * count;
}

Answer WebhookSink::post(const std::string& url, const Headers& headers) {
  Answer answer;
  CURL* curl = curl_.get();
  curl_easy_reset(curl);  // keeps the connection
  const auto timeout = static_cast<long>(options_.timeout.count());
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");  // whatever the environment says
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "shoal");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_POST, 1L);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_.size()));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body_.data());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.text);
  if (!options_.ca_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, options_.ca_file.c_str());
  }
  if (!options_.user.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    curl_easy_setopt(curl, CURLOPT_USERNAME, options_.user.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, options_.password.c_str());
  }
  answer.code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  char* redirect = nullptr;
  curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &redirect);
  if (redirect != nullptr) answer.redirect = redirect;
  return answer;
}

Result<void> WebhookSink::judge(const Answer& answer) {
  if (answer.code != CURLE_OK) {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{}: {}", without_secrets(options_.url),
                             curl_easy_strerror(answer.code))};
  }
  const long status = answer.status;
  if (status >= 200 && status < 300) {
    ++delivered_;
    return {};
  }
  const bool refused = status >= 400 && status < 500 && status != 408 && status != 429;
  std::string what = fmt::format("{}: answered with {}; expected 2xx",
                                 without_secrets(options_.url), status);
  if (!answer.redirect.empty()) {
    what += fmt::format(" (a redirect to {}, which is not followed)", answer.redirect);
  } else if (!answer.text.empty()) {
    fmt::memory_buffer quoted;  // escaped: a log line stays a line
    append_json_string(quoted, answer.text);
    what += fmt::format(": {}", view_of(quoted));
  }
  return Error{refused ? ErrorCode::kInvalidArgument : ErrorCode::kUnavailable, std::move(what)};
}

}  // namespace

Result<std::unique_ptr<CameraSink>> create_webhook_sink(WebhookSinkOptions options) {
  start_curl();
  const Url url = parse_url(options.url);
  const std::string scheme = url ? url_part(url, CURLUPART_SCHEME) : "";
  if (url && (!url_part(url, CURLUPART_USER).empty() ||
              !url_part(url, CURLUPART_PASSWORD).empty())) {
    return Error{ErrorCode::kInvalidArgument,
                 "webhook: the address has a user in it; put it into `user` and `password_file`"};
  }
  if (scheme != "http" && scheme != "https") {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("webhook \"{}\": expected http://... or https://...", options.url)};
  }
  Curl curl(curl_easy_init());
  if (!curl) return Error{ErrorCode::kOutOfMemory, "webhook: no memory for a client"};
  return std::unique_ptr<CameraSink>(
      std::make_unique<WebhookSink>(std::move(options), std::move(curl)));
}

}  // namespace shoal
