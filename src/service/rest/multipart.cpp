// Lines end with CRLF, nothing else: a lone LF in a picture must not end anything.
#include "service/rest/multipart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/letters.h"
#include "service/rest/extended_value.h"

namespace shoal {
namespace {

constexpr std::size_t kBoundaryMax = 70;
constexpr std::string_view kBlanks = " \t";

Error bad_form(std::string message) {
  return {ErrorCode::kInvalidArgument, "multipart: " + std::move(message)};
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// memmem: glibc's is linear, and several times faster than string_view::find.
std::size_t find_bytes(std::string_view text, std::string_view what) {
  const void* at = memmem(text.data(), text.size(), what.data(), what.size());
  if (at == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
}

// A quoted string's text; `rest` begins behind its opening quote and ends up behind the closing
// one. Only \" and \\ are escapes: some clients send whole paths of Windows.
std::optional<std::string> quoted(std::string_view& rest) {
  std::string text;
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c == '"') return text;
    if (c == '\\' && !rest.empty() && (rest.front() == '"' || rest.front() == '\\')) {
      text.push_back(rest.front());
      rest.remove_prefix(1);
    } else {
      text.push_back(c);
    }
  }
  return std::nullopt;
}

// The next ";name=value" of a header's value; `rest` stays where it is no parameter.
bool next_parameter(std::string_view& rest, std::string& name, std::string& value) {
  std::string_view left = trimmed(rest);
  const auto equals = left.find('=');
  if (!left.starts_with(';') || equals == std::string_view::npos) return false;
  name = lower(trimmed(left.substr(1, equals - 1)));
  left = trimmed(left.substr(equals + 1));
  if (left.starts_with('"')) {
    left.remove_prefix(1);
    auto text = quoted(left);
    if (!text) return false;
    value = *std::move(text);
  } else {
    const auto end = std::min(left.find(';'), left.size());
    value = trimmed(left.substr(0, end));
    left.remove_prefix(end);
  }
  rest = left;
  return true;
}

Result<void> read_disposition(std::string_view value, FormPart& part, bool& named) {
  const auto type_end = std::min(value.find(';'), value.size());
  if (lower(trimmed(value.substr(0, type_end))) != "form-data") {
    return bad_form("a part's Content-Disposition is not form-data");
  }
  std::string_view rest = value.substr(type_end);
  std::string key;
  std::string text;
  ExtendedValue extended("filename");
  while (next_parameter(rest, key, text)) {
    if (key == "name") {
      part.name = text;
      named = true;
    } else if (key == "filename") {
      part.filename = text;
    } else {
      extended.take(key, text);
    }
  }
  // What can say every letter goes before what clients write for those who cannot read it.
  if (auto whole = extended.text()) part.filename = std::move(whole);
  if (!trimmed(rest).empty()) return bad_form("a part's Content-Disposition cannot be read");
  return {};
}

// The header lines of a part, without the empty line that ends them.
Result<void> read_header(std::string_view header, FormPart& part, std::size_t index) {
  bool named = false;
  while (!header.empty()) {
    const auto end = std::min(header.find("\r\n"), header.size());
    const std::string_view line = header.substr(0, end);
    header.remove_prefix(std::min(header.size(), end + 2));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      return bad_form(fmt::format("part {} has a header line without a name", index));
    }
    const std::string name = lower(trimmed(line.substr(0, colon)));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (name == "content-disposition") {
      SHOAL_TRY(read_disposition(value, part, named));
    } else if (name == "content-type") {
      part.content_type = media_type(value);
    } else if (name == "content-transfer-encoding") {
      const std::string encoding = lower(value);
      if (encoding != "binary" && encoding != "8bit" && encoding != "7bit") {
        return Error{ErrorCode::kUnsupported,
                     fmt::format("multipart: part {} has a Content-Transfer-Encoding; expected the "
                                 "bytes as they are (RFC 7578 section 4.7)", index)};
      }
    }
  }
  if (named) return {};
  return bad_form(fmt::format("part {} has no Content-Disposition with a name", index));
}

// Behind a boundary: "--" closes, blanks and CRLF open the next part. What follows is `rest`.
enum class Behind { kClosed, kPart, kNeither };
Behind behind_boundary(std::string_view& rest) {
  if (rest.starts_with("--")) return Behind::kClosed;
  const auto line = rest.find_first_not_of(kBlanks);
  if (line == std::string_view::npos || !rest.substr(line).starts_with("\r\n")) {
    return Behind::kNeither;
  }
  rest.remove_prefix(line + 2);
  return Behind::kPart;
}

// Behind the first boundary of `body`, which stands at its begin or at the begin of a line.
std::optional<std::string_view> behind_preamble(std::string_view body,
                                                std::string_view delimiter) {
  if (body.starts_with(delimiter.substr(2))) return body.substr(delimiter.size() - 2);
  const auto at = find_bytes(body, delimiter);
  if (at == std::string_view::npos) return std::nullopt;
  return body.substr(at + delimiter.size());
}

}  // namespace

std::string media_type(std::string_view content_type) {
  return lower(trimmed(content_type.substr(0, content_type.find(';'))));
}

Result<std::string> multipart_boundary(std::string_view content_type) {
  std::string_view rest = content_type.substr(std::min(content_type.find(';'),
                                                       content_type.size()));
  std::string key;
  std::string value;
  while (next_parameter(rest, key, value)) {
    if (key != "boundary") continue;
    constexpr std::string_view kAllowed =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'()+_,-./:=? ";
    if (value.empty() || value.size() > kBoundaryMax || value.back() == ' ' ||
        value.find_first_not_of(kAllowed) != std::string::npos) {
      return bad_form("the Content-Type's boundary is not 1 to 70 characters as RFC 2046 allows");
    }
    return value;
  }
  return bad_form("the Content-Type has no boundary");
}

Result<std::vector<FormPart>> parse_form(std::string_view body, std::string_view boundary,
                                         const FormLimits& limits) {
  const std::string delimiter = fmt::format("\r\n--{}", boundary);
  const auto first = behind_preamble(body, delimiter);
  if (!first) return bad_form("the body does not hold the Content-Type's boundary");
  std::string_view rest = *first;
  std::vector<FormPart> parts;
  while (true) {
    const Behind behind = behind_boundary(rest);
    if (behind == Behind::kClosed) return parts;
    if (behind == Behind::kNeither) {
      return bad_form(fmt::format("a boundary is followed by text before part {}", parts.size()));
    }
    if (parts.size() == limits.parts_max) {
      return Error{ErrorCode::kOutOfMemory,
                   fmt::format("multipart: more than {} parts", limits.parts_max)};
    }
    // A part may have no header lines at all: then the empty line comes at once.
    const auto header_end =
        rest.starts_with("\r\n")
            ? 0
            : find_bytes(rest.substr(0, limits.part_header_max + 4), "\r\n\r\n");
    if (header_end == std::string_view::npos) {
      if (rest.size() <= limits.part_header_max) {
        return bad_form(fmt::format("part {} ends within its header", parts.size()));
      }
      return Error{ErrorCode::kOutOfMemory,
                   fmt::format("multipart: part {} has more than {} bytes of header",
                               parts.size(), limits.part_header_max)};
    }
    FormPart part;
    SHOAL_TRY(read_header(rest.substr(0, header_end), part, parts.size()));
    // An empty body's delimiter shares its CRLF with the header's last line.
    rest.remove_prefix(header_end + (header_end == 0 ? 0 : 2));
    const auto end = find_bytes(rest, delimiter);
    if (end == std::string_view::npos) {
      return bad_form(fmt::format("part {} ('{}') ends without a boundary: the body was cut",
                                 parts.size(), part.name));
    }
    part.body = end < 2 ? std::string_view() : rest.substr(2, end - 2);
    rest.remove_prefix(end + delimiter.size());
    parts.push_back(std::move(part));
  }
}

}  // namespace shoal
