// What is decided by a request's head alone: its key, where it comes from, whether anything is
// served there.
#include <fmt/format.h>

#include <algorithm>

#include "service/http/connection.h"
#include "service/http/request_origin.h"

namespace shoal {
namespace {

// Health; the page to try the service, where the key is typed; and DeepStack's paths, whose clients
// send their key as a field of the form: the handler checks it.
bool needs_no_key(std::string_view path) {
  return path == "/healthz" || path == "/v2/health/live" || path == "/v2/health/ready" ||
         path == "/" || path == "/openapi.json" || path == "/example.jpg" ||
         path.starts_with("/v1/vision/");
}

// ?key=..., which is not handed on: handlers and logs have no use for it.
std::string take_key_parameter(HttpRequest& request) {
  std::string key;
  for (const auto& [name, value] : request.query) {
    if (name == "key" && key.empty()) key = value;
  }
  std::erase_if(request.query, [](const auto& pair) { return pair.first == "key"; });
  return key;
}

}  // namespace

std::optional<HttpResponse> Connection::check_access(HttpRequest& request,
                                                     RouteAccess access) const {
  if (access == RouteAccess::kOpen || needs_no_key(request.path)) return std::nullopt;
  if (shared_->keys != nullptr) {
    std::string key(presented_key(request.header("authorization"), request.header("x-api-key")));
    if (access == RouteAccess::kOwnPages && request.method == "GET") {
      const std::string parameter = take_key_parameter(request);
      if (key.empty()) key = parameter;
    }
    if (shared_->keys->allows(key)) return std::nullopt;
    HttpResponse response =
        http_error(401, "an API key is needed: send 'Authorization: Bearer KEY' or 'X-API-Key'");
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"shoal\"");
    return response;
  }
  if (access != RouteAccess::kOwnPages) return std::nullopt;
  if (auto problem = foreign_page(request)) return http_error(403, *problem);
  // Whoever has shown a certificate has checked ours, which names its host.
  const bool certified = !shared_->options.tls.client_ca.empty();
  if (!certified && !is_own_host(request.header("host"), shared_->options.host_names)) {
    return http_error(403, fmt::format("Host '{}' is neither an address nor localhost nor one of"
                                       " this server's names",
                                       request.header("host").substr(0, 80)));
  }
  return std::nullopt;
}

std::optional<HttpResponse> Connection::admit(RequestHead& head, HttpRouter::Match& match) const {
  HttpRequest& request = head.request;
  match = shared_->router.match(request.method, request.path);
  if (auto refusal = check_access(request, match.access)) return refusal;
  if (match.handler != nullptr) return std::nullopt;
  if (request.path == "*") {
    return HttpResponse{
        .status = 204, .body = {}, .headers = {{"Allow", "GET, HEAD, OPTIONS, POST"}}};
  }
  if (match.allowed.empty()) {
    return http_error(404, fmt::format("nothing is served at '{}'", request.path));
  }
  std::string allow;
  for (const std::string& method : match.allowed) {
    allow += (allow.empty() ? "" : ", ") + method;
  }
  HttpResponse response{.status = 204, .body = {}, .headers = {}};
  if (request.method != "OPTIONS") {
    response = http_error(405, fmt::format("'{}' does not take {}, expected {}", request.path,
                                           request.method.substr(0, 32), allow));
  }
  response.headers.emplace_back("Allow", std::move(allow));
  return response;
}

}  // namespace shoal
