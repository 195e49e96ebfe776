// Names what bytes that are no picture look like, so that a message can say it: a renamed text
// file, a download that is an error page, a video, a format that cameras write.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "decode/picture_header.h"

namespace shoal {
namespace {

struct Magic {
  std::size_t at;
  std::string_view bytes;
  std::string_view name;
};

// "... picture" at the end of a name marks pictures that Shoal does not read.
constexpr std::array kMagics = {
    Magic{4, "ftypheic", "a HEIC picture"},
    Magic{4, "ftypheix", "a HEIC picture"},
    Magic{4, "ftypmif1", "a HEIF picture"},
    Magic{4, "ftypavif", "an AVIF picture"},
    Magic{4, "ftyp", "an MP4 or MOV video"},
    Magic{0, {"\0\0\0\x0cJXL ", 8}, "a JPEG XL picture"},
    Magic{0, "\xFF\x0A", "a JPEG XL picture"},
    Magic{0, {"\0\0\0\x0cjP  ", 8}, "a JPEG 2000 picture"},
    Magic{0, "8BPS", "a Photoshop picture"},
    Magic{0, "II+", "a BigTIFF picture"},
    Magic{0, {"\0\0\1\0", 4}, "a Windows icon picture"},
    Magic{0, "%PDF", "a PDF document"},
    Magic{0, "PK\x03\x04", "a ZIP archive"},
    Magic{0, "\x1f\x8b", "gzip data"},
    Magic{0, "\x1a\x45\xdf\xa3", "a Matroska or WebM video"},
    Magic{8, "AVI ", "an AVI video"},
    Magic{0, "\x7f" "ELF", "a program"},
};

bool holds(std::span<const std::uint8_t> bytes, const Magic& magic) {
  return bytes.size() >= magic.at + magic.bytes.size() &&
         std::equal(magic.bytes.begin(), magic.bytes.end(),
                    bytes.begin() + static_cast<std::ptrdiff_t>(magic.at),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

bool is_text(std::uint8_t byte) {
  return (byte >= 0x20 && byte != 0x7F) || byte == '\n' || byte == '\r' || byte == '\t';
}

std::string hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (!text.empty()) text += ' ';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

std::string describe_bytes(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return "nothing";
  for (const Magic& magic : kMagics) {
    if (holds(bytes, magic)) return std::string(magic.name);
  }
  const auto head = bytes.first(std::min<std::size_t>(bytes.size(), 256));
  if (std::all_of(head.begin(), head.end(), is_text)) {
    // Only ASCII is quoted: the message must stay valid UTF-8 wherever the quotation is cut.
    std::string quoted;
    for (const std::uint8_t byte : head.first(std::min<std::size_t>(head.size(), 24))) {
      if (byte == '\n' || byte == '\r' || byte >= 0x80) break;
      quoted += byte == '"' || byte == '\t' || byte == '\\' ? '\'' : static_cast<char>(byte);
    }
    return "text that begins with \"" + quoted + "\"";
  }
  if (std::all_of(head.begin(), head.end(), [](std::uint8_t byte) { return byte == 0; })) {
    return "zero bytes only";
  }
  return "bytes that begin with " + hex(head.first(std::min<std::size_t>(head.size(), 8)));
}

}  // namespace shoal
