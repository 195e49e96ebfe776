// Settings for predictable lanes: streams and threads are explicit, cores are not pinned.
#include "engine/openvino/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "core/log.h"
#include "engine/openvino/expectation.h"

namespace shoal {
namespace {

void add_preprocessing(ov::preprocess::PrePostProcessor& processor, InputLayout layout,
                       const InputDescription& description, bool takes_bytes) {
  auto& input = processor.input();
  input.tensor().set_element_type(ov::element::u8).set_layout("NHWC");
  input.model().set_layout(layout == InputLayout::kNchw ? "NCHW" : "NHWC");
  auto& steps = input.preprocess();
  // A u8 network takes the bytes as they are; a float between them would be rounded for nothing.
  const bool plain = description.mean == std::array<float, 3>{0, 0, 0} &&
                     description.scale == std::array<float, 3>{1, 1, 1};
  if (takes_bytes && plain) return;
  steps.convert_element_type(ov::element::f32);
  const auto& mean = description.mean;
  const auto& scale = description.scale;
  if (mean != std::array<float, 3>{0, 0, 0}) {
    steps.mean(std::vector<float>(mean.begin(), mean.end()));
  }
  // PrePostProcessor divides; a plain 1 is left out, and one value for all channels stays scalar.
  if (scale == std::array<float, 3>{1, 1, 1}) return;
  if (scale[0] == scale[1] && scale[1] == scale[2]) {
    steps.scale(1.0F / scale[0]);
  } else {
    steps.scale(std::vector<float>{1.0F / scale[0], 1.0F / scale[1], 1.0F / scale[2]});
  }
}

bool is_quantised(const ov::Model& graph) {
  const auto nodes = graph.get_ops();
  return std::any_of(nodes.begin(), nodes.end(), [](const auto& node) {
    return std::string_view(node->get_type_name()) == "FakeQuantize";
  });
}

// With the passes for low precision and, where they throw, without.
ov::CompiledModel compile_quantised(const std::shared_ptr<const ov::Model>& graph,
                                    ov::AnyMap config, bool* low_precision_failed) {
  try {
    return openvino_core().compile_model(graph, "CPU", config);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    if (is_out_of_memory(error)) throw;
    log(LogLevel::kDebug, "engine", "compiling with low-precision passes: {}", reason_of(error));
  }
  config["LP_TRANSFORMS_MODE"] = std::string("NO");
  auto compiled = openvino_core().compile_model(graph, "CPU", config);
  if (low_precision_failed != nullptr) *low_precision_failed = true;
  return compiled;
}

}  // namespace

Result<Precision> choose_precision(Precision asked) {
  return catching(ErrorCode::kUnavailable, "OpenVINO CPU plug-in", [&]() -> Result<Precision> {
    const auto able = openvino_core().get_property("CPU", ov::device::capabilities);
    const bool bf16 = std::find(able.begin(), able.end(), "BF16") != able.end();
    switch (asked) {
      case Precision::kAuto: return bf16 ? Precision::kBf16 : Precision::kFp32;
      case Precision::kFp32: return Precision::kFp32;
      case Precision::kBf16:
        if (bf16) return Precision::kBf16;
        return Error{ErrorCode::kUnsupported,
                     "precision bf16: this CPU has no AVX512_BF16; use fp32 or auto"};
      case Precision::kFp16:
        return Error{ErrorCode::kUnsupported,
                     "precision fp16: not on the CPU; use bf16, fp32 or auto"};
      case Precision::kInt8:
        return Error{ErrorCode::kUnsupported,
                     "precision int8: on the CPU it is a property of the model file; quantise the "
                     "model and use auto"};
    }
    return Error{ErrorCode::kInternal, "unknown precision"};
  });
}

ov::CompiledModel compile(const GraphPointer& fixed, InputLayout layout,
                          const InputDescription& input, const CompileSettings& settings) {
  const GraphPointer graph = fixed->clone();
  if (settings.precision == Precision::kBf16) expectations_to_sums(*graph);
  ov::preprocess::PrePostProcessor processor(graph);
  if (settings.raw) {
    processor.input().tensor().set_element_type(ov::element::f32);
  } else {
    add_preprocessing(processor, layout, input,
                      fixed->input().get_element_type() == ov::element::u8);
  }
  for (std::size_t i = 0; i < fixed->outputs().size(); ++i) {
    processor.output(i).tensor().set_element_type(ov::element::f32);
  }
  ov::AnyMap config = {
      ov::hint::inference_precision(settings.precision == Precision::kBf16 ? ov::element::bf16
                                                                           : ov::element::f32),
      ov::num_streams(settings.streams), ov::inference_num_threads(settings.threads),
      ov::hint::enable_cpu_pinning(false)};
  if (!settings.cache_folder.empty()) config.insert(ov::cache_dir(settings.cache_folder));
  const std::shared_ptr<const ov::Model> built = processor.build();
  if (is_quantised(*built)) {
    return compile_quantised(built, std::move(config), settings.low_precision_failed);
  }
  return openvino_core().compile_model(built, "CPU", config);
}

}  // namespace shoal
