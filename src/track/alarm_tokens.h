// The words of an alarm condition.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/result.h"

namespace shoal {

struct AlarmToken {
  enum class Kind : std::uint8_t { kWord, kNumber, kName, kSymbol, kEnd };
  Kind kind = Kind::kEnd;
  std::string text = {};   // of a name: without its quotes
  double number = 0;
  std::size_t column = 1;  // in characters, from 1
};

// The tokens with a kEnd behind them. A number ends where its digits do: "0.5s" is two tokens.
//
// Errors   invalid_argument: a character that begins nothing, a name without its closing quote,
//          bytes that are not UTF-8, more than 4,096 bytes.
[[nodiscard]] Result<std::vector<AlarmToken>> read_alarm_tokens(std::string_view text);

// "alarm condition, column 7: <problem>".
[[nodiscard]] Error alarm_error(std::size_t column, std::string_view problem);

}  // namespace shoal
