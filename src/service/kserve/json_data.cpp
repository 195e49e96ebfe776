// From JSON's numbers to packed elements, each checked against what its datatype can hold.
#include "service/kserve/json_data.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <concepts>
#include <cstring>
#include <limits>
#include <utility>

namespace shoal {

void JsonData::add(double value) { add(Kind::kReal, std::bit_cast<std::uint64_t>(value)); }

void JsonData::add_not_finite(double value) {
  add(Kind::kNotFinite, std::bit_cast<std::uint64_t>(value));
}

template <typename T>
bool JsonData::convert(std::size_t index, T& value) const {
  const std::uint64_t bits = values_[index];
  const double real = std::bit_cast<double>(bits);
  const auto number = static_cast<std::int64_t>(bits);
  if constexpr (std::same_as<T, bool>) {
    if (kinds_[index] == Kind::kReal || kinds_[index] == Kind::kNotFinite || bits > 1) return false;
    value = bits == 1;
    return true;
  } else if constexpr (std::floating_point<T>) {
    switch (kinds_[index]) {
      case Kind::kReal: value = static_cast<T>(real); break;
      case Kind::kInt: value = static_cast<T>(number); break;
      case Kind::kUint: value = static_cast<T>(bits); break;
      case Kind::kNotFinite: value = static_cast<T>(real); return true;
      case Kind::kBool: return false;
    }
    return std::isfinite(value);
  } else {
    switch (kinds_[index]) {
      case Kind::kInt: value = static_cast<T>(number); return std::in_range<T>(number);
      case Kind::kUint: value = static_cast<T>(bits); return std::in_range<T>(bits);
      case Kind::kReal:
        // Whole numbers that were written with a point; 2^53 is where doubles stop counting.
        if (std::abs(real) > 9007199254740992.0 || real != std::trunc(real)) return false;
        value = static_cast<T>(static_cast<std::int64_t>(real));
        return std::in_range<T>(static_cast<std::int64_t>(real));
      case Kind::kNotFinite:
      case Kind::kBool: return false;
    }
    return false;
  }
}

template <typename T>
Result<void> JsonData::pack_as(InputTensor& tensor) {
  tensor.own.resize(values_.size() * sizeof(T));
  for (std::size_t i = 0; i < values_.size(); ++i) {
    T value{};
    if (!convert(i, value)) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("input {}: value {} of the data is no {}", tensor.name, i,
                               to_string(tensor.type))};
    }
    std::memcpy(tensor.own.data() + i * sizeof(T), &value, sizeof(T));
  }
  tensor.data = tensor.own;
  values_ = {};
  kinds_ = {};
  return {};
}

Result<void> JsonData::pack_text(InputTensor& tensor) {
  tensor.origin = BytesOrigin::kText;
  tensor.own.assign(text_.begin(), text_.end());
  tensor.elements.reserve(ends_.size());
  const std::span<const std::uint8_t> all(tensor.own);
  std::size_t start = 0;
  for (const std::size_t end : ends_) {
    tensor.elements.push_back(all.subspan(start, end - start));
    start = end;
  }
  text_ = {};
  ends_ = {};
  return {};
}

Result<void> JsonData::pack(InputTensor& tensor) {
  const std::size_t count =
      SHOAL_TRY(element_count(tensor.shape, fmt::format("input {}", tensor.name)));
  if (size() != count) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("input {}: the shape has {} elements, the data {}", tensor.name, count,
                             size())};
  }
  const bool text = tensor.type == WireType::kBytes;
  if (text ? !values_.empty() : !ends_.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("input {}: data of {} has to be {}", tensor.name,
                             to_string(tensor.type), text ? "text" : "numbers")};
  }
  switch (tensor.type) {
    case WireType::kBool: return pack_as<bool>(tensor);
    case WireType::kUint8: return pack_as<std::uint8_t>(tensor);
    case WireType::kUint16: return pack_as<std::uint16_t>(tensor);
    case WireType::kUint32: return pack_as<std::uint32_t>(tensor);
    case WireType::kUint64: return pack_as<std::uint64_t>(tensor);
    case WireType::kInt8: return pack_as<std::int8_t>(tensor);
    case WireType::kInt16: return pack_as<std::int16_t>(tensor);
    case WireType::kInt32: return pack_as<std::int32_t>(tensor);
    case WireType::kInt64: return pack_as<std::int64_t>(tensor);
    case WireType::kFp32: return pack_as<float>(tensor);
    case WireType::kFp64: return pack_as<double>(tensor);
    case WireType::kBytes: return pack_text(tensor);
    case WireType::kFp16:
    case WireType::kBf16: break;
  }
  return Error{ErrorCode::kUnsupported,
               fmt::format("input {}: {} has no form in JSON; send it as binary data", tensor.name,
                           to_string(tensor.type))};
}

}  // namespace shoal
