// Requests: heads, bodies, handlers, limits in time. How answers go out is connection_send.cpp's.
//
// What co_await answers is named before it is used: g++ 12.2 makes bad code of conditions that
// wait.
#include "service/http/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "core/log.h"
#include "service/http/response_head.h"

// g++ 12 sees Asio's frame allocation inlined on one side only.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace shoal {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Phase = RequestReader::Phase;

constexpr std::size_t kBodyStep = std::size_t{64} << 10;
// Of a refused request: a body up to this is read over, so that the connection goes on.
constexpr std::uint64_t kSkipMax = std::uint64_t{64} << 10;

// The body of a request that has not shown a key: few at once.
class OpenUpload {
 public:
  OpenUpload(HttpShared& shared, bool open) : shared_(shared), open_(open) {
    const int most = std::max(1, shared_.options.connections_max / 4);
    if (open_) admitted_ = ++shared_.open_uploads <= most;
  }
  ~OpenUpload() {
    if (open_) --shared_.open_uploads;
  }
  OpenUpload(const OpenUpload&) = delete;
  OpenUpload& operator=(const OpenUpload&) = delete;
  [[nodiscard]] bool admitted() const { return admitted_; }

 private:
  HttpShared& shared_;
  const bool open_;
  bool admitted_ = true;
};

HttpResponse to_response(const HttpRefusal& refusal) {
  HttpResponse response = http_error(refusal.status, refusal.message);
  response.headers = refusal.headers;
  return response;
}

}  // namespace

Connection::Connection(std::uint64_t id, std::string client, std::unique_ptr<Transport> transport,
                       asio::any_io_executor executor, std::weak_ptr<void> context,
                       std::shared_ptr<HttpShared> shared)
    : id_(id),
      client_(std::move(client)),
      transport_(std::move(transport)),
      executor_(std::move(executor)),
      context_(std::move(context)),
      shared_(std::move(shared)),
      event_(executor_) {}

asio::awaitable<void> Connection::run(std::shared_ptr<Connection> self) {
  try {
    co_await self->serve();
  } catch (const std::exception& failure) {
    log(LogLevel::kError, "http", "connection {} of {}: {}", self->id_, self->client_,
        failure.what());
    self->linger_ = false;
  }
  if (self->slot_ != nullptr) self->slot_->abandon();
  self->slot_.reset();
  co_await self->finish();
}

void Connection::turn_away(const HttpResponse& response) {
  const std::string head =
      response_head(response, {.keep_alive = false,
                               .http_1_0 = false,
                               .request_id = {},
                               .now = std::time(nullptr)});
  (void)transport_->write_now({asio::buffer(head), asio::buffer(response.body)});
  transport_->close();
}

asio::awaitable<void> Connection::serve() {
  bool more = co_await handshake();
  while (more) more = co_await serve_request();
}

Connection::Task Connection::handshake() {
  if (shared_->draining) co_return false;
  writing_ = true;
  transport_->handshake([this](error_code failure, std::size_t) {
    writing_ = false;
    gone_ = gone_ || failure;
    wake();
  });
  const TimePoint deadline = Clock::now() + shared_->options.header_timeout;
  while (writing_) {
    const bool in_time = co_await wait(deadline);
    if (!in_time) hang_up();
  }
  co_return !gone_;
}

Connection::Task Connection::serve_request() {
  RequestReader reader({.header_max = shared_->options.header_max,
                        .body_max = shared_->options.body_max},
                       shared_->budget);
  http_1_0_ = head_only_ = false;
  request_id_.clear();
  origin_.clear();
  penalty_ = {};
  bool going = co_await read_head(reader);
  if (!going) co_return false;
  idle_ = false;
  shared_->table.set(id_, ConnectionState::kActive);
  ++shared_->requests;
  if (reader.phase() == Phase::kRefused) {
    request_id_ = request_id_from("");
    going = co_await refuse(reader, to_response(reader.refusal()));
    co_return going;
  }
  RequestHead& head = reader.head();
  http_1_0_ = head.http_1_0;
  head_only_ = head.request.method == "HEAD";
  request_id_ = request_id_from(head.request.header("x-request-id"));
  HttpRouter::Match match;
  std::optional<HttpResponse> refusal = admit(head, match);
  if (refusal) {
    going = co_await refuse(reader, *std::move(refusal));
    co_return going;
  }
  const OpenUpload upload(*shared_, open_ && head.has_body());
  if (!upload.admitted()) {
    HttpResponse busy = http_error(503, "too many uploads without a key in a header: try again");
    busy.headers.emplace_back("Retry-After", "1");
    going = co_await refuse(reader, std::move(busy));
    co_return going;
  }
  reader.own(client_, open_);
  reader.begin_body();
  if (reader.phase() == Phase::kBody && head.expects_continue && in_.empty()) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    const TransportBuffers buffers{asio::buffer(kContinue), asio::const_buffer()};
    going = co_await send_rest(buffers);
    if (!going) co_return false;
  }
  going = co_await read_body(reader);
  if (!going) co_return false;
  if (reader.phase() == Phase::kRefused) {
    going = co_await refuse(reader, to_response(reader.refusal()));
  } else {
    going = co_await answer(reader, std::move(match));
  }
  co_return going;
}

Connection::Task Connection::read_head(RequestReader& reader) {
  const HttpOptions& options = shared_->options;
  // Room for a head that is too long by one byte, so that it is seen to be.
  const std::size_t capacity = options.header_max + ReceiveBuffer::kStep;
  bool begun = !in_.empty();
  if (!begun) received_at_ = Clock::now();
  TimePoint deadline = received_at_ + options.idle_timeout;
  TimePoint first_byte = received_at_;
  if (begun) deadline = Clock::now() + options.header_timeout;
  while (true) {
    if (!in_.empty()) {
      if (!begun) {
        begun = true;
        first_byte = received_at_;
        deadline = first_byte + options.header_timeout;
      }
      in_.take(reader.feed(in_.bytes()));
      if (reader.phase() != Phase::kHead) break;
    }
    if (gone_ || leaving_ || (shared_->draining && !begun)) co_return false;
    start_read(capacity);
    const bool in_time = co_await wait(deadline);
    if (in_time) continue;
    if (!begun) co_return false;
    reader.refuse(408, fmt::format("the head of the request did not arrive within {} ms"
                                   " (header_timeout)",
                                   options.header_timeout.count()));
    break;
  }
  reader.head().request.first_byte = first_byte;
  co_return true;
}

Connection::Task Connection::read_body(RequestReader& reader) {
  const HttpOptions& options = shared_->options;
  TimePoint deadline = Clock::now() + options.stall_timeout;
  std::uint64_t mark = 0;
  while (reader.phase() == Phase::kBody) {
    if (!in_.empty() || reader.pending()) {
      in_.take(reader.feed(in_.bytes()));
      if (reader.pending()) co_await yield();
      if (gone_ && in_.empty() && !reader.pending() && reader.phase() == Phase::kBody) {
        co_return false;
      }
      continue;
    }
    if (gone_ || (leaving_ && idle_)) co_return false;
    if (reader.body_bytes() >= mark + kUploadBytes) {
      mark = reader.body_bytes();
      deadline = Clock::now() + options.stall_timeout;
    }
    if (!reading_) {
      const std::span<char> direct = reader.direct();
      if (reader.phase() != Phase::kBody) break;
      if (direct.empty()) {
        start_read(kBodyStep);
      } else {
        start_direct_read(direct);
      }
    }
    const bool in_time = co_await wait(deadline);
    if (!in_time && direct_) {
      // The read holds on to the body's memory: it has to end first.
      transport_->cancel();
      while (reading_) co_await wait(TimePoint::max());
    }
    if (!reading_ && direct_) {
      direct_ = false;
      reader.received(direct_count_);
    }
    if (in_time || reader.phase() != Phase::kBody) continue;
    reader.refuse(408, fmt::format("the body of the request stalled for {} ms (stall_timeout)",
                                   options.stall_timeout.count()));
  }
  reader.head().request.complete = Clock::now();
  co_return true;
}

Connection::Task Connection::answer(RequestReader& reader, HttpRouter::Match match) {
  const bool keep_alive = reader.head().keep_alive;
  auto handshake = read_handshake(reader.head());
  handshake_.reset();
  if (auto* asked = std::get_if<SocketHandshake>(&handshake)) {
    handshake_ = std::move(*asked);
  } else {
    no_handshake_ = std::get<HttpRefusal>(std::move(handshake));
  }
  HttpRequest request = reader.take_request();
  request.client = client_;
  request.connection = id_;
  std::erase_if(request.headers, [](const auto& field) { return field.first == "x-request-id"; });
  request.headers.emplace_back("x-request-id", request_id_);
  slot_ = std::make_shared<AnswerSlot>(waker());
  const std::shared_ptr<AnswerSlot> slot = slot_;
  {
    auto exchange = std::make_shared<PendingExchange>(std::move(request), std::move(match.parts),
                                                      reader.take_lease(), slot);
    try {
      (*match.handler)(exchange);
    } catch (const std::exception& failure) {
      log(LogLevel::kError, "http", "a handler failed: {}", failure.what());
      exchange->respond(http_error(500, "the server failed on this request"));
    }
  }
  HttpResponse response;
  const bool answered = co_await await_answer(*slot, response);
  if (!answered) co_return false;
  slot_.reset();
  if (response.status == 401 && open_) {
    penalty_ = shared_->guard.wrong(client_, Clock::now());
    refused();
    const bool going = co_await hold_back();
    if (!going) co_return false;
  }
  if (response.upgrade != nullptr && handshake_) {
    const bool peaceful = co_await serve_socket(response);
    linger_ = peaceful;
    co_return false;
  }
  if (response.upgrade != nullptr) response = to_response(no_handshake_);
  const bool keep = keep_alive && !leaving_ && !shared_->draining;
  bool sent = false;
  if (response.stream != nullptr) {
    sent = co_await send_stream(response, keep);
    co_return sent;
  }
  sent = co_await send(response, keep);
  linger_ = sent && !keep;
  co_return sent && keep;
}

Connection::Task Connection::await_answer(AnswerSlot& slot, HttpResponse& response) {
  while (true) {
    if (auto given = slot.take()) {
      response = *std::move(given);
      co_return true;
    }
    if (gone_) {
      ++shared_->aborted;
      slot.abandon();
      co_return false;
    }
    // Watches for the client going away; what else comes is the beginning of its next request. A
    // WebSocket's bytes are not read here.
    if (!handshake_) start_read(shared_->options.header_max + ReceiveBuffer::kStep);
    co_await wait(TimePoint::max());
  }
}

Connection::Task Connection::refuse(RequestReader& reader, HttpResponse response) {
  if (response.status >= 400) ++shared_->refused;
  // A body of which nothing was taken and that is short is read over; else the connection ends, as
  // what follows could be anything.
  const bool known = reader.head_read() && reader.phase() == Phase::kHeadRead;
  bool keep = known && reader.head().keep_alive && !leaving_ && !shared_->draining;
  if (keep && reader.head().has_body()) {
    keep = !reader.head().chunked && !reader.head().expects_continue &&
           reader.head().content_length <= kSkipMax;
  }
  linger_ = !keep;
  refused();
  bool going = co_await hold_back();
  if (!going) co_return false;
  going = co_await send(response, keep);
  if (!going || !keep) co_return false;
  if (!reader.head().has_body()) co_return true;
  refused();  // it is not idle before its body is read over
  reader.skip_body();
  going = co_await read_body(reader);
  if (!going || reader.phase() != Phase::kComplete) co_return false;
  shared_->table.set(id_, ConnectionState::kIdle);
  co_return true;
}

void Connection::refused() {
  idle_ = true;
  shared_->table.set(id_, ConnectionState::kClosing);
}

Connection::Task Connection::hold_back() {
  const TimePoint until = Clock::now() + std::exchange(penalty_, {});
  while (Clock::now() < until && !shared_->draining) {
    if (gone_ || leaving_) co_return false;
    start_read(shared_->options.header_max + ReceiveBuffer::kStep);  // sees the client go away
    co_await wait(until);
  }
  co_return true;
}

Connection::Task Connection::wait(TimePoint deadline) {
  event_.expires_at(deadline);
  co_await event_.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return Clock::now() < deadline;
}

asio::awaitable<void> Connection::yield() { co_await asio::post(executor_, asio::use_awaitable); }

void Connection::wake() { event_.cancel(); }

void Connection::start_read(std::size_t capacity) {
  if (reading_ || gone_) return;
  const std::span<char> room = in_.room(capacity);
  if (room.empty()) return;
  reading_ = true;
  transport_->read({room.data(), room.size()}, [this](error_code failure, std::size_t count) {
    reading_ = false;
    gone_ = gone_ || (failure && failure != asio::error::operation_aborted);
    in_.received(count);
    received_at_ = Clock::now();
    wake();
  });
}

void Connection::start_direct_read(std::span<char> into) {
  reading_ = true;
  direct_ = true;
  direct_count_ = 0;
  transport_->read({into.data(), into.size()}, [this](error_code failure, std::size_t count) {
    reading_ = false;
    gone_ = gone_ || (failure && failure != asio::error::operation_aborted);
    direct_count_ = count;
    wake();
  });
}

void Connection::hang_up() {
  gone_ = true;
  transport_->close();
}

std::function<void()> Connection::waker() {
  return [connection = weak_from_this(), context = context_, executor = executor_] {
    // The context may be gone with its server; while it is held here it takes the message.
    const std::shared_ptr<void> held = context.lock();
    if (held == nullptr) return;
    asio::dispatch(executor, [connection] {
      if (const auto alive = connection.lock()) alive->wake();
    });
  };
}

template <typename Action>
void Connection::later(Action action) {
  const std::shared_ptr<void> held = context_.lock();
  if (held == nullptr) return;
  asio::post(executor_, [self = shared_from_this(), action] { action(*self); });
}

void Connection::close_if_idle() {
  later([](Connection& connection) {
    if (!connection.idle_) return;
    connection.leaving_ = true;
    connection.wake();
  });
}

void Connection::drain() {
  later([](Connection& connection) { connection.wake(); });
}

void Connection::kill() {
  later([](Connection& connection) {
    connection.leaving_ = true;
    connection.linger_ = false;
    connection.hang_up();
    connection.wake();
  });
}

}  // namespace shoal
