#include "service/http/request_origin.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "service/http/request_head.h"

namespace shoal {
namespace {

constexpr std::size_t kShown = 80;

// "host:port" without the scheme and without a port that the scheme implies.
std::string authority_of(std::string_view origin) {
  std::string text = lower_case(origin);
  std::string_view implied;
  if (text.starts_with("http://")) implied = ":80";
  if (text.starts_with("https://")) implied = ":443";
  if (implied.empty()) return "";
  text.erase(0, text.find("//") + 2);
  if (text.ends_with(implied)) text.resize(text.size() - implied.size());
  return text;
}

// Host does not say the scheme: a port that either implies may be left out.
bool same_authority(const std::string& origin, std::string_view host) {
  const std::string text = lower_case(host);
  return !origin.empty() && (origin == text || origin + ":80" == text || origin + ":443" == text);
}

bool is_address(const std::string& host) {
  in6_addr room{};
  if (inet_pton(AF_INET, host.c_str(), &room) == 1) return true;
  return host.size() > 2 && host.front() == '[' && host.back() == ']' &&
         inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &room) == 1;
}

}  // namespace

std::optional<std::string> foreign_page(const HttpRequest& request) {
  const std::string_view origin = request.header("origin");
  if (!origin.empty() && !same_authority(authority_of(origin), request.header("host"))) {
    return fmt::format("a page of {} asks, and only this server's own pages may",
                       origin.substr(0, kShown));
  }
  const std::string_view site = request.header("sec-fetch-site");
  const bool followed = request.method == "GET" && request.header("sec-fetch-mode") == "navigate";
  if (!site.empty() && site != "same-origin" && site != "none" && !followed) {
    return fmt::format("a foreign page asks (Sec-Fetch-Site: {}), and only this server's own pages"
                       " may", site.substr(0, kShown));
  }
  return std::nullopt;
}

bool is_origin(std::string_view text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos || scheme == 0) return false;
  const std::string_view host = text.substr(scheme + 3);
  return !host.empty() && host.find_first_of("/?#@ *,") == std::string_view::npos;
}

std::string allowed_origin(const HttpRequest& request, const std::vector<std::string>& allowed) {
  const std::string_view origin = request.header("origin");
  if (origin.empty()) return "";
  const std::string text = lower_case(origin);
  const bool found = std::ranges::any_of(allowed, [&](const std::string& one) {
    return one == "*" || lower_case(one) == text;
  });
  return found ? std::string(origin) : "";
}

bool is_preflight(const HttpRequest& request) {
  return request.method == "OPTIONS" && !request.header("origin").empty() &&
         !request.header("access-control-request-method").empty();
}

HttpResponse preflight_answer(const HttpRequest& request,
                              const std::vector<std::string>& methods) {
  HttpResponse response{.status = 204, .body = {}, .headers = {}};
  std::string list;
  for (const std::string& method : methods) list += (list.empty() ? "" : ", ") + method;
  response.headers.emplace_back("Access-Control-Allow-Methods", std::move(list));
  // No field of a request is dangerous here: what a page may do is decided by its origin.
  const std::string_view fields = request.header("access-control-request-headers");
  if (!fields.empty()) response.headers.emplace_back("Access-Control-Allow-Headers", fields);
  if (request.header("access-control-request-private-network") == "true") {
    response.headers.emplace_back("Access-Control-Allow-Private-Network", "true");
  }
  response.headers.emplace_back("Access-Control-Max-Age", "600");
  return response;
}

void add_origin_headers(HttpResponse& response, std::string_view origin) {
  response.headers.emplace_back("Vary", "Origin");
  if (origin.empty()) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", origin);
  response.headers.emplace_back("Access-Control-Expose-Headers",
                                "Inference-Header-Content-Length, Retry-After, X-Request-Id");
}

bool is_own_host(std::string_view host, const std::vector<std::string>& names) {
  std::string text = lower_case(host);
  if (text.empty()) return true;
  const std::size_t colon = text.rfind(':');
  const std::size_t bracket = text.rfind(']');
  if (colon != std::string::npos && (bracket == std::string::npos || bracket < colon)) {
    text.resize(colon);
  }
  if (text == "localhost" || is_address(text)) return true;
  return std::ranges::any_of(names, [&](const std::string& name) {
    return lower_case(name) == text;
  });
}

}  // namespace shoal
