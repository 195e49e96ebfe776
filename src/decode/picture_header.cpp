// The parsers. Sources: JPEG ITU-T T.81 annex B; PNG 1.2; WebP container RFC 9649; BMP's
// BITMAPCOREHEADER and BITMAPINFOHEADER; TIFF 6.0; GIF89a.
#include "decode/picture_header.h"

#include <algorithm>

#include "decode/exif.h"

namespace shoal {
namespace {

using Bytes = std::span<const std::uint8_t>;

Error corrupt(std::string message) { return {ErrorCode::kCorruptInput, std::move(message)}; }

Error cut_off(PictureFormat format, Bytes bytes, std::string_view expected) {
  return corrupt(std::string(to_string(format)) + " ends after " + grouped(bytes.size()) +
                 " bytes; expected " + std::string(expected));
}

bool begins_with(Bytes bytes, std::string_view prefix, std::size_t at = 0) {
  return bytes.size() >= at + prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

constexpr std::string_view kJpegEnd = "an end-of-image marker";
constexpr std::string_view kPngMagic("\x89PNG\r\n\x1a\n", 8);

// One segment of a JPEG: the marker's second byte, and where its payload lies.
struct Segment {
  std::uint8_t marker = 0;
  std::size_t payload = 0;
  std::size_t end = 0;
};

// The segment whose marker is at or after `at`, as libjpeg finds it: bytes that are no marker are
// skipped, so are fill bytes. Nothing where the bytes end first.
std::optional<Segment> next_segment(Bytes bytes, std::size_t at) {
  while (at + 1 < bytes.size()) {
    if (bytes[at] != 0xFF || bytes[at + 1] == 0xFF || bytes[at + 1] == 0) {
      ++at;
      continue;
    }
    Segment segment{.marker = bytes[at + 1], .payload = at + 2, .end = at + 2};
    const bool bare = segment.marker == 0x01 || (segment.marker >= 0xD0 && segment.marker <= 0xD9);
    if (bare) return segment;
    const auto length = ByteReader(bytes, true).u16(at + 2);
    if (!length || *length < 2) return std::nullopt;
    segment.payload = at + 4;
    segment.end = at + 2 + *length;
    return segment;
  }
  return std::nullopt;
}

bool is_frame_header(std::uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

// Calls visit(segment) for each segment up to and with start-of-scan; stops where it answers false.
template <typename Visit>
void walk_jpeg(Bytes bytes, const Visit& visit) {
  std::size_t at = 2;
  while (const auto segment = next_segment(bytes, at)) {
    if (!visit(*segment) || segment->marker == 0xDA) return;
    at = segment->end;
  }
}

Result<PictureHeader> jpeg_header(Bytes bytes) {
  PictureHeader header{.format = PictureFormat::kJpeg, .size = {}};
  bool framed = false;
  bool scanned = false;
  const ByteReader reader(bytes, true);
  walk_jpeg(bytes, [&](const Segment& segment) {
    if (segment.marker == 0xDA || segment.marker == 0xD9) {
      scanned = true;
      return false;
    }
    const bool whole = segment.end <= bytes.size();
    if (segment.marker == 0xE1 && whole && header.orientation == 1) {
      const Bytes payload = bytes.subspan(segment.payload, segment.end - segment.payload);
      if (begins_with(payload, {"Exif\0\0", 6})) header.orientation = exif_orientation(payload);
    }
    if (is_frame_header(segment.marker) && !framed && whole &&
        segment.end - segment.payload >= 6) {
      framed = true;
      header.size = {static_cast<int>(*reader.u16(segment.payload + 3)),
                     static_cast<int>(*reader.u16(segment.payload + 1))};
      header.channels = bytes[segment.payload + 5];
    }
    return true;
  });
  if (!framed) {
    if (scanned) return corrupt("JPEG without a frame header; expected one before the first scan");
    return cut_off(header.format, bytes, kJpegEnd);
  }
  return header;
}

// Calls visit(type, payload) for each chunk that is whole; answers whether IEND was met.
template <typename Visit>
bool walk_png(Bytes bytes, const Visit& visit) {
  const ByteReader reader(bytes, true);
  std::size_t at = kPngMagic.size();
  while (const auto length = reader.u32(at)) {
    if (bytes.size() - at < 12 || bytes.size() - at - 12 < *length) return false;
    const Bytes type = bytes.subspan(at + 4, 4);
    visit(type, bytes.subspan(at + 8, *length));
    if (begins_with(type, "IEND")) return true;
    at += std::size_t{12} + *length;
  }
  return false;
}

Result<PictureHeader> png_header(Bytes bytes) {
  PictureHeader header{.format = PictureFormat::kPng, .size = {}};
  const ByteReader reader(bytes, true);
  const auto width = reader.u32(16);
  const auto height = reader.u32(20);
  if (!width || !height) return cut_off(header.format, bytes, "an IHDR chunk");
  if (!begins_with(bytes, "IHDR", 12)) return corrupt("PNG does not begin with an IHDR chunk");
  if (*width > 0x7FFFFFFF || *height > 0x7FFFFFFF) return corrupt("PNG with a side above 2^31");
  header.size = {static_cast<int>(*width), static_cast<int>(*height)};
  (void)walk_png(bytes, [&](Bytes type, Bytes payload) {
    if (begins_with(type, "eXIf")) header.orientation = exif_orientation(payload);
  });
  return header;
}

// Calls visit(type, payload) for each chunk; a last one that is cut off is passed as far as it is
// there.
template <typename Visit>
void walk_webp(Bytes bytes, const Visit& visit) {
  const ByteReader reader(bytes, false);
  std::size_t at = 12;
  while (const auto length = reader.u32(at + 4)) {
    const std::size_t there = std::min<std::size_t>(*length, bytes.size() - at - 8);
    visit(bytes.subspan(at, 4), bytes.subspan(at + 8, there));
    if (there < *length) return;
    at += std::size_t{8} + *length + (*length & 1U);
  }
}

std::optional<Size> webp_chunk_size(Bytes type, Bytes payload) {
  const ByteReader reader(payload, false);
  if (begins_with(type, "VP8X")) {
    const auto width = reader.u24(4);
    const auto height = reader.u24(7);
    if (!width || !height) return std::nullopt;
    return Size{static_cast<int>(*width) + 1, static_cast<int>(*height) + 1};
  }
  if (begins_with(type, "VP8L")) {
    const auto bits = reader.u32(1);
    if (!bits || payload[0] != 0x2F) return std::nullopt;
    return Size{static_cast<int>(*bits & 0x3FFF) + 1, static_cast<int>((*bits >> 14) & 0x3FFF) + 1};
  }
  if (begins_with(type, "VP8 ")) {
    const auto width = reader.u16(6);
    const auto height = reader.u16(8);
    if (!width || !height || !begins_with(payload, "\x9d\x01\x2a", 3)) return std::nullopt;
    return Size{static_cast<int>(*width & 0x3FFF), static_cast<int>(*height & 0x3FFF)};
  }
  return std::nullopt;
}

Result<PictureHeader> webp_header(Bytes bytes) {
  PictureHeader header{.format = PictureFormat::kWebp, .size = {}};
  bool sized = false;
  bool animated = false;
  walk_webp(bytes, [&](Bytes type, Bytes payload) {
    if (begins_with(type, "VP8X") && !payload.empty()) animated = (payload[0] & 2U) != 0;
    if (begins_with(type, "EXIF")) header.orientation = exif_orientation(payload);
    if (sized) return;
    if (const auto size = webp_chunk_size(type, payload)) {
      header.size = *size;
      sized = true;
    }
  });
  if (!sized) return cut_off(header.format, bytes, "a VP8, VP8L or VP8X chunk with the size");
  if (animated) {
    return Error{ErrorCode::kUnsupported, "animated WebP; convert it to a still or to a video"};
  }
  return header;
}

Result<PictureHeader> bmp_header(Bytes bytes) {
  PictureHeader header{.format = PictureFormat::kBmp, .size = {}};
  const ByteReader reader(bytes, false);
  const auto kind = reader.u32(14);
  if (!kind) return cut_off(header.format, bytes, "a header of 26 bytes or more");
  const bool core = *kind == 12;
  const auto width = core ? reader.u16(18) : reader.u32(18);
  const auto height = core ? reader.u16(20) : reader.u32(22);
  if (!width || !height) return cut_off(header.format, bytes, "a header of 26 bytes or more");
  // A negative height means that the rows are stored from the top.
  const std::int64_t rows = static_cast<std::int32_t>(*height);
  if (*width > 0x7FFFFFFF || rows < -0x7FFFFFFF) return corrupt("BMP with a side above 2^31");
  header.size = {static_cast<int>(*width), static_cast<int>(rows < 0 ? -rows : rows)};
  return header;
}

// What FFmpeg's TIFF decoder answers with wrong pixels instead of an error.
std::string_view undecodable(const TiffDirectory& directory) {
  const std::uint32_t bits = directory.bits_per_sample.value_or(1);
  const std::uint32_t compression = directory.compression.value_or(1);
  if (directory.tiled) return "in tiles";
  if (compression == 6 || compression == 7) return "with JPEG inside";
  if (bits != 1 && bits != 2 && bits != 4 && bits != 8 && bits != 16) {
    return "with samples of other than 1, 2, 4, 8 or 16 bits";
  }
  return "";
}

Result<PictureHeader> tiff_header(Bytes bytes) {
  PictureHeader header{.format = PictureFormat::kTiff, .size = {}};
  const auto directory = read_tiff_directory(bytes);
  if (!directory || !directory->width || !directory->height) {
    return corrupt("TIFF without a readable first directory with width and height (" +
                   grouped(bytes.size()) + " bytes)");
  }
  if (*directory->width > 0x7FFFFFFF || *directory->height > 0x7FFFFFFF) {
    return corrupt("TIFF with a side above 2^31");
  }
  header.size = {static_cast<int>(*directory->width), static_cast<int>(*directory->height)};
  header.orientation = static_cast<int>(directory->orientation.value_or(1));
  if (const std::string_view what = undecodable(*directory); !what.empty()) {
    return Error{ErrorCode::kUnsupported,
                 "TIFF " + std::string(what) + "; convert it to PNG, or to TIFF in strips"};
  }
  return header;
}

Result<PictureHeader> gif_header(Bytes bytes) {
  PictureHeader header{.format = PictureFormat::kGif, .size = {}};
  const ByteReader reader(bytes, false);
  const auto width = reader.u16(6);
  const auto height = reader.u16(8);
  if (!width || !height) return cut_off(header.format, bytes, "a logical screen descriptor");
  header.size = {static_cast<int>(*width), static_cast<int>(*height)};
  return header;
}

// Where the sub-blocks at `at` end (behind the empty one); nothing where the bytes end first.
std::optional<std::size_t> behind_sub_blocks(Bytes bytes, std::size_t at) {
  while (at < bytes.size()) {
    const std::size_t length = bytes[at];
    if (length == 0) return at + 1;
    at += 1 + length;
  }
  return std::nullopt;
}

// Is the first frame there to its end? What follows it does not matter.
bool has_first_gif_frame(Bytes bytes) {
  const auto table_bytes = [](std::uint8_t flags) {
    return (flags & 0x80U) != 0 ? std::size_t{3} << ((flags & 7U) + 1) : std::size_t{0};
  };
  if (bytes.size() < 13) return false;
  std::size_t at = 13 + table_bytes(bytes[10]);
  while (at + 1 < bytes.size()) {
    if (bytes[at] == 0x21) {
      const auto end = behind_sub_blocks(bytes, at + 2);
      if (!end) return false;
      at = *end;
    } else if (bytes[at] == 0x2C && at + 9 < bytes.size()) {
      return behind_sub_blocks(bytes, at + 11 + table_bytes(bytes[at + 9])).has_value();
    } else {
      return false;
    }
  }
  return false;
}

Result<PictureHeader> parse(Bytes bytes) {
  if (begins_with(bytes, "\xFF\xD8\xFF")) return jpeg_header(bytes);
  if (begins_with(bytes, kPngMagic)) return png_header(bytes);
  if (begins_with(bytes, "RIFF") && begins_with(bytes, "WEBP", 8)) return webp_header(bytes);
  if (begins_with(bytes, {"II*\0", 4}) || begins_with(bytes, {"MM\0*", 4})) {
    return tiff_header(bytes);
  }
  if (begins_with(bytes, "GIF87a") || begins_with(bytes, "GIF89a")) return gif_header(bytes);
  // Two letters alone would also fit text: the header's size has to be one that BMP knows.
  const auto bmp_kind = ByteReader(bytes, false).u32(14);
  if (begins_with(bytes, "BM") && (!bmp_kind || (*bmp_kind >= 12 && *bmp_kind <= 128))) {
    return bmp_header(bytes);
  }
  if (bytes.empty()) return corrupt("the file is empty; expected a picture");
  const std::string seen = describe_bytes(bytes);
  const bool known = seen.ends_with("picture");
  return Error{known ? ErrorCode::kUnsupported : ErrorCode::kCorruptInput,
               "not a picture that can be read; expected JPEG, PNG, WebP, BMP, TIFF or GIF, got " +
                   seen};
}

}  // namespace

Result<PictureHeader> read_picture_header(std::span<const std::uint8_t> bytes) {
  auto header = parse(bytes);
  if (header && (header->size.width <= 0 || header->size.height <= 0)) {
    return corrupt(std::string(to_string(header->format)) + " of " +
                   std::to_string(header->size.width) + "x" + std::to_string(header->size.height) +
                   " pixels; expected at least 1x1");
  }
  return header;
}

Result<void> check_complete(const PictureHeader& header, std::span<const std::uint8_t> bytes) {
  switch (header.format) {
    case PictureFormat::kJpeg: {
      // Searched from the back, where it nearly always stands, down to the first scan: a thumbnail
      // in the segments before has an end mark of its own.
      std::size_t scan = bytes.size();
      walk_jpeg(bytes, [&](const Segment& segment) {
        if (segment.marker == 0xDA) scan = segment.payload;
        return true;
      });
      for (std::size_t at = bytes.size(); at >= scan + 2; --at) {
        if (bytes[at - 2] == 0xFF && bytes[at - 1] == 0xD9) return {};
      }
      return cut_off(header.format, bytes, kJpegEnd);
    }
    case PictureFormat::kPng:
      if (walk_png(bytes, [](Bytes, Bytes) {})) return {};
      return cut_off(header.format, bytes, "an IEND chunk");
    case PictureFormat::kWebp: {
      const std::uint64_t declared = std::uint64_t{*ByteReader(bytes, false).u32(4)} + 8;
      if (bytes.size() >= declared) return {};
      return cut_off(header.format, bytes, grouped(declared));
    }
    case PictureFormat::kGif:
      if (has_first_gif_frame(bytes)) return {};
      return cut_off(header.format, bytes, "the end of its first frame");
    case PictureFormat::kBmp:
    case PictureFormat::kTiff: return {};
  }
  return {};
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

}  // namespace shoal
