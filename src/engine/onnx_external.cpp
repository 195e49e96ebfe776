// Field numbers are those of onnx/onnx.proto: ModelProto.graph 7, GraphProto.initializer 5,
// TensorProto.external_data 13, StringStringEntryProto key 1 and value 2.
#include "engine/onnx_external.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include "engine/onnx_envelope.h"

namespace shoal {
namespace {

using Bytes = std::span<const std::byte>;

// Calls visit(field, content) for every field that has a length; stops where the bytes make no
// sense.
template <typename Visit>
void for_each_field(Bytes message, Visit&& visit) {
  std::size_t at = 0;
  while (at < message.size()) {
    const auto tag = read_varint(message, at);
    if (!tag) return;
    std::uint64_t length = 0;
    switch (*tag & 7U) {
      case 0:
        if (!read_varint(message, at)) return;
        break;
      case 1: length = 8; break;
      case 5: length = 4; break;
      case 2: {
        const auto claimed = read_varint(message, at);
        if (!claimed) return;
        length = *claimed;
        break;
      }
      default: return;
    }
    if (length > message.size() - at) return;
    if ((*tag & 7U) == 2) visit(*tag >> 3U, message.subspan(at, static_cast<std::size_t>(length)));
    at += static_cast<std::size_t>(length);
  }
}

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void read_tensor(Bytes tensor, std::vector<ExternalFile>& files) {
  std::string_view location;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  for_each_field(tensor, [&](std::uint64_t field, Bytes entry) {
    if (field != 13) return;
    std::string_view key;
    std::string_view value;
    for_each_field(entry, [&](std::uint64_t part, Bytes content) {
      if (part == 1) key = text_of(content);
      if (part == 2) value = text_of(content);
    });
    if (key == "location") location = value;
    if (key == "offset") offset = number_of(value);
    if (key == "length") length = number_of(value);
  });
  if (location.empty()) return;
  const auto same = [&](const ExternalFile& file) { return file.location == location; };
  auto found = std::find_if(files.begin(), files.end(), same);
  if (found == files.end()) found = files.insert(files.end(), {std::string(location), 0});
  if (length <= UINT64_MAX - offset) found->bytes = std::max(found->bytes, offset + length);
}

}  // namespace

std::vector<ExternalFile> external_files(std::span<const std::byte> model) {
  std::vector<ExternalFile> files;
  for_each_field(model, [&](std::uint64_t field, Bytes graph) {
    if (field != 7) return;
    for_each_field(graph, [&](std::uint64_t part, Bytes tensor) {
      if (part == 5) read_tensor(tensor, files);
    });
  });
  return files;
}

Result<void> check_external_files(std::span<const std::byte> model, const std::string& path) {
  for (const ExternalFile& file : external_files(model)) {
    const std::filesystem::path beside =
        std::filesystem::path(path).parent_path() / file.location;
    std::error_code error;
    if (!std::filesystem::is_regular_file(beside, error)) {
      return Error{ErrorCode::kNotFound,
                   fmt::format("{}: {}, which belongs to it and holds its weights, is not there; "
                               "copy it beside the model, under this name", path, file.location)};
    }
    const std::uintmax_t bytes = std::filesystem::file_size(beside, error);
    if (!error && bytes < file.bytes) {
      return Error{ErrorCode::kCorruptInput,
                   fmt::format("{}: {}, which belongs to it and holds its weights, is cut off: it "
                               "needs {} bytes, {} are there", path, file.location, file.bytes,
                               bytes)};
    }
  }
  return {};
}

}  // namespace shoal
