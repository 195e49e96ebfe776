// What a handler sees of HTTP: one request, and the right to answer it once. No sockets here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"

namespace shoal {

struct HttpRequest {
  std::string method;  // "GET", "POST", ...
  std::string path;    // percent-decoded, without the query; never contains NUL or ".."
  std::vector<std::pair<std::string, std::string>> query;    // decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, in order
  std::string body;    // gzip and deflate already undone
  std::string client;  // address without port
  std::uint64_t connection = 0;  // counts from 1: the fairness key of its requests
  TimePoint first_byte;  // when its head began to arrive
  TimePoint complete;    // when its last byte had arrived

  // The first of that name; "" where there is none. `name` in lower case.
  [[nodiscard]] std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const {
    for (const auto& [key, value] : query) {
      if (key == name) return value;
    }
    return std::nullopt;
  }
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;  // compressed by the server where the client accepts it and it pays
  std::vector<std::pair<std::string, std::string>> headers;  // beside those the server sets
};

// One request on its way. Shared between the connection and whoever works on the answer; the
// request's bytes live as long as the exchange.
//
// Threads  all methods may be called from any thread.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;  // unanswered: the server answers 500
  [[nodiscard]] virtual const HttpRequest& request() const = 0;
  // The part of the path that stood for {name} in the route; "" where the route has none.
  [[nodiscard]] virtual std::string_view path_part(std::string_view name) const = 0;
  // Answers; the first call counts, later ones do nothing.
  virtual void respond(HttpResponse response) = 0;
  // Called once, on a thread of the server, when the client goes away before the answer; at once
  // where it already has. Replaces an earlier one.
  virtual void on_abort(std::function<void()> aborted) = 0;
};

using HttpHandler = std::function<void(std::shared_ptr<HttpExchange>)>;

// Routes: method and path pattern to handler. "{name}" stands for one path segment.
// Built before the server starts, then only read.
class HttpRouter {
 public:
  // `pattern` such as "/v2/models/{model}/infer". The handler runs on a thread of the server: it
  // hands over and returns.
  void add(std::string_view method, std::string_view pattern, HttpHandler handler);

  struct Match {
    const HttpHandler* handler = nullptr;
    std::vector<std::pair<std::string, std::string>> parts;
    std::vector<std::string> allowed;  // where handler is null: methods that the path has; or none
  };
  // HEAD matches GET. Literal segments go before {name}.
  [[nodiscard]] Match match(std::string_view method, std::string_view path) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    HttpHandler handler;
  };
  std::vector<Route> routes_;
};

// {"error": "..."} as KServe's clients read it; used for every door's errors.
[[nodiscard]] HttpResponse http_error(int status, std::string_view message);

}  // namespace shoal
