// The orientation out of an EXIF (TIFF) block, and byte order. Nothing else of EXIF is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace shoal {

// Bounded reads of a byte string in either byte order; nothing past the end is touched.
class ByteReader {
 public:
  ByteReader(std::span<const std::uint8_t> bytes, bool big_endian)
      : bytes_(bytes), big_endian_(big_endian) {}

  [[nodiscard]] std::optional<std::uint32_t> u16(std::size_t at) const { return number(at, 2); }
  [[nodiscard]] std::optional<std::uint32_t> u24(std::size_t at) const { return number(at, 3); }
  [[nodiscard]] std::optional<std::uint32_t> u32(std::size_t at) const { return number(at, 4); }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return bytes_; }

 private:
  [[nodiscard]] std::optional<std::uint32_t> number(std::size_t at, std::size_t count) const {
    if (at > bytes_.size() || bytes_.size() - at < count) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      value = (value << 8) | bytes_[at + (big_endian_ ? i : count - 1 - i)];
    }
    return value;
  }
  std::span<const std::uint8_t> bytes_;
  bool big_endian_;
};

// The first image directory of a TIFF block: "II*\0" or "MM\0*", an offset, then its entries.
struct TiffDirectory {
  std::optional<std::uint32_t> width;            // tag 256
  std::optional<std::uint32_t> height;           // tag 257
  std::optional<std::uint32_t> bits_per_sample;  // tag 258, of the first sample
  std::optional<std::uint32_t> compression;      // tag 259
  std::optional<std::uint32_t> orientation;      // tag 274, 1 to 8
  bool tiled = false;                            // tag 322 is there
};

// Nothing where the bytes are no TIFF block or its directory lies outside of them.
// Cost     at most 65,535 entries; allocates nothing.
[[nodiscard]] std::optional<TiffDirectory> read_tiff_directory(std::span<const std::uint8_t> bytes);

// Orientation 1 to 8; 1 where the block is damaged or says nothing. Skips a leading "Exif\0\0".
[[nodiscard]] int exif_orientation(std::span<const std::uint8_t> bytes);

}  // namespace shoal
