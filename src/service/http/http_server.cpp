#include "service/http/http_server.h"

#include <fmt/format.h>
#include <malloc.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <ctime>
#include <thread>
#include <vector>

#include "core/log.h"
#include "service/http/connection.h"
#include "service/http/door_files.h"
#include "service/http/request_origin.h"
#include "service/http/response_head.h"
#include "service/http/transport.h"

namespace shoal {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using asio::ip::tcp;

constexpr std::chrono::milliseconds kTrimPeriod{500};
constexpr std::chrono::milliseconds kPartings{250};
constexpr std::chrono::milliseconds kAcceptPause{50};  // after the process ran out of descriptors

// One thread, one loop: a connection stays on the loop that it was given.
struct IoLoop {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::thread thread;
};

Result<tcp::endpoint> endpoint_of(const HttpOptions& options) {
  const std::string text = options.address == "localhost" ? "127.0.0.1" : options.address;
  error_code failure;
  const asio::ip::address address = asio::ip::make_address(text, failure);
  if (failure) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("HTTP address '{}': expected an IP address such as 127.0.0.1 or"
                             " 0.0.0.0, or localhost",
                             options.address)};
  }
  const bool guarded = !options.api_keys_file.empty() ||
                       (!options.tls.certificate.empty() && !options.tls.client_ca.empty());
  if (!address.is_loopback() && !guarded) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("HTTP address '{}' can be reached from other machines, and nobody"
                             " would be asked for a key: set api_keys_file (a line is what"
                             " `printf %s KEY | sha256sum` prints), or tls.certificate with"
                             " tls.client_ca, or listen on 127.0.0.1",
                             options.address)};
  }
  return tcp::endpoint(address, options.port);
}

Result<void> check_options(const HttpOptions& options) {
  const auto wrong = [](std::string_view name, std::string_view expected) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("HTTP {}: expected {}", name, expected)};
  };
  if (options.threads < 1 || options.threads > 256) return wrong("threads", "1 to 256");
  if (options.header_max < 256) return wrong("header_max", "at least 256 bytes");
  if (options.body_max < 1) return wrong("body_max", "at least 1 byte");
  if (options.connections_max < 1) return wrong("connections_max", "at least 1");
  if (options.connections_per_client < 1) return wrong("connections_per_client", "at least 1");
  if (options.header_timeout.count() < 1 || options.idle_timeout.count() < 1 ||
      options.stall_timeout.count() < 1) {
    return wrong("header_timeout, idle_timeout and stall_timeout", "at least 1 ms");
  }
  for (const std::string& origin : options.allow_origins) {
    if (origin == "*" && options.api_keys_file.empty()) {
      return wrong("allow_origins", "origins by name: '*' would let any page that a browser on this"
                                    " machine has open use a server without keys (api_keys_file)");
    }
    if (origin != "*" && !is_origin(origin)) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("HTTP allow_origins: '{}': expected an origin as browsers send it,"
                               " such as https://app.example.org or http://localhost:5173,"
                               " without a path", origin)};
    }
  }
  if (options.tls.certificate.empty() != options.tls.key.empty()) {
    return wrong("tls", "both certificate and key, or neither");
  }
  if (options.tls.certificate.empty() && !options.tls.client_ca.empty()) {
    return wrong("tls.client_ca", "a certificate and key of the server beside it");
  }
  return {};
}

Result<std::unique_ptr<tcp::acceptor>> listen_on(asio::io_context& context,
                                                 const tcp::endpoint& endpoint) {
  auto acceptor = std::make_unique<tcp::acceptor>(context);
  error_code failure;
  const auto failed = [&](const char* what) {
    const bool taken = failure == asio::error::address_in_use;
    return Error{ErrorCode::kUnavailable,
                 fmt::format("HTTP {} {}:{}: {}", what, endpoint.address().to_string(),
                             endpoint.port(),
                             taken ? "the port is taken; choose another, or 0 for any free one"
                                   : failure.message())};
  };
  acceptor->open(endpoint.protocol(), failure);
  if (failure) return failed("open");
  acceptor->set_option(tcp::acceptor::reuse_address(true), failure);
  acceptor->bind(endpoint, failure);
  if (failure) return failed("bind");
  acceptor->listen(asio::socket_base::max_listen_connections, failure);
  if (failure) return failed("listen");
  return acceptor;
}

class AsioHttpServer final : public HttpServer {
 public:
  AsioHttpServer(std::shared_ptr<HttpShared> shared, std::vector<std::shared_ptr<IoLoop>> loops,
                 std::unique_ptr<tcp::acceptor> acceptor,
                 std::unique_ptr<asio::ssl::context> tls)
      : shared_(std::move(shared)),
        tls_(std::move(tls)),
        loops_(std::move(loops)),
        acceptor_(std::move(acceptor)),
        retry_(loops_.front()->context),
        trim_(loops_.front()->context),
        files_(shared_->options.connections_max) {
    if (!files_.enough()) {
      log(LogLevel::kWarn, "http", "connections_max {} needs more open files than this process is"
          " allowed (ulimit -n): connections will be closed or refused before",
          shared_->options.connections_max);
    }
    error_code ignored;
    port_ = acceptor_->local_endpoint(ignored).port();
  }
  ~AsioHttpServer() override { stop(); }
  AsioHttpServer(const AsioHttpServer&) = delete;
  AsioHttpServer& operator=(const AsioHttpServer&) = delete;

  void start() override;
  std::uint16_t port() const override { return port_; }
  void drain(std::chrono::milliseconds patience) override;
  Result<void> reload_keys() override {
    return shared_->keys == nullptr ? Result<void>() : shared_->keys->reload();
  }
  HttpCounts counts() const override;

 private:
  void accept();
  void accepted(const std::shared_ptr<IoLoop>& loop, tcp::socket socket);
  [[nodiscard]] HttpResponse refusal_of(ConnectionTable::Admission why) const;
  void trim_later();
  void stop_accepting();
  void stop();

  const std::shared_ptr<HttpShared> shared_;
  const std::unique_ptr<asio::ssl::context> tls_;
  std::vector<std::shared_ptr<IoLoop>> loops_;
  std::unique_ptr<tcp::acceptor> acceptor_;
  asio::steady_timer retry_;
  asio::steady_timer trim_;
  const DoorFiles files_;
  std::uint16_t port_ = 0;
  std::size_t next_loop_ = 0;
  bool started_ = false;
  std::atomic<bool> accepting_ = true;
  std::atomic<std::uint64_t> connections_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
};

void AsioHttpServer::start() {
  if (started_) return;
  started_ = true;
  accept();
  trim_later();
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    IoLoop& loop = *loops_[i];
    loop.thread = std::thread([&loop, i] {
      pthread_setname_np(pthread_self(), fmt::format("http-{}", i).c_str());
      loop.context.run();
    });
  }
}

void AsioHttpServer::accept() {
  const std::shared_ptr<IoLoop>& loop = loops_[next_loop_++ % loops_.size()];
  acceptor_->async_accept(loop->context, [this, &loop](error_code failure, tcp::socket socket) {
    if (!accepting_) return;
    if (!failure) {
      accepted(loop, std::move(socket));
      return accept();
    }
    if (failure == asio::error::operation_aborted) return;
    // Out of file descriptors, as a rule: one goes, and the next attempt waits a little.
    log(LogLevel::kDebug, "http", "accept: {}", failure.message());
    shared_->table.evict();
    retry_.expires_after(kAcceptPause);
    retry_.async_wait([this](error_code) {
      if (accepting_) accept();
    });
  });
}

void AsioHttpServer::accepted(const std::shared_ptr<IoLoop>& loop, tcp::socket socket) {
  error_code failure;
  asio::ip::address address = socket.remote_endpoint(failure).address();
  if (failure) return;  // it is gone already
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  const std::uint64_t id = ++connections_;
  std::string client = address.to_string();
  const asio::any_io_executor executor = loop->context.get_executor();
  auto connection = std::make_shared<Connection>(
      id, client,
      tls_ == nullptr ? make_plain_transport(std::move(socket))
                      : make_tls_transport(std::move(socket), *tls_),
      executor, loop, shared_);
  if (is_reserved_file(connection->descriptor())) {
    shared_->table.evict();
    ++refused_;
    return connection->turn_away(refusal_of(ConnectionTable::Admission::kTooMany));
  }
  const auto admission = shared_->table.add(id, client, connection);
  if (admission != ConnectionTable::Admission::kAdmitted) {
    ++refused_;
    return connection->turn_away(refusal_of(admission));
  }
  asio::co_spawn(executor, Connection::run(connection), asio::detached);
}

HttpResponse AsioHttpServer::refusal_of(ConnectionTable::Admission why) const {
  HttpResponse response =
      why == ConnectionTable::Admission::kTooMany
          ? http_error(503, "too many connections (connections_max): try again")
          : http_error(429, fmt::format("more than {} connections of one client"
                                        " (connections_per_client)",
                                        shared_->options.connections_per_client));
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

void AsioHttpServer::trim_later() {
  trim_.expires_after(kTrimPeriod);
  trim_.async_wait([this](error_code failure) {
    if (failure || !accepting_) return;
    if (shared_->budget->trim_due()) malloc_trim(0);
    trim_later();
  });
}

void AsioHttpServer::stop_accepting() {
  if (!accepting_.exchange(false)) return;
  shared_->draining = true;
  const auto close = [this] {
    error_code ignored;
    acceptor_->close(ignored);
    retry_.cancel();
    trim_.cancel();
  };
  if (!started_) return close();
  asio::post(loops_.front()->context, close);
}

void AsioHttpServer::drain(std::chrono::milliseconds patience) {
  stop_accepting();
  if (!started_) return;
  shared_->table.for_each([](Closable& connection) { connection.drain(); });
  if (!shared_->table.wait_until_quiet(patience)) {
    log(LogLevel::kWarn, "http", "not every request was answered within {} ms: closing {}"
        " connections", patience.count(), shared_->table.count());
    shared_->table.for_each([](Closable& connection) { connection.kill(); });
  }
  // Clients close when they have read their last answers; those that do not are closed by stop().
  (void)shared_->table.wait_until_empty(std::min(patience, kPartings));
}

void AsioHttpServer::stop() {
  stop_accepting();
  shared_->table.for_each([](Closable& connection) { connection.kill(); });
  for (const auto& loop : loops_) loop->work.reset();
  for (const auto& loop : loops_) {
    if (loop->thread.joinable()) loop->thread.join();
  }
}

HttpCounts AsioHttpServer::counts() const {
  return {.connections_open = shared_->table.count(),
          .body_bytes_in_memory = shared_->budget->in_use(),
          .connections = connections_,
          .connections_refused = refused_,
          .connections_evicted = shared_->table.evicted(),
          .requests = shared_->requests,
          .requests_refused = shared_->refused,
          .requests_aborted = shared_->aborted};
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::create(const HttpOptions& options,
                                                       HttpRouter router) {
  SHOAL_TRY(check_options(options));
  const tcp::endpoint endpoint = SHOAL_TRY(endpoint_of(options));
  auto shared = std::make_shared<HttpShared>(options, std::move(router));
  if (!options.api_keys_file.empty()) {
    shared->keys = SHOAL_TRY(ApiKeys::load(options.api_keys_file));
  }
  std::unique_ptr<asio::ssl::context> tls;
  if (!options.tls.certificate.empty()) tls = SHOAL_TRY(make_tls_context(options.tls));
  if (tls == nullptr && shared->keys != nullptr && !endpoint.address().is_loopback()) {
    log(LogLevel::kWarn, "http", "API keys travel in clear text without tls.certificate");
  }
  std::vector<std::shared_ptr<IoLoop>> loops;
  for (int i = 0; i < options.threads; ++i) loops.push_back(std::make_shared<IoLoop>());
  auto acceptor = SHOAL_TRY(listen_on(loops.front()->context, endpoint));
  return std::unique_ptr<HttpServer>(std::make_unique<AsioHttpServer>(
      std::move(shared), std::move(loops), std::move(acceptor), std::move(tls)));
}

}  // namespace shoal
