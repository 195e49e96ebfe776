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

#include "core/read_file.h"
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

// "host:port" as gRPC has it.
Result<std::string> target_of(const GrpcOptions& options) {
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
  const std::string text = address.to_string();
  return address.is_v6() ? fmt::format("[{}]:{}", text, options.port)
                         : fmt::format("{}:{}", text, options.port);
}

Result<std::shared_ptr<grpc::ServerCredentials>> credentials_of(const TlsOptions& tls) {
  if (tls.certificate.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;
  std::string key = SHOAL_TRY(read_pem(tls.key));
  std::string chain = SHOAL_TRY(read_pem(tls.certificate));
  options.pem_key_cert_pairs.push_back({std::move(key), std::move(chain)});
  if (!tls.client_ca.empty()) {
    options.pem_root_certs = SHOAL_TRY(read_pem(tls.client_ca));
    options.client_certificate_request = GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  return grpc::SslServerCredentials(options);
}

class RunningServer final : public GrpcServer {
 public:
  RunningServer(const GrpcOptions& options, KserveService& service)
      : options_(options), service_(options_, service, streams_), health_(service, streams_) {}
  ~RunningServer() override { drain(std::chrono::milliseconds(0)); }

  Result<void> listen() {
    const std::string target = SHOAL_TRY(target_of(options_));
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(target, SHOAL_TRY(credentials_of(options_.tls)), &port);
    // Two programs on one port would share its clients without a word.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options_.streams_per_connection);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
    // A client that is gone without a goodbye is noticed within a minute.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
    builder.SetMaxReceiveMessageSize(static_cast<int>(
        std::min(options_.message_max, std::size_t{0x7FFF'FFFF})));
    builder.SetMaxSendMessageSize(-1);
    // gRPC's own buffers; with too little it takes no connections at all.
    constexpr std::size_t kBuffersMin = std::size_t{64} << 20;
    builder.SetResourceQuota(
        grpc::ResourceQuota("shoal").Resize(std::max(options_.memory_max, kBuffersMin)));
    builder.RegisterService(&service_);
    builder.RegisterService(&health_);
    server_ = builder.BuildAndStart();
    if (!server_ || port == 0) {
      return Error{ErrorCode::kUnavailable,
                   fmt::format("gRPC: cannot listen on {}: the port is taken, or the certificate "
                               "and key do not fit",
                               target)};
    }
    port_ = static_cast<std::uint16_t>(port);
    return {};
  }

  std::uint16_t port() const override { return port_; }

  void drain(std::chrono::milliseconds patience) override {
    if (!server_) return;
    health_.close();
    streams_.close_all();
    server_->Shutdown(std::chrono::system_clock::now() + patience);
    server_->Wait();
    server_.reset();
  }

 private:
  const GrpcOptions options_;
  OpenStreams streams_;
  GrpcService service_;
  GrpcHealth health_;
  std::unique_ptr<grpc::Server> server_;
  std::uint16_t port_ = 0;
};

}  // namespace

Result<std::unique_ptr<GrpcServer>> GrpcServer::create(const GrpcOptions& options,
                                                       KserveService& service) {
  auto server = std::make_unique<RunningServer>(options, service);
  SHOAL_TRY(server->listen());
  return std::unique_ptr<GrpcServer>(std::move(server));
}

}  // namespace shoal
