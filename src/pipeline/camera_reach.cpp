// Patterns, hosts and addresses. Nothing is resolved or opened; links of paths are followed.
#include "pipeline/camera_reach.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

#include "core/escaped_text.h"
#include "core/invalid.h"
#include "core/url_secrets.h"
#include "pipeline/site_config_url.h"
#include "source/file_names.h"

namespace shoal {
namespace {

namespace fs = std::filesystem;

using std::string_view;

constexpr string_view kListen = "?listen";
constexpr string_view kSynthetic = "synthetic:";
constexpr string_view kFile = "file:";

std::string shown(const std::string& url) { return shortened(without_secrets(url), 200); }

// -- addresses --

enum class Reach : std::uint8_t { kOrdinary, kEverywhere, kLinkLocal, kMulticast };

string_view words_for(Reach reach) {
  switch (reach) {
    case Reach::kOrdinary: break;
    case Reach::kEverywhere: return "all addresses of this machine";
    case Reach::kLinkLocal: return "a link-local address";
    case Reach::kMulticast: return "a group of multicast";
  }
  return "";
}

// `address` in the machine's own order.
Reach reach_of_v4(std::uint32_t address) {
  if (address >> 24U == 0) return Reach::kEverywhere;
  if (address >> 16U == 0xA9FE) return Reach::kLinkLocal;
  if (address >> 28U >= 0xE) return Reach::kMulticast;  // and broadcast, and what is reserved
  return Reach::kOrdinary;
}

Reach reach_of_v6(const std::array<std::uint8_t, 16>& bytes) {
  const auto zeros = [&](std::size_t count) {
    return std::all_of(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count),
                       [](std::uint8_t byte) { return byte == 0; });
  };
  const std::uint32_t last = std::uint32_t{bytes[12]} << 24U | std::uint32_t{bytes[13]} << 16U |
                             std::uint32_t{bytes[14]} << 8U | bytes[15];
  if (zeros(16)) return Reach::kEverywhere;
  if (zeros(15) && bytes[15] == 1) return Reach::kOrdinary;  // ::1
  const bool mapped = zeros(10) && bytes[10] == 0xFF && bytes[11] == 0xFF;
  const bool translated = bytes[0] == 0 && bytes[1] == 0x64 && bytes[2] == 0xFF && bytes[3] == 0x9B;
  if (mapped || translated || zeros(12)) return reach_of_v4(last);
  if (bytes[0] == 0xFE && (bytes[1] & 0xC0U) == 0x80) return Reach::kLinkLocal;
  if (bytes[0] == 0xFF) return Reach::kMulticast;
  return Reach::kOrdinary;
}

// Of a host as it stands in a URL: 169.254.1.1, 0xa9fe0101, 2852061441, fe80::1%eth0, or a name.
Reach reach_of(string_view host) {
  std::string text(host.substr(0, host.find('%')));
  while (text.ends_with('.')) text.pop_back();
  in_addr v4{};
  if (inet_aton(text.c_str(), &v4) != 0) return reach_of_v4(ntohl(v4.s_addr));
  std::array<std::uint8_t, 16> v6{};
  if (inet_pton(AF_INET6, text.c_str(), v6.data()) == 1) return reach_of_v6(v6);
  return Reach::kOrdinary;
}

// The host, and whatever else somebody who reads URLs could take for it.
std::vector<string_view> hosts_of(string_view url) {
  std::vector<string_view> hosts{split_url(url).host};
  for (std::size_t at = url.find('@'); at != string_view::npos; at = url.find('@', at + 1)) {
    string_view authority = url.substr(at + 1);
    authority = authority.substr(0, authority.find_first_of("/?#"));
    const bool bracket = authority.starts_with('[');
    hosts.push_back(bracket ? authority.substr(1, authority.find(']') - 1)
                            : authority.substr(0, authority.find(':')));
  }
  return hosts;
}

bool listens(string_view url) {
  const string_view scheme = split_url(url).scheme;
  if (scheme == "http" || scheme == "https") return false;  // a server's own word there
  string_view query = url.substr(std::min(url.find('?'), url.size()));
  while (!query.empty()) {
    query.remove_prefix(1);
    if (query.starts_with("listen")) return true;
    query = query.substr(std::min(query.find_first_of("&?;#"), query.size()));
  }
  return false;
}

// -- patterns --

bool fits_name(string_view pattern, string_view name) {
  return fnmatch(std::string(pattern).c_str(), std::string(name).c_str(), FNM_CASEFOLD) == 0;
}

// scheme://host:port of a pattern and of a URL.
bool fits_network(string_view pattern, string_view url) {
  const UrlParts wanted = split_url(pattern);
  const UrlParts got = split_url(url);
  if (wanted.scheme != got.scheme || (wanted.has_port && wanted.port != got.port)) return false;
  return fits_name(wanted.host, got.host);
}

// Where a path leads, links and .. resolved, as far as it exists.
std::optional<fs::path> real_place(const std::string& path) {
  std::error_code error;
  fs::path place = fs::weakly_canonical(fs::absolute(path, error), error);
  if (error) return std::nullopt;
  return place;
}

bool lies_in(const fs::path& place, const fs::path& folder) {
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), place.begin(), place.end());
  return end == folder.end() || (std::next(end) == folder.end() && end->empty());
}

string_view path_of(string_view url) {
  if (url.starts_with("file://")) return url.substr(7);
  return url.starts_with(kFile) ? url.substr(kFile.size()) : url;
}

bool fits_file(string_view pattern, const std::string& path) {
  const std::string_view folder = path_of(pattern);
  if (folder == "*") return true;
  std::string fixed = path;
  if (is_glob(path) && !fs::exists(path)) {
    fixed = path.substr(0, path.substr(0, path.find_first_of("*?[")).rfind('/') + 1);
    if (path.find("..") != std::string::npos) return false;
    if (fixed.empty()) fixed.push_back('.');
  }
  const auto place = real_place(fixed);
  const auto allowed = real_place(std::string(folder));
  return place && allowed && lies_in(*place, *allowed);
}

bool is_file_pattern(string_view pattern) {
  return pattern.starts_with(kFile) || (pattern.starts_with('/') && !is_device(pattern));
}

bool fits(string_view pattern, const std::string& url) {
  if (url.starts_with(kSynthetic)) return pattern == "synthetic:*";
  if (is_device(url)) {
    const string_view name = string_view(url).substr(url.starts_with("v4l2:") ? 5 : 0);
    // "." and ".." would lead out of /dev; a query is no part of the name.
    return is_device(pattern) && name.find("..") == string_view::npos &&
           fits_name(pattern, name.substr(0, name.find('?')));
  }
  if (split_url(url).scheme.empty() || url.starts_with(kFile)) {
    return is_file_pattern(pattern) && fits_file(pattern, std::string(path_of(url)));
  }
  if (pattern.ends_with(kListen)) pattern.remove_suffix(kListen.size());
  return pattern.find("://") != string_view::npos && fits_network(pattern, url);
}

bool names_it(string_view pattern, const std::string& url, bool listening) {
  if (pattern.find("://") == string_view::npos || pattern.starts_with(kFile)) return false;
  const bool by_name = split_url(pattern).host != "*";
  return by_name && (!listening || pattern.ends_with(kListen)) && fits(pattern, url);
}

// What allows this URL, for the message.
std::string line_for(const std::string& url) {
  if (url.starts_with(kSynthetic)) return "synthetic:*";
  if (is_device(url)) return "/dev/video*";
  const UrlParts parts = split_url(url);
  if (parts.scheme.empty() || parts.scheme == "file") return "/srv/videos";
  const bool bracket = parts.host.find(':') != string_view::npos;
  return fmt::format("{}://{}{}{}{}{}{}", parts.scheme, bracket ? "[" : "", parts.host,
                     bracket ? "]" : "", parts.has_port ? ":" : "", parts.port,
                     listens(url) ? kListen : string_view());
}

bool is_pattern(string_view pattern) {
  constexpr std::array<string_view, 7> kSchemes{"rtsp", "rtsps", "rtmp", "http",
                                                "https", "tcp", "udp"};
  if (pattern == "synthetic:*" || is_device(pattern)) return true;
  if (is_file_pattern(pattern)) return path_of(pattern).size() > 0;
  if (pattern.ends_with(kListen)) pattern.remove_suffix(kListen.size());
  const UrlParts parts = split_url(pattern);
  const bool known = std::find(kSchemes.begin(), kSchemes.end(), parts.scheme) != kSchemes.end();
  const string_view rest = pattern.substr(known ? parts.scheme.size() + 3 : 0);
  return known && !parts.host.empty() && parts.user.empty() &&
         rest.find_first_of("/?#@ ") == string_view::npos;
}

}  // namespace

Result<void> check_allow_urls(std::span<const std::string> allowed) {
  for (const std::string& pattern : allowed) {
    if (is_pattern(pattern)) continue;
    return invalid(fmt::format(
        "expected patterns such as \"rtsp://*\", \"http://10.0.0.*\", \"/srv/videos\", "
        "\"/dev/video*\" or \"synthetic:*\", got \"{}\"", shortened(pattern)));
  }
  return {};
}

Result<void> check_reach(const std::string& url, std::span<const std::string> allowed) {
  const string_view scheme = split_url(url).scheme;
  if (scheme.empty() || scheme == "file") return {};
  const auto named = [&](bool listening) {
    return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& pattern) {
      return names_it(pattern, url, listening);
    });
  };
  if (split_url(url).host.find(':') != string_view::npos && url.find('[') == std::string::npos) {
    return invalid(fmt::format("url: expected one port after the host, got \"{}\"", shown(url)));
  }
  if (listens(url) && !named(true)) {
    return invalid(fmt::format("url: it would wait for others to connect; expected an address that "
                               "is connected to, or allow_urls = [\"{}\"] in [site]",
                               line_for(url)));
  }
  for (const string_view host : hosts_of(url)) {
    const Reach reach = reach_of(host);
    if (reach == Reach::kOrdinary || named(listens(url))) continue;
    return invalid(fmt::format("url: {} is {}; expected the address of a camera, or allow_urls = "
                               "[\"{}\"] in [site]", shortened(host), words_for(reach),
                               line_for(url)));
  }
  return {};
}

Result<void> check_reach_of_door(const std::string& url, std::span<const std::string> allowed) {
  SHOAL_TRY(check_reach(url, allowed));
  const string_view scheme = split_url(url).scheme;
  const bool local = !url.starts_with(kSynthetic) && (scheme.empty() || scheme == "file");
  std::string end = url.substr(url.size() - std::min<std::size_t>(4, url.size()));
  std::transform(end.begin(), end.end(), end.begin(), [](char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  if (local && end == ".txt") {
    return invalid("url: a list of files can stand in the configuration only; expected a file, "
                   "folder or glob");
  }
  const bool fitting = std::any_of(allowed.begin(), allowed.end(),
                                   [&](const std::string& pattern) { return fits(pattern, url); });
  if (fitting) return {};
  return invalid(fmt::format("url: \"{}\" is not among what cameras that are added while running "
                             "may use; [site] allow_urls = [\"{}\"] would allow it", shown(url),
                             line_for(url)));
}

}  // namespace shoal
