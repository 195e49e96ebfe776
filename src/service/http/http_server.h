// HTTP/1.1 and HTTPS: connections, limits, keys, compression, drain. What is answered stands in the
// router's handlers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "service/http/exchange.h"
#include "shoal/result.h"

namespace shoal {

struct TlsOptions {
  std::string certificate;  // PEM chain; "" = no TLS
  std::string key;          // PEM
  std::string client_ca;    // PEM: clients must show a certificate of it; "" = they need none
};

struct HttpOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8000;  // 0: any free one, see port()
  TlsOptions tls;
  // One "sha256-hex[ comment]" a line; needed for addresses that are not loopback, unless client
  // certificates are. "" = no keys.
  std::string api_keys_file;
  // Paths that need no key: health.
  std::size_t body_max = std::size_t{64} << 20;    // bytes, also after decompression; above: 413
  std::size_t header_max = std::size_t{16} << 10;  // bytes; above: 431
  std::size_t bodies_max = std::size_t{256} << 20;  // bytes of all bodies in memory; above: 503
  int connections_max = 1024;                      // above: the oldest idle one goes, else refused
  int connections_per_client = 256;
  std::chrono::milliseconds header_timeout{10'000};  // from the first byte to the end of the head
  std::chrono::milliseconds idle_timeout{75'000};    // between requests
  std::chrono::milliseconds stall_timeout{10'000};   // without a byte of body, either way
  int threads = 1;
};

// Threads  methods by one thread; handlers run on the server's.
class HttpServer {
 public:
  // Binds and listens; serves once start() is called.
  // Errors   invalid_argument (an address that is not loopback without keys or client
  //          certificates), unavailable (the port is taken), not_found (key or certificate files).
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> create(const HttpOptions& options,
                                                                  HttpRouter router);
  virtual ~HttpServer() = default;  // stops
  virtual void start() = 0;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  // No new connections or requests; returns when every answer is sent, at the latest after
  // `patience`; then closes what is left.
  virtual void drain(std::chrono::milliseconds patience) = 0;
};

}  // namespace shoal
