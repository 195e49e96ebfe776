#include "service/http/request_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <limits>

namespace shoal {
namespace {

namespace beast = boost::beast;

constexpr std::size_t kFieldsMax = 100;

bool is_token(char letter) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') ||
         (letter >= 'A' && letter <= 'Z') || kMarks.find(letter) != std::string_view::npos;
}

HttpRefusal bad(std::string message) {
  return {.status = 400, .message = "request head: " + std::move(message), .headers = {}};
}

// Beast's grammar, its fields written straight into the request.
class FieldReader final : public beast::http::basic_parser<true> {
 public:
  explicit FieldReader(HttpRequest& request) : request_(request) {}
  [[nodiscard]] std::string_view target() const { return target_; }

 private:
  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target,
                       int, beast::error_code&) override {
    request_.method.assign(method.data(), method.size());
    target_ = {target.data(), target.size()};
  }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast::error_code&) override {
    request_.headers.emplace_back(lower_case({name.data(), name.size()}),
                                  std::string(value.data(), value.size()));
  }
  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, beast::error_code&) override {
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body,
                                 beast::error_code&) override {
    return body.size();
  }
  void on_finish_impl(beast::error_code&) override {}

  HttpRequest& request_;
  std::string_view target_;
};

std::optional<HttpRefusal> check_request_line(std::string_view line, bool& http_1_0) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last || first == 0) {
    return bad("the first line reads METHOD target HTTP/1.1, with one space between");
  }
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (target.empty() || target.find_first_of(" \t") != std::string_view::npos) {
    return bad("white space inside the request line, expected two single spaces");
  }
  const std::string_view version = line.substr(last + 1);
  http_1_0 = version == "HTTP/1.0";
  if (!http_1_0 && version != "HTTP/1.1") {
    return HttpRefusal{.status = version.starts_with("HTTP/") ? 505 : 400,
                       .message = fmt::format("version {} is not spoken here, expected HTTP/1.1"
                                              " (gRPC has a port of its own)",
                                              version.substr(0, 16)),
                       .headers = {}};
  }
  return std::nullopt;
}

// Every line of the head: ends in CR LF, holds no other CR, is a field and not a folded one.
std::optional<HttpRefusal> check_lines(std::string_view head, bool& http_1_0) {
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < head.size(); ++count) {
    const std::size_t end = head.find("\r\n", begin);
    if (end == std::string_view::npos) return bad("a line does not end in CR LF");
    const std::string_view line = head.substr(begin, end - begin);
    begin = end + 2;
    if (line.find_first_of("\r\n") != std::string_view::npos) {
      return bad("a lone CR or LF, expected CR LF at the end of each line");
    }
    if (count == 0) {
      if (auto refusal = check_request_line(line, http_1_0)) return refusal;
      continue;
    }
    if (line.empty()) {
      if (begin != head.size()) return bad("bytes after the empty line");
      break;
    }
    if (line.front() == ' ' || line.front() == '\t') {
      return bad("a folded header line (obs-fold): write it in one line");
    }
    if (!is_field_line(line)) {
      return bad(fmt::format("header line {}: expected name: value, no space before the colon, no"
                             " control characters",
                             count));
    }
    if (count > kFieldsMax) {
      return HttpRefusal{.status = 431,
                         .message = fmt::format("more than {} header fields", kFieldsMax),
                         .headers = {}};
    }
  }
  return std::nullopt;
}

// The only field of that name; nothing where there is none. Several: `repeated`.
std::optional<std::string_view> only(const HttpRequest& request, std::string_view name,
                                     bool& repeated) {
  std::optional<std::string_view> found;
  for (const auto& [key, value] : request.headers) {
    if (key != name) continue;
    repeated = repeated || found.has_value();
    found = value;
  }
  return found;
}

std::optional<HttpRefusal> read_length(RequestHead& head) {
  bool repeated = false;
  const auto length = only(head.request, "content-length", repeated);
  const auto coding = only(head.request, "transfer-encoding", repeated);
  if (repeated) return bad("Content-Length or Transfer-Encoding is given twice");
  if (length && coding) return bad("both Content-Length and Transfer-Encoding");
  if (coding) {
    if (head.http_1_0) return bad("Transfer-Encoding needs HTTP/1.1");
    if (lower_case(*coding) != "chunked") {
      return HttpRefusal{.status = 501,
                         .message = fmt::format("Transfer-Encoding '{}' is not supported, expected"
                                                " chunked",
                                                coding->substr(0, 64)),
                         .headers = {}};
    }
    head.chunked = true;
  }
  if (length) {
    const bool digits = std::ranges::all_of(*length, [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || length->empty() || length->size() > 18) {
      return bad(fmt::format("Content-Length '{}', expected at most 18 digits",
                             length->substr(0, 32)));
    }
    for (const char digit : *length) {
      head.content_length = head.content_length * 10 + static_cast<std::uint64_t>(digit - '0');
    }
  }
  return std::nullopt;
}

std::optional<HttpRefusal> read_host(const RequestHead& head) {
  bool repeated = false;
  const auto host = only(head.request, "host", repeated);
  if (repeated) return bad("Host is given twice");
  if (!host) {
    if (head.http_1_0) return std::nullopt;
    return bad("no Host, which HTTP/1.1 requires");
  }
  constexpr std::string_view kMarks = "-._~%!$&'()*+,;=:[]";
  const bool sound = std::ranges::all_of(*host, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
  if (!sound) return bad("Host is not a host with an optional port");
  return std::nullopt;
}

std::optional<HttpRefusal> read_coding(RequestHead& head) {
  std::string text;
  for (const auto& [key, value] : head.request.headers) {
    if (key != "content-encoding") continue;
    if (!text.empty()) text += ", ";
    text += lower_case(value);
  }
  if (text == "gzip" || text == "x-gzip") {
    head.coding = ContentCoding::kGzip;
  } else if (text == "deflate") {
    head.coding = ContentCoding::kDeflate;
  } else if (!text.empty() && text != "identity") {
    return HttpRefusal{.status = 415,
                       .message = fmt::format("Content-Encoding '{}', expected gzip or deflate",
                                              std::string_view(text).substr(0, 64)),
                       .headers = {{"Accept-Encoding", "gzip, deflate"}}};
  }
  return std::nullopt;
}

std::optional<HttpRefusal> read_connection(RequestHead& head) {
  bool close = false;
  bool keep = false;
  for (const auto& [key, value] : head.request.headers) {
    if (key == "connection") {
      std::string_view rest = value;
      while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(','), rest.size());
        const std::string option = lower_case(without_blanks(rest.substr(0, end)));
        rest.remove_prefix(std::min(end + 1, rest.size()));
        close = close || option == "close";
        keep = keep || option == "keep-alive";
      }
    } else if (key == "expect") {
      if (lower_case(value) != "100-continue") {
        return HttpRefusal{.status = 417,
                           .message = fmt::format("Expect '{}', expected 100-continue",
                                                  std::string_view(value).substr(0, 64)),
                           .headers = {}};
      }
      head.expects_continue = !head.http_1_0;
    }
  }
  head.keep_alive = !close && (keep || !head.http_1_0);
  return std::nullopt;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& letter : result) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return result;
}

std::string_view without_blanks(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  const std::size_t end = text.find_last_not_of(" \t");
  return end == std::string_view::npos ? std::string_view{} : text.substr(begin, end - begin + 1);
}

bool is_field_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  if (!std::ranges::all_of(line.substr(0, colon), is_token)) return false;
  return std::ranges::all_of(line.substr(colon + 1), [](char letter) {
    const auto byte = static_cast<unsigned char>(letter);
    return (byte >= 0x20 && byte != 0x7f) || letter == '\t';
  });
}

std::variant<std::optional<HeadScanner::Found>, HttpRefusal> HeadScanner::scan(
    std::string_view input) {
  if (scanned_ == 0 && !input.empty() && !is_token(input.front()) && input.front() != '\r') {
    if (input.front() == '\x16') {
      return bad("this is a TLS handshake, and the port speaks plain HTTP: use http://, or give the"
                 " server a certificate");
    }
    return bad("the first byte begins no HTTP request");
  }
  while (scanned_ < input.size()) {
    const std::size_t feed = input.find('\n', scanned_);
    if (feed == std::string_view::npos) {
      scanned_ = input.size();
      break;
    }
    scanned_ = feed + 1;
    if (feed - begin_ >= header_max_) break;
    if (feed == line_ || input[feed - 1] != '\r') return bad("a line ends in a lone LF");
    const bool empty_line = feed - 1 == line_;
    line_ = feed + 1;
    if (!empty_line) continue;
    if (feed != 1) return std::optional(Found{.begin = begin_, .end = feed + 1});
    begin_ = 2;
  }
  if (input.size() - begin_ > header_max_) {
    return HttpRefusal{.status = 431,
                       .message = fmt::format("request head of more than {} bytes (header_max)",
                                              header_max_),
                       .headers = {}};
  }
  return std::optional<Found>{};
}

std::variant<RequestHead, HttpRefusal> parse_head(std::string_view bytes) {
  RequestHead head;
  if (auto refusal = check_lines(bytes, head.http_1_0)) return *std::move(refusal);
  head.request.headers.reserve(16);
  FieldReader reader(head.request);
  reader.header_limit(std::numeric_limits<std::uint32_t>::max());
  reader.body_limit(boost::none);
  beast::error_code failure;
  reader.put(boost::asio::const_buffer(bytes.data(), bytes.size()), failure);
  if (failure || !reader.is_header_done()) {
    return bad(failure ? failure.message() : "incomplete");
  }
  if (head.request.method == "CONNECT") {
    return HttpRefusal{.status = 501, .message = "CONNECT: this is no proxy", .headers = {}};
  }
  if (auto refusal = read_length(head)) return *std::move(refusal);
  if (auto refusal = read_host(head)) return *std::move(refusal);
  if (auto refusal = read_connection(head)) return *std::move(refusal);
  if (auto refusal = read_coding(head)) return *std::move(refusal);
  Result<HttpTarget> target = parse_target(reader.target());
  if (!target) return HttpRefusal{.status = 400, .message = target.error().message, .headers = {}};
  if (target->path == "*" && head.request.method != "OPTIONS") {
    return bad("the target * is for OPTIONS");
  }
  head.request.path = std::move(target->path);
  head.request.query = std::move(target->query);
  return head;
}

}  // namespace shoal
