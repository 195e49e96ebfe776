// For tests of the server: a server on a free port with a few routes, and a client of plain
// blocking sockets that sends exactly the bytes it is given.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "service/http/http_server.h"
#include "service/http/request_head.h"

namespace shoal {

struct ClientAnswer {
  int status = 0;  // 0: the connection ended before a whole answer
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  [[nodiscard]] std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return "";
  }
};

// One connection. Every wait is bounded: a test that hangs fails instead.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port, const char* from = nullptr)
      : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (from != nullptr) {
      sockaddr_in self{};
      self.sin_family = AF_INET;
      inet_pton(AF_INET, from, &self.sin_addr);
      bind(fd_, reinterpret_cast<sockaddr*>(&self), sizeof self);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { leave(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int fd() const { return fd_; }
  bool send(std::string_view bytes) {  // false where the server has closed
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  void leave() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  // The server gets a reset.
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    leave();
  }
  void half_close() { shutdown(fd_, SHUT_WR); }

  // One whole answer, or status 0. `head_only`: to HEAD.
  ClientAnswer answer(bool head_only = false,
                      std::chrono::seconds patience = std::chrono::seconds(20)) {
    const auto until = Clock::now() + patience;
    std::size_t head_end = 0;
    while ((head_end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!fill(until)) return {};
    }
    ClientAnswer answer;
    std::string_view head = std::string_view(buffer_).substr(0, head_end + 2);
    answer.status = std::atoi(std::string(head.substr(9, 3)).c_str());
    head.remove_prefix(head.find("\r\n") + 2);
    while (!head.empty()) {
      const std::string_view line = head.substr(0, head.find("\r\n"));
      const std::size_t colon = line.find(": ");
      answer.headers.emplace_back(lower_case(line.substr(0, colon)),
                                  std::string(line.substr(colon + 2)));
      head.remove_prefix(line.size() + 2);
    }
    std::size_t length = 0;
    if (!head_only) length = std::strtoull(answer.header("content-length").c_str(), nullptr, 10);
    buffer_.erase(0, head_end + 4);
    while (buffer_.size() < length) {
      if (!fill(until)) return {};
    }
    answer.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return answer;
  }
  // Whether the server ends the connection within that time; bytes that come first are dropped.
  bool is_closed(std::chrono::seconds patience = std::chrono::seconds(20)) {
    const auto until = Clock::now() + patience;
    while (fill(until)) continue;
    return ended_;
  }
  // Exactly so many bytes; fewer where the server closes or 20 s are over.
  std::string receive(std::size_t count) {
    const auto until = Clock::now() + std::chrono::seconds(20);
    while (buffer_.size() < count && fill(until)) continue;
    std::string bytes = buffer_.substr(0, count);
    buffer_.erase(0, bytes.size());
    return bytes;
  }
  [[nodiscard]] const std::string& buffered() const { return buffer_; }

 private:
  bool fill(TimePoint until) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) <= 0) return false;
    char bytes[65536];
    const ssize_t count = recv(fd_, bytes, sizeof bytes, 0);
    if (count <= 0) {
      ended_ = true;
      return false;
    }
    buffer_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

  int fd_;
  bool connected_ = false;
  bool ended_ = false;
  std::string buffer_;
};

// Exchanges that a test answers when it likes.
class Held {
 public:
  void put(std::shared_ptr<HttpExchange> exchange) {
    const std::lock_guard lock(mutex_);
    exchanges_.push_back(std::move(exchange));
    changed_.notify_all();
  }
  // The next one to arrive; null after 20 s.
  std::shared_ptr<HttpExchange> next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(20), [&] { return !exchanges_.empty(); })) {
      return nullptr;
    }
    auto first = std::move(exchanges_.front());
    exchanges_.pop_front();
    return first;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<HttpExchange>> exchanges_;
};

inline HttpResponse text_answer(std::string body, std::string type = "text/plain") {
  return {.status = 200, .content_type = std::move(type), .body = std::move(body), .headers = {}};
}

// GET /healthz (open), /hello; POST /echo, /size (the body's length), /held; GET /big (8 MiB, ?n=);
// GET and POST /items/{name}; GET /drop, whose exchange is dropped.
struct TestServer {
  explicit TestServer(HttpOptions given = {}) {
    options = std::move(given);
    options.port = 0;
    options.host_names = {"t", "test"};  // as requests here have it
    auto created = HttpServer::create(options, routes());
    if (!created) {
      ADD_FAILURE() << created.error().message;
      return;
    }
    server = *std::move(created);
    server->start();
    port = server->port();
  }
  HttpRouter routes() {
    HttpRouter router;
    using Exchange = std::shared_ptr<HttpExchange>;
    const HttpHandler well = [](const Exchange& e) { e->respond(text_answer("ok")); };
    router.add("GET", "/healthz", well, RouteAccess::kOpen);
    router.add("GET", "/hello", [](const Exchange& e) { e->respond(text_answer("hello")); });
    router.add("POST", "/echo", [](const Exchange& e) {
      e->respond(text_answer(e->request().body, "application/octet-stream"));
    });
    router.add("POST", "/size", [](const Exchange& e) {
      e->respond(text_answer(std::to_string(e->request().body.size())));
    });
    router.add("POST", "/held", [this](Exchange e) { held.put(std::move(e)); });
    router.add("GET", "/drop", [](const Exchange&) {});
    router.add("GET", "/big", [](const Exchange& e) {
      const auto count = e->request().parameter("n").value_or("8388608");
      e->respond(text_answer(std::string(std::stoull(std::string(count)), 'b')));
    });
    router.add("GET", "/items/{name}", [](const Exchange& e) {
      e->respond(text_answer("item " + std::string(e->path_part("name"))));
    });
    router.add("POST", "/items/{name}", [](const Exchange& e) {
      e->respond(text_answer("posted " + std::string(e->path_part("name"))));
    });
    router.add("GET", "/id", [](const Exchange& e) {
      e->respond(text_answer(std::string(e->request().header("x-request-id"))));
    });
    return router;
  }
  // Waits, to a bound, until a count is as wanted.
  template <typename Condition>
  bool until(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition(server->counts())) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  HttpOptions options;
  Held held;
  std::unique_ptr<HttpServer> server;
  std::uint16_t port = 0;
};

inline std::string get(std::string_view target, std::string_view more = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" + std::string(more) + "\r\n";
}
inline std::string post(std::string_view target, std::string_view body,
                        std::string_view more = "") {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: test\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + std::string(more) + "\r\n" + std::string(body);
}

}  // namespace shoal
