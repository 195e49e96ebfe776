// Straight into one buffer, without a tree.
#include "service/kserve/infer_writer.h"

#include <fmt/compile.h>

#include <cmath>
#include <concepts>
#include <cstring>
#include <iterator>
#include <string>

#include "core/json_text.h"

namespace shoal {
namespace {

template <typename T>
void append_value(fmt::memory_buffer& out, T value) {
  if constexpr (std::floating_point<T>) {
    // As Triton writes them: JSON has no word for these, and null would be another value.
    if (std::isnan(value)) return append_text(out, "NaN");
    if (std::isinf(value)) return append_text(out, value > 0 ? "Infinity" : "-Infinity");
  }
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), value);
}

template <typename T>
void append_values(fmt::memory_buffer& out, const std::string& bytes) {
  for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    T value{};
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    if (at > 0) out.push_back(',');
    append_value(out, value);
  }
}

void append_elements(fmt::memory_buffer& out, const std::string& bytes) {
  std::size_t at = 0;
  while (at + 4 <= bytes.size()) {
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data() + at, 4);
    if (at > 0) out.push_back(',');
    append_json_string(out, std::string_view(bytes).substr(at + 4, length));
    at += 4 + std::size_t{length};
  }
}

struct AppendParameter {
  fmt::memory_buffer& out;
  void operator()(bool value) const { append_text(out, value ? "true" : "false"); }
  void operator()(std::int64_t value) const { append_value(out, value); }
  void operator()(double value) const { append_value(out, value); }
  void operator()(const std::string& value) const { append_json_string(out, value); }
};

void append_tensor(fmt::memory_buffer& out, const OutputTensor& tensor) {
  append_text(out, R"({"name":)");
  append_json_string(out, tensor.name);
  fmt::format_to(std::back_inserter(out), R"(,"datatype":"{}","shape":[{}],)",
                 to_string(tensor.type), fmt::join(tensor.shape, ","));
  if (tensor.binary) {
    fmt::format_to(std::back_inserter(out), R"("parameters":{{"binary_data_size":{}}}}})",
                   tensor.bytes.size());
  } else {
    append_text(out, R"("data":)");
    append_tensor_data(out, tensor);
    out.push_back('}');
  }
}

void append_json(fmt::memory_buffer& out, const InferAnswer& answer) {
  append_text(out, R"({"model_name":)");
  append_json_string(out, answer.model);
  append_text(out, R"(,"model_version":)");
  append_json_string(out, answer.version);
  if (!answer.id.empty()) {
    append_text(out, R"(,"id":)");
    append_json_string(out, answer.id);
  }
  if (!answer.parameters.empty()) {
    append_text(out, R"(,"parameters":{)");
    bool first = true;
    for (const auto& [name, value] : answer.parameters) {
      if (!first) out.push_back(',');
      first = false;
      append_json_string(out, name);
      out.push_back(':');
      std::visit(AppendParameter{out}, value);
    }
    out.push_back('}');
  }
  append_text(out, R"(,"outputs":[)");
  for (const OutputTensor& tensor : answer.outputs) {
    if (&tensor != answer.outputs.data()) out.push_back(',');
    append_tensor(out, tensor);
  }
  append_text(out, "]}");
}

}  // namespace

void append_tensor_data(fmt::memory_buffer& out, const OutputTensor& tensor) {
  out.push_back('[');
  switch (tensor.type) {
    case WireType::kBool: append_values<bool>(out, tensor.bytes); break;
    case WireType::kUint8: append_values<std::uint8_t>(out, tensor.bytes); break;
    case WireType::kUint16: append_values<std::uint16_t>(out, tensor.bytes); break;
    case WireType::kUint32: append_values<std::uint32_t>(out, tensor.bytes); break;
    case WireType::kUint64: append_values<std::uint64_t>(out, tensor.bytes); break;
    case WireType::kInt8: append_values<std::int8_t>(out, tensor.bytes); break;
    case WireType::kInt16: append_values<std::int16_t>(out, tensor.bytes); break;
    case WireType::kInt32: append_values<std::int32_t>(out, tensor.bytes); break;
    case WireType::kInt64: append_values<std::int64_t>(out, tensor.bytes); break;
    case WireType::kFp32: append_values<float>(out, tensor.bytes); break;
    case WireType::kFp64: append_values<double>(out, tensor.bytes); break;
    case WireType::kBytes: append_elements(out, tensor.bytes); break;
    case WireType::kFp16:
    case WireType::kBf16: break;  // no entry answers with these, and JSON has no form for them
  }
  out.push_back(']');
}

HttpResponse write_infer_answer(const InferAnswer& answer) {
  fmt::memory_buffer json;
  append_json(json, answer);
  HttpResponse response;
  std::size_t binary = 0;
  bool any = false;
  for (const OutputTensor& tensor : answer.outputs) {
    any = any || tensor.binary;
    if (tensor.binary) binary += tensor.bytes.size();
  }
  response.body.reserve(json.size() + binary);
  response.body.append(json.data(), json.size());
  if (!any) return response;
  response.content_type = "application/octet-stream";
  response.headers.emplace_back("Inference-Header-Content-Length", std::to_string(json.size()));
  for (const OutputTensor& tensor : answer.outputs) {
    if (tensor.binary) response.body.append(tensor.bytes);
  }
  return response;
}

}  // namespace shoal
