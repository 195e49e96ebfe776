// A decoded centre stays near its cell whatever the weights: offsets are small by design.
#include "engine/openvino/grid_probe.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/openvino/compile.h"
#include "engine/openvino/trial.h"

namespace shoal {

Result<double> centre_distance(const GraphPointer& fixed, InputLayout layout,
                               const CellGrid& grid) {
  return catching(ErrorCode::kUnsupported, "trial run", [&]() -> Result<double> {
    const CompileSettings settings{.precision = Precision::kFp32, .cache_folder = {}};
    auto compiled = compile(fixed, layout, InputDescription{}, settings);
    const TrialRows rows = run_trial(compiled, 1);
    const std::vector<float>& values = rows[0][grid.output];
    const ov::Shape shape = compiled.output(grid.output).get_shape();
    const std::size_t cells = grid.channels_first ? shape[2] : shape[1];
    const std::size_t channels = grid.channels_first ? shape[1] : shape[2];
    const auto value = [&](std::size_t cell, std::size_t channel) -> double {
      return grid.channels_first ? values[channel * cells + cell]
                                 : values[cell * channels + channel];
    };
    std::vector<double> distances;
    distances.reserve(cells);
    std::size_t cell = 0;
    for (const int stride : grid.strides) {
      const int columns = (grid.size.width + stride - 1) / stride;
      const int rows_of_cells = (grid.size.height + stride - 1) / stride;
      const int planes = grid.anchors * rows_of_cells * columns;
      for (int i = 0; i < planes && cell < cells; ++i, ++cell) {
        const int column = i % columns;
        const int row = i / columns % rows_of_cells;
        distances.push_back(std::hypot(value(cell, 0) / stride - (column + 0.5),
                                       value(cell, 1) / stride - (row + 0.5)));
      }
    }
    if (distances.empty()) return Error{ErrorCode::kInternal, "trial run: no cells"};
    const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
    std::nth_element(distances.begin(), middle, distances.end());
    return *middle;
  });
}

}  // namespace shoal
