// The filter's equations for one coordinate, and the noise of the four.
#include "track/kalman.h"

#include <algorithm>

namespace shoal {
namespace {

constexpr double kPositionShare = 1.0 / 20;   // of the height
constexpr double kVelocityShare = 1.0 / 160;  // of the height, a frame
constexpr double kAspectDeviation = 1e-2;
constexpr double kAspectVelocityDeviation = 1e-5;  // a frame
constexpr double kAspectMeasured = 1e-1;

constexpr double squared(double value) { return value * value; }

MovingValue begin(double measured, double deviation) {
  return {.position = measured, .position_variance = squared(deviation)};
}

// The closed form of n steps of one frame, each of which adds noise to position and velocity, for
// any n > 0: sums of 1, i and i * i for i < n, written as polynomials. At n = 1 only the plain
// noise is left. Below 1 the polynomials are slightly negative; they cannot outweigh the plain
// noise of the position, which is 64 times that of the velocity.
void predict_value(MovingValue& value, const FilterStep& step, double position_noise,
                   double velocity_noise) {
  const double t = step.seconds;
  const double n = t / step.frame;
  const double q = velocity_noise / squared(step.frame);  // per second
  value.position += value.velocity * t;
  value.position_variance += 2 * t * value.covariance + t * t * value.velocity_variance +
                             n * position_noise +
                             velocity_noise * (n - 1) * n * (2 * n - 1) / 6;
  value.covariance += t * value.velocity_variance + q * step.frame * n * (n - 1) / 2;
  value.velocity_variance += n * q;
}

void correct_value(MovingValue& value, double measured, double measured_deviation) {
  const double total = value.position_variance + squared(measured_deviation);
  const double position_gain = value.position_variance / total;
  const double velocity_gain = value.covariance / total;
  const double surprise = measured - value.position;
  value.position += position_gain * surprise;
  value.velocity += velocity_gain * surprise;
  value.velocity_variance -= velocity_gain * value.covariance;
  value.covariance -= position_gain * value.covariance;
  value.position_variance -= position_gain * value.position_variance;
}

}  // namespace

BoxFilter::BoxFilter(const Box<SourceSpace>& measured) {
  const double width = static_cast<double>(measured.x2) - measured.x1;
  const double height = static_cast<double>(measured.y2) - measured.y1;
  const double deviation = 2 * kPositionShare * height;
  x_ = begin(measured.x1 + width / 2, deviation);
  y_ = begin(measured.y1 + height / 2, deviation);
  aspect_ = begin(width / height, kAspectDeviation);
  height_ = begin(height, deviation);
  first_height_ = height;
}

void BoxFilter::predict(const FilterStep& step, bool keeps_height) {
  if (keeps_height) height_.velocity = 0;
  if (step.seconds <= 0) return;
  if (first_height_ > 0) {
    const double deviation = 10 * kVelocityShare * first_height_ / step.frame;
    for (MovingValue* value : {&x_, &y_, &height_}) value->velocity_variance = squared(deviation);
    aspect_.velocity_variance = squared(kAspectVelocityDeviation / step.frame);
    first_height_ = 0;
  }
  const double position = squared(kPositionShare * height_.position);
  const double velocity = squared(kVelocityShare * height_.position);
  predict_value(x_, step, position, velocity);
  predict_value(y_, step, position, velocity);
  predict_value(aspect_, step, squared(kAspectDeviation), squared(kAspectVelocityDeviation));
  predict_value(height_, step, position, velocity);
}

void BoxFilter::correct(const Box<SourceSpace>& measured) {
  const double width = static_cast<double>(measured.x2) - measured.x1;
  const double height = static_cast<double>(measured.y2) - measured.y1;
  const double deviation = kPositionShare * height_.position;
  correct_value(x_, measured.x1 + width / 2, deviation);
  correct_value(y_, measured.y1 + height / 2, deviation);
  correct_value(aspect_, width / height, kAspectMeasured);
  correct_value(height_, height, deviation);
}

Box<SourceSpace> BoxFilter::box() const {
  const double height = std::max(0.0, height_.position);
  const double width = std::max(0.0, aspect_.position) * height;
  return {.x1 = static_cast<float>(x_.position - width / 2),
          .y1 = static_cast<float>(y_.position - height / 2),
          .x2 = static_cast<float>(x_.position + width / 2),
          .y2 = static_cast<float>(y_.position + height / 2)};
}

}  // namespace shoal
