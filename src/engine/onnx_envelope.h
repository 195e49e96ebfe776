// The outermost structure of an ONNX file: whether it is one, and whether it is whole. The graph
// itself is read by OpenVINO; this is for clear messages about files that it cannot read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shoal/result.h"

namespace shoal {

// A protobuf varint at `at`, which moves behind it; nothing where the bytes end in it or it has
// more than ten.
[[nodiscard]] std::optional<std::uint64_t> read_varint(std::span<const std::byte> bytes,
                                                       std::size_t& at);

// What a file is that is no model but often stands in its place ("a Git LFS pointer, ..."), with
// what to do about it; "" where its bytes are nothing known.
[[nodiscard]] std::string_view foreign_file_kind(std::span<const std::byte> bytes);

// Walks the top-level protobuf fields of onnx.ModelProto without entering them.
//
// Errors   corrupt_input: empty, not protobuf, cut off (names the field, the bytes it claims and
//          the bytes that are there), or without a graph.
// Cost     microseconds; reads a few bytes of every field.
[[nodiscard]] Result<void> check_onnx_envelope(std::span<const std::byte> bytes,
                                               const std::string& name);

}  // namespace shoal
