#include "service/http/pending_exchange.h"

#include <new>

#include "service/http/response_head.h"

namespace shoal {

bool AnswerSlot::wants_answer() const {
  const std::lock_guard lock(mutex_);
  return !answered_ && !abandoned_;
}

void AnswerSlot::answer(HttpResponse response) {
  std::function<void()> wake;
  std::function<void()> dropped;  // may own the exchange: goes outside the lock
  {
    const std::lock_guard lock(mutex_);
    if (answered_ || abandoned_) return;
    answered_ = true;
    response_ = std::move(response);
    dropped.swap(aborted_);
    wake.swap(wake_);
  }
  wake();
}

void AnswerSlot::on_abort(std::function<void()> aborted) {
  {
    const std::lock_guard lock(mutex_);
    if (answered_) return;
    if (!abandoned_) {
      aborted_.swap(aborted);
      return;
    }
  }
  if (aborted) aborted();
}

std::optional<HttpResponse> AnswerSlot::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(response_, std::nullopt);
}

void AnswerSlot::abandon() {
  std::function<void()> aborted;
  {
    const std::lock_guard lock(mutex_);
    if (abandoned_) return;
    abandoned_ = true;
    if (!answered_) aborted.swap(aborted_);
  }
  if (aborted) aborted();
}

namespace {

// A status alone; the rest of an answer would have to be allocated.
void answer_without_memory(AnswerSlot& slot) noexcept {
  try {
    HttpResponse response{.status = 503, .content_type = {}, .body = {}, .headers = {}};
    slot.answer(std::move(response));
  } catch (const std::bad_alloc&) {  // the connection's own time-out is left
  }
}

}  // namespace

PendingExchange::~PendingExchange() {
  if (!slot_->wants_answer()) return;
  try {
    slot_->answer(http_error(500, "the server dropped this request without an answer"));
  } catch (const std::bad_alloc&) {
    answer_without_memory(*slot_);  // most likely that is why it was dropped
  }
}

std::string_view PendingExchange::path_part(std::string_view name) const {
  for (const auto& [key, value] : parts_) {
    if (key == name) return value;
  }
  return {};
}

void PendingExchange::respond(HttpResponse response) {
  if (!slot_->wants_answer()) return;
  if (request_.method != "HEAD") {
    compress_response(response, request_.header("accept-encoding"));
  }
  slot_->answer(std::move(response));
}

}  // namespace shoal
