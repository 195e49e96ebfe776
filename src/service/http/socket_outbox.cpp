#include "service/http/socket_outbox.h"

#include <algorithm>
#include <utility>

namespace shoal {

void SocketOutbox::send_text(Bytes text) {
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return;
    // One alone always fits: the bound is on what a client leaves unread.
    if (!texts_.empty() && text_bytes_ + text->size() > kTextMax) {
      overflowed_ = true;
      open_ = false;
      clear();
    } else {
      text_bytes_ += text->size();
      texts_.push_back(std::move(text));
    }
  }
  call_wake();
}

void SocketOutbox::send_binary(std::uint64_t slot, Bytes bytes) {
  Bytes older;  // goes outside the lock
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return;
    Bytes& newest = newest_[slot];
    older = std::exchange(newest, std::move(bytes));
    if (older == nullptr) turns_.push_back(slot);
  }
  call_wake();
}

void SocketOutbox::drop_binary(std::uint64_t slot) {
  const std::lock_guard lock(mutex_);
  if (newest_.erase(slot) > 0) std::erase(turns_, slot);
}

void SocketOutbox::close(std::uint16_t code, std::string_view reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return;
    open_ = false;
    newest_.clear();
    turns_.clear();
    closing_ = Closing{code, std::string(reason.substr(0, 123))};
  }
  call_wake();
}

bool SocketOutbox::is_open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

std::optional<SocketOutbox::Message> SocketOutbox::take() {
  const std::lock_guard lock(mutex_);
  if (!texts_.empty()) {
    Message message{std::move(texts_.front()), true};
    texts_.pop_front();
    text_bytes_ -= message.bytes->size();
    return message;
  }
  if (turns_.empty()) return std::nullopt;
  const auto first = newest_.find(turns_.front());
  turns_.pop_front();
  Message message{std::move(first->second), false};
  newest_.erase(first);
  return message;
}

std::optional<SocketOutbox::Closing> SocketOutbox::closing() const {
  const std::lock_guard lock(mutex_);
  return closing_;
}

bool SocketOutbox::overflowed() const {
  const std::lock_guard lock(mutex_);
  return overflowed_;
}

void SocketOutbox::shut() {
  const std::lock_guard lock(mutex_);
  open_ = false;
  clear();
}

void SocketOutbox::clear() {
  texts_.clear();
  text_bytes_ = 0;
  turns_.clear();
  newest_.clear();
}

}  // namespace shoal
