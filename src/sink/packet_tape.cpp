// Two rings, of packets and of their bytes, under one lock that is held for a copy at most.
#include "sink/packet_tape.h"

#include <algorithm>
#include <cstring>

namespace shoal {
namespace {

constexpr std::size_t kFirstBytes = std::size_t{64} << 10;
constexpr std::size_t kPadding = 64;  // libavcodec's AV_INPUT_BUFFER_PADDING_SIZE
constexpr Duration kFrame = std::chrono::milliseconds(40);
constexpr Duration kBackMax = std::chrono::seconds(2);  // reordered frames go back less
constexpr Duration kGapMax = std::chrono::seconds(10);
constexpr Duration kStillMax = std::chrono::seconds(2);
constexpr int kReorderMax = 16;  // H.264 and HEVC allow no more

}  // namespace

PacketTape::Reader::Reader(PacketTape& tape, std::uint64_t first) : tape_(tape), next_(first) {
  const std::lock_guard lock(tape_.mutex_);
  section_ = first >= tape_.first_ && first < tape_.next_ ? tape_.slot(first).section
                                                          : tape_.section_ + 1;
  tape_.readers_.push_back(this);
}

PacketTape::Reader::~Reader() {
  const std::lock_guard lock(tape_.mutex_);
  std::erase(tape_.readers_, this);
}

PacketTape::Read PacketTape::Reader::next(TapedPacket& packet, std::vector<std::uint8_t>& bytes) {
  const std::lock_guard lock(tape_.mutex_);
  if (next_ < tape_.first_) return Read::kEnd;
  if (next_ == tape_.next_) {
    return tape_.closed_ || tape_.section_ != section_ ? Read::kEnd : Read::kNothingYet;
  }
  const Slot& slot = tape_.slot(next_);
  if (slot.section != section_) return Read::kEnd;
  packet = slot.packet;
  tape_.copy_out(slot, bytes);
  ++next_;
  return Read::kPacket;
}

void PacketTape::copy_out(const Slot& from, std::vector<std::uint8_t>& bytes) const {
  if (bytes.capacity() < from.size + kPadding) bytes.reserve((from.size + kPadding) * 3 / 2);
  bytes.resize(from.size + kPadding);
  const std::size_t begin = from.begin % bytes_.size();
  const std::size_t whole = std::min(from.size, bytes_.size() - begin);
  std::memcpy(bytes.data(), bytes_.data() + begin, whole);
  std::memcpy(bytes.data() + whole, bytes_.data(), from.size - whole);
  std::memset(bytes.data() + from.size, 0, kPadding);
  bytes.resize(from.size);  // the zeros stay where they are, behind the end
}

// The time of this packet, and the clock's new state.
Duration PacketTape::advance(const TapedPacket& packet, std::optional<Duration> media_time) {
  const TimePoint now = packet.captured;
  // A packet without a time is shown when it was captured.
  const Duration media = media_time.value_or(last_media_.value_or(Duration{}) +
                                             (last_media_ ? now - last_captured_ : Duration{}));
  bool rebase = !last_media_;
  if (last_media_) {
    const Duration step = media - *last_media_;
    rebase = step < -kBackMax || step > std::max(now - last_captured_, Duration{}) + kGapMax;
    // Nothing that was sent before a key frame is shown after it: the file began again.
    if (packet.key && media <= furthest_media_) rebase = true;
    if (media <= furthest_media_ && now - furthest_at_ > kStillMax) rebase = true;
  }
  if (rebase) {
    Duration gap{};
    if (next_ > 0) gap = std::clamp(now - furthest_at_, kFrame, kGapMax);
    offset_ = newest_ + gap - media;
  }
  if (rebase || media > furthest_media_) {
    furthest_media_ = media;
    furthest_at_ = now;
  }
  last_media_ = media;
  last_captured_ = now;
  return media + offset_;
}

bool PacketTape::append(const TapedPacket& packet, std::optional<Duration> media_time,
                        std::span<const std::uint8_t> bytes) {
  const std::lock_guard lock(mutex_);
  if (closed_) return !readers_.empty();
  const Duration time = advance(packet, media_time);
  newest_ = std::max(newest_, time);
  forget_unwanted();
  if (!make_room(bytes.size())) {
    ++section_;  // the next packets depend on one that is not here
    return !readers_.empty();
  }
  if (next_ - first_ == slots_.size()) grow_slots();
  Slot& place = slot(next_);
  place.packet = packet;
  place.packet.time = time;
  place.section = section_;
  place.begin = bytes_end_;
  place.size = bytes.size();
  const std::size_t begin = bytes_end_ % bytes_.size();
  const std::size_t whole = std::min(bytes.size(), bytes_.size() - begin);
  std::memcpy(bytes_.data() + begin, bytes.data(), whole);
  std::memcpy(bytes_.data(), bytes.data() + whole, bytes.size() - whole);
  bytes_end_ += bytes.size();
  ++next_;
  section_is_empty_ = false;
  return !readers_.empty();
}

void PacketTape::end_section() {
  const std::lock_guard lock(mutex_);
  if (section_is_empty_) return;
  ++section_;
  section_is_empty_ = true;
  last_media_.reset();
}

void PacketTape::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

std::uint64_t PacketTape::wanted_from() const {
  std::uint64_t wanted = next_;
  for (const Reader* reader : readers_) wanted = std::min(wanted, reader->next_);
  return wanted;
}

void PacketTape::forget_first() {
  slot(first_).packet.parameters.reset();
  ++first_;
}

// What neither a reader nor a coming cut needs: all before the last key frame that is older than
// `keep`, and what has lost its key frame.
void PacketTape::forget_unwanted() {
  const std::uint64_t wanted = wanted_from();
  while (first_ < wanted) {
    if (slot(first_).packet.key) {
      second_key_ = std::max(second_key_, first_ + 1);
      while (second_key_ < next_ && !slot(second_key_).packet.key) ++second_key_;
      if (second_key_ >= next_ || slot(second_key_).packet.time > newest_ - limits_.keep) return;
    }
    forget_first();
  }
}

// Room for `bytes` in the ring, at the cost of the oldest packets where it may not grow.
bool PacketTape::make_room(std::size_t bytes) {
  if (bytes > limits_.bytes_max) return false;
  const auto held = [this] {
    return first_ == next_ ? std::size_t{0}
                           : static_cast<std::size_t>(bytes_end_ - slot(first_).begin);
  };
  std::size_t capacity = std::max(bytes_.size(), std::min(kFirstBytes, limits_.bytes_max));
  while (capacity < held() + bytes && capacity < limits_.bytes_max) {
    capacity = std::min(capacity * 2, limits_.bytes_max);
  }
  if (capacity != bytes_.size()) grow_bytes(capacity);
  while (held() + bytes > bytes_.size()) forget_first();
  return true;
}

void PacketTape::grow_slots() {
  std::vector<Slot> grown(slots_.size() * 2);
  for (std::uint64_t n = first_; n < next_; ++n) grown[n % grown.size()] = std::move(slot(n));
  slots_ = std::move(grown);
}

void PacketTape::grow_bytes(std::size_t capacity) {
  std::vector<std::uint8_t> grown(capacity);
  std::uint64_t at = first_ == next_ ? bytes_end_ : slot(first_).begin;
  while (at < bytes_end_) {
    const auto from = static_cast<std::size_t>(at % bytes_.size());
    const auto to = static_cast<std::size_t>(at % capacity);
    const std::size_t run = std::min({static_cast<std::size_t>(bytes_end_ - at),
                                      bytes_.size() - from, capacity - to});
    std::memcpy(grown.data() + to, bytes_.data() + from, run);
    at += run;
  }
  bytes_ = std::move(grown);
}

// How many packets, at most, are decoded before one that is shown earlier.
int PacketTape::reorder_depth(std::uint64_t first) const {
  int depth = 0;
  for (std::uint64_t n = first; n < next_; ++n) {
    int later = 0;
    for (std::uint64_t m = n; m > first && n - m < kReorderMax; --m) {
      if (slot(m - 1).packet.time > slot(n).packet.time) ++later;
    }
    depth = std::max(depth, later);
  }
  return depth;
}

std::optional<PacketTape::Cut> PacketTape::cut(TimePoint at, Duration before,
                                               Duration after) const {
  const std::lock_guard lock(mutex_);
  if (first_ == next_) return std::nullopt;
  std::uint64_t centre = first_;
  for (std::uint64_t n = first_; n < next_ && slot(n).packet.captured <= at; ++n) centre = n;
  const std::uint64_t section = slot(centre).section;
  // The latest of what had come: the last packet itself may be one that is shown early.
  Duration centre_time = slot(centre).packet.time;
  for (std::uint64_t n = centre; n > first_ && slot(n - 1).section == section; --n) {
    centre_time = std::max(centre_time, slot(n - 1).packet.time);
  }
  std::optional<std::uint64_t> first;
  for (std::uint64_t n = first_; n < next_; ++n) {
    const Slot& here = slot(n);
    if (here.section != section || !here.packet.key) continue;
    if (first && here.packet.time > centre_time - before) break;
    first = n;
  }
  if (!first) return std::nullopt;
  Cut cut{.first = *first,
          .begin = slot(*first).packet.time,
          .end = centre_time + after,
          .reorder_depth = reorder_depth(*first)};
  Duration latest = cut.begin;
  std::uint64_t last = *first;
  for (std::uint64_t n = *first; n < next_ && slot(n).section == section; last = n++) {
    latest = std::max(latest, slot(n).packet.time);
  }
  if (latest > cut.begin) cut.interval = (latest - cut.begin) / static_cast<int>(last - *first);
  return cut;
}

std::size_t PacketTape::bytes_held() const {
  const std::lock_guard lock(mutex_);
  return first_ == next_ ? 0 : static_cast<std::size_t>(bytes_end_ - slot(first_).begin);
}

std::size_t PacketTape::bytes_allocated() const {
  const std::lock_guard lock(mutex_);
  return bytes_.capacity() + slots_.capacity() * sizeof(Slot);
}

}  // namespace shoal
