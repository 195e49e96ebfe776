// Syntax: ITU-T H.264, 7.3.1 (units), 7.3.2.1.1 (sequence), 7.3.2.2 (picture), 7.3.3 (slice).
#include "decode/h264_frame_numbers.h"

#include <algorithm>

namespace shoal {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr int kSliceUnit = 1;
constexpr int kIdrUnit = 5;
constexpr int kSequenceUnit = 7;
constexpr int kPictureUnit = 8;

// Bits of a unit without its emulation prevention bytes (00 00 03). Behind the end all bits are 0
// and ok() is false.
class BitReader {
 public:
  explicit BitReader(Bytes unit) : unit_(unit) {}

  [[nodiscard]] bool ok() const { return ok_; }

  std::uint32_t bit() {
    if (left_ == 0) {
      load();
      if (!ok_) return 0;
    }
    --left_;
    return (byte_ >> left_) & 1U;
  }

  std::uint32_t bits(int count) {
    std::uint32_t value = 0;
    for (int i = 0; i < count; ++i) value = (value << 1) | bit();
    return value;
  }

  // ue(v): unsigned Exp-Golomb.
  std::uint32_t unsigned_golomb() {
    int zeros = 0;
    while (ok_ && bit() == 0) {
      if (++zeros > 31) ok_ = false;
    }
    return ok_ ? ((1U << zeros) - 1) + bits(zeros) : 0;
  }

  // se(v), modulo 2^32.
  std::uint32_t signed_golomb() {
    const std::uint32_t code = unsigned_golomb();
    return (code & 1U) != 0 ? (code + 1) / 2 : 0U - code / 2;
  }

 private:
  void load() {
    if (zeros_ >= 2 && at_ < unit_.size() && unit_[at_] == 3) {
      ++at_;
      zeros_ = 0;
    }
    if (at_ >= unit_.size()) {
      ok_ = false;
      return;
    }
    byte_ = unit_[at_++];
    zeros_ = byte_ == 0 ? zeros_ + 1 : 0;
    left_ = 8;
  }

  Bytes unit_;
  std::size_t at_ = 0;
  std::uint32_t byte_ = 0;
  int left_ = 0;
  int zeros_ = 0;
  bool ok_ = true;
};

void skip_scaling_list(BitReader& reader, int size) {
  std::uint32_t last = 8;
  std::uint32_t next = 8;
  for (int i = 0; i < size && reader.ok(); ++i) {
    if (next != 0) next = (last + reader.signed_golomb()) & 255U;
    if (next != 0) last = next;
  }
}

bool has_chroma_format(std::uint32_t profile) {
  constexpr std::array<std::uint32_t, 13> kProfiles = {100, 110, 122, 244, 44,  83, 86,
                                                       118, 128, 138, 139, 134, 135};
  return std::find(kProfiles.begin(), kProfiles.end(), profile) != kProfiles.end();
}

// Behind the identifier. Answers whether the colour planes are separate pictures.
bool skip_chroma_format(BitReader& reader) {
  const std::uint32_t chroma = reader.unsigned_golomb();
  const bool separate = chroma == 3 && reader.bit() != 0;
  (void)reader.unsigned_golomb();  // bit depths
  (void)reader.unsigned_golomb();
  (void)reader.bit();  // lossless transform bypass
  if (reader.bit() != 0) {
    for (int i = 0; i < (chroma == 3 ? 12 : 8); ++i) {
      if (reader.bit() != 0) skip_scaling_list(reader, i < 6 ? 16 : 64);
    }
  }
  return separate;
}

void skip_picture_order(BitReader& reader) {
  const std::uint32_t type = reader.unsigned_golomb();
  if (type == 0) (void)reader.unsigned_golomb();
  if (type != 1) return;
  (void)reader.bit();
  (void)reader.signed_golomb();
  (void)reader.signed_golomb();
  const std::uint32_t count = reader.unsigned_golomb();
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) (void)reader.signed_golomb();
}

std::size_t find_start_code(Bytes bytes, std::size_t from) {
  for (std::size_t at = from; at + 3 <= bytes.size(); ++at) {
    if (bytes[at + 2] > 1) {
      at += 2;
    } else if (bytes[at] == 0 && bytes[at + 1] == 0 && bytes[at + 2] == 1) {
      return at;
    }
  }
  return bytes.size();
}

}  // namespace

template <typename Visit>
void H264FrameNumbers::for_each_unit(Bytes bytes, const Visit& visit) const {
  if (length_bytes_ == 0) {
    std::size_t at = find_start_code(bytes, 0);
    while (at < bytes.size()) {
      const std::size_t begin = at + 3;
      at = find_start_code(bytes, begin);
      if (begin < at && !visit(bytes.subspan(begin, at - begin))) return;
    }
    return;
  }
  std::size_t at = 0;
  while (bytes.size() - at > length_bytes_) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < length_bytes_; ++i) length = (length << 8) | bytes[at + i];
    at += length_bytes_;
    length = std::min(length, bytes.size() - at);
    if (length > 0 && !visit(bytes.subspan(at, length))) return;
    at += length;
  }
}

void H264FrameNumbers::take_sequence(Bytes unit) {
  BitReader reader(unit.subspan(1));
  const std::uint32_t profile = reader.bits(8);
  (void)reader.bits(16);  // constraints, level
  const std::uint32_t id = reader.unsigned_golomb();
  Sequence sequence;
  if (has_chroma_format(profile)) sequence.separate_planes = skip_chroma_format(reader);
  const std::uint32_t more_bits = reader.unsigned_golomb();
  skip_picture_order(reader);
  (void)reader.unsigned_golomb();  // reference frames at most
  sequence.gaps_allowed = reader.bit() != 0;
  sequence.known = true;
  if (!reader.ok() || id >= sequences_.size() || more_bits > 12) return;
  sequence.number_bits = static_cast<int>(more_bits) + 4;
  sequences_[id] = sequence;
}

void H264FrameNumbers::take_picture(Bytes unit) {
  BitReader reader(unit.subspan(1));
  const std::uint32_t picture = reader.unsigned_golomb();
  const std::uint32_t sequence = reader.unsigned_golomb();
  if (!reader.ok() || picture >= sequence_of_picture_.size() || sequence >= sequences_.size()) {
    return;
  }
  sequence_of_picture_[picture] = static_cast<std::uint8_t>(sequence + 1);
}

std::optional<H264FrameNumbers::Slice> H264FrameNumbers::read_slice(Bytes unit) const {
  BitReader reader(unit.subspan(1));
  (void)reader.unsigned_golomb();  // first macroblock
  (void)reader.unsigned_golomb();  // type
  const std::uint32_t picture = reader.unsigned_golomb();
  if (!reader.ok() || picture >= sequence_of_picture_.size()) return std::nullopt;
  const std::uint8_t place = sequence_of_picture_[picture];
  if (place == 0 || !sequences_[place - 1U].known) return std::nullopt;
  const Sequence& sequence = sequences_[place - 1U];
  if (sequence.separate_planes) (void)reader.bits(2);
  Slice slice;
  slice.number = reader.bits(sequence.number_bits);
  slice.numbers = 1U << sequence.number_bits;
  slice.is_reference = (unit[0] >> 5 & 3) != 0;
  slice.gaps_allowed = sequence.gaps_allowed;
  if (!reader.ok()) return std::nullopt;
  return slice;
}

void H264FrameNumbers::begin(Bytes extradata) {
  *this = {};
  const auto take = [this](Bytes unit) {
    if ((unit[0] & 31) == kSequenceUnit) take_sequence(unit);
    if ((unit[0] & 31) == kPictureUnit) take_picture(unit);
    return true;
  };
  if (extradata.size() < 7 || extradata[0] != 1) {
    for_each_unit(extradata, take);
    return;
  }
  // avcC (ISO/IEC 14496-15, 5.3.3.1): counts and 16-bit lengths in front of the parameter sets.
  std::size_t at = 5;
  for (const std::uint8_t mask : {std::uint8_t{31}, std::uint8_t{255}}) {
    int count = at < extradata.size() ? extradata[at++] & mask : 0;
    for (; count > 0 && extradata.size() - at > 2; --count) {
      const std::size_t length = std::size_t{extradata[at]} << 8 | extradata[at + 1];
      at += 2;
      const Bytes unit = extradata.subspan(at, std::min(length, extradata.size() - at));
      if (!unit.empty()) take(unit);
      at += unit.size();
    }
  }
  length_bytes_ = (extradata[4] & 3U) + 1;
}

bool H264FrameNumbers::misses_reference(Bytes packet) {
  bool missing = false;
  is_reference_ = true;
  for_each_unit(packet, [&](Bytes unit) {
    const int type = unit[0] & 31;
    if (type == kSequenceUnit) take_sequence(unit);
    if (type == kPictureUnit) take_picture(unit);
    if (type != kSliceUnit && type != kIdrUnit) return true;
    const auto slice = read_slice(unit);
    if (!slice) {
      newest_.reset();
      return false;
    }
    if (type == kSliceUnit && newest_ && !slice->gaps_allowed) {
      missing = slice->number != *newest_ && slice->number != (*newest_ + 1) % slice->numbers;
    }
    is_reference_ = slice->is_reference || type == kIdrUnit;
    if (is_reference_) newest_ = slice->number;
    return false;  // the other slices of this frame say the same
  });
  return missing;
}

}  // namespace shoal
