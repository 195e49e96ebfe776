// From an imported graph to a compiled one: u8 pictures in, f32 heads out, static shapes, threads
// and precision as asked.
#pragma once

#include <string>
#include <string_view>

#include "engine/openvino/import.h"

namespace shoal {

struct CompileSettings {
  Precision precision = Precision::kFp32;  // kFp32 or kBf16
  int streams = 1;
  int threads = 1;                         // of all streams together
  std::string cache_folder;                // "" = none
  bool raw = false;                        // f32 input as the file declares it, not u8 pictures
  // Set to true where OpenVINO's passes for low precision failed and were left out; nullptr: not
  // wanted. They break some quantised graphs, which run without them, in f32 where they have to.
  bool* low_precision_failed = nullptr;
};

inline constexpr std::string_view kWithoutLowPrecision =
    "without OpenVINO's low-precision passes, which fail on this quantised model";

// What the plug-in prefers on this machine where `asked` is kAuto.
// Errors   unsupported for precisions that this engine does not run here, with what to use.
[[nodiscard]] Result<Precision> choose_precision(Precision asked);

// The compiled graph takes u8 [batch, h, w, 3] in the network's channel order and applies mean and
// scale itself, or what CompileSettings::raw says. `fixed` has static shapes. Throws what OpenVINO
// throws.
[[nodiscard]] ov::CompiledModel compile(const GraphPointer& fixed, InputLayout layout,
                                        const InputDescription& input,
                                        const CompileSettings& settings);

}  // namespace shoal
