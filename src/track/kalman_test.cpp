// The four small filters against the 8x8 matrices of the papers, written out here; steps of several
// frames against as many steps.
#include "track/kalman.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>

namespace shoal {
namespace {

constexpr int kN = 8;
using Matrix = std::array<std::array<double, kN>, kN>;
using Vector = std::array<double, kN>;

Matrix multiply(const Matrix& a, const Matrix& b) {
  Matrix c{};
  for (std::size_t i = 0; i < kN; ++i) {
    for (std::size_t k = 0; k < kN; ++k) {
      for (std::size_t j = 0; j < kN; ++j) c[i][j] += a[i][k] * b[k][j];
    }
  }
  return c;
}

Matrix transposed(const Matrix& a) {
  Matrix b{};
  for (std::size_t i = 0; i < kN; ++i) {
    for (std::size_t j = 0; j < kN; ++j) b[j][i] = a[i][j];
  }
  return b;
}

// SORT's filter as the papers have it, by frames: x, y, aspect, height and their velocities.
struct MatrixFilter {
  Vector mean{};
  Matrix covariance{};

  explicit MatrixFilter(const std::array<double, 4>& z) {
    const double h = z[3];
    for (std::size_t i = 0; i < 4; ++i) mean[i] = z[i];
    const Vector deviations{h / 10, h / 10, 1e-2, h / 10, h / 16, h / 16, 1e-5, h / 16};
    for (std::size_t i = 0; i < kN; ++i) covariance[i][i] = deviations[i] * deviations[i];
  }

  void predict() {
    const double h = mean[3];
    const Vector deviations{h / 20, h / 20, 1e-2, h / 20, h / 160, h / 160, 1e-5, h / 160};
    Matrix motion{};
    for (std::size_t i = 0; i < kN; ++i) motion[i][i] = 1;
    for (std::size_t i = 0; i < 4; ++i) motion[i][i + 4] = 1;
    for (std::size_t i = 0; i < 4; ++i) mean[i] += mean[i + 4];
    covariance = multiply(multiply(motion, covariance), transposed(motion));
    for (std::size_t i = 0; i < kN; ++i) covariance[i][i] += deviations[i] * deviations[i];
  }

  void correct(const std::array<double, 4>& z) {
    const double h = mean[3];
    const std::array<double, 4> deviations{h / 20, h / 20, 1e-1, h / 20};
    // One coordinate after the other, which is the same for independent measurements.
    for (std::size_t m = 0; m < 4; ++m) {
      const double total = covariance[m][m] + deviations[m] * deviations[m];
      Vector gain{};
      for (std::size_t i = 0; i < kN; ++i) gain[i] = covariance[i][m] / total;
      const double surprise = z[m] - mean[m];
      const Vector row = covariance[m];
      for (std::size_t i = 0; i < kN; ++i) {
        mean[i] += gain[i] * surprise;
        for (std::size_t j = 0; j < kN; ++j) covariance[i][j] -= gain[i] * row[j];
      }
    }
  }
};

Box<SourceSpace> box_of(const std::array<double, 4>& z) {
  const double width = z[2] * z[3];
  return {static_cast<float>(z[0] - width / 2), static_cast<float>(z[1] - z[3] / 2),
          static_cast<float>(z[0] + width / 2), static_cast<float>(z[1] + z[3] / 2)};
}

// What the filter sees of a measurement once it is a box of floats.
std::array<double, 4> seen(const Box<SourceSpace>& box) {
  const double width = static_cast<double>(box.x2) - box.x1;
  const double height = static_cast<double>(box.y2) - box.y1;
  return {box.x1 + width / 2, box.y1 + height / 2, width / height, height};
}

void expect_same(const BoxFilter& filter, const MatrixFilter& matrices, double frame) {
  const std::array<const MovingValue*, 4> values{&filter.x(), &filter.y(), &filter.aspect(),
                                                 &filter.height()};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto near = [](double a, double b) {
      EXPECT_NEAR(a, b, 1e-9 * std::max(1.0, std::abs(b)));
    };
    near(values[i]->position, matrices.mean[i]);
    near(values[i]->velocity * frame, matrices.mean[i + 4]);
    near(values[i]->position_variance, matrices.covariance[i][i]);
    near(values[i]->covariance * frame, matrices.covariance[i][i + 4]);
    near(values[i]->velocity_variance * frame * frame, matrices.covariance[i + 4][i + 4]);
  }
}

class BoxFilterRateTest : public ::testing::TestWithParam<double> {};

TEST_P(BoxFilterRateTest, EqualsTheMatricesOfThePaperAtAnEvenFrameRate) {
  const double frame = GetParam();
  std::mt19937 random(7);
  std::normal_distribution<double> noise;
  for (int object = 0; object < 20; ++object) {
    std::array<double, 4> z{300 + 100 * noise(random), 200 + 50 * noise(random), 0.5, 80};
    Box<SourceSpace> box = box_of(z);
    BoxFilter filter(box);
    MatrixFilter matrices(seen(box));
    for (int i = 0; i < 60; ++i) {
      filter.predict({.seconds = frame, .frame = frame}, false);
      matrices.predict();
      expect_same(filter, matrices, frame);
      if (i % 7 == 5) continue;  // not detected
      z[0] += 3 + noise(random);
      z[1] += noise(random);
      z[2] *= std::exp(0.02 * noise(random));
      z[3] *= std::exp(0.02 * noise(random));
      box = box_of(z);
      filter.correct(box);
      matrices.correct(seen(box));
      expect_same(filter, matrices, frame);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rates, BoxFilterRateTest, ::testing::Values(1.0, 0.04, 1.0 / 30, 0.5));

BoxFilter moving_object() {
  BoxFilter filter(box_of({100, 100, 0.4, 60}));
  for (int i = 1; i < 12; ++i) {
    filter.predict({.seconds = 0.04, .frame = 0.04}, true);
    filter.correct(box_of({100.0 + 5 * i, 100.0 - 2 * i, 0.4, 60}));
  }
  return filter;
}

TEST(BoxFilterTest, AStepOfThreeFramesIsThreeSteps) {
  BoxFilter once = moving_object();
  BoxFilter thrice = once;
  // With the height kept: the noise follows it, and one step knows the height at its start only.
  once.predict({.seconds = 0.12, .frame = 0.04}, true);
  for (int i = 0; i < 3; ++i) thrice.predict({.seconds = 0.04, .frame = 0.04}, true);
  const auto same = [](const MovingValue& a, const MovingValue& b) {
    EXPECT_NEAR(a.position, b.position, 1e-9);
    EXPECT_NEAR(a.velocity, b.velocity, 1e-9);
    EXPECT_NEAR(a.position_variance, b.position_variance, 1e-9);
    EXPECT_NEAR(a.covariance, b.covariance, 1e-9);
    EXPECT_NEAR(a.velocity_variance, b.velocity_variance, 1e-9);
  };
  same(once.x(), thrice.x());
  same(once.y(), thrice.y());
  same(once.aspect(), thrice.aspect());
}

TEST(BoxFilterTest, AnyStepLeavesACovarianceThatIsOne) {
  for (const double share : {0.001, 0.1, 0.5, 0.75, 0.999, 1.5, 10.0, 1000.0}) {
    BoxFilter filter = moving_object();
    for (int i = 0; i < 50; ++i) {
      filter.predict({.seconds = 0.04 * share, .frame = 0.04}, true);
      for (const MovingValue* value : {&filter.x(), &filter.y(), &filter.height()}) {
        EXPECT_GT(value->position_variance, 0) << share;
        EXPECT_GT(value->velocity_variance, 0) << share;
        EXPECT_GT(value->position_variance * value->velocity_variance,
                  value->covariance * value->covariance) << share;
      }
    }
  }
}

TEST(BoxFilterTest, LearnsTheVelocityInPixelsASecond) {
  const BoxFilter filter = moving_object();
  EXPECT_NEAR(filter.x().velocity, 5 / 0.04, 12);
  EXPECT_NEAR(filter.y().velocity, -2 / 0.04, 5);
}

TEST(BoxFilterTest, NoTimeNoStep) {
  const BoxFilter before = moving_object();
  BoxFilter after = before;
  after.predict({.seconds = 0, .frame = 0.04}, false);
  EXPECT_EQ(after.box(), before.box());
  EXPECT_EQ(after.x().position_variance, before.x().position_variance);
}

}  // namespace
}  // namespace shoal
