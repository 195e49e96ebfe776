// Protobuf's own readers, bounded before they are called, and one function for each honoured field.
#include "service/kserve/model_config.h"

#include <fmt/format.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <system_error>

#include "core/invalid.h"
#include "core/read_file.h"
#include "service/kserve/model_access.h"

namespace shoal {
namespace {

namespace pb = google::protobuf;
using inference::ModelConfig;

constexpr int kDepthMax = 64;

// Protobuf's parsers recurse on brackets, also in fields that they skip. Counted outside of quoted
// text and comments; a text that is no configuration may be refused for another reason, later.
Result<void> check_bounds(std::string_view text, bool comments) {
  if (text.size() > kConfigBytesMax) {
    return invalid(fmt::format("a configuration of {} bytes, at most {}", text.size(),
                               kConfigBytesMax));
  }
  int depth = 0;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == '\\') ++i;
      if (c == quote || c == '\n') quote = 0;
    } else if (c == '"' || (comments && c == '\'')) {
      quote = c;
    } else if (comments && c == '#') {
      while (i < text.size() && text[i] != '\n') ++i;
    } else if (c == '{' || c == '[' || c == '<') {
      if (++depth > kDepthMax) return invalid(fmt::format("nested more than {} deep", kDepthMax));
    } else if (c == '}' || c == ']' || c == '>') {
      --depth;
    }
  }
  return {};
}

// Keeps the first error; warnings are fields that the message does not have.
class Collector final : public pb::io::ErrorCollector {
 public:
  void AddError(int line, pb::io::ColumnNumber column, const std::string& message) override {
    if (first_error.empty()) {
      first_error = fmt::format("line {}, column {}: {}", line + 1, column + 1, message);
    }
  }
  void AddWarning(int line, pb::io::ColumnNumber, const std::string& message) override {
    if (warnings.size() < 100) {
      warnings.push_back(fmt::format("line {}: skipped: {}", line + 1, message));
    }
  }
  std::string first_error;
  std::vector<std::string> warnings;
};

// One call for each field that is set and means nothing here.
void note_unhonoured(ReadConfig& read) {
  const ModelConfig& config = read.config;
  const auto note = [&](bool set, std::string_view field) {
    if (set) read.notes.push_back(fmt::format("{} has no effect here", field));
  };
  note(!config.metric_tags().empty(), "metric_tags");
  note(config.model_transaction_policy().decoupled(), "model_transaction_policy.decoupled");
  note(config.response_cache().enable(), "response_cache");
  note(!config.runtime().empty(), "runtime");
  const auto& batching = config.dynamic_batching();
  note(batching.preferred_batch_size_size() > 0, "dynamic_batching.preferred_batch_size");
  note(batching.priority_levels() > 0 && batching.priority_levels() != 4,
       "dynamic_batching.priority_levels (there are 4)");
  note(batching.default_priority_level() > 0 && batching.default_priority_level() != 3,
       "dynamic_batching.default_priority_level (it is 3)");
  note(batching.has_default_queue_policy(),
       "dynamic_batching.default_queue_policy (service.allow_timeout_override is for all models)");
  note(!batching.priority_queue_policy().empty(), "dynamic_batching.priority_queue_policy");
  for (const auto& group : config.instance_group()) {
    note(group.kind() == inference::ModelInstanceGroup::KIND_GPU, "instance_group of KIND_GPU");
    note(group.profile_size() > 0, "instance_group.profile");
  }
  for (const auto& input : config.input()) {
    note(input.has_reshape(), fmt::format("input {}: reshape", input.name()));
    note(input.allow_ragged_batch(), fmt::format("input {}: allow_ragged_batch", input.name()));
  }
  for (const auto& output : config.output()) {
    note(output.has_reshape(), fmt::format("output {}: reshape", output.name()));
  }
}

Result<void> check_platform(const ModelConfig& config) {
  static const std::set<std::string, std::less<>> kKnown{
      "", "onnxruntime", "onnxruntime_onnx", "openvino", "shoal", "shoal_onnx", "shoal_boxes"};
  for (const std::string& one : {config.platform(), config.backend()}) {
    if (!kKnown.contains(one)) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("platform or backend \"{}\": here run ONNX and OpenVINO files "
                               "(onnxruntime, openvino)",
                               one)};
    }
  }
  return {};
}

Result<void> apply_batching(const ModelConfig& config, DetectorOptions& options) {
  if (config.has_max_batch_size()) {
    if (config.max_batch_size() < 0 || config.max_batch_size() > 1024) {
      return invalid(fmt::format("max_batch_size {}: expected 0 to 1024", config.max_batch_size()));
    }
    options.batch_max = std::max(config.max_batch_size(), 1);  // 0: the model does not batch
  }
  if (config.has_dynamic_batching()) {
    constexpr std::uint64_t kMinuteUs = 60'000'000;
    const std::uint64_t delay = config.dynamic_batching().max_queue_delay_microseconds();
    if (delay > kMinuteUs) {
      return invalid(fmt::format("max_queue_delay_microseconds {}: at most {}", delay, kMinuteUs));
    }
    options.queue_delay = std::chrono::microseconds(delay);
  }
  std::int64_t lanes = 0;
  for (const auto& group : config.instance_group()) {
    if (group.kind() == inference::ModelInstanceGroup::KIND_GPU) continue;
    if (group.count() < 0) return invalid("instance_group.count below 0");
    lanes += group.count();
  }
  if (lanes > 256) return invalid(fmt::format("instance_group.count {}: at most 256", lanes));
  if (lanes > 0) options.lanes = static_cast<int>(lanes);
  return {};
}

// dims [3, h, w] of the one input: the size to prepare.
Result<void> apply_input(const ModelConfig& config, DetectorOptions& options) {
  if (config.input_size() > 1) return invalid("more than one input: a detector has one");
  if (config.input_size() == 0 ||
      config.input(0).format() == inference::ModelInput::FORMAT_NHWC) {
    return {};
  }
  const auto& dims = config.input(0).dims();
  // [h, w] follow the channels; a batch axis may stand before them where max_batch_size is 0.
  if (dims.size() < 3 || dims.size() > 4 || dims[dims.size() - 3] != 3) return {};
  const std::int64_t height = dims[dims.size() - 2];
  const std::int64_t width = dims[dims.size() - 1];
  if (height < 1 || width < 1) return {};  // -1: any
  if (height > 16'384 || width > 16'384) {
    return invalid(fmt::format("input dims of {} x {}: at most 16384", width, height));
  }
  options.shapes = {{.width = static_cast<int>(width), .height = static_cast<int>(height)}};
  return {};
}

template <typename T>
Result<T> number(std::string_view key, std::string_view text, T least, T most) {
  T value{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || !(value >= least) ||
      !(value <= most)) {
    return invalid(fmt::format("parameter {}: \"{}\", expected a number from {} to {}", key,
                               text.substr(0, 40), least, most));
  }
  return value;
}

Result<void> apply_parameters(ReadConfig& read, DetectorOptions& options) {
  for (const auto& [key, parameter] : read.config.parameters()) {
    const std::string& value = parameter.string_value();
    if (key == "confidence") {
      options.confidence = SHOAL_TRY(number(key, value, 0.0F, 1.0F));
    } else if (key == "iou") {
      options.iou = SHOAL_TRY(number(key, value, 0.0F, 1.0F));
    } else if (key == "max_det") {
      options.max_det = SHOAL_TRY(number(key, value, 1, 100'000));
    } else if (key == "engine") {
      options.engine = value;
    } else if (key == "precision") {
      options.precision = value;
    } else if (key == "family") {
      options.family = value;
    } else if (key == "memory_limit") {
      options.memory_limit = value;
    } else if (key != "metadata") {
      read.notes.push_back(fmt::format("parameter {} has no effect here", key.substr(0, 100)));
    }
  }
  return {};
}

Result<std::vector<std::string>> read_labels(const std::string& path) {
  const auto text = file_text(path, {.expected = "a list of labels"});
  if (!text) return Error{text.error().code, "label file " + text.error().message};
  std::istringstream file(*text);
  std::vector<std::string> labels;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.size() > 1000 || labels.size() == 100'000) return invalid(path + ": too large");
    labels.push_back(line);
  }
  while (!labels.empty() && labels.back().empty()) labels.pop_back();
  return labels;
}

// A link may lead to a file of the repository, the folder's parent, as those of Kubernetes and of
// model caches do; the rest of the machine is not the business of who may write a model.
bool lies_in_repository(const std::string& path, const std::string& folder) {
  std::error_code error;
  const auto place = std::filesystem::weakly_canonical(path, error);
  const auto parent = std::filesystem::weakly_canonical(folder, error).parent_path();
  const auto end = std::mismatch(parent.begin(), parent.end(), place.begin(), place.end()).first;
  return !error && end == parent.end();
}

Result<void> apply_labels(ReadConfig& read, const std::string& folder, DetectorOptions& options) {
  for (const auto& output : read.config.output()) {
    if (output.label_filename().empty()) continue;
    if (folder.empty()) {
      read.notes.push_back("label_filename has no effect in a load request");
      return {};
    }
    if (!is_plain_file_name(output.label_filename())) {
      return invalid("label_filename: expected a file's name without a folder");
    }
    const std::string path = folder + "/" + output.label_filename();
    if (!lies_in_repository(path, folder)) {
      return invalid("label_filename: a link that leads out of the repository; expected a file in "
                     "it");
    }
    options.class_names = SHOAL_TRY(read_labels(path));
    return {};
  }
  return {};
}

}  // namespace

bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         std::ranges::none_of(name, [](char c) {
           return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
         });
}

Result<ReadConfig> read_config_text(std::string_view text) {
  SHOAL_TRY(check_bounds(text, true));
  ReadConfig read;
  Collector collector;
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.AllowUnknownField(true);
  parser.SetRecursionLimit(kDepthMax);
  if (!parser.ParseFromString(std::string(text), &read.config)) {
    return invalid(collector.first_error.empty() ? "not a configuration" : collector.first_error);
  }
  read.notes = std::move(collector.warnings);
  return read;
}

Result<ReadConfig> read_config_json(std::string_view text) {
  SHOAL_TRY(check_bounds(text, false));
  ReadConfig read;
  pb::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status =
      pb::util::JsonStringToMessage(std::string(text), &read.config, options);
  if (!status.ok()) {
    return invalid(fmt::format("config: {}", std::string(status.message()).substr(0, 300)));
  }
  return read;
}

Result<void> apply_config(ReadConfig& read, std::string_view name, const std::string& folder,
                          DetectorOptions& options) {
  const ModelConfig& config = read.config;
  if (!config.name().empty() && config.name() != name) {
    return invalid(fmt::format("name is \"{}\", the model's is {}", config.name().substr(0, 100),
                               name));
  }
  SHOAL_TRY(check_platform(config));
  SHOAL_TRY(apply_batching(config, options));
  SHOAL_TRY(apply_input(config, options));
  SHOAL_TRY(apply_parameters(read, options));
  SHOAL_TRY(apply_labels(read, folder, options));
  note_unhonoured(read);
  return {};
}

}  // namespace shoal
