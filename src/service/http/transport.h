// The bytes of one connection, with or without TLS. Asynchronous; knows nothing of HTTP.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstddef>
#include <functional>
#include <memory>

#include "service/http/http_server.h"

namespace shoal {

using TransportDone = std::function<void(boost::system::error_code, std::size_t)>;
using TransportBuffers = std::array<boost::asio::const_buffer, 2>;

// Threads  one at a time, the socket's. At most one read and one write are under way; what they
// read into and write from lives until their callback ran. Callbacks run later, never inside the
// call.
class Transport {
 public:
  virtual ~Transport() = default;
  // Before anything else. `done` gets no bytes.
  virtual void handshake(TransportDone done) = 0;
  // Some bytes, or an error (end of file is one).
  virtual void read(boost::asio::mutable_buffer into, TransportDone done) = 0;
  // What goes out at once without waiting, in bytes; 0 where that cannot be known.
  [[nodiscard]] virtual std::size_t write_now(const TransportBuffers& buffers) = 0;
  virtual void write(const TransportBuffers& buffers, TransportDone done) = 0;
  // Whether two buffers leave in one piece.
  [[nodiscard]] virtual bool gathers() const = 0;
  // What follows grows old: little of it is to wait in the kernel for a slow reader, and a client
  // that has vanished without a word is noticed in about two minutes, also where nothing is sent.
  virtual void prefer_newest() = 0;
  // No more will be written; the client may still send. REQUIRES no read under way (see cancel).
  virtual void shutdown(TransportDone done) = 0;
  // Ends what is under way with an error.
  virtual void cancel() = 0;
  virtual void close() = 0;
  [[nodiscard]] virtual int descriptor() = 0;
};

[[nodiscard]] std::unique_ptr<Transport> make_plain_transport(boost::asio::ip::tcp::socket socket);
// `context` outlives the transport.
[[nodiscard]] std::unique_ptr<Transport> make_tls_transport(boost::asio::ip::tcp::socket socket,
                                                            boost::asio::ssl::context& context);

// TLS 1.2 and up, HTTP/1.1 by ALPN.
// Errors   not_found (a file), invalid_argument (not PEM, or the key is not the certificate's).
[[nodiscard]] Result<std::unique_ptr<boost::asio::ssl::context>> make_tls_context(
    const TlsOptions& options);

}  // namespace shoal
