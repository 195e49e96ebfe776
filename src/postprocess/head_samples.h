// For tests only: network outputs made from a seed, in every encoding, and the list of instruction
// sets that this machine can run.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "core/head.h"
#include "core/instruction_set.h"
#include "core/tensor.h"
#include "shoal/geometry.h"

namespace shoal::samples {

inline constexpr std::array kEncodings{
    BoxEncoding::kXywhScores, BoxEncoding::kXywhObjectnessScores, BoxEncoding::kEndToEnd,
    BoxEncoding::kYoloxGrid,  BoxEncoding::kGflDistances,         BoxEncoding::kGflBins};

[[nodiscard]] inline std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> sets;
  for (const auto set : {InstructionSet::kScalar, InstructionSet::kAvx2, InstructionSet::kAvx512}) {
    if (set <= best_instruction_set()) sets.push_back(set);
  }
  return sets;
}

// A head's description and one picture's outputs.
struct Head {
  HeadDescription description;
  Size network;
  std::vector<std::vector<float>> values;  // a tensor each
  std::vector<TensorView> tensors;

  [[nodiscard]] HeadView view() const { return tensors; }
  void add_tensor(std::int64_t rows, std::int64_t columns) {
    values.emplace_back(static_cast<std::size_t>(rows * columns));
    Shape shape;
    shape.rank = 2;
    shape.dims[0] = rows;
    shape.dims[1] = columns;
    tensors.push_back({values.back().data(), shape});
  }
};

// What a sample looks like.
struct Recipe {
  BoxEncoding encoding = BoxEncoding::kXywhScores;
  int class_count = 7;
  Size network{96, 64};  // multiples of 32
  bool logits = false;
  float density = 0.1F;  // share of anchors with scores to speak of
  std::uint32_t seed = 1;
};

class HeadMaker {
 public:
  explicit HeadMaker(const Recipe& recipe) : recipe_(recipe), random_(recipe.seed) {}

  [[nodiscard]] Head make() {
    Head head;
    head.network = recipe_.network;
    head.description.encoding = recipe_.encoding;
    head.description.class_count = recipe_.class_count;
    head.description.scores_are_logits = recipe_.logits;
    head.values.reserve(8);
    switch (recipe_.encoding) {
      case BoxEncoding::kXywhScores: make_class_rows(head); break;
      case BoxEncoding::kXywhObjectnessScores: make_objectness(head, 3); break;
      case BoxEncoding::kYoloxGrid: make_objectness(head, 1); break;
      case BoxEncoding::kEndToEnd: make_end_to_end(head); break;
      case BoxEncoding::kGflDistances:
      case BoxEncoding::kGflBins: make_gfl(head); break;
    }
    return head;
  }

 private:
  [[nodiscard]] float uniform() {
    return static_cast<float>(random_() >> 8) / static_cast<float>(1 << 24);
  }
  [[nodiscard]] float side(int limit) { return uniform() * static_cast<float>(limit); }
  [[nodiscard]] std::int64_t cells(int stride) const {
    return static_cast<std::int64_t>((recipe_.network.width + stride - 1) / stride) *
           ((recipe_.network.height + stride - 1) / stride);
  }
  // Mostly near zero; in busy anchors a few classes stand out.
  [[nodiscard]] float score(bool busy) {
    const float u = uniform();
    const float value = busy && u < 0.4F ? uniform() : u * 0.004F;
    return recipe_.logits ? std::log(value / (1 - value) + 1e-9F) : value;
  }
  [[nodiscard]] bool busy() { return uniform() < recipe_.density; }

  void make_class_rows(Head& head) {
    head.description.levels = {{.stride = 0, .boxes = 0, .scores = 0}};
    const std::int64_t anchors = cells(8) + cells(16) + cells(32);
    head.add_tensor(4 + recipe_.class_count, anchors);
    const auto n = static_cast<std::size_t>(anchors);
    for (std::size_t i = 0; i < n; ++i) {
      auto& values = head.values[0];
      values[i] = side(recipe_.network.width);
      values[n + i] = side(recipe_.network.height);
      values[2 * n + i] = 4 + side(40);
      values[3 * n + i] = 4 + side(40);
      const bool is_busy = busy();
      for (std::size_t c = 0; c < static_cast<std::size_t>(recipe_.class_count); ++c) {
        values[(4 + c) * n + i] = score(is_busy);
      }
    }
  }

  void make_objectness(Head& head, int anchors_a_cell) {
    head.description.levels = {{.stride = 0, .boxes = 0, .scores = 0}};
    head.description.strides = {8, 16, 32};
    head.add_tensor(anchors_a_cell * (cells(8) + cells(16) + cells(32)), 5 + recipe_.class_count);
    const bool raw = recipe_.encoding == BoxEncoding::kYoloxGrid;
    const auto columns = static_cast<std::size_t>(5 + recipe_.class_count);
    for (std::size_t i = 0; i < head.values[0].size(); i += columns) {
      float* row = &head.values[0][i];
      row[0] = raw ? uniform() * 2 - 0.5F : side(recipe_.network.width);
      row[1] = raw ? uniform() * 2 - 0.5F : side(recipe_.network.height);
      row[2] = raw ? uniform() * 2 - 1 : 4 + side(40);
      row[3] = raw ? uniform() * 2 - 1 : 4 + side(40);
      const bool is_busy = busy();
      row[4] = score(is_busy);
      for (std::size_t c = 5; c < columns; ++c) row[c] = score(is_busy);
    }
  }

  void make_end_to_end(Head& head) {
    head.description.levels = {{.stride = 0, .boxes = 0, .scores = 0}};
    head.add_tensor(60, 6);
    for (std::size_t i = 0; i < head.values[0].size(); i += 6) {
      float* row = &head.values[0][i];
      row[0] = side(recipe_.network.width);
      row[1] = side(recipe_.network.height);
      row[2] = row[0] + side(40);
      row[3] = row[1] + side(40);
      row[4] = score(busy());
      row[5] = static_cast<float>(random_() % static_cast<unsigned>(recipe_.class_count));
    }
  }

  void make_gfl(Head& head) {
    const bool bins = recipe_.encoding == BoxEncoding::kGflBins;
    head.description.bins = bins ? 8 : 0;
    const std::array strides{8, 16, 32, 64};
    for (std::size_t i = 0; i < strides.size(); ++i) {
      const int level = static_cast<int>(i);
      head.description.levels.push_back(
          {.stride = strides[i], .boxes = 4 + level, .scores = level});
      head.add_tensor(cells(strides[i]), recipe_.class_count);
      const auto columns = static_cast<std::size_t>(recipe_.class_count);
      for (std::size_t at = 0; at < head.values.back().size(); at += columns) {
        const bool is_busy = busy();
        for (std::size_t c = 0; c < columns; ++c) head.values.back()[at + c] = score(is_busy);
      }
    }
    for (const int stride : strides) {
      head.add_tensor(cells(stride), bins ? 32 : 4);
      for (float& value : head.values.back()) value = bins ? uniform() * 8 - 4 : uniform() * 3;
    }
  }

  Recipe recipe_;
  std::mt19937 random_;
};

[[nodiscard]] inline Head make_head(const Recipe& recipe) { return HeadMaker(recipe).make(); }

}  // namespace shoal::samples
