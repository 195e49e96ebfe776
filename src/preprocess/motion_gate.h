// Whether a picture has changed since the last one that went to the network: small grey copies are
// compared, so it costs microseconds where inference costs milliseconds.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <vector>

#include "core/clock.h"
#include "shoal/frame.h"

namespace shoal {

struct MotionGateOptions {
  double threshold = 0.01;                            // share of cells that have to change
  Duration refresh = std::chrono::seconds(2);         // passes at least this often
  int cell_levels = 12;                               // grey levels that a cell has to change by
};

// Cells of about 1/96 of the picture's width, each the mean of a sparse sample of its pixels. A
// cell that changed against the last picture that passed counts; a change of light of the whole
// picture is taken off by its median. An object is seen where it changes `threshold` of the cells:
// with 0.01 and a picture of 16:9 that are about 50 of 5,000.
//
// Threads  one at a time. Cost  some 60 us at 1280x720, 90 us at 1920x1080 (docs/tracking.md); no
//          allocation once the size is known.
class MotionGate {
 public:
  explicit MotionGate(const MotionGateOptions& options) : options_(options) {}
  // True: it changed (or it is time to refresh, or it has another size): run the network; it
  // becomes the reference.
  [[nodiscard]] bool passes(const ImageView& picture, TimePoint now);
  [[nodiscard]] double changed() const { return changed_; }  // share of cells, at the last call
  void restart() { reference_.clear(); }

 private:
  void lay_out(Size size);
  void fill_cells(const ImageView& picture);
  [[nodiscard]] double share_changed();

  MotionGateOptions options_;
  std::vector<std::uint8_t> reference_;
  std::vector<std::uint8_t> cells_;
  std::vector<std::uint16_t> sums_;           // of one row of cells
  std::vector<std::int32_t> column_offsets_;  // bytes from a row's start, samples by cell
  std::array<std::int32_t, 511> levels_{};    // how many cells changed by level - 255
  Size size_;
  int rows_ = 0;
  int columns_ = 0;
  TimePoint passed_{};
  double changed_ = 0;
};

}  // namespace shoal
