#include "service/http/socket_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <cstring>
#include <exception>
#include <utility>

#include "core/clock.h"
#include "core/log.h"
#include "service/http/socket_outbox.h"

// g++ 12 sees Asio's frame allocation inlined on one side only.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace shoal {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;

// What goes on below Beast, whose keep-alive pings are operations that nobody sees. Outlives the
// stream, as an operation may.
struct TransportFlow {
  int under_way = 0;
  std::uint64_t written = 0;     // bytes
  std::function<void()> changed; // an operation has ended
};

// What Beast reads from and writes to: the connection's transport, after the bytes that it had
// received already.
class TransportStream {
 public:
  using executor_type = asio::any_io_executor;

  TransportStream(executor_type executor, Transport& transport, std::string early,
                  std::shared_ptr<TransportFlow> flow)
      : executor_(std::move(executor)),
        transport_(transport),
        early_(std::move(early)),
        flow_(std::move(flow)) {}

  [[nodiscard]] executor_type get_executor() const { return executor_; }
  void close() { transport_.close(); }

  template <typename Buffers, typename Handler>
  auto async_read_some(const Buffers& buffers, Handler&& handler) {
    return asio::async_initiate<Handler, void(error_code, std::size_t)>(
        [this](auto done, const Buffers& into) {
          const std::size_t early = asio::buffer_copy(into, asio::buffer(early_));
          if (early > 0) {
            early_.erase(0, early);
            return asio::post(executor_,
                              [done = std::move(done), early]() mutable { done({}, early); });
          }
          transport_.read(first_of(into), counted(std::move(done)));
        },
        handler, buffers);
  }
  template <typename Buffers, typename Handler>
  auto async_write_some(const Buffers& buffers, Handler&& handler) {
    return asio::async_initiate<Handler, void(error_code, std::size_t)>(
        [this](auto done, const Buffers& from) {
          TransportBuffers two{};
          std::size_t count = 0;
          for (auto at = asio::buffer_sequence_begin(from);
               at != asio::buffer_sequence_end(from) && count < two.size(); ++at) {
            const asio::const_buffer piece = *at;
            if (piece.size() > 0) two[count++] = piece;
          }
          transport_.write(two, [flow = flow_, next = counted(std::move(done))](
                                    error_code failure, std::size_t bytes) {
            flow->written += bytes;
            next(failure, bytes);
          });
        },
        handler, buffers);
  }

 private:
  // std::function wants to be copied; Beast's operations only move.
  template <typename Done>
  TransportDone counted(Done done) {
    ++flow_->under_way;
    return [flow = flow_, kept = std::make_shared<Done>(std::move(done))](error_code failure,
                                                                          std::size_t bytes) {
      --flow->under_way;
      (*kept)(failure, bytes);
      if (flow->changed) flow->changed();
    };
  }
  template <typename Buffers>
  static asio::mutable_buffer first_of(const Buffers& buffers) {
    for (auto at = asio::buffer_sequence_begin(buffers); at != asio::buffer_sequence_end(buffers);
         ++at) {
      const asio::mutable_buffer piece = *at;
      if (piece.size() > 0) return piece;
    }
    return {};
  }

  const executor_type executor_;
  Transport& transport_;
  std::string early_;
  const std::shared_ptr<TransportFlow> flow_;
};

// Found by Beast through the type of their argument. The connection closes in peace by itself once
// the session is finished.
void beast_close_socket(TransportStream& stream) { stream.close(); }
template <typename Handler>
void async_teardown(beast::role_type, TransportStream& stream, Handler&& handler) {
  asio::post(stream.get_executor(),
             [done = std::forward<Handler>(handler)]() mutable { done(error_code{}); });
}

namespace {

class BeastSession final : public SocketSession,
                           public std::enable_shared_from_this<BeastSession> {
 public:
  BeastSession(const asio::any_io_executor& executor, Transport& transport, std::string early,
               const SocketLimits& limits, std::function<void()> changed)
      : limits_(limits),
        transport_(transport),
        changed_(std::move(changed)),
        flow_(std::make_shared<TransportFlow>()),
        socket_(executor, transport, std::move(early), flow_),
        buffer_(limits.message_max),
        watch_(executor),
        allowance_(4.0 * limits.messages_per_second) {}

  void start(const SocketHandshake& handshake, const std::string& request_id,
             std::shared_ptr<SocketHandler> handler, std::function<void()> wake) override;
  void pump() override;
  void go_away() override {
    if (outbox_ != nullptr) outbox_->close(websocket::close_code::going_away, "the server stops");
  }
  bool finished() const override {
    return over_ && under_way_ == 0 && flow_->under_way == 0;
  }
  bool clean() const override { return clean_; }

 private:
  // Counts an operation; the result is called by it when it is done.
  template <typename Then>
  auto operation(Then then) {
    ++under_way_;
    return [self = shared_from_this(), then](error_code failure, std::size_t bytes = 0) {
      --self->under_way_;
      then(*self, failure, bytes);
      self->settle();
    };
  }
  void accepted(error_code failure);
  void read();
  void received(error_code failure);
  void write(SocketOutbox::Message message);
  void say_goodbye(std::uint16_t code, std::string_view reason);
  void watch();
  [[nodiscard]] bool allowed_now();
  // Everything that is under way ends with an error.
  void cut();
  void end(bool clean);
  void settle();

  const SocketLimits limits_;
  Transport& transport_;
  const std::function<void()> changed_;
  const std::shared_ptr<TransportFlow> flow_;
  websocket::stream<TransportStream, false> socket_;
  beast::flat_buffer buffer_;
  asio::steady_timer watch_;
  std::shared_ptr<SocketHandler> handler_;
  std::shared_ptr<SocketOutbox> outbox_;
  beast::http::request<beast::http::empty_body> request_;
  SocketOutbox::Bytes sending_;

  int under_way_ = 0;
  bool open_ = false;
  bool opened_ = false;  // the handler was told
  bool over_ = false;
  bool clean_ = false;
  bool closing_ = false;
  bool settled_ = false;
  std::uint64_t mark_ = 0;  // bytes written when progress was last seen
  TimePoint marked_at_;
  double allowance_;  // messages that may come now
  TimePoint allowed_at_ = Clock::now();
};

void BeastSession::start(const SocketHandshake& handshake, const std::string& request_id,
                         std::shared_ptr<SocketHandler> handler, std::function<void()> wake) {
  flow_->changed = [self = weak_from_this()] {
    if (const auto alive = self.lock()) alive->settle();
  };
  handler_ = std::move(handler);
  outbox_ = std::make_shared<SocketOutbox>(std::move(wake));
  websocket::stream_base::timeout timeout{};
  timeout.handshake_timeout = limits_.stall_timeout;
  timeout.idle_timeout = limits_.idle_timeout;
  timeout.keep_alive_pings = true;
  socket_.set_option(timeout);
  socket_.set_option(websocket::stream_base::decorator([id = request_id](
                                                           websocket::response_type& response) {
    response.set("Server", "shoal");
    response.set("X-Request-ID", id);
    response.set("X-Content-Type-Options", "nosniff");
  }));
  socket_.read_message_max(limits_.message_max);
  socket_.auto_fragment(false);
  request_.method(beast::http::verb::get);
  request_.target("/");
  request_.version(11);
  request_.set(beast::http::field::host, "shoal");
  request_.set(beast::http::field::connection, "Upgrade");
  request_.set(beast::http::field::upgrade, "websocket");
  request_.set(beast::http::field::sec_websocket_version, "13");
  request_.set(beast::http::field::sec_websocket_key, handshake.key);
  socket_.async_accept(request_, operation([](BeastSession& self, error_code failure, std::size_t) {
                         self.accepted(failure);
                       }));
}

void BeastSession::accepted(error_code failure) {
  if (failure) return end(false);
  open_ = opened_ = true;
  handler_->opened(outbox_);
  read();
  pump();
}

void BeastSession::read() {
  socket_.async_read(buffer_, operation([](BeastSession& self, error_code error, std::size_t) {
                       self.received(error);
                     }));
}

// A text for the handler; anything that the protocol or the limits do not allow ends the session.
void BeastSession::received(error_code failure) {
  if (failure) {
    const bool peaceful = failure == websocket::error::closed;
    return end(peaceful);
  }
  if (!closing_) {
    if (!socket_.got_text()) {
      say_goodbye(websocket::close_code::unknown_data, "texts are understood");
    } else if (!allowed_now()) {
      say_goodbye(websocket::close_code::policy_error, "too many messages");
    } else {
      const auto bytes = buffer_.cdata();
      try {
        handler_->text({static_cast<const char*>(bytes.data()), bytes.size()});
      } catch (const std::exception& problem) {
        log(LogLevel::kError, "http", "a WebSocket's handler failed: {}", problem.what());
        say_goodbye(websocket::close_code::internal_error, "");
      }
    }
  }
  buffer_.consume(buffer_.size());
  if (!over_) read();
}

bool BeastSession::allowed_now() {
  const TimePoint now = Clock::now();
  const double gained =
      std::chrono::duration<double>(now - allowed_at_).count() * limits_.messages_per_second;
  allowed_at_ = now;
  allowance_ = std::min(allowance_ + gained, 4.0 * limits_.messages_per_second);
  if (allowance_ < 1) return false;
  allowance_ -= 1;
  return true;
}

void BeastSession::pump() {
  if (!open_ || over_) return;
  if (outbox_->overflowed()) return cut();
  if (sending_ != nullptr || closing_) return;
  if (auto message = outbox_->take()) return write(*std::move(message));
  if (const auto closing = outbox_->closing()) say_goodbye(closing->code, closing->reason);
}

void BeastSession::write(SocketOutbox::Message message) {
  sending_ = std::move(message.bytes);
  socket_.text(message.text);
  mark_ = flow_->written;
  marked_at_ = Clock::now();
  watch();
  socket_.async_write(asio::buffer(*sending_),
                      operation([](BeastSession& self, error_code failure, std::size_t) {
                        self.sending_.reset();
                        if (failure) return self.end(false);
                        self.pump();
                      }));
}

// A reader that does not read: 4 KiB of what is being sent, or all of it, have to go out in every
// stall_timeout. (Beast's own time-out is content with any byte that comes in.)
void BeastSession::watch() {
  if (watch_.expiry() > Clock::now()) return;  // it runs
  watch_.expires_after(limits_.stall_timeout / 4);
  watch_.async_wait(operation([](BeastSession& self, error_code failure, std::size_t) {
    if (failure || self.over_ || self.sending_ == nullptr) return;
    constexpr std::uint64_t kProgress = 4096;
    const std::uint64_t written = self.flow_->written;
    const TimePoint now = Clock::now();
    if (written >= self.mark_ + kProgress) {
      self.mark_ = written;
      self.marked_at_ = now;
    } else if (now - self.marked_at_ >= self.limits_.stall_timeout) {
      return self.cut();
    }
    self.watch();
  }));
}

void BeastSession::say_goodbye(std::uint16_t code, std::string_view reason) {
  if (closing_ || over_) return;
  closing_ = true;
  outbox_->shut();
  websocket::close_reason why(static_cast<websocket::close_code>(code));
  why.reason.assign(reason.data(), std::min<std::size_t>(reason.size(), 123));
  socket_.async_close(why, operation([](BeastSession& self, error_code failure, std::size_t) {
                        // The read under way ends by itself when the client's goodbye has come.
                        if (failure) self.end(false);
                      }));
}

void BeastSession::cut() {
  over_ = true;
  transport_.close();
  watch_.cancel();
}

void BeastSession::end(bool clean) {
  if (over_) return;
  over_ = true;
  watch_.cancel();
  // What is still on its way to a client that has said goodbye is not waited for.
  clean_ = clean && sending_ == nullptr && flow_->under_way == 0;
  if (!clean_) transport_.close();
}

void BeastSession::settle() {
  if (!finished() || settled_) return;
  settled_ = true;
  open_ = false;
  outbox_->shut();
  if (opened_) handler_->closed();
  handler_.reset();
  changed_();
}

}  // namespace

std::shared_ptr<SocketSession> SocketSession::create(asio::any_io_executor executor,
                                                     Transport& transport, std::string early,
                                                     const SocketLimits& limits,
                                                     std::function<void()> changed) {
  return std::make_shared<BeastSession>(executor, transport, std::move(early), limits,
                                        std::move(changed));
}

}  // namespace shoal
