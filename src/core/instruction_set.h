// Which vector instructions this machine has, asked once at run time, so that one binary runs on
// every x86-64. Kernels exist per set; the scalar one is the specification of the others.
#pragma once

#include <cstdint>
#include <string_view>

namespace shoal {

enum class InstructionSet : std::uint8_t {
  kScalar,  // any machine
  kAvx2,    // Haswell, Zen and later
  kAvx512,  // F, BW, DQ, VL and VBMI: Ice Lake, Zen 4 and later
};

// The best set of this machine (CPUID, and that the system saves the registers).
//
// Cost     a few loads after the first call; safe from any thread.
[[nodiscard]] inline InstructionSet best_instruction_set() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vbmi")) {
    return InstructionSet::kAvx512;
  }
  if (__builtin_cpu_supports("avx2")) return InstructionSet::kAvx2;
#endif
  return InstructionSet::kScalar;
}

[[nodiscard]] constexpr std::string_view to_string(InstructionSet set) {
  switch (set) {
    case InstructionSet::kScalar: return "scalar";
    case InstructionSet::kAvx2: return "avx2";
    case InstructionSet::kAvx512: return "avx512";
  }
  return "scalar";
}

}  // namespace shoal
