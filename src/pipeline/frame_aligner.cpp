#include "pipeline/frame_aligner.h"

#include <pthread.h>

#include <algorithm>

#include "pipeline/frame_slot.h"

namespace shoal {
namespace {

std::uint64_t number_of(const FrameSlot& slot) { return reinterpret_cast<std::uintptr_t>(&slot); }

}  // namespace

void AlignWindow::add(std::uint64_t number, Duration window) {
  members_.push_back({.number = number, .window = window});
}

void AlignWindow::remove(std::uint64_t number) {
  std::erase_if(members_, [number](const Member& one) { return one.number == number; });
}

void AlignWindow::ready(std::uint64_t number, TimePoint now) {
  for (Member& member : members_) {
    if (member.number != number) continue;
    member.last_seen = now;
    if (!member.waiting) member.since = now;
    member.waiting = true;
  }
}

std::optional<TimePoint> AlignWindow::due(TimePoint now) const {
  std::optional<TimePoint> earliest;
  bool all = true;
  for (const Member& member : members_) {
    if (member.waiting) {
      const TimePoint latest = member.since + member.window;
      earliest = std::min(earliest.value_or(latest), latest);
    } else if (member.last_seen != TimePoint{} && now - member.last_seen < kAlive) {
      all = false;
    }
  }
  if (earliest && all) return std::min(*earliest, now);
  return earliest;
}

void AlignWindow::take(std::vector<std::uint64_t>& numbers) {
  numbers.clear();
  for (Member& member : members_) {
    if (member.waiting) numbers.push_back(member.number);
    member.waiting = false;
  }
}

FrameAligner::~FrameAligner() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void FrameAligner::add(FrameSlot& slot, Duration window) {
  const std::lock_guard lock(mutex_);
  slots_.push_back(&slot);
  window_.add(number_of(slot), window);
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
}

void FrameAligner::remove(FrameSlot& slot) {
  const std::lock_guard offering(offering_);
  const std::lock_guard lock(mutex_);
  std::erase(slots_, &slot);
  window_.remove(number_of(slot));
  wake_.notify_all();
}

void FrameAligner::ready(FrameSlot& slot) {
  const std::lock_guard lock(mutex_);
  window_.ready(number_of(slot), Clock::now());
  wake_.notify_all();
}

void FrameAligner::run() {
  pthread_setname_np(pthread_self(), "align");
  std::vector<std::uint64_t> numbers;
  std::vector<FrameSlot*> due;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (stop_) return;
      const auto time = window_.due(Clock::now());
      if (!time) {
        wake_.wait(lock);
        continue;
      }
      if (*time > Clock::now()) {
        wake_.wait_until(lock, *time);
        continue;
      }
    }
    // In this order everywhere: a slot that is being removed waits for its offer.
    const std::lock_guard offering(offering_);
    {
      const std::lock_guard lock(mutex_);
      window_.take(numbers);
      due.clear();
      for (FrameSlot* slot : slots_) {
        if (std::find(numbers.begin(), numbers.end(), number_of(*slot)) != numbers.end()) {
          due.push_back(slot);
        }
      }
      ++groups_;
    }
    FrameSlot::offer_together(due, groups_);
  }
}

}  // namespace shoal
