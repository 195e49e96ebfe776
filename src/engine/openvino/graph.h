// The border to OpenVINO: the process's one ov::Core, reading model files, static copies of a
// graph, and exceptions turned into Errors. Included only by the files of this folder.
#pragma once

#include <cerrno>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <openvino/openvino.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "core/memory_guard.h"
#include "core/tensor.h"
#include "engine/engine_load.h"
#include "shoal/result.h"

namespace shoal {

using GraphPointer = std::shared_ptr<ov::Model>;

// Created at first use, alive until the process ends.
[[nodiscard]] ov::Core& openvino_core();

// The line of an OpenVINO exception that says what is wrong, without source locations.
[[nodiscard]] std::string reason_of(const std::exception& error);

// Whether an exception of OpenVINO hides a failed allocation: it wraps what its threads throw,
// oneDNN answers with a status, and the text itself may be cut for want of memory. Reads errno,
// where malloc leaves ENOMEM; the caller has cleared it.
[[nodiscard]] bool is_out_of_memory(const std::exception& error);

// Runs `body` (returning Result<T>) and turns what it throws into an Error "context: reason".
template <typename Body>
[[nodiscard]] auto catching(ErrorCode code, std::string_view context, Body&& body)
    -> decltype(body()) {
  return guarding_memory(context, [&]() -> decltype(body()) {
    errno = 0;
    try {
      return std::forward<Body>(body)();
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      if (is_out_of_memory(error)) return out_of_memory(context);
      return Error{code, std::string(context) + ": " + reason_of(error)};
    }
  });
}

struct GraphFile {
  GraphPointer graph;
  std::uint64_t content_hash = 0;  // FNV-1a of the file's bytes (both files of an IR)
};

// Errors   not_found, corrupt_input (empty, cut off, not a model), unsupported (an operator that
//          OpenVINO does not know).
[[nodiscard]] Result<GraphFile> read_graph(const ModelSource& source);

// How a picture lies in the model's own input tensor.
enum class InputLayout : std::uint8_t { kNchw, kNhwc };

[[nodiscard]] ov::PartialShape input_shape(InputLayout layout, std::int64_t batch, Size size);

// A copy whose input is static. Throws what OpenVINO throws where the graph cannot take it.
[[nodiscard]] GraphPointer reshaped(const GraphPointer& graph, InputLayout layout,
                                    std::int64_t batch, Size size);

// "Reshape '/model.23/Reshape_1'"
[[nodiscard]] std::string node_name(const ov::Node& node);

}  // namespace shoal
