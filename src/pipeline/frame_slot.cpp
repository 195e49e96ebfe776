#include "pipeline/frame_slot.h"

#include <utility>
#include <vector>

#include "pipeline/frame_aligner.h"

namespace shoal {
namespace {

constexpr auto kRetry = std::chrono::milliseconds(100);

}  // namespace

FrameSlot::FrameSlot(const FrameSlotOptions& options, CameraCounters& counters,
                     std::function<void()> wake)
    : options_(options), counters_(counters), wake_(std::move(wake)) {
  if (options_.aligner != nullptr) options_.aligner->add(*this, options_.align);
}

FrameSlot::~FrameSlot() {
  if (options_.aligner != nullptr) options_.aligner->remove(*this);
  set_feed(nullptr);
}

bool FrameSlot::put(CameraFrame& frame) {
  {
    std::unique_lock lock(mutex_);
    while (!options_.live && waiting_ && !stopped_) {
      // A model that is being reloaded refuses; nobody else would offer again then.
      if (room_.wait_for(lock, kRetry) == std::cv_status::no_timeout) continue;
      lock.unlock();
      offer();
      lock.lock();
    }
    if (stopped_) return false;
    if (waiting_) counters_.drop(FrameDrop::kNewer);
    std::swap(newest_, frame);
    waiting_ = true;
  }
  offer();
  return true;
}

void FrameSlot::carry(CameraFrame& frame) {
  {
    const std::lock_guard lock(mutex_);
    counters_.drop(FrameDrop::kMotion);
    if (waiting_ || in_flight_ || count_ == finished_.size() || stopped_) return;
    FinishedFrame& place = finished_place();
    std::swap(place.frame, frame);
    place.kind = FinishedKind::kCarried;
    place.detections.items.clear();
    place.detections.truncated = false;
    place.error.reset();
    place.times = {};
    place.batch = {};
    place.batch_size = 0;
    place.padding = 0;
    ++count_;
  }
  wake_();
}

bool FrameSlot::wait(Until until, Duration most) {
  std::unique_lock lock(mutex_);
  const auto true_now = [&] {
    return !waiting_ && (until == Until::kTurn || (!in_flight_ && count_ == 0));
  };
  room_.wait_for(lock, most, [&] { return stopped_ || true_now(); });
  return !stopped_ && true_now();
}

void FrameSlot::lost() {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_) counters_.drop(FrameDrop::kStale);
    waiting_ = false;
    lost_ = true;
  }
  wake_();
}

void FrameSlot::set_feed(std::unique_ptr<HostFeed> feed) {
  std::unique_ptr<HostFeed> before;
  {
    const std::lock_guard lock(feed_mutex_);
    before = std::exchange(feed_, std::move(feed));
  }
  before.reset();  // waits for its round, which may still call us
  {
    const std::lock_guard lock(mutex_);
    closed_ = false;
  }
  offer();
}

bool FrameSlot::needs_feed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

FrameSlot::Taken FrameSlot::take(FinishedFrame& frame) {
  {
    const std::lock_guard lock(mutex_);
    if (count_ == 0) {
      if (in_flight_) return Taken::kNothing;
      return std::exchange(lost_, false) ? Taken::kLost : Taken::kNothing;
    }
    std::swap(finished_[first_], frame);
    first_ = (first_ + 1) % finished_.size();
    --count_;
    room_.notify_all();
  }
  offer();  // there may not have been room before
  return Taken::kFrame;
}

void FrameSlot::request_stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  waiting_ = false;
  room_.notify_all();
}

// At most one frame is in flight, and one more is done and not yet taken: what is behind the
// analysis must not pile up either. True: the caller offers, nobody else does until that has ended.
bool FrameSlot::claim() {
  const std::lock_guard lock(mutex_);
  if (!waiting_ || offered_ || stopped_ || count_ == finished_.size()) return false;
  offered_ = true;
  return true;
}

// The offer came to nothing.
void FrameSlot::unclaim(bool closed) {
  const std::lock_guard lock(mutex_);
  offered_ = false;
  closed_ = closed_ || closed;
}

void FrameSlot::offer() {
  if (!claim()) return;
  if (options_.aligner != nullptr) return options_.aligner->ready(*this);
  const std::lock_guard lock(feed_mutex_);
  const Offered offered = feed_ == nullptr ? Offered::kInFlight : feed_->offer(size_to_offer());
  if (offered != Offered::kAccepted) unclaim(offered == Offered::kClosed);
}

Size FrameSlot::size_to_offer() const {
  const std::lock_guard lock(mutex_);
  return newest_.pixels.source_size;
}

void FrameSlot::offer_together(std::span<FrameSlot* const> slots, std::uint64_t group) {
  std::vector<std::unique_lock<std::mutex>> locks;
  std::vector<HostFeed::Joint> joints;
  std::vector<FrameSlot*> offered;
  for (FrameSlot* slot : slots) {
    // One thread alone holds several of these, so that their order does not matter.
    locks.emplace_back(slot->feed_mutex_);
    if (slot->feed_ == nullptr) {
      slot->unclaim(false);
      continue;
    }
    joints.push_back({.feed = slot->feed_.get(), .size = slot->size_to_offer()});
    offered.push_back(slot);
  }
  HostFeed::offer_together(joints, group);
  for (std::size_t i = 0; i < joints.size(); ++i) {
    if (joints[i].offered == Offered::kAccepted) continue;
    offered[i]->unclaim(joints[i].offered == Offered::kClosed);
  }
}

bool FrameSlot::supply(Request& request) noexcept {
  const std::lock_guard lock(mutex_);
  if (!waiting_ || count_ == finished_.size()) return false;
  waiting_ = false;
  room_.notify_all();
  const TimePoint now = Clock::now();
  // Where all frames come late, one now and then is better than none.
  if (options_.live && options_.age_max > Duration::zero() &&
      now - newest_.captured > options_.age_max && supplied_at_ &&
      now - *supplied_at_ < options_.age_max) {
    counters_.drop(FrameDrop::kStale);
    return false;
  }
  supplied_at_ = now;
  std::swap(newest_, flying_);
  std::swap(request.outcome.pixels, flying_.pixels);
  request.outcome.media_time = flying_.media_time;
  request.outcome.frame = FrameId{flying_.number};
  request.outcome.times.decode = flying_.ready - flying_.decode_begun;
  request.started = flying_.decode_begun;
  if (flying_.ready > request.queued) request.queued = flying_.ready;
  in_flight_ = true;
  return true;
}

void FrameSlot::collect(Outcome& outcome) noexcept {
  const std::lock_guard lock(mutex_);
  FinishedFrame& place = finished_place();
  std::swap(place.frame, flying_);
  std::swap(place.frame.pixels, outcome.pixels);
  std::swap(place.detections, outcome.detections);
  place.kind = outcome.error ? FinishedKind::kFailed : FinishedKind::kInferred;
  place.error = std::move(outcome.error);
  outcome.error.reset();
  place.times = outcome.times;
  place.batch = outcome.batch;
  place.batch_size = outcome.batch_size;
  place.padding = outcome.padding;
  ++count_;
  in_flight_ = false;
}

void FrameSlot::landed(Landed how) noexcept {
  {
    const std::lock_guard lock(mutex_);
    offered_ = false;
  }
  switch (how) {
    case Landed::kAnswered:
      wake_();
      offer();
      return;
    case Landed::kEmpty: {
      bool lost = false;
      {
        const std::lock_guard lock(mutex_);
        lost = lost_;
      }
      if (lost) wake_();
      offer();
      return;
    }
    case Landed::kRefused: {
      const std::lock_guard lock(mutex_);
      if (options_.live && std::exchange(waiting_, false)) counters_.drop(FrameDrop::kRefused);
      return;
    }
  }
}

}  // namespace shoal
