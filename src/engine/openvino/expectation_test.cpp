// Goal: expectations over bins leave the convolutions, unchanged in value, and stay exact in bf16.
// Method: the tail of a DFL head, built here, before and after.
#include "engine/openvino/expectation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <openvino/op/convolution.hpp>
#include <openvino/op/ops.hpp>
#include <random>
#include <vector>

namespace shoal {
namespace {

constexpr std::size_t kBins = 16;
constexpr std::size_t kCells = 300;

// logits [1, bins, 4, cells] -> softmax over bins -> 1x1 convolution with `weights` -> [1, 1, 4, n]
GraphPointer tail(const std::vector<float>& weights) {
  const auto logits = std::make_shared<ov::op::v0::Parameter>(
      ov::element::f32, ov::PartialShape{1, kBins, 4, kCells});
  const auto shares = std::make_shared<ov::op::v8::Softmax>(logits, 1);
  const auto filter =
      ov::op::v0::Constant::create(ov::element::f32, {1, kBins, 1, 1}, weights);
  const auto expectation = std::make_shared<ov::op::v1::Convolution>(
      shares, filter, ov::Strides{1, 1}, ov::CoordinateDiff{0, 0}, ov::CoordinateDiff{0, 0},
      ov::Strides{1, 1});
  return std::make_shared<ov::Model>(ov::OutputVector{expectation},
                                     ov::ParameterVector{logits});
}

std::vector<float> counting() {
  std::vector<float> weights(kBins);
  for (std::size_t i = 0; i < kBins; ++i) weights[i] = static_cast<float>(i);
  return weights;
}

std::vector<float> run(const GraphPointer& graph, const ov::element::Type& precision) {
  auto compiled = openvino_core().compile_model(graph, "CPU",
                                                ov::hint::inference_precision(precision));
  auto request = compiled.create_infer_request();
  ov::Tensor input = request.get_input_tensor();
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 2);
  std::generate_n(input.data<float>(), input.get_size(), [&] { return normal(random); });
  request.infer();
  const ov::Tensor output = request.get_output_tensor();
  return {output.data<float>(), output.data<float>() + output.get_size()};
}

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST(ExpectationTest, BecomesASumOfTheSameValue) {
  const GraphPointer before = tail(counting());
  const GraphPointer after = before->clone();
  ASSERT_EQ(expectations_to_sums(*after), 1);
  for (const auto& node : after->get_ops()) {
    EXPECT_FALSE(ov::is_type<ov::op::v1::Convolution>(node));
  }
  EXPECT_LT(largest_difference(run(before, ov::element::f32), run(after, ov::element::f32)), 1e-5F);
}

TEST(ExpectationTest, StaysExactWhereConvolutionsAreRounded) {
  const GraphPointer before = tail(counting());
  const GraphPointer after = before->clone();
  ASSERT_EQ(expectations_to_sums(*after), 1);
  const auto exact = run(before, ov::element::f32);
  EXPECT_LT(largest_difference(exact, run(after, ov::element::bf16)), 1e-5F);
}

TEST(ExpectationTest, OtherWeightsAreLeftAlone) {
  std::vector<float> weights = counting();
  weights[3] = 3.5F;
  EXPECT_EQ(expectations_to_sums(*tail(weights)), 0);
}

}  // namespace
}  // namespace shoal
