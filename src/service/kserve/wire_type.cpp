// One table of the protocol's datatypes; their order is the enum's.
#include "service/kserve/wire_type.h"

#include <fmt/format.h>

#include <array>

namespace shoal {
namespace {

struct Row {
  std::string_view name;
  std::string_view config;
  std::size_t size;
};

constexpr std::array<Row, 14> kRows{{{"BOOL", "TYPE_BOOL", 1},
                                     {"UINT8", "TYPE_UINT8", 1},
                                     {"UINT16", "TYPE_UINT16", 2},
                                     {"UINT32", "TYPE_UINT32", 4},
                                     {"UINT64", "TYPE_UINT64", 8},
                                     {"INT8", "TYPE_INT8", 1},
                                     {"INT16", "TYPE_INT16", 2},
                                     {"INT32", "TYPE_INT32", 4},
                                     {"INT64", "TYPE_INT64", 8},
                                     {"FP16", "TYPE_FP16", 2},
                                     {"FP32", "TYPE_FP32", 4},
                                     {"FP64", "TYPE_FP64", 8},
                                     {"BYTES", "TYPE_STRING", 0},
                                     {"BF16", "TYPE_BF16", 2}}};

const Row& row_of(WireType type) { return kRows[static_cast<std::size_t>(type)]; }

constexpr std::size_t kAxesMax = 16;
constexpr std::int64_t kElementsMax = std::int64_t{1} << 40;

}  // namespace

std::string_view to_string(WireType type) { return row_of(type).name; }
std::string_view config_name(WireType type) { return row_of(type).config; }
std::size_t element_size(WireType type) { return row_of(type).size; }

std::optional<WireType> wire_type_of(std::string_view name) {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].name == name) return static_cast<WireType>(i);
  }
  return std::nullopt;
}

Result<std::size_t> element_count(std::span<const std::int64_t> shape, std::string_view what) {
  if (shape.size() > kAxesMax) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: a shape of {} axes, at most {}", what, shape.size(), kAxesMax)};
  }
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t axis : shape) {
    if (axis < 0) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{}: the shape has an axis of {}, expected 0 or more", what, axis)};
    }
    if (axis == 0) {
      empty = true;
    } else if (axis > kElementsMax / count) {
      // Also where another axis is 0: nobody means a shape like that.
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{}: the shape has more than 2^40 elements", what)};
    } else {
      count *= axis;
    }
  }
  return empty ? std::size_t{0} : static_cast<std::size_t>(count);
}

}  // namespace shoal
