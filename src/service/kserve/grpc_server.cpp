// Building the server from the options; its two services.
#include "service/kserve/grpc_server.h"

#include <fmt/format.h>
#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <iterator>
#include <utility>

#include "core/log.h"
#include "core/private_file.h"
#include "core/read_file.h"
#include "service/http/door_files.h"
#include "service/kserve/grpc_health.h"
#include "service/kserve/grpc_service.h"

namespace shoal {
namespace {

constexpr std::size_t kPemBytesMax = std::size_t{4} << 20;

Result<std::string> read_pem(const std::string& path) {
  auto text = file_text(path, {.bytes_max = kPemBytesMax, .expected = "a PEM file"});
  if (!text) return Error{text.error().code, "gRPC: " + text.error().message};
  return text;
}

// The address to listen on, as text.
Result<std::string> address_of(const GrpcOptions& options) {
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(
      options.address == "localhost" ? "127.0.0.1" : options.address, ec);
  if (ec) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("gRPC: \"{}\" is no IP address", options.address)};
  }
  const bool guarded = options.allows_key || !options.tls.client_ca.empty();
  if (!address.is_loopback() && !guarded) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("gRPC: {} is not a loopback address: it needs API keys or client "
                             "certificates",
                             options.address)};
  }
  return address.to_string();
}

Result<std::shared_ptr<grpc::ServerCredentials>> credentials_of(const TlsOptions& tls) {
  if (tls.certificate.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;
  SHOAL_TRY(check_private_file("gRPC: TLS key", tls.key));
  std::string key = SHOAL_TRY(read_pem(tls.key));
  std::string chain = SHOAL_TRY(read_pem(tls.certificate));
  options.pem_key_cert_pairs.push_back({std::move(key), std::move(chain)});
  if (!tls.client_ca.empty()) {
    options.pem_root_certs = SHOAL_TRY(read_pem(tls.client_ca));
    options.client_certificate_request = GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  return grpc::SslServerCredentials(options);
}

int milliseconds_of(std::chrono::milliseconds time) {
  return static_cast<int>(std::min<std::int64_t>(time.count(), 0x7FFF'FFFF));
}

// gRPC refuses a larger message in words of its own, which name no option. So it takes some more
// than we do, where the memory of all requests together has room for it, and we answer.
int receive_max(const GrpcOptions& options) {
  constexpr std::size_t kRoom = std::size_t{64} << 20;
  const std::size_t more = std::min(std::max(4 * options.message_max, kRoom),
                                    options.memory_max / 4 * 3);
  return static_cast<int>(
      std::min(std::max(options.message_max, more), std::size_t{0x7FFF'FFFF}));
}

class RunningServer final : public GrpcServer {
 public:
  RunningServer(const GrpcOptions& options, KserveService& service, std::unique_ptr<GrpcDoor> door)
      : options_(options),
        files_(2 * options.connections_max),
        door_(std::move(door)),
        health_(service, streams_),
        service_(options_, service, streams_, health_, *door_) {}
  ~RunningServer() override { drain(std::chrono::milliseconds(0)); }

  Result<void> serve() {
    grpc::ServerBuilder builder;
    using External = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
    auto acceptor = builder.experimental().AddExternalConnectionAcceptor(
        External::FROM_FD, SHOAL_TRY(credentials_of(options_.tls)));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options_.streams_per_connection);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                               milliseconds_of(options_.header_timeout));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                               milliseconds_of(options_.idle_timeout));
    // A client that is gone without a goodbye is noticed within a minute.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
    builder.SetMaxReceiveMessageSize(receive_max(options_));
    builder.SetMaxSendMessageSize(-1);
    // gRPC's own buffers; with too little it takes no connections at all.
    constexpr std::size_t kBuffersMin = std::size_t{64} << 20;
    builder.SetResourceQuota(
        grpc::ResourceQuota("shoal").Resize(std::max(options_.memory_max, kBuffersMin)));
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    if (!server_) {
      return Error{ErrorCode::kUnavailable, "gRPC: cannot start: certificate and key do not fit"};
    }
    if (!files_.enough()) {
      log(LogLevel::kWarn, "grpc", "connections_max {} needs more open files than this process is"
          " allowed (ulimit -n): connections will be closed or refused before",
          options_.connections_max);
    }
    door_->start(std::move(acceptor));
    return {};
  }

  std::uint16_t port() const override { return door_->port(); }
  std::size_t connections() const override { return door_->connections(); }
  std::uint64_t connections_refused() const override { return door_->refused(); }

  void drain(std::chrono::milliseconds patience) override {
    if (!server_) return;
    health_.close();
    door_->drain();
    streams_.close_all();
    server_->Shutdown(std::chrono::system_clock::now() + patience);
    server_->Wait();
    door_->stop();
    server_.reset();
  }

 private:
  const GrpcOptions options_;
  OpenStreams streams_;
  const DoorFiles files_;  // a connection takes two: gRPC's and the door's
  const std::unique_ptr<GrpcDoor> door_;
  GrpcHealth health_;
  GrpcService service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

Result<std::unique_ptr<GrpcServer>> GrpcServer::create(const GrpcOptions& options,
                                                       KserveService& service) {
  const std::string address = SHOAL_TRY(address_of(options));
  auto door = SHOAL_TRY(GrpcDoor::create(address, options.port,
                                         {.connections_max = options.connections_max,
                                          .connections_per_client = options.connections_per_client,
                                          .stall_timeout = options.stall_timeout}));
  auto server = std::make_unique<RunningServer>(options, service, std::move(door));
  SHOAL_TRY(server->serve());
  return std::unique_ptr<GrpcServer>(std::move(server));
}

}  // namespace shoal
