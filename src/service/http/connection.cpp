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
// Bytes that have to move in every stall_timeout: a trickle is a stall too.
constexpr std::uint64_t kProgress = 4096;
constexpr std::chrono::milliseconds kLinger{2000};
// Up to this, head and body are joined where the transport cannot send two buffers as one.
constexpr std::size_t kJoinMax = std::size_t{16} << 10;

// Health; the page to try the service, where the key is typed; and DeepStack's paths, whose clients
// send their key as a field of the form: the handler checks it.
bool needs_no_key(std::string_view path) {
  return path == "/healthz" || path == "/v2/health/live" || path == "/v2/health/ready" ||
         path == "/" || path == "/openapi.json" || path == "/example.jpg" ||
         path.starts_with("/v1/vision/");
}

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
    if (gone_) co_return false;
    if (reader.body_bytes() >= mark + kProgress) {
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

std::optional<HttpResponse> Connection::admit(const RequestHead& head,
                                              HttpRouter::Match& match) const {
  const HttpRequest& request = head.request;
  if (shared_->keys != nullptr && !needs_no_key(request.path) &&
      !shared_->keys->allows(
          presented_key(request.header("authorization"), request.header("x-api-key")))) {
    HttpResponse response =
        http_error(401, "an API key is needed: send 'Authorization: Bearer KEY' or 'X-API-Key'");
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"shoal\"");
    return response;
  }
  match = shared_->router.match(request.method, request.path);
  if (match.handler != nullptr) return std::nullopt;
  if (request.path == "*") {
    return HttpResponse{
        .status = 204, .body = {}, .headers = {{"Allow", "GET, HEAD, OPTIONS, POST"}}};
  }
  if (match.allowed.empty()) {
    return http_error(404, fmt::format("nothing is served at '{}'", request.path));
  }
  std::string allow;
  for (const std::string& method : match.allowed) {
    allow += (allow.empty() ? "" : ", ") + method;
  }
  HttpResponse response{.status = 204, .body = {}, .headers = {}};
  if (request.method != "OPTIONS") {
    response = http_error(405, fmt::format("'{}' does not take {}, expected {}", request.path,
                                           request.method.substr(0, 32), allow));
  }
  response.headers.emplace_back("Allow", std::move(allow));
  return response;
}

Connection::Task Connection::answer(RequestReader& reader, HttpRouter::Match match) {
  const bool keep_alive = reader.head().keep_alive;
  HttpRequest request = reader.take_request();
  request.client = client_;
  request.connection = id_;
  std::erase_if(request.headers, [](const auto& field) { return field.first == "x-request-id"; });
  request.headers.emplace_back("x-request-id", request_id_);
  slot_ = make_slot();
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
  const bool keep = keep_alive && !leaving_ && !shared_->draining;
  const bool sent = co_await send(response, keep);
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
    // Watches for the client going away; what else comes is the beginning of its next request.
    start_read(shared_->options.header_max + ReceiveBuffer::kStep);
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
  bool going = co_await send(response, keep);
  if (!going || !keep) co_return false;
  reader.skip_body();
  going = co_await read_body(reader);
  if (!going) co_return false;
  co_return reader.phase() == Phase::kComplete;
}

Connection::Task Connection::send(HttpResponse& response, bool keep_alive) {
  std::string head = response_head(response, {.keep_alive = keep_alive,
                                              .http_1_0 = http_1_0_,
                                              .request_id = request_id_,
                                              .now = std::time(nullptr)});
  std::string_view body = response.body;
  if (head_only_ || !status_has_body(response.status)) body = {};
  if (!transport_->gathers() && body.size() <= kJoinMax) {
    head += body;
    body = {};
  }
  TransportBuffers buffers{asio::buffer(head), asio::buffer(body)};
  const std::size_t sent = transport_->write_now(buffers);
  const std::size_t of_head = std::min(sent, head.size());
  buffers[0] += of_head;
  buffers[1] += sent - of_head;
  const bool whole = co_await send_rest(buffers);
  if (whole && keep_alive && !shared_->draining) {
    idle_ = true;
    shared_->table.set(id_, ConnectionState::kIdle);
  }
  co_return whole;
}

Connection::Task Connection::send_rest(TransportBuffers buffers) {
  TimePoint deadline = Clock::now() + shared_->options.stall_timeout;
  std::uint64_t moved = 0;
  while (asio::buffer_size(buffers) > 0) {
    if (buffers[0].size() == 0) std::swap(buffers[0], buffers[1]);
    writing_ = true;
    written_ = 0;
    transport_->write(buffers, [this](error_code failure, std::size_t count) {
      writing_ = false;
      written_ = count;
      gone_ = gone_ || failure;
      wake();
    });
    while (writing_) {
      const bool in_time = co_await wait(deadline);
      if (in_time) continue;
      linger_ = false;
      hang_up();
    }
    if (gone_ && written_ == 0) co_return false;
    const std::size_t of_first = std::min(written_, buffers[0].size());
    buffers[0] += of_first;
    buffers[1] += written_ - of_first;
    moved += written_;
    if (moved >= kProgress) {
      moved = 0;
      deadline = Clock::now() + shared_->options.stall_timeout;
    }
  }
  co_return true;
}

asio::awaitable<void> Connection::finish() {
  idle_ = true;
  shared_->table.set(id_, ConnectionState::kClosing);
  if (linger_ && !gone_) {
    // Closing while the client still sends would reset the connection under the answer.
    const TimePoint deadline = Clock::now() + kLinger;
    if (reading_) transport_->cancel();
    while (reading_) co_await wait(TimePoint::max());
    writing_ = true;
    transport_->shutdown([this](error_code failure, std::size_t) {
      writing_ = false;
      gone_ = gone_ || failure;
      wake();
    });
    while (writing_) {
      const bool in_time = co_await wait(deadline);
      if (!in_time) hang_up();
    }
    while (!gone_ && !leaving_) {
      in_.take(in_.bytes().size());
      start_read(kBodyStep);
      const bool in_time = co_await wait(deadline);
      if (!in_time) break;
    }
  }
  hang_up();
  while (reading_ || writing_) co_await wait(TimePoint::max());
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

std::shared_ptr<AnswerSlot> Connection::make_slot() {
  return std::make_shared<AnswerSlot>(
      [connection = weak_from_this(), context = context_, executor = executor_] {
        // The context may be gone with its server; while it is held here it takes the message.
        const std::shared_ptr<void> held = context.lock();
        if (held == nullptr) return;
        asio::dispatch(executor, [connection] {
          if (const auto alive = connection.lock()) alive->wake();
        });
      });
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
