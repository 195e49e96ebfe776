#include "service/http/request_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "core/check.h"

namespace shoal {
namespace {

constexpr std::size_t kInflateStep = std::size_t{64} << 10;
// One call of feed() inflates no more than this, so that other connections get their turn.
constexpr std::size_t kInflateTurn = std::size_t{1} << 20;
// A body grows by this as it arrives: memory that is announced but not sent is never touched.
constexpr std::size_t kDirectStep = std::size_t{256} << 10;

}  // namespace

void RequestReader::refuse(int status, std::string message) {
  phase_ = Phase::kRefused;
  refusal_ = {.status = status, .message = std::move(message), .headers = {}};
  if (status == 503) refusal_.headers.emplace_back("Retry-After", "1");
  std::string().swap(body_);
}

std::size_t RequestReader::feed(std::string_view input) {
  if (phase_ == Phase::kHead) return feed_head(input);
  SHOAL_CHECK(phase_ == Phase::kBody, "feed in a phase that takes no bytes");
  return head_.chunked ? feed_chunked(input) : feed_sized(input);
}

std::size_t RequestReader::feed_head(std::string_view input) {
  auto found = scanner_.scan(input);
  if (auto* refusal = std::get_if<HttpRefusal>(&found)) {
    refusal_ = std::move(*refusal);
    phase_ = Phase::kRefused;
    return 0;
  }
  const auto& bounds = std::get<0>(found);
  if (!bounds) return 0;
  auto parsed = parse_head(input.substr(bounds->begin, bounds->end - bounds->begin));
  if (auto* refusal = std::get_if<HttpRefusal>(&parsed)) {
    refusal_ = std::move(*refusal);
    phase_ = Phase::kRefused;
    return bounds->end;
  }
  head_ = std::get<RequestHead>(std::move(parsed));
  head_read_ = true;
  phase_ = Phase::kHeadRead;
  return bounds->end;
}

void RequestReader::begin_body() {
  SHOAL_CHECK(phase_ == Phase::kHeadRead, "the head is not read, or the body has begun");
  if (head_.content_length > limits_.body_max) {
    return refuse(413, fmt::format("body of {} bytes announced, at most {} (body_max)",
                                   head_.content_length, limits_.body_max));
  }
  phase_ = Phase::kBody;
  if (!head_.has_body()) return finish_body();
  if (head_.coding != ContentCoding::kIdentity) {
    inflater_ = std::make_unique<Inflater>(head_.coding);
  } else if (!head_.chunked && !lease_.fits(head_.content_length)) {
    (void)refuse_for_memory();  // before it is sent
  }
}

void RequestReader::skip_body() {
  SHOAL_CHECK(head_read_ && phase_ != Phase::kBody, "there is no body to skip");
  skip_ = true;
  phase_ = head_.has_body() ? Phase::kBody : Phase::kComplete;
}

// Room for `count` bytes after those filled, paid for out of the budget. A body of known length has
// its place from the start, but pays as it comes: who announces much and sends nothing must not
// keep others out.
bool RequestReader::make_room(std::size_t count) {
  const std::size_t needed = filled_ + count;
  const bool sized = !head_.chunked && inflater_ == nullptr;
  std::size_t capacity = body_.capacity();
  if (sized) {
    capacity = head_.content_length;
  } else if (needed > capacity) {
    capacity = std::max(needed, std::min(2 * capacity, limits_.body_max));
  }
  if (needed > lease_.held()) {
    const std::size_t paid = sized ? std::max(2 * needed, kDirectStep) : capacity;
    if (!lease_.grow(std::min(paid, capacity) - lease_.held())) return refuse_for_memory();
  }
  if (capacity > body_.capacity()) {
    try {
      body_.reserve(capacity);
    } catch (const std::bad_alloc&) {
      return refuse_for_memory();
    }
  }
  if (body_.size() < needed) body_.resize(needed);
  return true;
}

bool RequestReader::refuse_for_memory() {
  refuse(503, "the bodies of requests in memory reach their bound, or this client's share of it"
              " (bodies_max): try again");
  return false;
}

std::size_t RequestReader::feed_sized(std::string_view input) {
  const std::size_t count = std::min<std::uint64_t>(head_.content_length - wire_bytes_,
                                                    input.size());
  const std::size_t taken = append(input.substr(0, count));
  wire_bytes_ += taken;
  if (phase_ == Phase::kBody && wire_bytes_ == head_.content_length && !pending_) finish_body();
  return taken;
}

std::size_t RequestReader::feed_chunked(std::string_view input) {
  std::size_t taken = 0;
  do {
    if (!pending_) {
      Result<std::size_t> framing = chunks_.take_framing(input.substr(taken));
      if (!framing) {
        refuse(400, framing.error().message);
        return taken;
      }
      taken += *framing;
      if (chunks_.data_left() > limits_.body_max - wire_bytes_) {
        refuse(413, fmt::format("chunked body of more than {} bytes (body_max)",
                                limits_.body_max));
        return taken;
      }
    }
    const std::size_t count = std::min<std::uint64_t>(chunks_.data_left(), input.size() - taken);
    const std::size_t appended = append(input.substr(taken, count));
    if (phase_ != Phase::kBody) return taken;
    chunks_.took(appended);
    wire_bytes_ += appended;
    taken += appended;
    if (appended < count) return taken;  // its turn is over
  } while (taken < input.size() && !pending_ && !chunks_.done());
  if (chunks_.done() && !pending_) finish_body();
  return taken;
}

std::size_t RequestReader::append(std::string_view data) {
  if (skip_) return data.size();
  if (inflater_ != nullptr) return append_inflated(data);
  if (data.empty() || !make_room(data.size())) return 0;
  std::memcpy(body_.data() + filled_, data.data(), data.size());
  filled_ += data.size();
  return data.size();
}

std::size_t RequestReader::append_inflated(std::string_view data) {
  std::size_t taken = 0;
  std::size_t written = 0;
  bool full = false;
  do {
    // One byte more than allowed shows that it is too much.
    const std::size_t room = std::min(kInflateStep, limits_.body_max + 1 - filled_);
    if (!make_room(room)) return taken;
    const Result<Inflater::Taken> step =
        inflater_->take(data.substr(taken), body_.data() + filled_, room);
    if (!step) {
      refuse(step.error().code == ErrorCode::kOutOfMemory ? 503 : 400, step.error().message);
      return taken;
    }
    taken += step->consumed;
    filled_ += step->written;
    written += step->written;
    if (filled_ > limits_.body_max) {
      refuse(413, fmt::format("body of more than {} bytes once inflated (body_max)",
                              limits_.body_max));
      return taken;
    }
    full = step->written == room;
    if (step->consumed == 0 && step->written == 0) break;
  } while ((taken < data.size() || full) && written < kInflateTurn);
  pending_ = full;
  return taken;
}

void RequestReader::finish_body() {
  if (inflater_ != nullptr && !inflater_->done()) {
    return refuse(400, "body ends before the end of what its Content-Encoding says");
  }
  inflater_.reset();
  body_.resize(filled_);
  phase_ = Phase::kComplete;
}

std::span<char> RequestReader::direct() {
  if (phase_ != Phase::kBody || head_.chunked || inflater_ != nullptr || skip_) return {};
  const std::size_t left = head_.content_length - filled_;
  if (filled_ == body_.size() && !make_room(std::min(left, kDirectStep))) return {};
  return {body_.data() + filled_, std::min(left, body_.size() - filled_)};
}

void RequestReader::received(std::size_t count) {
  filled_ += count;
  wire_bytes_ += count;
  SHOAL_CHECK(filled_ <= body_.size(), "more received than there was room for");
  if (wire_bytes_ == head_.content_length) finish_body();
}

HttpRequest RequestReader::take_request() {
  SHOAL_CHECK(phase_ == Phase::kComplete, "the request is not complete");
  head_.request.body = std::move(body_);
  return std::move(head_.request);
}

}  // namespace shoal
