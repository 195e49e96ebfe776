#include "pipeline/frame_slot.h"

#include <utility>

#include "pipeline/frame_aligner.h"

namespace shoal {
namespace {

constexpr auto kRetry = std::chrono::milliseconds(100);
constexpr std::size_t kFileFlights = 2;

}  // namespace

FrameSlot::FrameSlot(const FrameSlotOptions& options, CameraCounters& counters,
                     std::function<void()> wake)
    : options_(options), counters_(counters), wake_(std::move(wake)) {
  flights_.resize(options_.live || options_.aligner != nullptr ? 1 : kFileFlights);
  for (auto& flight : flights_) flight = std::make_unique<Flight>(*this);
  // What is behind the analysis must not pile up: those in flight, and one that is done.
  places_.resize(flights_.size() + 1);
  if (options_.aligner != nullptr) options_.aligner->add(*this, options_.align);
}

FrameSlot::~FrameSlot() {
  if (options_.aligner != nullptr) options_.aligner->remove(*this);
  set_feeds({});
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
    if (waiting_ || in_flight() || count_ == places_.size() || stopped_) return;
    Place& taken = places_[take_place()];
    taken.done = true;
    FinishedFrame& place = taken.frame;
    std::swap(place.frame, frame);
    place.kind = FinishedKind::kCarried;
    place.detections.items.clear();
    place.detections.truncated = false;
    place.error.reset();
    place.times = {};
    place.batch = {};
    place.batch_size = 0;
    place.padding = 0;
  }
  wake_();
}

bool FrameSlot::is_waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

bool FrameSlot::wait(Until until, Duration most) {
  std::unique_lock lock(mutex_);
  const auto true_now = [&] {
    return !waiting_ && (until == Until::kTurn || count_ == 0);
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

void FrameSlot::set_feeds(std::vector<std::unique_ptr<HostFeed>> feeds) {
  feeds.resize(flights_.size());
  {
    const std::lock_guard lock(feed_mutex_);
    for (std::size_t i = 0; i < feeds.size(); ++i) std::swap(flights_[i]->feed, feeds[i]);
  }
  feeds.clear();  // waits for their rounds, which may still call us
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
    if (count_ == 0) return std::exchange(lost_, false) ? Taken::kLost : Taken::kNothing;
    Place& first = places_[first_];
    if (!first.done) return Taken::kNothing;
    std::swap(first.frame, frame);
    first_ = (first_ + 1) % places_.size();
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

// The flight for the frame that waits, which the caller then offers; nullptr where there is none,
// no room, or another flight is on its way to fetch it.
FrameSlot::Flight* FrameSlot::claim() {
  const std::lock_guard lock(mutex_);
  if (!waiting_ || stopped_ || count_ == places_.size()) return nullptr;
  Flight* free = nullptr;
  for (const auto& flight : flights_) {
    if (flight->offered && !flight->supplied) return nullptr;
    if (!flight->offered) free = flight.get();
  }
  if (free != nullptr) free->offered = true;
  return free;
}

// The offer came to nothing.
void FrameSlot::unclaim(Flight& flight, bool closed) {
  const std::lock_guard lock(mutex_);
  flight.offered = false;
  closed_ = closed_ || closed;
}

void FrameSlot::offer() {
  Flight* flight = claim();
  if (flight == nullptr) return;
  if (options_.aligner != nullptr) return options_.aligner->ready(*this);
  const std::lock_guard lock(feed_mutex_);
  const Offered offered = flight->feed == nullptr ? Offered::kInFlight
                                                  : flight->feed->offer(size_to_offer());
  if (offered != Offered::kAccepted) unclaim(*flight, offered == Offered::kClosed);
}

bool FrameSlot::in_flight() const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (!places_[(first_ + i) % places_.size()].done) return true;
  }
  return false;
}

// Of the next answer. REQUIRES: there is room; mutex_ is held.
std::size_t FrameSlot::take_place() {
  const std::size_t place = (first_ + count_++) % places_.size();
  places_[place].done = false;
  return place;
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
    Flight& flight = *slot->flights_.front();  // who aligns has no other
    if (flight.feed == nullptr) {
      slot->unclaim(flight, false);
      continue;
    }
    joints.push_back({.feed = flight.feed.get(), .size = slot->size_to_offer()});
    offered.push_back(slot);
  }
  HostFeed::offer_together(joints, group);
  for (std::size_t i = 0; i < joints.size(); ++i) {
    if (joints[i].offered == Offered::kAccepted) continue;
    offered[i]->unclaim(*offered[i]->flights_.front(), joints[i].offered == Offered::kClosed);
  }
}

bool FrameSlot::supply(Flight& flight, Request& request) {
  const std::lock_guard lock(mutex_);
  if (!waiting_ || count_ == places_.size()) return false;
  waiting_ = false;
  room_.notify_all();
  const TimePoint now = Clock::now();
  // Where all frames come late, one now and then is better than none. (The reader lets one in
  // age_max through; of those none may be lost because it came a little early.)
  if (options_.live && options_.age_max > Duration::zero() &&
      now - newest_.captured > options_.age_max && supplied_at_ &&
      now - *supplied_at_ < options_.age_max / 2) {
    counters_.drop(FrameDrop::kStale);
    return false;
  }
  supplied_at_ = now;
  CameraFrame& flying = flight.frame;
  std::swap(newest_, flying);
  std::swap(request.outcome.pixels, flying.pixels);
  request.outcome.media_time = flying.media_time;
  request.outcome.frame = FrameId{flying.number};
  request.outcome.times.decode = flying.ready - flying.decode_begun;
  request.started = flying.decode_begun;
  if (flying.ready > request.queued) request.queued = flying.ready;
  flight.supplied = true;
  flight.place = take_place();
  return true;
}

void FrameSlot::collect(Flight& flight, Outcome& outcome) {
  const std::lock_guard lock(mutex_);
  places_[flight.place].done = true;
  FinishedFrame& place = places_[flight.place].frame;
  std::swap(place.frame, flight.frame);
  std::swap(place.frame.pixels, outcome.pixels);
  std::swap(place.detections, outcome.detections);
  place.kind = outcome.error ? FinishedKind::kFailed : FinishedKind::kInferred;
  place.error = std::move(outcome.error);
  outcome.error.reset();
  place.times = outcome.times;
  place.batch = outcome.batch;
  place.batch_size = outcome.batch_size;
  place.padding = outcome.padding;
}

void FrameSlot::landed(Flight& flight, Landed how) {
  {
    const std::lock_guard lock(mutex_);
    flight.offered = flight.supplied = false;
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
