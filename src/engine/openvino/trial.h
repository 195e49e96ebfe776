// Trial runs at load: pictures made from a seed, and the rows that a compiled network answers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/openvino/graph.h"

namespace shoal {

// Blocks of colour under noise: edges and textures for every stride, the same for the same seed.
void fill_trial_picture(std::span<std::uint8_t> pixels, Size size, std::uint32_t seed);

// Outputs of pictures 0 .. count-1 (seeds 1 ..), as [picture][output] packed f32. The network is
// compiled for u8 [batch, h, w, 3]; the last batch is filled up with pictures that are not
// returned. Throws what OpenVINO throws.
using TrialRows = std::vector<std::vector<std::vector<float>>>;
[[nodiscard]] TrialRows run_trial(ov::CompiledModel& compiled, int count);

// Equal in every bit of every value.
[[nodiscard]] bool same_bits(const TrialRows& a, const TrialRows& b);

// Largest |a - b| / max(1, |a|); infinite where shapes differ or one value is not finite.
[[nodiscard]] double largest_difference(const TrialRows& a, const TrialRows& b);

}  // namespace shoal
