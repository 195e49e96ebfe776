// The target of a request line: path and query, decoded, or a refusal.
#include <fmt/format.h>

#include <algorithm>

#include "service/http/request_head.h"

#include "core/letters.h"

namespace shoal {
namespace {

bool is_control(char letter) {
  const auto byte = static_cast<unsigned char>(letter);
  return byte < 0x20 || byte == 0x7f;
}

Error bad(std::string message) {
  return {ErrorCode::kInvalidArgument, "request target: " + std::move(message)};
}

enum class Part : std::uint8_t { kPath, kQuery };

Result<std::string> decode(std::string_view text, Part part) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char letter = text[i];
    if (letter == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return bad(fmt::format("'{}' is no percent escape, expected % and two hex digits",
                               text.substr(i, 3)));
      }
      letter = static_cast<char>(high * 16 + low);
      i += 2;
      if (part == Part::kPath && letter == '/') {
        return bad("%2F in the path: a slash inside a name cannot be told from one between names");
      }
    } else if (part == Part::kQuery && letter == '+') {
      letter = ' ';
    }
    const bool allowed = part == Part::kQuery && (letter == '\t' || letter == '\n' ||
                                                  letter == '\r');  // text of a form
    if (is_control(letter) && !allowed) {
      return bad(fmt::format("control character 0x{:02x}", static_cast<unsigned char>(letter)));
    }
    decoded.push_back(letter);
  }
  return decoded;
}

}  // namespace

Result<HttpTarget> parse_target(std::string_view target) {
  if (target == "*") return HttpTarget{.path = "*", .query = {}};
  for (const char letter : target) {
    if (static_cast<unsigned char>(letter) >= 0x80 || is_control(letter) || letter == ' ') {
      return bad(fmt::format("byte 0x{:02x} has to be percent-encoded",
                             static_cast<unsigned char>(letter)));
    }
  }
  if (target.find('#') != std::string_view::npos) {
    return bad("a fragment (#...) is the client's own and is not sent");
  }
  const std::string scheme = lower_case(target.substr(0, 8));
  if (scheme.starts_with("http://") || scheme == "https://") {
    target.remove_prefix(target.find("//") + 2);
    const std::size_t path = std::min(target.find_first_of("/?"), target.size());
    if (path == 0) return bad("an absolute target names a host");
    target.remove_prefix(path);
  }
  const std::size_t mark = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, mark);
  std::string_view query = mark < target.size() ? target.substr(mark + 1) : std::string_view{};
  if (!path.empty() && path.front() != '/') {
    return bad(fmt::format("'{}', expected a path that starts with /", path));
  }
  HttpTarget result;
  result.path = path.empty() ? "/" : SHOAL_TRY(decode(path, Part::kPath));
  if (result.path.find("..") != std::string::npos) {
    return bad("'..' in the path");
  }
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::string name = SHOAL_TRY(decode(pair.substr(0, equals), Part::kQuery));
    std::string value =
        equals < pair.size() ? SHOAL_TRY(decode(pair.substr(equals + 1), Part::kQuery)) : "";
    result.query.emplace_back(std::move(name), std::move(value));
  }
  return result;
}

}  // namespace shoal
