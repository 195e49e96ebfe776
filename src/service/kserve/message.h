// An inference call and its answer as both dialects (JSON with binary, protobuf) mean them. The
// readers fill these in, the entries work on them, the writers spell them out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/source_key.h"
#include "service/kserve/wire_type.h"
#include "shoal/result.h"

namespace shoal {

// A parameter's value. Unsigned values above int64's are not representable and refused.
using ParameterValue = std::variant<bool, std::int64_t, double, std::string>;
using Parameters = std::map<std::string, ParameterValue, std::less<>>;

// Where the elements of a BYTES tensor came from: text cannot carry a picture, so entries that
// want one read text as base64.
enum class BytesOrigin : std::uint8_t { kBinary, kText };

struct InputTensor {
  std::string name;
  WireType type = WireType::kFp32;
  std::vector<std::int64_t> shape;
  // Packed, little-endian, element_count(shape) elements. For kBytes the tensor as it came, with
  // lengths, where it came as one piece; its parts are `elements`.
  std::span<const std::uint8_t> data;
  std::vector<std::span<const std::uint8_t>> elements;  // kBytes: one an element
  BytesOrigin origin = BytesOrigin::kBinary;
  // Memory behind `data` and `elements` where the reader had to make it; else it is the owner's.
  std::vector<std::uint8_t> own;
};

struct RequestedOutput {
  std::string name;
  bool binary = false;     // HTTP: the answer's bytes go behind the JSON
  int classification = 0;  // > 0: the best so many, as text
};

struct InferCall {
  std::string model;    // as asked for: NAME or NAME_boxes
  std::string version;  // "" = the one that is served
  std::string id;
  std::int64_t priority = 0;  // 1 is the highest, 0 the default
  std::optional<Duration> timeout;
  std::optional<float> confidence;
  std::vector<InputTensor> inputs;
  std::vector<RequestedOutput> outputs;  // empty: the entry's usual ones
  bool binary_output = false;            // for outputs that do not say
  // Raw binary request: one input without a name or a shape, which the entry knows.
  bool nameless = false;

  // From the door.
  std::size_t items_max = 4096;  // pictures, batch positions
  std::shared_ptr<const void> owner;  // keeps the inputs' bytes
  SourceKey source;
  std::string source_name;
  std::string_view door;  // "http" or "grpc"
  TimePoint arrived{};
  std::optional<TimePoint> deadline;
};

struct OutputTensor {
  std::string name;
  WireType type = WireType::kFp32;
  std::vector<std::int64_t> shape;
  std::string bytes;  // packed, little-endian; kBytes with a 4-byte length before each element
  bool binary = false;
};

struct InferAnswer {
  std::string model;
  std::string version;
  std::string id;
  Parameters parameters;
  std::vector<OutputTensor> outputs;
};

// Takes what Shoal knows from a request's parameters: priority, timeout, binary_data_output,
// confidence. Others are left alone, as the protocol has it.
//
// Errors   invalid_argument: a known one of the wrong kind or out of range; unsupported: sequences.
[[nodiscard]] Result<void> take_request_parameters(InferCall& call, const Parameters& parameters);

// binary_data and classification; shared memory is unsupported.
[[nodiscard]] Result<void> take_output_parameters(RequestedOutput& output,
                                                  const Parameters& parameters);

// Shared memory is unsupported.
[[nodiscard]] Result<void> check_input_parameters(std::string_view name,
                                                  const Parameters& parameters);

// Cuts `data` at the 4-byte lengths before its elements.
//
// A single element may come without its length where it is a picture file's bytes (JPEG, PNG, GIF,
// WebP), as older Model Servers take it: no such file begins like a length that fits.
//
// Errors   invalid_argument: a length that reaches past the end, too few or too many elements.
[[nodiscard]] Result<std::vector<std::span<const std::uint8_t>>> split_bytes(
    std::span<const std::uint8_t> data, std::size_t count, std::string_view what);

// Appends one element of a BYTES tensor: length and bytes.
void append_element(std::string& out, std::string_view element);

}  // namespace shoal
