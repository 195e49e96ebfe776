// What JSON has no word for and Python, Triton and others write all the same: NaN and Infinity.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace shoal {

// A word for a number that is not finite, and where it stands.
struct JsonLiteral {
  std::size_t position = 0;
  std::size_t length = 0;
  double value = 0;
};

// Finds these words outside of texts, in order: NaN, Inf and Infinity, each with or without a '-'
// in front, as Triton's reader has them. Whether a value may stand there is the parser's to say.
class JsonLiterals {
 public:
  // `json` outlives this.
  explicit JsonLiterals(std::string_view json);

  // The next one; nothing where there is none any more.
  // Cost     of all calls together: one look for the words; where there are any, about 1 ns a byte.
  [[nodiscard]] std::optional<JsonLiteral> next();

 private:
  std::string_view json_;
  std::size_t at_ = 0;
};

}  // namespace shoal
