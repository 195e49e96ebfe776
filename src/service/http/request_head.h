// The head of a request: where it ends, whether it is well-formed, what it asks of the connection.
// Pure: bytes in, a head or a refusal out. Beast reads the grammar; what it lets pass although two
// readers could understand it differently (request smuggling) is refused here before and after.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "service/http/exchange.h"
#include "shoal/result.h"

namespace shoal {

enum class ContentCoding : std::uint8_t { kIdentity, kGzip, kDeflate };

// Why a request is not served: becomes {"error": "..."}.
struct HttpRefusal {
  int status = 400;
  std::string message;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct RequestHead {
  HttpRequest request;  // without body, client, connection and times
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expects_continue = false;
  bool chunked = false;
  std::uint64_t content_length = 0;  // 0 where chunked
  ContentCoding coding = ContentCoding::kIdentity;

  [[nodiscard]] bool has_body() const { return chunked || content_length > 0; }
};

// Finds the end of a head in bytes that arrive in pieces, looking at each byte once.
class HeadScanner {
 public:
  explicit HeadScanner(std::size_t header_max) : header_max_(header_max) {}
  struct Found {
    std::size_t begin = 0;  // after an empty line before the request, which RFC 9112 2.2 allows
    std::size_t end = 0;    // after the empty line
  };
  // `input` is all that has arrived so far; each call's begins with the bytes of the one before.
  // Answers nothing while the head is incomplete.
  // Refuses  a head above header_max (431), lines that end in a bare LF, and a first byte that no
  //          HTTP request has (400).
  [[nodiscard]] std::variant<std::optional<Found>, HttpRefusal> scan(std::string_view input);

 private:
  std::size_t header_max_;
  std::size_t begin_ = 0;
  std::size_t line_ = 0;     // where the current line begins
  std::size_t scanned_ = 0;  // no LF before this
};

// `head` is one whole head with its empty line.
// Refuses (400 unless said) anything but METHOD SP target SP HTTP/1.x; another version (505);
// obs-fold, space before a colon, bare CR, control characters; more than one Content-Length or one
// that is not digits; Content-Length beside Transfer-Encoding; a Transfer-Encoding other than
// "chunked" (501) or under HTTP/1.0; no or several Host under 1.1; more than 100 fields (431);
// CONNECT (501); an unknown Content-Encoding (415) or expectation (417).
[[nodiscard]] std::variant<RequestHead, HttpRefusal> parse_head(std::string_view head);

// "name: value" without its line end: a token, a colon, a value without control characters.
[[nodiscard]] bool is_field_line(std::string_view line);

struct HttpTarget {
  std::string path;  // decoded
  std::vector<std::pair<std::string, std::string>> query;
};
// Origin form ("/a?b=c"), absolute form ("http://host/a": the host is not looked at) and "*".
// Errors   invalid_argument: a bad percent escape, control characters, bytes beyond ASCII that are
//          not escaped, "..", an encoded slash, a fragment.
[[nodiscard]] Result<HttpTarget> parse_target(std::string_view target);

// HTTP compares these without regard to case.
[[nodiscard]] std::string lower_case(std::string_view text);
[[nodiscard]] std::string_view without_blanks(std::string_view text);  // at either end

}  // namespace shoal
