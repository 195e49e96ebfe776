// HTTP/1.1 and HTTPS: connections, limits, keys, compression, drain. What is answered stands in the
// router's handlers.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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
  // Names, beside addresses and localhost, by which clients call a server without keys. Another
  // name in Host may be that of a foreign page whose owner lets it point here.
  std::vector<std::string> host_names;
  // Origins, such as https://app.example.org, whose pages may call this server: their preflights
  // are answered, and they may read the answers. "*", any, is for servers with keys only.
  std::vector<std::string> allow_origins;
  std::size_t body_max = std::size_t{64} << 20;    // bytes, also after decompression; above: 413
  std::size_t header_max = std::size_t{16} << 10;  // bytes; above: 431
  std::size_t bodies_max = std::size_t{256} << 20;  // bytes of all bodies in memory; above: 503
  // Above: the longest idle one goes, of all or of that client (address); where all are at work the
  // new one is refused.
  int connections_max = 1024;
  int connections_per_client = 256;
  std::chrono::milliseconds header_timeout{10'000};  // from the first byte to the end of the head
  std::chrono::milliseconds idle_timeout{75'000};    // between requests
  // In which 64 KiB of a request's body, or 4 KiB of an answer's (or all that is left of it), have
  // to move.
  std::chrono::milliseconds stall_timeout{10'000};
  int threads = 1;
};

// Counted since the server was created, unless said otherwise.
struct HttpCounts {
  std::uint64_t connections_open = 0;      // now
  std::uint64_t body_bytes_in_memory = 0;  // now
  std::uint64_t connections = 0;           // accepted
  std::uint64_t connections_refused = 0;   // above connections_max or connections_per_client
  std::uint64_t connections_evicted = 0;   // idle ones, closed to make room
  std::uint64_t requests = 0;              // heads received
  std::uint64_t requests_refused = 0;      // by the server itself: 4xx and 5xx without a handler
  std::uint64_t requests_aborted = 0;      // the client went away before the answer
};

// Threads  methods by one thread, counts() by any; handlers run on the server's.
class HttpServer {
 public:
  // Binds and listens; serves once start() is called.
  // Errors   invalid_argument (an address that is not loopback without keys or client
  //          certificates; a limit that is 0), unavailable (the port is taken), not_found (key or
  //          certificate files).
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> create(const HttpOptions& options,
                                                                  HttpRouter router);
  virtual ~HttpServer() = default;  // stops
  virtual void start() = 0;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  // No new connections or requests; returns when every answer is sent, at the latest after
  // `patience`; then closes what is left.
  virtual void drain(std::chrono::milliseconds patience) = 0;
  // Reads api_keys_file again, for SIGHUP; on an error the keys of before stay. Nothing without
  // keys.
  [[nodiscard]] virtual Result<void> reload_keys() = 0;
  [[nodiscard]] virtual HttpCounts counts() const = 0;
};

}  // namespace shoal
