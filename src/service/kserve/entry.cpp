// Names, shapes and configurations of the entries.
#include "service/kserve/entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "service/kserve/model_config.pb.h"

namespace shoal {
namespace {

std::vector<std::int64_t> batched(const Shape& item) {
  std::vector<std::int64_t> shape{-1};
  for (int axis = 0; axis < item.rank; ++axis) shape.push_back(item[axis]);
  return shape;
}

// Text as a Python literal, in ASCII but for well-formed UTF-8, which Python reads as it is.
std::string python_text(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + "'";
}

// What Ultralytics' exporter writes, of a network with one input size: 'dynamic' would tell its
// client that any height and width may be sent, a 'batch' above 1 that every call has to be filled
// up to it. Any number of pictures is taken all the same.
std::string ultralytics_metadata(const Entry& entry) {
  const ModelDescription& model = entry.host->model();
  const bool end_to_end = model.head.encoding == BoxEncoding::kEndToEnd;
  std::string names;
  for (std::size_t i = 0; i < model.class_names.size(); ++i) {
    fmt::format_to(std::back_inserter(names), "{}{}: {}", i == 0 ? "" : ", ", i,
                   python_text(model.class_names[i]));
  }
  return fmt::format(
      "{{'description': {}, 'author': '', 'date': '', 'version': '', 'license': '', 'docs': '', "
      "'stride': {}, 'task': 'detect', 'batch': 1, 'imgsz': [{}, {}], 'names': {{{}}}, "
      "'args': {{'batch': 1, 'dynamic': False, 'nms': False}}, 'channels': 3, 'end2end': {}}}",
      python_text(fmt::format("{} ({})", model.name, model.family)), model.stride_max,
      model.input.size.height, model.input.size.width, names, end_to_end ? "True" : "False");
}

inference::DataType config_type(WireType type) {
  inference::DataType parsed = inference::TYPE_INVALID;
  inference::DataType_Parse(std::string(config_name(type)), &parsed);
  return parsed;
}

}  // namespace

std::string model_version(std::string_view path) {
  const auto file = path.rfind('/');
  if (file == std::string_view::npos) return "1";
  const std::string_view folder = path.substr(0, file);
  const auto before = folder.rfind('/');
  if (before == std::string_view::npos) return "1";
  const std::string_view version = folder.substr(before + 1);
  const bool number =
      !version.empty() && version.size() <= 18 && version.front() != '0' &&
      std::all_of(version.begin(), version.end(), [](char c) { return c >= '0' && c <= '9'; });
  return number ? std::string(version) : "1";
}

Result<Entry> find_entry(const ModelAccess& models, std::string_view name,
                         std::string_view version) {
  if (!is_model_name(name)) {
    return Error{ErrorCode::kNotFound, "there is no model of that name: it is not a model's name"};
  }
  Entry entry;
  auto host = models.find(name);
  if (!host && host.error().code == ErrorCode::kNotFound && name.ends_with(kBoxesSuffix) &&
      name.size() > kBoxesSuffix.size()) {
    auto stem = models.find(name.substr(0, name.size() - kBoxesSuffix.size()));
    if (stem || stem.error().code != ErrorCode::kNotFound) {
      host = std::move(stem);
      entry.boxes = true;
    }
  }
  entry.host = SHOAL_TRY(std::move(host));
  entry.name = name;
  entry.version = model_version(entry.host->detector_options().model);
  if (!version.empty() && version != entry.version) {
    return Error{ErrorCode::kNotFound, fmt::format("model {} has no version {}; {} is served", name,
                                                   version.substr(0, 40), entry.version)};
  }
  return entry;
}

std::string_view entry_platform(const Entry& entry) {
  return entry.boxes ? "shoal_boxes" : "shoal_onnx";
}

std::vector<TensorFacts> entry_inputs(const Entry& entry) {
  if (entry.boxes) return {{std::string(boxes_tensor::kImage), WireType::kBytes, {-1, 1}}};
  const TensorDescription& input = entry.host->tensor_input();
  return {{input.name, WireType::kFp32, batched(input.shape)}};
}

std::vector<TensorFacts> entry_outputs(const Entry& entry) {
  std::vector<TensorFacts> facts;
  if (entry.boxes) {
    namespace t = boxes_tensor;
    return {{std::string(t::kCount), WireType::kInt32, {-1, 1}},
            {std::string(t::kBoxes), WireType::kFp32, {-1, -1, 4}},
            {std::string(t::kScores), WireType::kFp32, {-1, -1}},
            {std::string(t::kClasses), WireType::kInt32, {-1, -1}},
            {std::string(t::kTruncated), WireType::kBool, {-1}},
            {std::string(t::kError), WireType::kBytes, {-1}},
            {std::string(t::kJson), WireType::kBytes, {-1}, false}};
  }
  for (const TensorDescription& output : entry.host->tensor_outputs()) {
    facts.push_back({output.name, WireType::kFp32, batched(output.shape)});
  }
  return facts;
}

void fill_config(const Entry& entry, inference::ModelConfig& config) {
  const DetectorOptions& options = entry.host->detector_options();
  config.set_name(entry.name);
  config.set_platform(std::string(entry_platform(entry)));
  config.set_backend("shoal");
  config.mutable_version_policy()->mutable_latest()->set_num_versions(1);
  config.set_max_batch_size(options.batch_max);
  for (const TensorFacts& facts : entry_inputs(entry)) {
    auto* input = config.add_input();
    input->set_name(facts.name);
    input->set_data_type(config_type(facts.type));
    if (!entry.boxes && facts.shape.size() == 4) {
      input->set_format(inference::ModelInput::FORMAT_NCHW);
    }
    for (std::size_t i = 1; i < facts.shape.size(); ++i) input->add_dims(facts.shape[i]);
  }
  for (const TensorFacts& facts : entry_outputs(entry)) {
    auto* output = config.add_output();
    output->set_name(facts.name);
    output->set_data_type(config_type(facts.type));
    for (std::size_t i = 1; i < facts.shape.size(); ++i) output->add_dims(facts.shape[i]);
  }
  auto* group = config.add_instance_group();
  group->set_name(entry.name + "_0");
  group->set_count(std::max(entry.host->statistics(false).lanes, 1));
  group->set_kind(inference::ModelInstanceGroup::KIND_CPU);
  auto* batching = config.mutable_dynamic_batching();
  batching->set_max_queue_delay_microseconds(
      static_cast<std::uint64_t>(std::max<std::int64_t>(options.queue_delay.count(), 0)));
  batching->set_preserve_ordering(true);
  batching->set_priority_levels(kPriorityCount);
  batching->set_default_priority_level(3);
  if (!entry.boxes) {
    (*config.mutable_parameters())["metadata"].set_string_value(ultralytics_metadata(entry));
  }
}

}  // namespace shoal
