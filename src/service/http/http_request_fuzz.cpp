// The bytes of a whole connection through the reader of requests, as a connection uses it, in two
// ways of cutting them into pieces. Both must see the same requests; limits must hold; and Beast,
// as a second reader, must see what we took in the same way.
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "service/http/request_reader.h"

namespace {

using shoal::RequestReader;
using Phase = RequestReader::Phase;

constexpr std::size_t kHeaderMax = 2048;
constexpr std::size_t kBodyMax = 65536;

struct Seen {
  std::vector<std::string> requests;  // method, path, fields and body of each
  int refused = 0;                    // the status that ended the connection
  std::size_t taken = 0;
  bool coded = false;
};

std::string describe(const shoal::HttpRequest& request) {
  std::string text = request.method + " " + request.path;
  for (const auto& [name, value] : request.query) text += "&" + name + "=" + value;
  for (const auto& [name, value] : request.headers) text += "\n" + name + ":" + value;
  return text + "\n\n" + request.body;
}

// One request from the front of `input`, of which `step` more bytes arrive at a time.
bool read_one(std::string_view input, std::size_t step, Seen& seen) {
  const auto budget = std::make_shared<shoal::BodyBudget>(std::size_t{1} << 20);
  RequestReader reader({.header_max = kHeaderMax, .body_max = kBodyMax}, budget);
  std::size_t arrived = std::min(input.size(), seen.taken + step);
  while (true) {
    const std::span<char> direct = reader.direct();
    if (!direct.empty() && step % 2 == 0) {
      const std::size_t count = std::min(direct.size(), arrived - seen.taken);
      std::memcpy(direct.data(), input.data() + seen.taken, count);
      seen.taken += count;
      reader.received(count);
    } else {
      seen.taken += reader.feed(input.substr(seen.taken, arrived - seen.taken));
    }
    SHOAL_CHECK(seen.taken <= arrived, "more taken than there is");
    if (reader.phase() == Phase::kHeadRead) reader.begin_body();
    SHOAL_CHECK(budget->in_use() <= 4 * kBodyMax, "more memory than the limit of a body");
    if (reader.phase() == Phase::kRefused) {
      seen.refused = reader.refusal().status;
      SHOAL_CHECK(seen.refused >= 400 && !reader.refusal().message.empty(), "a bare refusal");
      return false;
    }
    if (reader.phase() == Phase::kComplete) break;
    if (reader.pending()) continue;
    const std::size_t before = arrived;
    arrived = std::min(input.size(), arrived + step);
    if (arrived == before && (reader.phase() == Phase::kHead || seen.taken == arrived)) {
      return false;  // the client has gone
    }
  }
  seen.coded = reader.head().coding != shoal::ContentCoding::kIdentity;
  const bool keep_alive = reader.head().keep_alive;
  const shoal::HttpRequest request = reader.take_request();
  SHOAL_CHECK(request.path.find("..") == std::string::npos, "a path that leads out");
  SHOAL_CHECK(request.path.find('\0') == std::string::npos, "NUL in a path");
  SHOAL_CHECK(request.body.size() <= kBodyMax, "a body over the limit");
  seen.requests.push_back(describe(request));
  return keep_alive;
}

Seen read_all(std::string_view input, std::size_t step) {
  Seen seen;
  while (seen.taken < input.size() && read_one(input, step, seen)) {
  }
  return seen;
}

// The first request as Beast reads it.
void compare_with_beast(std::string_view input) {
  Seen ours;
  read_one(input, input.size(), ours);
  if (ours.requests.empty() || ours.coded) return;
  if (input.starts_with("\r\n")) {
    input.remove_prefix(2);  // which Beast does not pass over
    ours.taken -= 2;
  }
  boost::beast::http::request_parser<boost::beast::http::string_body> parser;
  parser.eager(true);
  parser.header_limit(1 << 20);
  boost::beast::error_code failure;
  const std::size_t taken =
      parser.put(boost::asio::const_buffer(input.data(), input.size()), failure);
  // Extensions of chunks: Beast reads their grammar, we read over them to the end of the line.
  if (failure == boost::beast::http::error::bad_chunk_extension) return;
  SHOAL_CHECK(!failure && parser.is_done(), "Beast refuses or waits for what we took");
  SHOAL_CHECK(taken == ours.taken, "Beast sees the request end elsewhere");
  const std::string& body = parser.get().body();
  SHOAL_CHECK(ours.requests.front().ends_with("\n\n" + body), "Beast sees another body");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const Seen whole = read_all(input, std::max<std::size_t>(size, 1));
  for (const std::size_t step : {std::size_t{1}, std::size_t{14}}) {
    const Seen pieces = read_all(input, step);
    SHOAL_CHECK(pieces.requests == whole.requests, "the pieces change what is read");
    SHOAL_CHECK((pieces.refused != 0) == (whole.refused != 0), "the pieces change what is refused");
  }
  if (size > 0) compare_with_beast(input);
  return 0;
}
