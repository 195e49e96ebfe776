// Syntax only: nothing is resolved or opened.
#include "pipeline/site_config_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "core/escaped_text.h"
#include "core/suggest.h"
#include "core/url_secrets.h"
#include "core/stream_url.h"
#include "source/synthetic.h"

namespace shoal {
namespace {

constexpr std::array<std::string_view, 7> kCameraSchemes{"rtsp", "rtsps", "rtmp", "http",
                                                         "https", "tcp", "udp"};
constexpr std::array<std::string_view, 9> kCameraPrefixes{
    "rtsp", "rtsps", "rtmp", "http", "https", "tcp", "udp", "file", "synthetic"};
constexpr std::size_t kShownBytes = 200;  // of a URL, in a message
constexpr std::string_view kSynthetic = "synthetic:";
constexpr std::string_view kFile = "file:";

Error wrong_url(std::string_view expected, const std::string& url) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("expected {}, got \"{}\"", expected,
                      shortened(without_secrets(url), kShownBytes))};
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

std::string schemes_text(std::span<const std::string_view> schemes) {
  std::string text;
  for (std::size_t i = 0; i < schemes.size(); ++i) {
    const char* between = i == 0 ? "" : (i + 1 == schemes.size() ? " or " : ", ");
    text += fmt::format("{}{}://", between, schemes[i]);
  }
  return text;
}

bool is_port(std::string_view text) {
  int port = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() && port >= 1 &&
         port <= 65'535;
}

// "rtsp" of "rtsp:/host" and "rtsp://host": letters in front of a colon.
std::string_view prefix_of(std::string_view url) {
  const std::size_t colon = url.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view prefix = url.substr(0, colon);
  const bool word = std::all_of(prefix.begin(), prefix.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '+' || c == '-';
  });
  return word ? prefix : std::string_view();
}

}  // namespace

UrlParts split_url(std::string_view url) {
  const StreamUrl written = split_stream_url(url);
  UrlParts parts;
  parts.scheme = written.scheme;
  parts.user = written.login;
  const std::string_view place = written.place;
  const bool bracket = place.starts_with('[');
  const std::size_t host_end = bracket ? place.find(']') : place.rfind(':');
  const std::string_view behind = host_end == std::string_view::npos
                                      ? std::string_view()
                                      : place.substr(host_end + (bracket ? 1 : 0));
  parts.has_port = behind.starts_with(':');
  if (parts.has_port) parts.port = behind.substr(1);
  if (!bracket) {
    parts.host = place.substr(0, host_end);
  } else if (host_end != std::string_view::npos) {
    parts.host = place.substr(1, host_end - 1);
  }
  return parts;
}

Result<void> check_network_url(const std::string& url,
                               std::span<const std::string_view> schemes) {
  const UrlParts parts = split_url(url);
  if (std::find(schemes.begin(), schemes.end(), parts.scheme) == schemes.end()) {
    Error error = wrong_url("a URL that begins with " + schemes_text(schemes), url);
    error.message += suggestion(prefix_of(url), schemes);
    return error;
  }
  const StreamUrl written = split_stream_url(url);
  if (written.ambiguous) {
    return wrong_url("a password whose @ is written as %40, / as %2F, ? as %3F and # as %23, "
                     "because it is not clear where this one ends", url);
  }
  const auto has_blank = [](std::string_view text) { return text.find(' ') != text.npos; };
  if (has_blank(written.place) || has_blank(written.rest) ||
      std::any_of(url.begin(), url.end(), is_control)) {
    return wrong_url("a URL without blanks (%20) and control characters", url);
  }
  if (parts.host.empty()) return wrong_url(fmt::format("a host after {}://", parts.scheme), url);
  if (parts.has_port && !is_port(parts.port)) {
    return wrong_url("a port from 1 to 65535 after the host", url);
  }
  return {};
}

Result<void> check_camera_url(const std::string& url) {
  const std::string_view text = url;
  if (text.empty()) {
    return wrong_url("where pictures come from, such as \"rtsp://10.0.0.5/1\", \"/dev/video0\", "
                     "\"file:line.mp4\" or \"synthetic:pcb\"", url);
  }
  if (std::any_of(url.begin(), url.end(), is_control)) {
    return wrong_url("a URL or path without control characters", url);
  }
  if (text.starts_with(kSynthetic)) return SyntheticSource::check(url);
  if (text.starts_with(kFile)) {
    if (text.size() == kFile.size()) return wrong_url("a path after file:", url);
    return {};
  }
  const std::string_view prefix = prefix_of(text);
  if (text.find("://") == std::string_view::npos && prefix.empty()) return {};  // a path
  const bool known = std::find(kCameraPrefixes.begin(), kCameraPrefixes.end(), prefix) !=
                     kCameraPrefixes.end();
  if (!known) {
    Error error = wrong_url("a URL that begins with " + schemes_text(kCameraSchemes) +
                            ", or file: or synthetic:", url);
    error.message += suggestion(prefix, kCameraPrefixes);
    return error;
  }
  return check_network_url(url, kCameraSchemes);
}

}  // namespace shoal
