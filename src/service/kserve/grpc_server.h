// KServe v2 over gRPC: the server, its limits, keys and TLS, and how it ends.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "service/http/http_server.h"
#include "service/kserve/kserve_service.h"
#include "shoal/result.h"

namespace shoal {

struct GrpcOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8001;  // 0: any free one, see port()
  TlsOptions tls;
  // Is this a key of ours? Asked with "" where the client shows none. Empty: no keys are needed.
  // Health, ServerLive and ServerReady need none.
  std::function<bool(std::string_view key)> allows_key;
  std::size_t message_max = std::size_t{64} << 20;  // bytes; above: RESOURCE_EXHAUSTED
  std::size_t memory_max = std::size_t{512} << 20;  // of requests that wait for their answers
  int streams_per_connection = 256;                 // calls in flight
  int stream_window = 32;  // requests of a ModelStreamInfer that wait for their answers
  // As HttpOptions has them.
  int connections_max = 1024;
  int connections_per_client = 256;
  std::chrono::milliseconds header_timeout{10'000};  // for TLS and the first frames of HTTP/2
  std::chrono::milliseconds idle_timeout{75'000};    // without a call
  std::chrono::milliseconds stall_timeout{10'000};   // in which a message has to move
};

// Serves from create() on, on gRPC's own threads.
//
// Threads  methods by one thread.
class GrpcServer {
 public:
  // `service` outlives the server.
  // Errors   invalid_argument (an address that is not loopback without keys or client
  //          certificates; one that is no address), unavailable (the port is taken), not_found
  //          (certificate files).
  [[nodiscard]] static Result<std::unique_ptr<GrpcServer>> create(const GrpcOptions& options,
                                                                  KserveService& service);
  virtual ~GrpcServer() = default;  // cancels what is in flight, waits for it
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  // No new calls; streams end after their answers. Returns when every answer is sent, at the
  // latest after `patience`, when the rest is cancelled. Idempotent.
  virtual void drain(std::chrono::milliseconds patience) = 0;
  [[nodiscard]] virtual std::size_t connections() const = 0;  // open now; any thread
  [[nodiscard]] virtual std::uint64_t connections_refused() const = 0;
};

}  // namespace shoal
