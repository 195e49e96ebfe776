#include "service/http/socket_handshake.h"

#include <algorithm>

namespace shoal {
namespace {

// Whether a field that is a list has that token, whatever its case.
bool lists(const HttpRequest& request, std::string_view field, std::string_view token) {
  for (const auto& [key, value] : request.headers) {
    if (key != field) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      if (lower_case(without_blanks(rest.substr(0, end))) == token) return true;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return false;
}

HttpRefusal upgrade_required(std::string message) {
  return {.status = 426,
          .message = std::move(message),
          .headers = {{"Connection", "Upgrade"},
                      {"Upgrade", "websocket"},
                      {"Sec-WebSocket-Version", "13"}}};
}

// 16 bytes in base64.
bool is_key(std::string_view text) {
  constexpr std::size_t kLetters = 22;
  if (text.size() != kLetters + 2 || !text.ends_with("==")) return false;
  return std::ranges::all_of(text.substr(0, kLetters), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '+' || c == '/';
  });
}

}  // namespace

std::variant<SocketHandshake, HttpRefusal> read_handshake(const RequestHead& head) {
  const HttpRequest& request = head.request;
  if (request.method != "GET" || head.http_1_0 || !lists(request, "upgrade", "websocket") ||
      !lists(request, "connection", "upgrade")) {
    return upgrade_required("this path is a WebSocket: send GET with Upgrade: websocket");
  }
  if (request.header("sec-websocket-version") != "13") {
    return upgrade_required("Sec-WebSocket-Version, expected 13");
  }
  if (head.has_body()) {
    return HttpRefusal{.status = 400, .message = "a WebSocket's handshake with a body",
                       .headers = {}};
  }
  const std::string_view key = without_blanks(request.header("sec-websocket-key"));
  if (!is_key(key)) {
    return HttpRefusal{.status = 400,
                       .message = "Sec-WebSocket-Key, expected 16 bytes in base64",
                       .headers = {}};
  }
  return SocketHandshake{.key = std::string(key)};
}

}  // namespace shoal
