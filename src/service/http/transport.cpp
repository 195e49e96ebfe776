#include "service/http/transport.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <string_view>
#include <utility>

#include "core/private_file.h"
#include "core/read_file.h"

namespace shoal {
namespace {

constexpr std::size_t kPemBytesMax = std::size_t{4} << 20;

namespace asio = boost::asio;
using boost::system::error_code;

// Where the system does not know an option, all works as before.
void prefer_newest_on(asio::ip::tcp::socket& socket) {
  constexpr int kUnsentMax = 64 << 10;  // bytes
  constexpr int kProbeAfter = 60;       // s
  constexpr int kProbeEvery = 15;       // s; four times
  const auto set = [&](int level, int name, int value) {
    (void)setsockopt(socket.native_handle(), level, name, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentMax);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kProbeAfter);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kProbeEvery);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
}

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  }

  void handshake(TransportDone done) override {
    asio::post(socket_.get_executor(), [done = std::move(done)] { done({}, 0); });
  }
  void read(asio::mutable_buffer into, TransportDone done) override {
    socket_.async_read_some(into, std::move(done));
  }
  std::size_t write_now(const TransportBuffers& buffers) override {
    error_code failure;  // met again by the write that follows
    const std::size_t count = socket_.write_some(buffers, failure);
    return failure ? 0 : count;
  }
  void write(const TransportBuffers& buffers, TransportDone done) override {
    socket_.async_write_some(buffers, std::move(done));
  }
  bool gathers() const override { return true; }
  void prefer_newest() override { prefer_newest_on(socket_); }
  void shutdown(TransportDone done) override {
    error_code failure;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, failure);
    asio::post(socket_.get_executor(), [done = std::move(done), failure] { done(failure, 0); });
  }
  void cancel() override {
    error_code ignored;
    socket_.cancel(ignored);
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }
  int descriptor() override { return socket_.native_handle(); }

 private:
  asio::ip::tcp::socket socket_;
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(asio::ip::tcp::socket socket, asio::ssl::context& context)
      : stream_(std::move(socket), context) {
    error_code ignored;
    stream_.next_layer().set_option(asio::ip::tcp::no_delay(true), ignored);
  }

  void handshake(TransportDone done) override {
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [done = std::move(done)](error_code failure) { done(failure, 0); });
  }
  void read(asio::mutable_buffer into, TransportDone done) override {
    stream_.async_read_some(into, std::move(done));
  }
  std::size_t write_now(const TransportBuffers&) override { return 0; }
  void write(const TransportBuffers& buffers, TransportDone done) override {
    stream_.async_write_some(buffers, std::move(done));
  }
  bool gathers() const override { return false; }
  void prefer_newest() override { prefer_newest_on(stream_.next_layer()); }
  void shutdown(TransportDone done) override {
    stream_.async_shutdown([done = std::move(done)](error_code failure) { done(failure, 0); });
  }
  void cancel() override {
    error_code ignored;
    stream_.next_layer().cancel(ignored);
  }
  void close() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }
  int descriptor() override { return stream_.next_layer().native_handle(); }

 private:
  asio::ssl::stream<asio::ip::tcp::socket> stream_;
};

// ALPN's callback: HTTP/1.1 for whoever offers it, so that a client which could speak more does
// not; others go without.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_length,
                    const unsigned char* offered, unsigned int length, void*) {
  constexpr std::string_view kHttp = "http/1.1";
  for (unsigned int i = 0; i < length; i += offered[i] + 1U) {
    const unsigned int size = offered[i];
    if (i + 1 + size > length) break;
    if (std::string_view(reinterpret_cast<const char*>(offered + i + 1), size) == kHttp) {
      *out = offered + i + 1;
      *out_length = static_cast<unsigned char>(size);
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_NOACK;
}

Result<void> readable(const std::string& what, const std::string& file) {
  const auto text = file_text(file, {.bytes_max = kPemBytesMax, .expected = "a PEM file"});
  if (text) return {};
  return Error{text.error().code, fmt::format("TLS {}: cannot read {}", what,
                                              text.error().message)};
}

Error unusable(const std::string& what, const std::string& file, const error_code& failure) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("TLS {}: '{}': {}, expected PEM", what, file, failure.message())};
}

}  // namespace

std::unique_ptr<Transport> make_plain_transport(asio::ip::tcp::socket socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

std::unique_ptr<Transport> make_tls_transport(asio::ip::tcp::socket socket,
                                              asio::ssl::context& context) {
  return std::make_unique<TlsTransport>(std::move(socket), context);
}

Result<std::unique_ptr<asio::ssl::context>> make_tls_context(const TlsOptions& options) {
  SHOAL_TRY(readable("certificate", options.certificate));
  SHOAL_TRY(readable("key", options.key));
  SHOAL_TRY(check_private_file("TLS: key", options.key));
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX* native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  // Of TLS 1.2 only what keeps old traffic secret when the key gets known, and is authenticated as
  // it is encrypted. TLS 1.3 has nothing else.
  if (SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
    return Error{ErrorCode::kUnsupported,
                 "TLS: this OpenSSL has no ECDHE with AES-GCM or ChaCha20"};
  }
  SSL_CTX_set_options(native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                  SSL_OP_CIPHER_SERVER_PREFERENCE |
                                  SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);
  error_code failure;
  context->use_certificate_chain_file(options.certificate, failure);
  if (failure) return unusable("certificate", options.certificate, failure);
  context->use_private_key_file(options.key, asio::ssl::context::pem, failure);
  if (failure) return unusable("key (of that certificate)", options.key, failure);
  if (SSL_CTX_check_private_key(native) != 1) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("TLS: the key in '{}' is not that of the certificate in '{}'",
                             options.key, options.certificate)};
  }
  if (!options.client_ca.empty()) {
    SHOAL_TRY(readable("client_ca", options.client_ca));
    context->load_verify_file(options.client_ca, failure);
    if (failure) return unusable("client_ca", options.client_ca, failure);
    context->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert,
                             failure);
    if (failure) return unusable("client_ca", options.client_ca, failure);
    SSL_CTX_set_client_CA_list(native, SSL_load_client_CA_file(options.client_ca.c_str()));
    // Sessions resumed across restarts would skip nothing that matters, but need a context id.
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(native, SSL_OP_NO_TICKET);
  }
  return context;
}

}  // namespace shoal
