// Field by field. Inference first, then the small messages.
#include "service/kserve/grpc_codec.h"

#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "core/invalid.h"

namespace shoal {
namespace {

using inference::InferParameter;
using inference::InferTensorContents;
using inference::ModelInferRequest;

template <typename Map>
Result<Parameters> read_parameters(const Map& map) {
  Parameters parameters;
  for (const auto& [name, value] : map) {
    switch (value.parameter_choice_case()) {
      case InferParameter::kBoolParam: parameters[name] = value.bool_param(); break;
      case InferParameter::kInt64Param: parameters[name] = std::int64_t{value.int64_param()}; break;
      case InferParameter::kStringParam: parameters[name] = value.string_param(); break;
      case InferParameter::kDoubleParam: parameters[name] = value.double_param(); break;
      case InferParameter::kUint64Param:
        if (value.uint64_param() > std::numeric_limits<std::int64_t>::max()) {
          return invalid(fmt::format("parameter {}: a number beyond 63 bits", name.substr(0, 100)));
        }
        parameters[name] = static_cast<std::int64_t>(value.uint64_param());
        break;
      case InferParameter::PARAMETER_CHOICE_NOT_SET: break;
    }
  }
  return parameters;
}

// Bytes of a repeated field whose elements are as wide as the datatype's: no copy.
template <typename T>
std::span<const std::uint8_t> bytes_of(const google::protobuf::RepeatedField<T>& field) {
  return {reinterpret_cast<const std::uint8_t*>(field.data()),
          static_cast<std::size_t>(field.size()) * sizeof(T)};
}

// The protocol carries narrow integers in 32-bit fields.
template <typename Narrow, typename Wide>
Result<void> narrow(const google::protobuf::RepeatedField<Wide>& field, InputTensor& tensor) {
  tensor.own.resize(static_cast<std::size_t>(field.size()) * sizeof(Narrow));
  std::size_t at = 0;
  for (const Wide value : field) {
    if (!std::in_range<Narrow>(value)) {
      return invalid(fmt::format("input {}: {} is no {}", tensor.name, value,
                                 to_string(tensor.type)));
    }
    const auto small = static_cast<Narrow>(value);
    std::memcpy(tensor.own.data() + at, &small, sizeof(Narrow));
    at += sizeof(Narrow);
  }
  tensor.data = tensor.own;
  return {};
}

Result<void> read_contents(const InferTensorContents& contents, InputTensor& tensor) {
  switch (tensor.type) {
    case WireType::kBool: tensor.data = bytes_of(contents.bool_contents()); return {};
    case WireType::kUint8: return narrow<std::uint8_t>(contents.uint_contents(), tensor);
    case WireType::kUint16: return narrow<std::uint16_t>(contents.uint_contents(), tensor);
    case WireType::kUint32: tensor.data = bytes_of(contents.uint_contents()); return {};
    case WireType::kUint64: tensor.data = bytes_of(contents.uint64_contents()); return {};
    case WireType::kInt8: return narrow<std::int8_t>(contents.int_contents(), tensor);
    case WireType::kInt16: return narrow<std::int16_t>(contents.int_contents(), tensor);
    case WireType::kInt32: tensor.data = bytes_of(contents.int_contents()); return {};
    case WireType::kInt64: tensor.data = bytes_of(contents.int64_contents()); return {};
    case WireType::kFp32: tensor.data = bytes_of(contents.fp32_contents()); return {};
    case WireType::kFp64: tensor.data = bytes_of(contents.fp64_contents()); return {};
    case WireType::kBytes:
      for (const std::string& element : contents.bytes_contents()) {
        tensor.elements.emplace_back(reinterpret_cast<const std::uint8_t*>(element.data()),
                                     element.size());
      }
      return {};
    case WireType::kFp16:
    case WireType::kBf16: break;
  }
  return invalid(fmt::format("input {}: {} travels as raw contents only", tensor.name,
                             to_string(tensor.type)));
}

Result<InputTensor> read_input(const ModelInferRequest::InferInputTensor& input,
                               const std::string* raw) {
  InputTensor tensor;
  tensor.name = input.name();
  if (tensor.name.empty()) return invalid("an input without a name");
  const std::string what = fmt::format("input {}", tensor.name.substr(0, 100));
  const auto type = wire_type_of(input.datatype());
  if (!type) {
    return invalid(
        fmt::format("{}: unknown datatype \"{}\"", what, input.datatype().substr(0, 40)));
  }
  tensor.type = *type;
  tensor.shape.assign(input.shape().begin(), input.shape().end());
  const Parameters parameters = SHOAL_TRY(read_parameters(input.parameters()));
  SHOAL_TRY(check_input_parameters(tensor.name, parameters));
  const std::size_t count = SHOAL_TRY(element_count(tensor.shape, what));
  if (raw == nullptr) {
    SHOAL_TRY(read_contents(input.contents(), tensor));
  } else {
    tensor.data = {reinterpret_cast<const std::uint8_t*>(raw->data()), raw->size()};
    if (tensor.type == WireType::kBytes) {
      tensor.elements = SHOAL_TRY(split_bytes(tensor.data, count, what));
    }
  }
  if (tensor.type == WireType::kBytes) {
    if (tensor.elements.size() == count) return tensor;
    return invalid(fmt::format("{}: the shape has {} elements, the contents {}", what, count,
                               tensor.elements.size()));
  }
  if (tensor.data.size() == count * element_size(tensor.type)) return tensor;
  return invalid(fmt::format("{}: {} elements of {} are {} bytes, there are {}", what, count,
                             to_string(tensor.type), count * element_size(tensor.type),
                             tensor.data.size()));
}

void write_totals(const EventTotals& from, inference::StatisticDuration& to) {
  to.set_count(from.count);
  to.set_ns(from.nanoseconds);
}

struct WriteParameter {
  InferParameter& to;
  void operator()(bool value) const { to.set_bool_param(value); }
  void operator()(std::int64_t value) const { to.set_int64_param(value); }
  void operator()(double value) const { to.set_double_param(value); }
  void operator()(const std::string& value) const { to.set_string_param(value); }
};

}  // namespace

Result<InferCall> read_infer_request(const ModelInferRequest& request) {
  InferCall call;
  call.model = request.model_name();
  call.version = request.model_version();
  call.id = request.id();
  const Parameters parameters = SHOAL_TRY(read_parameters(request.parameters()));
  SHOAL_TRY(take_request_parameters(call, parameters));
  const int raw = request.raw_input_contents_size();
  if (request.inputs_size() > 1024 || request.outputs_size() > 1024) {
    return invalid("more than 1024 inputs or outputs");
  }
  if (raw != 0 && raw != request.inputs_size()) {
    return invalid(fmt::format("{} raw contents for {} inputs: all inputs have them, or none", raw,
                               request.inputs_size()));
  }
  std::unordered_set<std::string_view> names;
  for (int i = 0; i < request.inputs_size(); ++i) {
    const std::string& name = request.inputs(i).name();
    if (!names.insert(name).second) {
      return invalid(fmt::format("input {} stands twice", name.substr(0, 100)));
    }
    if (raw != 0 && request.inputs(i).has_contents()) {
      return invalid(fmt::format("input {}: both contents and raw contents",
                                 request.inputs(i).name().substr(0, 100)));
    }
    call.inputs.push_back(SHOAL_TRY(
        read_input(request.inputs(i), raw == 0 ? nullptr : &request.raw_input_contents(i))));
  }
  for (const auto& output : request.outputs()) {
    RequestedOutput& wanted = call.outputs.emplace_back();
    wanted.name = output.name();
    const Parameters of_output = SHOAL_TRY(read_parameters(output.parameters()));
    SHOAL_TRY(take_output_parameters(wanted, of_output));
  }
  return call;
}

void write_infer_response(InferAnswer answer, inference::ModelInferResponse& response) {
  response.set_model_name(std::move(answer.model));
  response.set_model_version(std::move(answer.version));
  response.set_id(std::move(answer.id));
  for (const auto& [name, value] : answer.parameters) {
    std::visit(WriteParameter{(*response.mutable_parameters())[name]}, value);
  }
  for (OutputTensor& tensor : answer.outputs) {
    auto* output = response.add_outputs();
    output->set_name(std::move(tensor.name));
    output->set_datatype(std::string(to_string(tensor.type)));
    for (const std::int64_t axis : tensor.shape) output->add_shape(axis);
    *response.add_raw_output_contents() = std::move(tensor.bytes);
  }
}

grpc::Status status_of(const Error& error) {
  grpc::StatusCode code = grpc::StatusCode::INTERNAL;
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kCorruptInput: code = grpc::StatusCode::INVALID_ARGUMENT; break;
    case ErrorCode::kNotFound: code = grpc::StatusCode::NOT_FOUND; break;
    case ErrorCode::kUnsupported: code = grpc::StatusCode::UNIMPLEMENTED; break;
    case ErrorCode::kOutOfMemory:
    case ErrorCode::kQueueFull: code = grpc::StatusCode::RESOURCE_EXHAUSTED; break;
    case ErrorCode::kDeadlineExceeded: code = grpc::StatusCode::DEADLINE_EXCEEDED; break;
    case ErrorCode::kCancelled:  // by the shutdown: a client that cancelled reads no status
    case ErrorCode::kUnavailable: code = grpc::StatusCode::UNAVAILABLE; break;
    case ErrorCode::kDeviceLost:
    case ErrorCode::kInternal: break;
  }
  return {code, error.message};
}

void write_metadata(const Entry& entry, inference::ModelMetadataResponse& response) {
  response.set_name(entry.name);
  response.add_versions(entry.version);
  response.set_platform(std::string(entry_platform(entry)));
  const auto add = [](const TensorFacts& facts, auto* tensor) {
    tensor->set_name(facts.name);
    tensor->set_datatype(std::string(to_string(facts.type)));
    for (const std::int64_t axis : facts.shape) tensor->add_shape(axis);
  };
  for (const TensorFacts& facts : entry_inputs(entry)) add(facts, response.add_inputs());
  for (const TensorFacts& facts : entry_outputs(entry)) add(facts, response.add_outputs());
}

void write_statistics(const Entry& entry, inference::ModelStatistics& statistics) {
  const HostStatistics all = entry.host->statistics(!entry.boxes);
  statistics.set_name(entry.name);
  statistics.set_version(entry.version);
  statistics.set_last_inference(static_cast<std::uint64_t>(all.last_inference_ms));
  statistics.set_inference_count(all.inference_count);
  statistics.set_execution_count(all.execution_count);
  auto* totals = statistics.mutable_inference_stats();
  write_totals(all.success, *totals->mutable_success());
  write_totals(all.fail, *totals->mutable_fail());
  write_totals(all.queue, *totals->mutable_queue());
  write_totals(all.compute_input, *totals->mutable_compute_input());
  write_totals(all.compute_infer, *totals->mutable_compute_infer());
  write_totals(all.compute_output, *totals->mutable_compute_output());
  for (const HostStatistics::BatchSize& batch : all.batch_sizes) {
    auto* to = statistics.add_batch_stats();
    to->set_batch_size(static_cast<std::uint64_t>(batch.size));
    write_totals(batch.compute_input, *to->mutable_compute_input());
    write_totals(batch.compute_infer, *to->mutable_compute_infer());
    write_totals(batch.compute_output, *to->mutable_compute_output());
  }
}

void write_index(const std::vector<IndexLine>& lines,
                 inference::RepositoryIndexResponse& response) {
  for (const IndexLine& line : lines) {
    auto* model = response.add_models();
    model->set_name(line.name);
    model->set_version(line.version);
    model->set_state(line.state);
    model->set_reason(line.reason);
  }
}

Result<Parameters> read_load_parameters(const inference::RepositoryModelLoadRequest& request) {
  using Value = inference::ModelRepositoryParameter;
  Parameters parameters;
  for (const auto& [name, value] : request.parameters()) {
    switch (value.parameter_choice_case()) {
      case Value::kBoolParam: parameters[name] = value.bool_param(); break;
      case Value::kInt64Param: parameters[name] = std::int64_t{value.int64_param()}; break;
      case Value::kStringParam: parameters[name] = value.string_param(); break;
      case Value::kBytesParam: parameters[name] = std::string(); break;  // only its name is refused
      case Value::PARAMETER_CHOICE_NOT_SET: break;
    }
  }
  return parameters;
}

TraceValues read_trace(const inference::TraceSettingRequest& request) {
  TraceValues changes;
  for (const auto& [name, value] : request.settings()) {
    changes[name].assign(value.value().begin(), value.value().end());
  }
  return changes;
}

void write_trace(const TraceValues& values, inference::TraceSettingResponse& response) {
  for (const auto& [name, list] : values) {
    auto& setting = (*response.mutable_settings())[name];
    for (const std::string& one : list) setting.add_value(one);
  }
}

LogSettings read_log(const inference::LogSettingsRequest& request) {
  using Value = inference::LogSettingsRequest::SettingValue;
  LogSettings changes;
  for (const auto& [name, value] : request.settings()) {
    switch (value.parameter_choice_case()) {
      case Value::kBoolParam: changes[name] = value.bool_param(); break;
      case Value::kUint32Param: changes[name] = std::int64_t{value.uint32_param()}; break;
      case Value::kStringParam: changes[name] = value.string_param(); break;
      case Value::PARAMETER_CHOICE_NOT_SET: break;
    }
  }
  return changes;
}

void write_log(const LogSettings& settings, inference::LogSettingsResponse& response) {
  for (const auto& [name, value] : settings) {
    auto& setting = (*response.mutable_settings())[name];
    if (const auto* flag = std::get_if<bool>(&value)) {
      setting.set_bool_param(*flag);
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
      setting.set_uint32_param(static_cast<std::uint32_t>(*number));
    } else {
      setting.set_string_param(std::get<std::string>(value));
    }
  }
}

}  // namespace shoal
