// Whether a frame is missing in front of another one of an H.264 stream, from the frame numbers in
// the slice headers: FFmpeg fills such gaps with copies and, between B frames, notices none.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace shoal {

// Formula: ITU-T H.264, 7.4.3, frame_num and gaps_in_frame_num_value_allowed_flag.
//
// Threads  one caller at a time.
// Cost     about a microsecond a packet and one pass over its bytes; allocates nothing.
class H264FrameNumbers {
 public:
  // The codec's extradata ("avcC", or parameter sets with start codes): says how packets are cut
  // into units. Forgets all that was before.
  void begin(std::span<const std::uint8_t> extradata);

  // Takes the packets in the order in which they are decoded. True: a frame that others are
  // predicted from is missing between the packet before and this one. False where nothing can be
  // said: other streams' bytes, no parameter sets yet, a stream that leaves frames out on purpose.
  [[nodiscard]] bool misses_reference(std::span<const std::uint8_t> packet);

  // Whether other frames may be predicted from that of the packet before; true where nothing can be
  // said.
  [[nodiscard]] bool newest_is_reference() const { return is_reference_; }

  // The next packet comes from anywhere.
  void restart() { newest_.reset(); }

 private:
  struct Sequence {
    bool known = false;
    bool gaps_allowed = false;
    bool separate_planes = false;
    int number_bits = 0;
  };
  struct Slice {
    std::uint32_t number = 0;
    std::uint32_t numbers = 0;  // they count modulo this
    bool is_reference = false;
    bool gaps_allowed = false;
  };
  void take_sequence(std::span<const std::uint8_t> unit);
  void take_picture(std::span<const std::uint8_t> unit);
  [[nodiscard]] std::optional<Slice> read_slice(std::span<const std::uint8_t> unit) const;
  template <typename Visit>
  void for_each_unit(std::span<const std::uint8_t> bytes, const Visit& visit) const;

  std::size_t length_bytes_ = 0;  // 0: start codes
  std::array<Sequence, 32> sequences_;
  std::array<std::uint8_t, 256> sequence_of_picture_{};  // index + 1; 0: unknown
  std::optional<std::uint32_t> newest_;                  // number of the newest reference
  bool is_reference_ = true;                             // the newest frame
};

}  // namespace shoal
