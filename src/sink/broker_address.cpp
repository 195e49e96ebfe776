// By hand: an authority is all there is.
#include "sink/broker_address.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace shoal {
namespace {

std::string expected(std::span<const BrokerScheme> schemes) {
  std::string text;
  for (const BrokerScheme& scheme : schemes) {
    if (!text.empty()) text += " or ";
    text += fmt::format("{}://HOST:PORT", scheme.name);
  }
  return text;
}

std::optional<int> parse_port(std::string_view text) {
  int port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  if (port < 1 || port > 65535) return std::nullopt;
  return port;
}

}  // namespace

Result<BrokerAddress> parse_broker_address(std::string_view url,
                                           std::span<const BrokerScheme> schemes) {
  const auto wrong = [&](std::string_view what) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}; expected {}", what, expected(schemes))};
  };
  const auto colon = url.find("://");
  const BrokerScheme* scheme = nullptr;
  for (const BrokerScheme& one : schemes) {
    if (url.substr(0, colon) == one.name && colon != std::string_view::npos) scheme = &one;
  }
  if (url.find('@') != std::string_view::npos) {
    return wrong("the address has a user in it: put it into `user` and `password_file`");
  }
  if (scheme == nullptr) return wrong(fmt::format("\"{}\" has another scheme, or none", url));
  std::string_view rest = url.substr(colon + 3);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  BrokerAddress address{.host = "", .port = scheme->port, .tls = scheme->tls};
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return wrong(fmt::format("\"{}\" lacks a ]", url));
    address.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
  } else {
    const auto end = std::min(rest.find(':'), rest.size());
    address.host = rest.substr(0, end);
    rest.remove_prefix(end);
  }
  if (address.host.empty()) return wrong(fmt::format("\"{}\" names no host", url));
  if (address.host.find_first_of("/?# \t") != std::string::npos) {
    return wrong(fmt::format("\"{}\" has more than a host and a port", url));
  }
  if (rest.empty()) return address;
  const auto port = rest.front() == ':' ? parse_port(rest.substr(1)) : std::nullopt;
  if (!port) return wrong(fmt::format("\"{}\" has no port from 1 to 65535", url));
  address.port = *port;
  return address;
}

}  // namespace shoal
