// Whether a request asks to become a WebSocket (RFC 6455 4.2.1). Pure.
#pragma once

#include <string>
#include <variant>

#include "service/http/request_head.h"

namespace shoal {

struct SocketHandshake {
  std::string key;  // Sec-WebSocket-Key
};

// Refuses  426 a request without an upgrade, of HTTP/1.0, or of another version of the protocol;
//          400 one with a body or without a key of 16 bytes.
[[nodiscard]] std::variant<SocketHandshake, HttpRefusal> read_handshake(const RequestHead& head);

}  // namespace shoal
