// Bounds are checked before every read; nothing is allocated but the message.
#include "engine/onnx_envelope.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <string_view>

namespace shoal {
namespace {

// Field numbers of onnx.ModelProto (onnx/onnx.proto, stable since ONNX 1.0).
constexpr std::uint64_t kGraphField = 7;
constexpr std::uint64_t kFieldMax = 25;

std::string_view field_name(std::uint64_t field) {
  switch (field) {
    case 1: return "ir_version";
    case 2: return "producer_name";
    case 3: return "producer_version";
    case 4: return "domain";
    case 5: return "model_version";
    case 6: return "doc_string";
    case kGraphField: return "graph";
    case 8: return "opset_import";
    case 14: return "metadata_props";
    default: return "a field";
  }
}

Error corrupt(const std::string& name, std::string_view what) {
  return {ErrorCode::kCorruptInput, fmt::format("{}: {}", name, what)};
}

}  // namespace

std::optional<std::uint64_t> read_varint(std::span<const std::byte> bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[at++]);
    value |= (byte & 0x7FU) << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  return std::nullopt;
}

std::string_view foreign_file_kind(std::span<const std::byte> bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                        std::min<std::size_t>(bytes.size(), 512));
  if (text.starts_with("PK\x03\x04")) {
    return text.find(".pkl") != text.npos || text.find("/data") != text.npos
               ? "a PyTorch checkpoint (.pt); export it: yolo export model=FILE.pt format=onnx"
               : "a ZIP archive; unpack it first";
  }
  if (text.starts_with("\x80\x02") || text.starts_with("\x80\x04")) {
    return "a Python pickle, as older PyTorch checkpoints (.pt) are; export it as ONNX";
  }
  if (text.starts_with("\x1f\x8b")) return "compressed with gzip; unpack it first";
  if (text.starts_with("\x89HDF")) return "an HDF5 file, as Keras writes; export it as ONNX";
  if (text.size() > 8 && text.substr(4, 4) == "TFL3") {
    return "a TensorFlow Lite model; export the network as ONNX instead";
  }
  if (text.starts_with("ftrt") || text.starts_with("ptrt")) {
    return "a TensorRT engine, which runs on one kind of GPU only; use the ONNX file that it was "
           "built from";
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte order mark
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
    text.remove_prefix(1);
  }
  std::string lower(text.substr(0, 32));
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto begins = [&](std::string_view with) { return lower.starts_with(with); };
  if (begins("version https://git-lfs")) {
    return "a Git LFS pointer, not the file that it points to; fetch that with: git lfs pull";
  }
  if (begins("<!doctype html") || begins("<html") || begins("<head") || begins("<!--")) {
    return "a web page (HTML), not a model; what was downloaded is the page about the file, or an "
           "error";
  }
  if (begins("<?xml") && text.find("Error") != text.npos) {
    return "an error message of a download (XML), not a model";
  }
  if (begins("<?xml") || begins("<net")) {
    return "XML; an OpenVINO model's file has to be called .xml, with its .bin beside it";
  }
  if (begins("{")) return "JSON, not a model; a download may have failed";
  return {};
}

Result<void> check_onnx_envelope(std::span<const std::byte> bytes, const std::string& name) {
  constexpr std::string_view kNotOnnx = "not an ONNX file: its bytes are no ONNX protobuf";
  if (bytes.empty()) return corrupt(name, "the file is empty; expected an ONNX model");
  if (const std::string_view kind = foreign_file_kind(bytes); !kind.empty()) {
    return corrupt(name, fmt::format("not an ONNX file: it is {}", kind));
  }
  bool has_graph = false;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto tag = read_varint(bytes, at);
    const std::uint64_t field = tag.value_or(0) >> 3U;
    if (field == 0 || field > kFieldMax) return corrupt(name, kNotOnnx);
    std::uint64_t length = 0;
    switch (*tag & 7U) {
      case 0:
        if (!read_varint(bytes, at)) return corrupt(name, "cut off inside a number");
        break;
      case 1: length = 8; break;
      case 5: length = 4; break;
      case 2: {
        const auto claimed = read_varint(bytes, at);
        if (!claimed) return corrupt(name, "cut off inside a length");
        length = *claimed;
        break;
      }
      default: return corrupt(name, kNotOnnx);
    }
    if (length > bytes.size() - at) {
      if (!has_graph && field != kGraphField && length > (1U << 20U)) {
        return corrupt(name, kNotOnnx);
      }
      return corrupt(name, fmt::format("the ONNX file is cut off: '{}' needs {} bytes, {} are left",
                                       field_name(field), length, bytes.size() - at));
    }
    at += static_cast<std::size_t>(length);
    has_graph = has_graph || field == kGraphField;
  }
  if (!has_graph) return corrupt(name, "not an ONNX model: it holds no graph");
  return {};
}

}  // namespace shoal
