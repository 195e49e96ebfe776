// The values of a tensor's "data" as JSON has them, until the datatype is known: it may stand
// behind them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "service/kserve/message.h"
#include "shoal/result.h"

namespace shoal {

class JsonData {
 public:
  void add(std::int64_t value) { add(Kind::kInt, static_cast<std::uint64_t>(value)); }
  void add(std::uint64_t value) { add(Kind::kUint, value); }
  void add(double value);
  void add(bool value) { add(Kind::kBool, value ? 1 : 0); }
  // NaN and the infinities, where they were written as such: a number that is too large for its
  // datatype is none of these, but an error.
  void add_not_finite(double value);
  // Text comes in pieces; end_text() closes an element.
  void add_text(std::string_view piece) { text_.append(piece); }
  void end_text() { ends_.push_back(text_.size()); }

  [[nodiscard]] std::size_t size() const { return values_.size() + ends_.size(); }

  // Packs all values as `tensor.type` into `tensor.own` and points `data` or `elements` at them.
  // Releases what is held here on the way.
  //
  // Errors   invalid_argument: another number of values than the shape has, a value that the
  //          datatype cannot hold, text among numbers; unsupported: FP16 and BF16, which JSON has
  //          no form for.
  [[nodiscard]] Result<void> pack(InputTensor& tensor);

 private:
  enum class Kind : std::uint8_t { kInt, kUint, kReal, kNotFinite, kBool };
  void add(Kind kind, std::uint64_t bits) {
    values_.push_back(bits);
    kinds_.push_back(kind);
  }
  template <typename T>
  [[nodiscard]] Result<void> pack_as(InputTensor& tensor);
  template <typename T>
  [[nodiscard]] bool convert(std::size_t index, T& value) const;
  [[nodiscard]] Result<void> pack_text(InputTensor& tensor);

  std::vector<std::uint64_t> values_;
  std::vector<Kind> kinds_;
  std::string text_;
  std::vector<std::size_t> ends_;
};

}  // namespace shoal
