#include "service/http/exchange.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/check.h"
#include "core/json_text.h"

namespace shoal {
namespace {

// "/a/b" and "/a/b/" are the same two segments; "/" has none.
std::vector<std::string_view> segments_of(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool stands_for_any(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}

bool fits(const std::vector<std::string>& pattern, const std::vector<std::string_view>& path) {
  return std::equal(pattern.begin(), pattern.end(), path.begin(), path.end(),
                    [](const std::string& expected, std::string_view got) {
                      return stands_for_any(expected) ? !got.empty() : expected == got;
                    });
}

// The first segment in which two fitting patterns differ in kind decides.
bool more_literal(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  for (std::size_t i = 0; i < left.size(); ++i) {
    const bool left_any = stands_for_any(left[i]);
    if (left_any != stands_for_any(right[i])) return !left_any;
  }
  return false;
}

}  // namespace

void HttpRouter::add(std::string_view method, std::string_view pattern, HttpHandler handler,
                     RouteAccess access) {
  SHOAL_CHECK(pattern.starts_with('/'), "a route's pattern starts with a slash");
  Route route{.method = std::string(method), .segments = {}, .handler = std::move(handler),
              .access = access};
  for (const std::string_view segment : segments_of(pattern)) route.segments.emplace_back(segment);
  routes_.push_back(std::move(route));
}

HttpRouter::Match HttpRouter::match(std::string_view method, std::string_view path) const {
  Match match;
  if (!path.starts_with('/')) return match;
  const std::vector<std::string_view> segments = segments_of(path);
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  const Route* best = nullptr;
  for (const Route& route : routes_) {
    if (!fits(route.segments, segments)) continue;
    match.allowed.push_back(route.method);
    if (route.method != wanted) continue;
    if (best == nullptr || more_literal(route.segments, best->segments)) best = &route;
  }
  if (best == nullptr) {
    if (std::ranges::count(match.allowed, "GET") > 0) match.allowed.emplace_back("HEAD");
    if (!match.allowed.empty()) match.allowed.emplace_back("OPTIONS");
    std::ranges::sort(match.allowed);
    const auto repeated = std::ranges::unique(match.allowed);
    match.allowed.erase(repeated.begin(), repeated.end());
    return match;
  }
  match.allowed.clear();
  match.handler = &best->handler;
  match.access = best->access;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string_view name = best->segments[i];
    if (!stands_for_any(name)) continue;
    match.parts.emplace_back(name.substr(1, name.size() - 2), segments[i]);
  }
  return match;
}

HttpResponse http_error(int status, std::string_view message) {
  fmt::memory_buffer text;
  append_text(text, "{\"error\":");
  append_json_string(text, message);
  append_text(text, "}");
  return {.status = status, .body = std::string(view_of(text)), .headers = {}};
}

}  // namespace shoal
