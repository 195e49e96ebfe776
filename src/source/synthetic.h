// The synthetic source: a procedural circuit-board line as RGB pixels, with its ground truth.
// The drawing is board.h's; here are the specification, the pace and the packets.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "shoal/geometry.h"
#include "shoal/result.h"
#include "source/source.h"

namespace shoal {

// One defect that is in view.
struct SyntheticTruth {
  Box<SourceSpace> box;
  std::int32_t class_id = 0;  // of model `pcb`: open, short, mousebite, spur, copper, pin-hole
  std::int64_t track_id = 0;  // same defect, same id, in every frame
};

class SyntheticSource : public Source {
 public:
  // `spec` is "synthetic:pcb" with, after '?', any of these keys, joined by '&':
  //   size=1280x720   pixels, 16 to 7680x4320       fps=25       frames a second, above 0
  //   seed=1          which line                    frames=500   how many; absent: no end
  //   defects=4       per board, 0..16              pace=fast    or live: at fps, in real time
  //
  // `pace` is `options.pace` where the key is absent.
  // Errors   invalid_argument: what, which, expected, got; with a suggestion for a mistyped key.
  [[nodiscard]] static Result<std::unique_ptr<SyntheticSource>> create(
      std::string_view spec, const SourceOptions& options);
  // The errors of create, without what it costs to draw the line's boards.
  [[nodiscard]] static Result<void> check(std::string_view spec);

  // The defects in view in a frame: what a perfect detector would answer. Any frame, any time.
  // Threads  any; does not touch the state of next().
  [[nodiscard]] virtual std::vector<SyntheticTruth> truth_of(FrameId frame) const = 0;
};

}  // namespace shoal
