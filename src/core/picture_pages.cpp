#include "core/picture_pages.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace shoal {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr int kPagesMax = 10'000;

bool has(Bytes bytes, std::size_t at, std::string_view text) {
  return bytes.size() >= at && bytes.size() - at >= text.size() &&
         std::equal(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

// Unsigned numbers at a place; 0 behind the end.
class Numbers {
 public:
  Numbers(Bytes bytes, bool big_endian) : bytes_(bytes), big_(big_endian) {}
  [[nodiscard]] std::uint64_t at(std::size_t place, std::size_t size) const {
    if (place > bytes_.size() || bytes_.size() - place < size) return 0;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      value = value << 8U | bytes_[place + (big_ ? i : size - 1 - i)];
    }
    return value;
  }

 private:
  Bytes bytes_;
  bool big_;
};

// Behind the sub-blocks of a GIF that begin at `at`.
std::size_t behind_sub_blocks(Bytes bytes, std::size_t at) {
  while (at < bytes.size() && bytes[at] != 0) at += 1U + bytes[at];
  return at + 1;
}

std::size_t colours(std::uint8_t flags) {
  return (flags & 0x80U) != 0 ? std::size_t{3} << ((flags & 7U) + 1U) : 0;
}

int gif_frames(Bytes bytes) {
  if (bytes.size() < 13) return 1;
  std::size_t at = 13 + colours(bytes[10]);
  int frames = 0;
  while (at < bytes.size() && frames < kPagesMax) {
    if (bytes[at] == 0x21) {
      at = behind_sub_blocks(bytes, at + 2);
    } else if (bytes[at] == 0x2C && at + 10 < bytes.size()) {
      at = behind_sub_blocks(bytes, at + 11 + colours(bytes[at + 9]));
      ++frames;
    } else {
      break;
    }
  }
  return std::max(frames, 1);
}

int png_frames(Bytes bytes) {
  const Numbers numbers(bytes, true);
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    if (has(bytes, at + 4, "IDAT")) return 1;
    if (has(bytes, at + 4, "acTL")) {
      return static_cast<int>(std::clamp<std::uint64_t>(numbers.at(at + 8, 4), 1, kPagesMax));
    }
    at += 12 + static_cast<std::size_t>(numbers.at(at, 4));
  }
  return 1;
}

int webp_frames(Bytes bytes) {
  const Numbers numbers(bytes, false);
  int frames = 0;
  for (std::size_t at = 12; at + 8 <= bytes.size() && frames < kPagesMax;) {
    if (has(bytes, at, "ANMF")) ++frames;
    const auto size = static_cast<std::size_t>(numbers.at(at + 4, 4));
    at += 8 + size + size % 2;
  }
  return std::max(frames, 1);
}

// NewSubfileType (TIFF 6.0, tag 254), bit 0: a smaller version of another page, not one of its own.
bool is_thumbnail(const Numbers& numbers, std::size_t at, std::uint64_t entries) {
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(entries, 8); ++i) {
    const std::size_t entry = at + 2 + static_cast<std::size_t>(i) * 12;
    if (numbers.at(entry, 2) == 254) return (numbers.at(entry + 8, 4) & 1U) != 0;
  }
  return false;
}

int tiff_pages(Bytes bytes) {
  const Numbers numbers(bytes, bytes[0] == 'M');
  int pages = 0;
  int directories = 0;
  auto at = static_cast<std::size_t>(numbers.at(4, 4));
  // The chain may lead in a circle.
  while (at >= 8 && at < bytes.size() && directories++ < kPagesMax) {
    const std::uint64_t entries = numbers.at(at, 2);
    if (entries == 0) break;
    if (!is_thumbnail(numbers, at, entries)) ++pages;
    const auto next = static_cast<std::size_t>(
        numbers.at(at + 2 + static_cast<std::size_t>(entries) * 12, 4));
    if (next <= at && directories > 1 && pages > 1 && next == numbers.at(4, 4)) break;
    at = next;
  }
  return std::max(pages, 1);
}

bool is_png(Bytes bytes) { return has(bytes, 0, "\x89PNG\r\n\x1a\n"); }
bool is_gif(Bytes bytes) { return has(bytes, 0, "GIF87a") || has(bytes, 0, "GIF89a"); }
bool is_webp(Bytes bytes) { return has(bytes, 0, "RIFF") && has(bytes, 8, "WEBP"); }
bool is_tiff(Bytes bytes) {
  return has(bytes, 0, {"II*\0", 4}) || has(bytes, 0, {"MM\0*", 4});
}

// Pictures in the boxes of MP4.
bool is_boxed_picture(Bytes head) {
  constexpr std::array<std::string_view, 10> kBrands = {
      "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis"};
  return has(head, 4, "ftyp") && std::any_of(kBrands.begin(), kBrands.end(), [&](auto brand) {
           return has(head, 8, brand);
         });
}

bool is_mp4(Bytes head) {
  constexpr std::array<std::string_view, 6> kBoxes = {"ftyp", "moov", "mdat",
                                                      "wide", "moof", "styp"};
  return !is_boxed_picture(head) &&
         std::any_of(kBoxes.begin(), kBoxes.end(), [&](auto box) { return has(head, 4, box); });
}

bool is_transport_stream(Bytes head) {
  const auto synced = [&](std::size_t first, std::size_t packet) {
    for (std::size_t i = 0; i < 2; ++i) {
      const std::size_t at = first + i * packet;
      if (at >= head.size() || head[at] != 0x47) return false;
    }
    return true;
  };
  return synced(0, 188) || synced(4, 192) || synced(0, 204);
}

// What follows the first start code of MPEG-1, 2, 4, H.264 and H.265.
bool is_elementary_stream(Bytes head) {
  std::size_t at = 0;
  while (at < head.size() && at < 16 && head[at] == 0) ++at;
  if (at < 2 || at + 2 >= head.size() || head[at] != 1) return false;
  const std::uint8_t first = head[at + 1];
  const bool mpeg = first == 0xB3 || first == 0xBA || first == 0xB0 || first == 0xB5;
  const unsigned h264 = first & 0x1FU;
  const bool is_h264 = (first & 0x80U) == 0 && (h264 == 7 || h264 == 9);
  const unsigned h265 = first >> 1U;
  const bool is_h265 = (h265 >= 32 && h265 <= 35) && head[at + 2] == 1;
  return mpeg || is_h264 || is_h265;
}

}  // namespace

int picture_pages(Bytes bytes) {
  if (is_gif(bytes)) return gif_frames(bytes);
  if (is_png(bytes)) return png_frames(bytes);
  if (is_webp(bytes)) return webp_frames(bytes);
  return is_tiff(bytes) ? tiff_pages(bytes) : 1;
}

bool is_animation(Bytes bytes) {
  return (is_gif(bytes) || is_png(bytes)) && picture_pages(bytes) > 1;
}

bool begins_as_film(Bytes head) {
  constexpr std::array<std::string_view, 9> kMagics = {
      "\x1a\x45\xdf\xa3", "FLV\x01", "OggS", "\x30\x26\xb2\x75\x8e\x66\xcf\x11", "YUV4MPEG2",
      "DKIF", "\x06\x0e\x2b\x34", "nut/multimedia", "DHAV"};
  const bool known = std::any_of(kMagics.begin(), kMagics.end(),
                                 [&](auto magic) { return has(head, 0, magic); });
  return known || is_mp4(head) || (has(head, 0, "RIFF") && has(head, 8, "AVI ")) ||
         is_transport_stream(head) || is_elementary_stream(head);
}

bool begins_as_picture(Bytes head) {
  return is_gif(head) || is_png(head) || is_webp(head) || is_tiff(head) ||
         has(head, 0, "\xFF\xD8\xFF") || is_boxed_picture(head) ||
         (has(head, 0, "BM") && Numbers(head, false).at(10, 4) < 65'536 && head.size() > 26);
}

}  // namespace shoal
