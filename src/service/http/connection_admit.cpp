// What is decided by a request's head alone: its key, where it comes from, whether anything is
// served there.
#include <fmt/format.h>

#include <algorithm>

#include "service/http/connection.h"
#include "service/http/request_origin.h"

namespace shoal {
namespace {

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

std::optional<HttpResponse> Connection::check_key(HttpRequest& request, RouteAccess access) {
  std::string key(presented_key(request.header("authorization"), request.header("x-api-key")));
  if (access == RouteAccess::kOwnPages && request.method == "GET") {
    const std::string parameter = take_key_parameter(request);
    if (key.empty()) key = parameter;
  }
  if (shared_->keys->allows(key)) return std::nullopt;
  if (access == RouteAccess::kKeyInBody) {
    open_ = true;
    return std::nullopt;
  }
  if (!key.empty()) penalty_ = shared_->guard.wrong(client_, Clock::now());
  HttpResponse response =
      http_error(401, "an API key is needed: send 'Authorization: Bearer KEY' or 'X-API-Key'");
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"shoal\"");
  return response;
}

std::optional<HttpResponse> Connection::check_access(HttpRequest& request, RouteAccess access) {
  if (access == RouteAccess::kOpen) return std::nullopt;
  if (shared_->keys != nullptr) return check_key(request, access);
  if (origin_.empty()) {
    if (auto problem = foreign_page(request)) {
      return http_error(403, *problem + " (service.allow_origins)");
    }
  }
  // Whoever has shown a certificate has checked ours, which names its host.
  const bool certified = !shared_->options.tls.client_ca.empty();
  if (!certified && !is_own_host(request.header("host"), shared_->options.host_names)) {
    return http_error(403, fmt::format("Host '{}' is neither an address nor localhost nor one of"
                                       " this server's names (service.host_names)",
                                       request.header("host").substr(0, 80)));
  }
  return std::nullopt;
}

std::optional<HttpResponse> Connection::admit(RequestHead& head, HttpRouter::Match& match) {
  HttpRequest& request = head.request;
  open_ = false;
  origin_ = allowed_origin(request, shared_->options.allow_origins);
  match = shared_->router.match(request.method, request.path);
  // A browser asks without the key that it will send.
  if (!origin_.empty() && is_preflight(request) && !match.allowed.empty()) {
    return preflight_answer(request, match.allowed);
  }
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
