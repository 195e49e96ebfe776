// Trial pictures are made, not stored; arithmetic is integer, so every machine makes the same.
#include "engine/openvino/trial.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace shoal {

void fill_trial_picture(std::span<std::uint8_t> pixels, Size size, std::uint32_t seed) {
  std::uint32_t state = seed * 2654435761U + 1U;
  const auto next = [&state] {
    state = state * 1664525U + 1013904223U;
    return state >> 24U;
  };
  constexpr int kBlock = 24;
  const int columns = size.width / kBlock + 1;
  std::vector<std::uint8_t> row(static_cast<std::size_t>(columns) * 3);
  for (int y = 0; y < size.height; ++y) {
    if (y % kBlock == 0) {
      for (auto& value : row) value = static_cast<std::uint8_t>(next());
    }
    for (int x = 0; x < size.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        const auto base = row[static_cast<std::size_t>(x / kBlock * 3 + c)];
        pixels[static_cast<std::size_t>((y * size.width + x) * 3 + c)] =
            static_cast<std::uint8_t>(base / 4 * 3 + next() / 4);
      }
    }
  }
}

TrialRows run_trial(ov::CompiledModel& compiled, int count) {
  auto request = compiled.create_infer_request();
  ov::Tensor input = request.get_input_tensor();
  const ov::Shape shape = input.get_shape();
  const int batch = static_cast<int>(shape[0]);
  const Size size = {static_cast<int>(shape[2]), static_cast<int>(shape[1])};
  const std::size_t picture = input.get_byte_size() / shape[0];
  TrialRows rows;
  for (int start = 0; start < count; start += batch) {
    auto* pixels = input.data<std::uint8_t>();
    for (int k = 0; k < batch; ++k) {
      fill_trial_picture({pixels + picture * static_cast<std::size_t>(k), picture}, size,
                         static_cast<std::uint32_t>(start + k + 1));
    }
    request.infer();
    for (int k = 0; k < batch && start + k < count; ++k) {
      auto& row = rows.emplace_back();
      for (std::size_t i = 0; i < compiled.outputs().size(); ++i) {
        const ov::Tensor output = request.get_output_tensor(i);
        const std::size_t values = output.get_size() / shape[0];
        const float* begin = output.data<const float>() + values * static_cast<std::size_t>(k);
        row.emplace_back(begin, begin + values);
      }
    }
  }
  return rows;
}

bool same_bits(const TrialRows& a, const TrialRows& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (a[k].size() != b[k].size()) return false;
    for (std::size_t i = 0; i < a[k].size(); ++i) {
      const auto& x = a[k][i];
      const auto& y = b[k][i];
      if (x.size() != y.size() || std::memcmp(x.data(), y.data(), 4 * x.size()) != 0) return false;
    }
  }
  return true;
}

double largest_difference(const TrialRows& a, const TrialRows& b) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  if (a.size() != b.size()) return kInfinite;
  double largest = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (a[k].size() != b[k].size()) return kInfinite;
    for (std::size_t i = 0; i < a[k].size(); ++i) {
      if (a[k][i].size() != b[k][i].size()) return kInfinite;
      for (std::size_t j = 0; j < a[k][i].size(); ++j) {
        const double x = a[k][i][j];
        const double difference = std::abs(x - b[k][i][j]) / std::max(1.0, std::abs(x));
        if (!std::isfinite(difference)) return kInfinite;
        largest = std::max(largest, difference);
      }
    }
  }
  return largest;
}

}  // namespace shoal
