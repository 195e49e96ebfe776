// Walks one TIFF directory, bounded by the bytes. Tags: TIFF 6.0, EXIF 2.32.
#include "decode/exif.h"

#include <algorithm>
#include <string_view>

namespace shoal {
namespace {

constexpr std::uint32_t kTagWidth = 256;
constexpr std::uint32_t kTagHeight = 257;
constexpr std::uint32_t kTagBitsPerSample = 258;
constexpr std::uint32_t kTagCompression = 259;
constexpr std::uint32_t kTagOrientation = 274;
constexpr std::uint32_t kTagTileWidth = 322;
constexpr std::uint32_t kTypeShort = 3;
constexpr std::uint32_t kTypeLong = 4;
constexpr std::size_t kEntryBytes = 12;

}  // namespace

std::optional<TiffDirectory> read_tiff_directory(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 8) return std::nullopt;
  const bool big_endian = bytes[0] == 'M';
  if (bytes[0] != bytes[1] || (bytes[0] != 'I' && bytes[0] != 'M')) return std::nullopt;
  const ByteReader reader(bytes, big_endian);
  if (reader.u16(2) != 42U) return std::nullopt;
  const std::size_t start = *reader.u32(4);
  const auto count = reader.u16(start);
  if (!count) return std::nullopt;
  TiffDirectory directory;
  for (std::size_t i = 0; i < *count; ++i) {
    const std::size_t at = start + 2 + i * kEntryBytes;
    const auto tag = reader.u16(at);
    const auto type = reader.u16(at + 2);
    if (!tag || !type || !reader.u32(at + 8)) break;
    if (*type != kTypeShort && *type != kTypeLong) continue;
    const auto value = *type == kTypeShort ? reader.u16(at + 8) : reader.u32(at + 8);
    if (*tag == kTagTileWidth) directory.tiled = true;
    if (*tag == kTagCompression) directory.compression = value;
    if (*tag == kTagBitsPerSample) {
      // More than two short values do not fit into the entry; it then holds their place.
      const bool inside = *reader.u32(at + 4) <= 2;
      directory.bits_per_sample = inside ? value : reader.u16(*reader.u32(at + 8));
    }
    if (*tag == kTagWidth) directory.width = value;
    if (*tag == kTagHeight) directory.height = value;
    if (*tag == kTagOrientation && *value >= 1 && *value <= 8) directory.orientation = value;
  }
  return directory;
}

int exif_orientation(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kPrefix("Exif\0\0", 6);
  if (bytes.size() >= kPrefix.size() && std::equal(kPrefix.begin(), kPrefix.end(), bytes.begin())) {
    bytes = bytes.subspan(kPrefix.size());
  }
  const auto directory = read_tiff_directory(bytes);
  return directory && directory->orientation ? static_cast<int>(*directory->orientation) : 1;
}

}  // namespace shoal
