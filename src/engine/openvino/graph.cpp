// Reading files is ours, so that messages about them are; parsing graphs is OpenVINO's.
#include "engine/openvino/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <vector>

#include "core/read_file.h"
#include "engine/onnx_envelope.h"
#include "engine/onnx_external.h"

namespace shoal {
namespace {

constexpr std::size_t kModelBytesMax = std::size_t{16} << 30;
constexpr std::uint64_t kFnvBasis = 0xcbf29ce484222325ULL;

std::uint64_t fnv1a(std::span<const std::byte> bytes, std::uint64_t hash) {
  for (const std::byte byte : bytes) {
    hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3ULL;
  }
  return hash;
}

Result<std::vector<std::uint8_t>> read_bytes(const std::string& path) {
  auto bytes = file_bytes(path, {.bytes_max = kModelBytesMax,
                                 .expected = "an .onnx or .xml file"});
  if (!bytes && bytes.error().code == ErrorCode::kNotFound) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("{}: no such model file; expected an .onnx or .xml file, or the name "
                             "of a built-in model", path)};
  }
  return bytes;
}

Result<GraphFile> read_ir(const std::string& path, std::span<const std::byte> xml) {
  GraphFile file{.graph = nullptr, .content_hash = fnv1a(xml, kFnvBasis)};
  // Bytes of weights are anything; of what stands in their place a pointer is what can be told.
  const auto check_kind = [](const std::string& name, std::span<const std::byte> content,
                             std::string_view only) -> Result<void> {
    const std::string_view kind = foreign_file_kind(content);
    if (kind.empty() || kind.starts_with("XML") || !kind.starts_with(only)) return {};
    return Error{ErrorCode::kCorruptInput,
                 fmt::format("{}: not a file of an OpenVINO model: it is {}", name, kind)};
  };
  SHOAL_TRY(check_kind(path, xml, ""));
  const std::string weights = std::filesystem::path(path).replace_extension(".bin").string();
  const std::vector<std::uint8_t> content = SHOAL_TRY(read_bytes(weights));
  const auto bytes = std::as_bytes(std::span(content));
  SHOAL_TRY(check_kind(weights, bytes, "a Git LFS"));
  file.content_hash = fnv1a(bytes, file.content_hash);
  return catching(ErrorCode::kCorruptInput, path + ": not a readable OpenVINO IR",
                  [&]() -> Result<GraphFile> {
                    file.graph = openvino_core().read_model(path);
                    return file;
                  });
}

// What to do about an operation that OpenVINO does not know; suppression is what it mostly is.
std::string unknown_operation(const std::string& path, std::string_view message) {
  constexpr std::string_view kBefore = "No conversion rule found for operations: ";
  const std::size_t found = message.find(kBefore);
  std::string_view names = found == message.npos ? message : message.substr(found + kBefore.size());
  names = names.substr(0, names.find(';'));
  if (names.find("NMS") == names.npos) {
    return fmt::format("{}: it holds operations of its own, which only their makers' programs "
                       "run: {}; export the network without them", path, names);
  }
  return fmt::format("{}: it holds {}, a suppression of boxes that only {} runs; export the "
                     "network without suppression, which Shoal does itself (Ultralytics: "
                     "nms=False; YOLOv7: without --end2end and --include-nms; mmdeploy: the model "
                     "without its post-processing)",
                     path, names, names.find("TRT") == names.npos ? "its maker's runtime"
                                                                  : "TensorRT");
}

}  // namespace

ov::Core& openvino_core() {
  static ov::Core core;
  return core;
}

bool is_out_of_memory(const std::exception& error) {
  if (errno == ENOMEM) return true;
  const std::string_view what = error.what();
  for (const std::string_view sign : {"bad_alloc", "out_of_memory", "out of memory",
                                      "could not allocate", "Failed to allocate"}) {
    if (what.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

std::string reason_of(const std::exception& error) {
  // OpenVINO stacks "Exception from file:line:" and the failed assertion above the reason.
  std::string_view text = error.what();
  std::string reason;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.starts_with("Exception from ") ||
        (line.starts_with("Check '") && line.ends_with(':'))) {
      continue;
    }
    if (!reason.empty()) reason += "; ";
    reason += line;
    if (reason.size() > 400) break;
  }
  return reason.empty() ? std::string(error.what()) : reason;
}

Result<GraphFile> read_graph(const ModelSource& source) {
  std::vector<std::uint8_t> owned;
  std::span<const std::byte> bytes = source.embedded;
  if (bytes.empty()) {
    owned = SHOAL_TRY(read_bytes(source.path));
    bytes = std::as_bytes(std::span<const std::uint8_t>(owned));
    if (std::filesystem::path(source.path).extension() == ".xml") {
      return read_ir(source.path, bytes);
    }
  }
  SHOAL_TRY(check_onnx_envelope(bytes, source.path));
  if (source.embedded.empty()) SHOAL_TRY(check_external_files(bytes, source.path));
  GraphFile file{.graph = nullptr, .content_hash = fnv1a(bytes, kFnvBasis)};
  auto read = catching(ErrorCode::kCorruptInput, source.path + ": not a readable ONNX model",
                       [&]() -> Result<GraphFile> {
                         if (source.embedded.empty()) {
                           file.graph = openvino_core().read_model(source.path);
                         } else {
                           const std::string text(reinterpret_cast<const char*>(bytes.data()),
                                                  bytes.size());
                           file.graph = openvino_core().read_model(text, ov::Tensor());
                         }
                         return file;
                       });
  if (!read && read.error().message.find("No conversion rule") != std::string::npos) {
    return Error{ErrorCode::kUnsupported, unknown_operation(source.path, read.error().message)};
  }
  return read;
}

ov::PartialShape input_shape(InputLayout layout, std::int64_t batch, Size size) {
  if (layout == InputLayout::kNhwc) return {batch, size.height, size.width, 3};
  return {batch, 3, size.height, size.width};
}

GraphPointer reshaped(const GraphPointer& graph, InputLayout layout, std::int64_t batch,
                      Size size) {
  GraphPointer copy = graph->clone();
  copy->reshape(input_shape(layout, batch, size));
  return copy;
}

std::string node_name(const ov::Node& node) {
  return fmt::format("{} '{}'", node.get_type_name(), node.get_friendly_name());
}

}  // namespace shoal
