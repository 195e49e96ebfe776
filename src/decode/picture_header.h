// What a picture's first bytes say: format, stored size, orientation. Bounded, allocation-free
// parsers over untrusted bytes; they decode nothing and are fuzzed (picture_header_fuzz.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shoal/geometry.h"
#include "shoal/result.h"

namespace shoal {

enum class PictureFormat : std::uint8_t { kJpeg, kPng, kWebp, kBmp, kTiff, kGif };

[[nodiscard]] constexpr std::string_view to_string(PictureFormat format) {
  switch (format) {
    case PictureFormat::kJpeg: return "JPEG";
    case PictureFormat::kPng: return "PNG";
    case PictureFormat::kWebp: return "WebP";
    case PictureFormat::kBmp: return "BMP";
    case PictureFormat::kTiff: return "TIFF";
    case PictureFormat::kGif: return "GIF";
  }
  return "picture";
}

struct PictureHeader {
  PictureFormat format = PictureFormat::kJpeg;
  Size size;            // as stored, before the orientation is applied; both sides > 0
  int orientation = 1;  // EXIF's, 1 to 8
  int channels = 3;     // kJpeg only: components of the frame header (1, 3 or 4)
};

// Errors   corrupt_input: empty, no picture (the message says what the bytes look like), a header
//          that is cut off or impossible; unsupported: a format that Shoal does not read.
// Cost     one pass over the segments or chunks; never more than the bytes.
[[nodiscard]] Result<PictureHeader> read_picture_header(std::span<const std::uint8_t> bytes);

// Is the file there to its end? Looks for the end mark (JPEG, PNG), the declared length (WebP) or
// the end of the first frame (GIF); the decoders of BMP and TIFF find out themselves.
// Errors   corrupt_input: "JPEG ends after 1,024 bytes; expected an end-of-image marker".
[[nodiscard]] Result<void> check_complete(const PictureHeader& header,
                                          std::span<const std::uint8_t> bytes);

// What unknown bytes look like, for messages: `text that begins with "hello"`, "a PDF document".
[[nodiscard]] std::string describe_bytes(std::span<const std::uint8_t> bytes);

// "1,024"
[[nodiscard]] std::string grouped(std::uint64_t number);

}  // namespace shoal
