// Goal: the largest set of live tensors is right where it can be added up by hand.
#include "engine/openvino/liveness.h"

#include <gtest/gtest.h>

#include <openvino/op/ops.hpp>

namespace shoal {
namespace {

using Node = std::shared_ptr<ov::Node>;

constexpr std::int64_t kSide = 8;

ov::Output<ov::Node> pictures(std::int64_t channels) {
  return std::make_shared<ov::op::v0::Parameter>(ov::element::f32,
                                                 ov::PartialShape{1, channels, kSide, kSide});
}

// A 1x1 convolution.
Node convolution(const ov::Output<ov::Node>& input, std::size_t to) {
  const std::size_t from = input.get_shape()[1];
  const auto weights = ov::op::v0::Constant::create(ov::element::f32, {to, from, 1, 1},
                                                    std::vector<float>(to * from, 0.5F));
  return std::make_shared<ov::op::v1::Convolution>(input, weights, ov::Strides{1, 1},
                                                   ov::CoordinateDiff{0, 0},
                                                   ov::CoordinateDiff{0, 0}, ov::Strides{1, 1});
}

std::int64_t peak(const ov::Output<ov::Node>& input, const ov::Output<ov::Node>& output,
                  Precision precision = Precision::kFp32) {
  const auto parameter =
      std::dynamic_pointer_cast<ov::op::v0::Parameter>(input.get_node_shared_ptr());
  const ov::Model graph(ov::OutputVector{output}, ov::ParameterVector{parameter});
  return live_peak(graph, precision).bytes;
}

// Bytes of `channels` planes.
constexpr std::int64_t planes(std::int64_t channels, std::int64_t width = 4) {
  return channels * kSide * kSide * width;
}

TEST(LivenessTest, AConvolutionHasItsInputAndItsOutput) {
  const auto input = pictures(3);
  EXPECT_EQ(peak(input, convolution(convolution(input, 10), 4)), planes(10 + 4));
}

TEST(LivenessTest, ActivationFunctionsAreFusedIntoTheConvolution) {
  const auto input = pictures(3);
  const Node conv = convolution(input, 10);
  const auto silu =
      std::make_shared<ov::op::v1::Multiply>(conv, std::make_shared<ov::op::v0::Sigmoid>(conv));
  EXPECT_EQ(peak(input, silu), planes(3 + 10));
}

TEST(LivenessTest, AResidualKeepsItsOriginAlive) {
  const auto input = pictures(3);
  const Node origin = convolution(input, 10);
  const Node first = convolution(origin, 20);
  const Node second = convolution(first, 10);
  const auto sum = std::make_shared<ov::op::v1::Add>(origin, second);
  EXPECT_EQ(peak(input, sum), planes(10 + 20 + 10));
}

TEST(LivenessTest, AViewCostsNothingAndAConcatIsACopy) {
  const auto input = pictures(3);
  const Node conv = convolution(input, 10);
  const auto shape = ov::op::v0::Constant::create(ov::element::i64, {2},
                                                  std::vector<std::int64_t>{10, -1});
  const auto flat = std::make_shared<ov::op::v1::Reshape>(conv, shape, false);
  const auto twice = std::make_shared<ov::op::v0::Concat>(ov::OutputVector{flat, flat}, 0);
  EXPECT_EQ(peak(input, twice), planes(10 + 20));
}

TEST(LivenessTest, InBf16TheTailBehindTheLastConvolutionStaysF32) {
  const auto input = pictures(64);
  const Node inner = convolution(input, 4);
  EXPECT_EQ(peak(input, convolution(inner, 1), Precision::kBf16), planes(64 + 4, 2))
      << "the inner convolution writes two bytes an element";
  const auto softmax = std::make_shared<ov::op::v8::Softmax>(convolution(inner, 40), 1);
  EXPECT_EQ(peak(input, softmax, Precision::kBf16), planes(40 + 40, 4));
}

TEST(LivenessTest, WhatDependsOnConstantsOnlyIsFolded) {
  const auto input = pictures(3);
  const auto grid = ov::op::v0::Constant::create(ov::element::f32, {1, 3, kSide, kSide},
                                                 std::vector<float>(3 * kSide * kSide, 1.0F));
  const auto moved = std::make_shared<ov::op::v1::Add>(grid, grid);
  EXPECT_EQ(peak(input, std::make_shared<ov::op::v1::Multiply>(input, moved)), planes(3));
}

}  // namespace
}  // namespace shoal
