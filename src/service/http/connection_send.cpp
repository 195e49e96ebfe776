// How answers go out: whole ones, streams, WebSockets; and the end of a connection.
//
// What co_await answers is named before it is used: g++ 12.2 makes bad code of conditions that
// wait.
#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>

#include "service/http/connection.h"
#include "service/http/request_origin.h"
#include "service/http/response_head.h"

// g++ 12 sees Asio's frame allocation inlined on one side only.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace shoal {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kDrainStep = std::size_t{64} << 10;
constexpr std::chrono::milliseconds kLinger{2000};
// Up to this, head and body are joined where the transport cannot send two buffers as one.
constexpr std::size_t kJoinMax = std::size_t{16} << 10;

}  // namespace

Connection::Task Connection::send(HttpResponse& response, bool keep_alive) {
  if (!shared_->options.allow_origins.empty()) add_origin_headers(response, origin_);
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
  if (whole) answered(keep_alive);
  co_return whole;
}

void Connection::answered(bool keep_alive) {
  if (!keep_alive || shared_->draining) return;
  idle_ = true;
  shared_->table.set(id_, ConnectionState::kIdle);
}

Connection::Task Connection::send_stream(HttpResponse& response, bool keep_alive) {
  // To HEAD there is no body, whose end would have to be shown by closing.
  const bool known = response.stream->length().has_value() || head_only_;
  const bool keep = keep_alive && known;
  if (!shared_->options.allow_origins.empty()) add_origin_headers(response, origin_);
  const std::string head = response_head(response, {.keep_alive = keep,
                                                    .http_1_0 = http_1_0_,
                                                    .request_id = request_id_,
                                                    .now = std::time(nullptr)});
  const TransportBuffers buffers{asio::buffer(head), asio::const_buffer()};
  bool whole = co_await send_rest(buffers);
  if (whole && !head_only_) {
    if (!known) transport_->prefer_newest();
    whole = co_await send_pieces(*response.stream);
  }
  response.stream.reset();
  linger_ = whole && !keep;
  if (!whole || !keep) co_return false;
  answered(keep);
  co_return true;
}

// False: the client is gone or was cut, or the source failed: the end must not look like one.
Connection::Task Connection::send_pieces(BodySource& source) {
  std::optional<std::uint64_t> left = source.length();
  source.begin(waker());
  while (true) {
    if (!left && (shared_->draining || leaving_)) co_return true;
    if (gone_) {
      if (left) ++shared_->aborted;
      co_return false;
    }
    const BodySource::Next next = source.next();
    switch (next.step) {
      case BodySource::Step::kWait:
        // Watches for the client going away.
        start_read(shared_->options.header_max + ReceiveBuffer::kStep);
        co_await wait(TimePoint::max());
        continue;
      case BodySource::Step::kEnd:
        if (left.value_or(0) > 0) hang_up();
        co_return left.value_or(0) == 0;
      case BodySource::Step::kPiece:
        if (!left || next.bytes.size() <= *left) break;
        [[fallthrough]];  // more than was announced
      case BodySource::Step::kFail: hang_up(); co_return false;
    }
    if (left) *left -= next.bytes.size();
    const TransportBuffers piece{asio::buffer(next.bytes), asio::const_buffer()};
    const bool sent = co_await send_rest(piece);
    if (!sent) co_return false;
  }
}

Connection::Task Connection::serve_socket(const HttpResponse& response) {
  transport_->prefer_newest();
  std::string early(in_.bytes());
  in_.take(early.size());
  const auto session = SocketSession::create(
      executor_, *transport_, std::move(early),
      {.stall_timeout = shared_->options.stall_timeout,
       .idle_timeout = shared_->options.idle_timeout},
      waker());
  session->start(*handshake_, request_id_, response.upgrade, waker());
  while (!session->finished()) {
    co_await wait(TimePoint::max());
    if (shared_->draining || leaving_) session->go_away();
    session->pump();
  }
  co_return session->clean();
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
      if (in_time && !(leaving_ && idle_)) continue;
      linger_ = false;
      hang_up();
    }
    if (gone_ && written_ == 0) co_return false;
    const std::size_t of_first = std::min(written_, buffers[0].size());
    buffers[0] += of_first;
    buffers[1] += written_ - of_first;
    moved += written_;
    if (moved >= kStallBytes) {
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
      if (!in_time || leaving_) hang_up();
    }
    while (!gone_ && !leaving_) {
      in_.take(in_.bytes().size());
      start_read(kDrainStep);
      const bool in_time = co_await wait(deadline);
      if (!in_time) break;
    }
  }
  hang_up();
  while (reading_ || writing_) co_await wait(TimePoint::max());
}

}  // namespace shoal
