#include "engine/openvino/grid_probe.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace shoal {
namespace {

// Smooth gradients and noise, 0..1, so that every cell sees something; the same on every run.
void fill_trial_picture(ov::Tensor& tensor) {
  float* values = tensor.data<float>();
  std::uint32_t state = 0x9E3779B9U;
  for (std::size_t i = 0; i < tensor.get_size(); ++i) {
    state = state * 1664525U + 1013904223U;
    values[i] = static_cast<float>(state >> 8U) / static_cast<float>(1U << 24U);
  }
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

Result<double> centre_distance(const GraphPointer& fixed, std::size_t index, bool channels_first,
                               int anchors, std::span<const int> strides, Size size) {
  return catching(ErrorCode::kUnsupported, "trial run", [&]() -> Result<double> {
    auto compiled = openvino_core().compile_model(
        fixed, "CPU", ov::hint::inference_precision(ov::element::f32), ov::num_streams(1),
        ov::hint::enable_cpu_pinning(false));
    auto request = compiled.create_infer_request();
    ov::Tensor input(ov::element::f32, compiled.input().get_shape());
    if (compiled.input().get_element_type() != ov::element::f32) {
      return Error{ErrorCode::kUnsupported, "trial run: the input is not f32"};
    }
    fill_trial_picture(input);
    request.set_input_tensor(input);
    request.infer();
    const ov::Tensor output = request.get_output_tensor(index);
    const ov::Shape shape = output.get_shape();
    const float* data = output.data<const float>();
    const std::size_t cells = channels_first ? shape[2] : shape[1];
    const std::size_t channels = channels_first ? shape[1] : shape[2];
    const auto value = [&](std::size_t cell, std::size_t channel) -> double {
      return channels_first ? data[channel * cells + cell] : data[cell * channels + channel];
    };
    std::vector<double> distances;
    distances.reserve(cells);
    std::size_t cell = 0;
    for (const int stride : strides) {
      const int columns = (size.width + stride - 1) / stride;
      const int rows = (size.height + stride - 1) / stride;
      for (int plane = 0; plane < anchors * rows * columns && cell < cells; ++plane, ++cell) {
        const int column = plane % columns;
        const int row = plane / columns % rows;
        distances.push_back(std::hypot(value(cell, 0) / stride - (column + 0.5),
                                       value(cell, 1) / stride - (row + 0.5)));
      }
    }
    if (distances.empty()) return Error{ErrorCode::kInternal, "trial run: no cells"};
    return median(distances);
  });
}

Result<bool> looks_decoded(const GraphPointer& fixed, std::size_t index,
                           std::span<const int> strides, Size size) {
  const double distance =
      SHOAL_TRY(centre_distance(fixed, index, false, 1, strides, size));
  return distance < 3.0;
}

}  // namespace shoal
