// Views of tensors on the host. Owning is the engine's business.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace shoal {

enum class DataType : std::uint8_t { kF32, kF16, kU8, kI32, kI64 };

// Up to six dimensions, outermost first.
struct Shape {
  std::array<std::int64_t, 6> dims{};
  int rank = 0;
  [[nodiscard]] std::int64_t operator[](int axis) const {
    return dims[static_cast<std::size_t>(axis)];
  }
  [[nodiscard]] std::int64_t element_count() const {
    std::int64_t count = 1;
    for (int axis = 0; axis < rank; ++axis) count *= (*this)[axis];
    return count;
  }
  friend bool operator==(const Shape&, const Shape&) = default;
};

// Packed f32 values of one picture: no batch axis.
struct TensorView {
  const float* data = nullptr;
  Shape shape;
};

// A network's raw answer for one picture: its outputs in the order of the model description.
using HeadView = std::span<const TensorView>;

}  // namespace shoal
