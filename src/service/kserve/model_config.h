// Model configurations as Triton has them (config.pbtxt, or JSON in a load request): reading them,
// and which of their fields mean something here.
//
// Honoured  name (has to be the model's), platform and backend (those that run ONNX or OpenVINO
//           files), max_batch_size, input.dims (height and width), version_policy,
//           dynamic_batching.max_queue_delay_microseconds, instance_group.count of CPU groups,
//           default_model_filename, output.label_filename, parameters confidence, iou, max_det,
//           engine, precision, family, memory_limit.
// Others are named in the notes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "service/kserve/model_config.pb.h"
#include "shoal/options.h"
#include "shoal/result.h"

namespace shoal {

inline constexpr std::size_t kConfigBytesMax = std::size_t{1} << 20;

struct ReadConfig {
  inference::ModelConfig config;
  std::vector<std::string> notes;  // one line for each field that means nothing here
};

// Protobuf's text format. Fields that are not in our message are skipped and noted.
//
// Errors   invalid_argument with line and column; more than 1 MiB; nested more than 64 deep.
[[nodiscard]] Result<ReadConfig> read_config_text(std::string_view text);
// Protobuf's JSON; the same bounds.
[[nodiscard]] Result<ReadConfig> read_config_json(std::string_view text);

// Writes the honoured fields over `options`; what is known and not honoured is added to the notes.
// `name` is the model's; label files are read from `folder`, "" = they are not.
//
// Errors   invalid_argument: another name, a value out of range; unsupported: a platform that
//          cannot be run here; not_found: the label file.
[[nodiscard]] Result<void> apply_config(ReadConfig& read, std::string_view name,
                                        const std::string& folder, DetectorOptions& options);

// A file name and nothing else: no folder, no "..", no control characters.
[[nodiscard]] bool is_plain_file_name(std::string_view name);

}  // namespace shoal
