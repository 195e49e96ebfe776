#include "service/http/response_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <optional>
#include <random>

#include "service/http/body_coding.h"
#include "service/http/request_head.h"

namespace shoal {

std::string_view status_reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "Status";
  }
}

namespace {

// Bytes from which compressing pays: for everybody where that saves time on the way; for a client
// that names one coding, and so asks for it, where it saves a packet.
constexpr std::size_t kCompressFrom = std::size_t{64} << 10;
constexpr std::size_t kCompressAskedFrom = 1024;

// IMF-fixdate (RFC 9110 5.6.7), made once a second.
std::string_view date_of(std::time_t now) {
  thread_local std::time_t made_at = 0;
  thread_local std::string text;
  if (now == made_at && !text.empty()) return text;
  constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm parts{};
  gmtime_r(&now, &parts);
  text = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday], parts.tm_mday,
                     kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                     parts.tm_sec);
  made_at = now;
  return text;
}

bool is_sane_id(std::string_view id) {
  constexpr std::string_view kMarks = "-_.:/+=@";
  return !id.empty() && id.size() <= 128 && std::ranges::all_of(id, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string response_head(const HttpResponse& response, const ResponseFraming& framing) {
  std::string head;
  head.reserve(320);
  auto out = std::back_inserter(head);
  fmt::format_to(out, "HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status,
                 status_reason(response.status),
                 date_of(framing.now));
  if (status_has_body(response.status)) {
    if (!response.content_type.empty() &&
        is_field_line("content-type: " + response.content_type)) {
      fmt::format_to(out, "Content-Type: {}\r\n", response.content_type);
    }
    const std::optional<std::uint64_t> length =
        response.stream == nullptr ? response.body.size() : response.stream->length();
    if (length) fmt::format_to(out, "Content-Length: {}\r\n", *length);
  }
  head += "X-Content-Type-Options: nosniff\r\n";
  if (!framing.request_id.empty()) {
    fmt::format_to(out, "X-Request-ID: {}\r\n", framing.request_id);
  }
  if (!framing.keep_alive) {
    head += "Connection: close\r\n";
  } else if (framing.http_1_0) {
    head += "Connection: keep-alive\r\n";
  }
  for (const auto& [name, value] : response.headers) {
    const std::size_t before = head.size();
    fmt::format_to(out, "{}: {}", name, value);
    // A value may come from a request: it must not be able to write fields of its own.
    if (is_field_line(std::string_view(head).substr(before))) {
      head += "\r\n";
    } else {
      head.resize(before);
    }
  }
  head += "\r\n";
  return head;
}

std::string request_id_from(std::string_view given) {
  if (is_sane_id(given)) return std::string(given);
  // Unique among processes by its random part, within one by its count.
  static const std::uint64_t process = [] {
    std::random_device random;
    return (std::uint64_t{random()} << 32) | random();
  }();
  static std::atomic<std::uint64_t> count = 0;
  return fmt::format("{:016x}-{:x}", process, ++count);
}

void compress_response(HttpResponse& response, std::string_view accept_encoding) {
  const bool text = is_text(response.content_type);
  // Errors are small, and some clients read them without looking at their coding.
  if (!response.compressible || response.status >= 400 || !status_has_body(response.status)) return;
  if (response.body.size() < kCompressAskedFrom) return;
  if (!text && response.content_type != "application/octet-stream") return;
  for (const auto& [name, value] : response.headers) {
    if (lower_case(name) == "content-encoding") return;  // the handler has seen to it
  }
  if (text) response.headers.emplace_back("Vary", "Accept-Encoding");
  if (accept_encoding.empty()) return;
  const AcceptedCoding accepted = accepted_coding(accept_encoding);
  if (accepted.coding == ContentCoding::kIdentity) return;
  if (!accepted.only && (!text || response.body.size() < kCompressFrom)) return;
  std::optional<std::string> small = compress(response.body, accepted.coding);
  if (!small) return;
  response.body = *std::move(small);
  response.headers.emplace_back("Content-Encoding",
                                accepted.coding == ContentCoding::kGzip ? "gzip" : "deflate");
}

}  // namespace shoal
