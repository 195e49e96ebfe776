// The generator's own random numbers: SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast splittable
// pseudorandom number generators", OOPSLA 2014; output mix 13 of D. Stafford). Not for secrets.
#pragma once

#include <cstdint>

namespace shoal {

// Mixes 64 bits so that neighbouring inputs give unrelated outputs.
[[nodiscard]] constexpr std::uint64_t mix_bits(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// One hash for a seed and a number: random access into a random sequence.
[[nodiscard]] constexpr std::uint64_t hash_of(std::uint64_t seed, std::uint64_t number) {
  return mix_bits(mix_bits(seed + 0x9e3779b97f4a7c15ULL) ^ (number * 0xd1342543de82ef95ULL));
}

class BoardRandom {
 public:
  explicit constexpr BoardRandom(std::uint64_t seed) : state_(seed) {}

  [[nodiscard]] constexpr std::uint64_t bits() {
    state_ += 0x9e3779b97f4a7c15ULL;
    return mix_bits(state_);
  }

  // Uniform in [0, count), 0 where count <= 0. The bias is below count / 2^32.
  [[nodiscard]] constexpr int below(int count) {
    if (count <= 0) return 0;
    return static_cast<int>(((bits() >> 32) * static_cast<std::uint64_t>(count)) >> 32);
  }

  // Uniform in [low, high], both included.
  [[nodiscard]] constexpr int between(int low, int high) { return low + below(high - low + 1); }

  // True in `percent` of 100 cases.
  [[nodiscard]] constexpr bool chance(int percent) { return below(100) < percent; }

 private:
  std::uint64_t state_;
};

}  // namespace shoal
