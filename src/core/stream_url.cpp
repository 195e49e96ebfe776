#include "core/stream_url.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstddef>

namespace shoal {
namespace {

constexpr std::string_view kEnds = "/?#";

bool is_port(std::string_view text) {
  int port = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() && port >= 1 &&
         port <= 65'535;
}

// "camera.example:8554", "10.0.0.5", "[::1]:554".
bool is_place(std::string_view text) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    constexpr std::string_view kAddress = "0123456789abcdefABCDEF:.";
    if (end == std::string_view::npos || end < 2) return false;
    if (text.find_first_not_of(kAddress, 1) != end) return false;
    port = text.substr(end + 1);
  } else {
    const std::size_t end = std::min(text.find(':'), text.size());
    const bool name = std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end),
                                  [](unsigned char c) {
                                    return std::isalnum(c) != 0 || c == '.' || c == '-' ||
                                           c == '_' || c >= 0x80;
                                  });
    if (end == 0 || !name) return false;
    port = text.substr(end);
  }
  return port.empty() || (port.starts_with(':') && is_port(port.substr(1)));
}

// Where the login ends for which a host stands behind an @ at or after `from`.
struct LoginEnd {
  std::size_t at = std::string_view::npos;
  bool several = false;
};

LoginEnd find_login_end(std::string_view body, std::size_t from) {
  LoginEnd found;
  for (std::size_t at = body.find('@', from); at != std::string_view::npos;
       at = body.find('@', at + 1)) {
    const std::size_t end = std::min(body.find_first_of(kEnds, at), body.size());
    if (!is_place(body.substr(at + 1, end - at - 1))) continue;
    if (found.at != std::string_view::npos) return {found.at, true};
    found.at = at;
  }
  return found;
}

bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

bool begins_escape(std::string_view text, std::size_t at) {
  return text[at] == '%' && at + 2 < text.size() && is_hex(text[at + 1]) && is_hex(text[at + 2]);
}

// What may stand in a login as it is, besides the first colon.
bool is_plain(char c) {
  constexpr std::string_view kOthers = "-._~!$&'()*+,;=";
  return (static_cast<unsigned char>(c) < 0x80 &&
          std::isalnum(static_cast<unsigned char>(c)) != 0) ||
         kOthers.find(c) != std::string_view::npos;
}

std::string decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int value = 0;
    if (begins_escape(text, i)) {
      std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
      plain += static_cast<char>(value);
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

StreamUrl split_stream_url(std::string_view url) {
  StreamUrl parts;
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return parts;
  parts.scheme = url.substr(0, scheme);
  const std::string_view body = url.substr(scheme + 3);
  const std::size_t end = std::min(body.find_first_of(kEnds), body.size());
  std::size_t at = body.substr(0, end).rfind('@');
  const std::size_t place = at == std::string_view::npos ? 0 : at + 1;
  const bool fragment = end < body.size() && body[end] == '#';
  const bool usual = is_place(body.substr(place, end - place));
  if (!usual || fragment) {
    const LoginEnd other = find_login_end(body, end);
    if (other.at != std::string_view::npos) {
      at = other.at;
      parts.ambiguous = other.several && !fragment;
    } else if (!usual && body.find('@', end) != std::string_view::npos) {
      at = body.rfind('@');  // no host follows any: this one hides most
    }
  }
  const std::size_t begin = at == std::string_view::npos ? 0 : at + 1;
  const std::size_t rest = std::min(body.find_first_of(kEnds, begin), body.size());
  parts.has_login = at != std::string_view::npos;
  if (parts.has_login) parts.login = body.substr(0, at);
  parts.place = body.substr(begin, rest - begin);
  parts.rest = body.substr(rest);
  return parts;
}

std::string encoded_stream_url(const std::string& url) {
  const StreamUrl parts = split_stream_url(url);
  if (!parts.has_login) return url;
  std::string text = std::string(parts.scheme) + "://";
  const std::size_t colon = parts.login.find(':');
  for (std::size_t i = 0; i < parts.login.size(); ++i) {
    const char c = parts.login[i];
    if (is_plain(c) || i == colon || begins_escape(parts.login, i)) {
      text += c;
      continue;
    }
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    text += '%';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  text += '@';
  text += parts.place;
  // A fragment with an @ could be taken for a login at the next reading.
  if (!parts.rest.starts_with('#')) text += parts.rest;
  return text;
}

Login login_of(const StreamUrl& url) {
  const std::size_t colon = std::min(url.login.find(':'), url.login.size());
  Login login;
  login.user = decoded(url.login.substr(0, colon));
  if (colon < url.login.size()) login.password = decoded(url.login.substr(colon + 1));
  return login;
}

}  // namespace shoal
