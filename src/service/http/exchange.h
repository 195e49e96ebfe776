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
#include "service/http/body_source.h"
#include "service/http/socket_handler.h"

namespace shoal {

struct HttpRequest {
  std::string method;  // "GET", "POST", ...
  std::string path;    // percent-decoded, without the query; never contains NUL or ".."
  std::vector<std::pair<std::string, std::string>> query;    // decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, in order
  std::string body;    // gzip and deflate already undone
  std::string client;  // address without port
  std::uint64_t connection = 0;  // counts from 1
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
  // False: never compressed. Some clients' libraries accept codings that the clients do not undo.
  bool compressible = true;
  std::vector<std::pair<std::string, std::string>> headers;  // beside those the server sets
  // Instead of `body`: sent as it comes, as fast as the client reads; one that takes less than
  // 4 KiB (or all there is) within stall_timeout is cut.
  std::shared_ptr<BodySource> stream = nullptr;
  // Instead of all the above: the connection becomes a WebSocket. Where the request did not ask for
  // one the server answers 426.
  std::shared_ptr<SocketHandler> upgrade = nullptr;
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

// Who may call a route of a server with API keys. Of a server without: programs on this machine,
// its own pages and those of allowed origins, but no foreign page that a browser on this machine
// has open (see request_origin.h); kOpen is open to all.
enum class RouteAccess : std::uint8_t {
  kKey,  // with a key in a header
  // With a key in a header or, as browsers cannot set one for pictures and WebSockets, as ?key= of
  // a GET.
  kOwnPages,
  // The key is in the body, where the handler checks it; one in a header makes the body welcome.
  kKeyInBody,
  kOpen,  // anybody: health, and what a page loads before it knows a key
};

// Routes: method and path pattern to handler. "{name}" stands for one path segment.
// Built before the server starts, then only read.
class HttpRouter {
 public:
  // `pattern` such as "/v2/models/{model}/infer". The handler runs on a thread of the server: it
  // hands over and returns.
  void add(std::string_view method, std::string_view pattern, HttpHandler handler,
           RouteAccess access = RouteAccess::kKey);

  struct Match {
    const HttpHandler* handler = nullptr;
    RouteAccess access = RouteAccess::kKey;
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
    RouteAccess access = RouteAccess::kKey;
  };
  std::vector<Route> routes_;
};

// {"error": "..."} as KServe's clients read it; used for every door's errors.
[[nodiscard]] HttpResponse http_error(int status, std::string_view message);

}  // namespace shoal
