// The two faces of a loaded model: NAME, the network as its file declares it, and NAME_boxes, the
// detector. What they are called, what goes in and what comes out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/model_host.h"
#include "service/kserve/model_access.h"
#include "service/kserve/wire_type.h"
#include "shoal/result.h"

namespace inference {
class ModelConfig;
}

namespace shoal {

inline constexpr std::string_view kBoxesSuffix = "_boxes";

struct Entry {
  std::shared_ptr<ModelHost> host;
  bool boxes = false;
  std::string name;     // the host's, with the suffix of the boxes entry
  std::string version;  // "1", or the version folder that the model's file lies in
};

// A model whose own name ends with _boxes goes before the other's boxes entry.
//
// Errors   not_found: no such model or version; those of ModelRegistry::find.
[[nodiscard]] Result<Entry> find_entry(const ModelAccess& models, std::string_view name,
                                       std::string_view version);

// "1" unless the file lies in a folder named like a version: .../NAME/3/model.onnx.
[[nodiscard]] std::string model_version(std::string_view path);

struct TensorFacts {
  std::string name;
  WireType type = WireType::kFp32;
  std::vector<std::int64_t> shape;  // -1: as many as the call has; the batch axis comes first
  bool usual = true;                // an output that is answered when none is named
};

[[nodiscard]] std::vector<TensorFacts> entry_inputs(const Entry& entry);
[[nodiscard]] std::vector<TensorFacts> entry_outputs(const Entry& entry);
[[nodiscard]] std::string_view entry_platform(const Entry& entry);

// As Triton's clients read it; parameters.metadata is a Python literal with the keys that
// Ultralytics' exporter writes, which makes its YOLO class a client.
void fill_config(const Entry& entry, inference::ModelConfig& config);

// Names of the boxes entry's tensors.
namespace boxes_tensor {
inline constexpr std::string_view kImage = "image";
inline constexpr std::string_view kCount = "num_detections";
inline constexpr std::string_view kBoxes = "boxes";
inline constexpr std::string_view kScores = "scores";
inline constexpr std::string_view kClasses = "classes";
inline constexpr std::string_view kTruncated = "truncated";
inline constexpr std::string_view kError = "error";
inline constexpr std::string_view kJson = "json";
}  // namespace boxes_tensor

}  // namespace shoal
