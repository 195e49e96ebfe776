// URLs of cameras and sinks: what is wrong with one, in words, before anything is opened.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "shoal/result.h"

namespace shoal {

// The parts of scheme://user:password@host:port/rest; empty where absent.
struct UrlParts {
  std::string_view scheme;
  std::string_view user;      // and password
  std::string_view host;      // without the brackets of IPv6
  std::string_view port;
  bool has_port = false;
};
[[nodiscard]] UrlParts split_url(std::string_view url);

// A URL over a network with one of these schemes.
// Errors   invalid_argument: no or another scheme (with a suggestion), no host, a port that is
//          none, blanks and control characters. Passwords do not appear in messages.
[[nodiscard]] Result<void> check_network_url(const std::string& url,
                                             std::span<const std::string_view> schemes);

// What a camera's url may be: rtsp, rtsps, rtmp, http, https, tcp, udp, file:PATH, a path of a
// file or device, synthetic:...
// Errors   as above, and those of the synthetic source.
[[nodiscard]] Result<void> check_camera_url(const std::string& url);

}  // namespace shoal
