// Whole groups by a table; what a piece begins or ends with and line breaks, a character at a time.
#include "service/rest/base64.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace shoal {
namespace {

constexpr std::uint32_t kNone = 0xFF00'0000;

constexpr std::array<std::uint32_t, 256> make_values() {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::uint32_t, 256> values{};
  values.fill(kNone);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint32_t>(i);
  }
  values['-'] = values['+'];  // the alphabet for URLs, RFC 4648 section 5
  values['_'] = values['/'];
  return values;
}

constexpr std::array<std::uint32_t, 256> kValues = make_values();

std::uint32_t value_of(char c) { return kValues[static_cast<unsigned char>(c)]; }

Error corrupt(std::string_view what, std::uint64_t position) {
  return {ErrorCode::kCorruptInput, fmt::format("base64: {} at character {}", what, position)};
}

std::string shown(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7F ? fmt::format("'{}'", c) : fmt::format("byte 0x{:02x}", byte);
}

}  // namespace

Result<void> Base64Decoder::feed(std::string_view text, std::vector<std::uint8_t>& bytes) {
  while (!text.empty()) {
    if (filled_ > 0 || padding_ > 0 || text.size() < 4) {
      SHOAL_TRY(take(text.front(), bytes));
      text.remove_prefix(1);
      continue;
    }
    // By way of a block: however the lines are cut, what is done is in proportion to the text.
    std::array<std::uint8_t, 3072> block;
    std::uint8_t* out = block.data();
    const std::size_t most = std::min(text.size(), block.size() / 3 * 4);
    std::size_t at = 0;
    for (; at + 4 <= most; at += 4) {
      const std::uint32_t group = value_of(text[at]) << 18 | value_of(text[at + 1]) << 12 |
                                  value_of(text[at + 2]) << 6 | value_of(text[at + 3]);
      const std::uint32_t bad = (value_of(text[at]) | value_of(text[at + 1]) |
                                 value_of(text[at + 2]) | value_of(text[at + 3])) & kNone;
      if (bad != 0) break;
      *out++ = static_cast<std::uint8_t>(group >> 16);
      *out++ = static_cast<std::uint8_t>(group >> 8);
      *out++ = static_cast<std::uint8_t>(group);
    }
    bytes.insert(bytes.end(), block.data(), out);
    position_ += at;
    text.remove_prefix(at);
    if (at + 4 <= most) {
      // The group that the table does not know is looked at a character at a time: the next round
      // would meet it again.
      for (int i = 0; i < 4 && !text.empty(); ++i, text.remove_prefix(1)) {
        SHOAL_TRY(take(text.front(), bytes));
      }
    }
  }
  return {};
}

Result<void> Base64Decoder::take(char c, std::vector<std::uint8_t>& bytes) {
  if (c == '\n' || c == '\r' || c == '\t') {
    ++position_;
    return {};
  }
  if (c == '=') {
    if (filled_ < 2) return corrupt("padding where no group can end", position_);
    ++padding_;
  } else {
    const std::uint32_t value = value_of(c);
    if (value == kNone) return corrupt(shown(c) + " is not of the alphabet", position_);
    if (padding_ > 0) return corrupt("text behind the padding", position_);
    group_ = group_ << 6 | value;
  }
  ++position_;
  if (++filled_ < 4) return {};
  return end_group(bytes);
}

// Four characters, padding among them, in bytes.
Result<void> Base64Decoder::end_group(std::vector<std::uint8_t>& bytes) {
  group_ <<= 6 * padding_;
  const std::uint32_t unused = padding_ == 0 ? 0 : padding_ == 1 ? 0xFF : 0xFFFF;
  if ((group_ & unused) != 0) return corrupt("bits behind the last byte", position_ - 1);
  for (int i = 0; i < 3 - padding_; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(group_ >> (16 - 8 * i)));
  }
  group_ = 0;
  filled_ = 0;
  return {};
}

Result<void> Base64Decoder::finish(std::vector<std::uint8_t>& bytes) {
  if (filled_ == 0) return {};
  if (filled_ == 1 || padding_ > 0) {
    return corrupt("the text ends within a group of four", position_);
  }
  padding_ = 4 - filled_;
  return end_group(bytes);
}

}  // namespace shoal
