// The datatypes of the KServe protocol: names, sizes, and the names that model configurations use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "shoal/result.h"

namespace shoal {

enum class WireType : std::uint8_t {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFp16,
  kFp32,
  kFp64,
  kBytes,
  kBf16,
};

// "FP32".
[[nodiscard]] std::string_view to_string(WireType type);
// "TYPE_FP32"; BYTES is "TYPE_STRING".
[[nodiscard]] std::string_view config_name(WireType type);
// Exact names only, as the protocol has them.
[[nodiscard]] std::optional<WireType> wire_type_of(std::string_view name);
// Bytes of one element; 0 for kBytes, whose elements have a length each.
[[nodiscard]] std::size_t element_size(WireType type);

// Elements of a tensor of this shape; a shape without axes has one.
// Errors   invalid_argument: an axis below zero, more than 16 axes, more than 2^40 elements; the
//          message begins with `what`.
[[nodiscard]] Result<std::size_t> element_count(std::span<const std::int64_t> shape,
                                                std::string_view what);

}  // namespace shoal
