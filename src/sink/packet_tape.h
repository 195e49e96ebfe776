// The last seconds of one camera's packets, in memory that is used again: what alarms' clips are
// cut from. Nothing is decoded here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "core/clock.h"
#include "core/packet.h"
#include "shoal/geometry.h"

namespace shoal {

struct TapeLimits {
  Duration keep = std::chrono::seconds(5);       // packets from the key frame before this are held
  std::size_t bytes_max = std::size_t{32} << 20; // of packets; then the oldest go, wanted or not
};

// What a packet is, beside its bytes.
struct TapedPacket {
  Duration time{};      // when it is shown, on the tape's clock, see PacketTape
  TimePoint captured;
  bool key = false;
  int orientation = 1;              // as Packet::orientation
  Size size;                        // of a JPEG
  StreamParameters parameters;      // null: a JPEG
};

// The tape's clock follows media time, so that clips keep the rhythm of the camera. It goes on
// smoothly where media time jumps or stands still for two seconds while packets come.
//
// Sections are parts of the tape that can be played as one: another codec, size or connection
// begins a new one.
//
// Memory   grows to what `keep` needs, at most to bytes_max; no allocation after that.
// Threads  one writer; readers and cut() from any thread.
class PacketTape {
 public:
  explicit PacketTape(const TapeLimits& limits) : limits_(limits) {}

  // A part of the tape. `first` is a key frame.
  struct Cut {
    std::uint64_t first = 0;
    Duration begin{};        // time of `first`
    Duration end{};          // what is shown later does not belong to it
    // Of what is there now: how many packets, at most, come before one that is shown earlier, and
    // the mean time between two.
    int reorder_depth = 0;
    Duration interval = std::chrono::milliseconds(40);
  };
  enum class Read : std::uint8_t {
    kPacket,
    kNothingYet,
    kEnd,  // the section or the tape ended, or packets were thrown away before they were read
  };

  // Packets from a place on, which are held until they are read or memory is short. Outlives
  // nothing: destroy it before the tape.
  class Reader {
   public:
    Reader(PacketTape& tape, std::uint64_t first);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    // Copies the next packet; `bytes` keeps its capacity and has 64 zeros behind the packet, which
    // decoders want, and which `bytes.size()` does not count.
    [[nodiscard]] Read next(TapedPacket& packet, std::vector<std::uint8_t>& bytes);

   private:
    friend class PacketTape;
    PacketTape& tape_;
    std::uint64_t next_;
    std::uint64_t section_;
  };

  // Takes a packet. `time` of it is ignored; `media_time` is what the clock follows.
  // Returns whether somebody reads.
  bool append(const TapedPacket& packet, std::optional<Duration> media_time,
              std::span<const std::uint8_t> bytes);
  // What follows is another connection or stream. Idempotent.
  void end_section();
  // Nothing follows. Readers get what is left.
  void close();

  // From the last key frame at or before `at - before`, or the first one that is there, to
  // `at + after`. None where the tape holds no key frame of the section in which `at` falls.
  [[nodiscard]] std::optional<Cut> cut(TimePoint at, Duration before, Duration after) const;

  [[nodiscard]] std::size_t bytes_held() const;      // of packets
  [[nodiscard]] std::size_t bytes_allocated() const;

 private:
  struct Slot {
    TapedPacket packet;
    std::uint64_t section = 0;
    std::uint64_t begin = 0;  // of its bytes, counted since the tape began
    std::size_t size = 0;
  };
  [[nodiscard]] Slot& slot(std::uint64_t number) { return slots_[number % slots_.size()]; }
  [[nodiscard]] const Slot& slot(std::uint64_t number) const {
    return slots_[number % slots_.size()];
  }
  Duration advance(const TapedPacket& packet, std::optional<Duration> media_time);
  bool make_room(std::size_t bytes);
  void forget_unwanted();
  void forget_first();
  void grow_slots();
  void grow_bytes(std::size_t capacity);
  void copy_out(const Slot& from, std::vector<std::uint8_t>& bytes) const;
  [[nodiscard]] std::uint64_t wanted_from() const;
  [[nodiscard]] int reorder_depth(std::uint64_t first) const;

  const TapeLimits limits_;
  mutable std::mutex mutex_;
  std::vector<Slot> slots_ = std::vector<Slot>(64);  // a ring: packet n is in slot n % size
  std::uint64_t first_ = 0;                          // packets first_ .. next_ - 1 are held
  std::uint64_t next_ = 0;
  std::uint64_t second_key_ = 0;  // the first key frame behind first_, as far as is known
  std::vector<std::uint8_t> bytes_;                  // a ring too
  std::uint64_t bytes_end_ = 0;
  std::vector<Reader*> readers_;
  std::uint64_t section_ = 0;
  bool section_is_empty_ = true;
  bool closed_ = false;
  // The clock.
  Duration newest_{};                 // the latest time so far
  Duration offset_{};                 // media time + offset = time
  std::optional<Duration> last_media_;
  TimePoint last_captured_;
  Duration furthest_media_{};         // and when it was reached
  TimePoint furthest_at_;
};

}  // namespace shoal
