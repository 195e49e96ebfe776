// The motion model of one box: centre, aspect ratio and height, each with a velocity, as in SORT
// and ByteTrack, but by elapsed time. Deliberately no matrices: nothing in the model couples the
// four coordinates, so the 8x8 filter of the papers is exactly four of two states each.
#pragma once

#include "shoal/geometry.h"

namespace shoal {

// A coordinate that moves evenly: position, velocity a second and their covariance.
struct MovingValue {
  double position = 0;
  double velocity = 0;
  double position_variance = 0;
  double covariance = 0;
  double velocity_variance = 0;
};

// How much time passes, and how long this camera's frame usually takes. The noise of the papers is
// per frame; with seconds == frame a step is their step to the last digit, and with
// seconds == 2 * frame it is two of their steps (with the noise of the height at the start).
struct FilterStep {
  double seconds = 0;
  double frame = 0;  // > 0
};

// Noise model    Wojke et al., "Simple Online and Realtime Tracking with a Deep Association
//                Metric", 2017, which ByteTrack uses: standard deviations are shares of the height,
//                1/20 for positions and 1/160 a frame for velocities.
// Cost           some 30 multiplications a step; no allocation.
class BoxFilter {
 public:
  BoxFilter() = default;
  // How uncertain the velocity is, which is a matter of frames, is settled by the first predict():
  // at a camera's first frame nobody knows how long its frames take.
  // REQUIRES: width and height > 0, finite.
  explicit BoxFilter(const Box<SourceSpace>& measured);

  // `keeps_height`: the height's velocity is set to zero first. ByteTrack does that with lost
  // objects, whose boxes would grow or shrink without limit.
  void predict(const FilterStep& step, bool keeps_height);
  // REQUIRES: as the constructor.
  void correct(const Box<SourceSpace>& measured);

  // Never inverted, but it may be empty and lie outside the picture.
  [[nodiscard]] Box<SourceSpace> box() const;

  [[nodiscard]] const MovingValue& x() const { return x_; }  // of the centre
  [[nodiscard]] const MovingValue& y() const { return y_; }
  [[nodiscard]] const MovingValue& aspect() const { return aspect_; }  // width / height
  [[nodiscard]] const MovingValue& height() const { return height_; }

 private:
  MovingValue x_, y_, aspect_, height_;
  double first_height_ = 0;  // > 0 until the first predict()
};

}  // namespace shoal
