// Parameters that mean the same in both dialects, and the packing of BYTES.
#include "service/kserve/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "core/invalid.h"

namespace shoal {

static_assert(std::endian::native == std::endian::little, "tensors travel little-endian");

namespace {

Result<std::int64_t> integer_of(std::string_view name, const ParameterValue& value,
                                std::int64_t most) {
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number == nullptr || *number < 0 || *number > most) {
    return invalid(fmt::format("parameter {}: expected an integer from 0 to {}", name, most));
  }
  return *number;
}

Result<bool> bool_of(std::string_view name, const ParameterValue& value) {
  const auto* flag = std::get_if<bool>(&value);
  if (flag == nullptr) return invalid(fmt::format("parameter {}: expected true or false", name));
  return *flag;
}

Result<float> confidence_of(const ParameterValue& value) {
  const auto* real = std::get_if<double>(&value);
  const auto* whole = std::get_if<std::int64_t>(&value);
  const double confidence = real ? *real : whole ? static_cast<double>(*whole) : -1;
  if (!(confidence >= 0 && confidence <= 1)) {
    return invalid("parameter confidence: expected a number from 0 to 1");
  }
  return static_cast<float>(confidence);
}

bool is_zero(const ParameterValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number == 0;
  if (const auto* flag = std::get_if<bool>(&value)) return !*flag;
  if (const auto* text = std::get_if<std::string>(&value)) return text->empty() || *text == "0";
  return false;
}

Error no_shared_memory(std::string_view name) {
  return Error{ErrorCode::kUnsupported,
               fmt::format("tensor {}: shared memory regions are not supported; send the data in "
                           "the request",
                           name)};
}

bool begins_like_a_picture(std::span<const std::uint8_t> data) {
  const auto begins = [&](std::string_view magic) {
    return data.size() > magic.size() && std::memcmp(data.data(), magic.data(), magic.size()) == 0;
  };
  return begins("\xFF\xD8\xFF") || begins("\x89PNG") || begins("GIF8") || begins("RIFF");
}

}  // namespace

Result<void> take_request_parameters(InferCall& call, const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    if (name == "priority") {
      call.priority = SHOAL_TRY(
          integer_of(name, value, std::numeric_limits<std::int64_t>::max()));
    } else if (name == "timeout") {
      // Microseconds; a day is forever here, and keeps the sum with a time point in range.
      constexpr std::int64_t kDayUs = std::int64_t{86'400} * 1'000'000;
      const std::int64_t us = SHOAL_TRY(
          integer_of(name, value, std::numeric_limits<std::int64_t>::max()));
      if (us > 0) call.timeout = std::chrono::microseconds(std::min(us, kDayUs));
    } else if (name == "binary_data_output") {
      call.binary_output = SHOAL_TRY(bool_of(name, value));
    } else if (name == "confidence") {
      call.confidence = SHOAL_TRY(confidence_of(value));
    } else if ((name == "sequence_id" || name == "sequence_start" || name == "sequence_end") &&
               !is_zero(value)) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("parameter {}: the models served here keep no state, there are no "
                               "sequences",
                               name)};
    }
  }
  return {};
}

Result<void> take_output_parameters(RequestedOutput& output, const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    if (name == "binary_data") {
      output.binary = SHOAL_TRY(bool_of(name, value));
    } else if (name == "classification") {
      output.classification = static_cast<int>(SHOAL_TRY(integer_of(name, value, 1'000'000)));
    } else if (name == "shared_memory_region") {
      return no_shared_memory(output.name);
    }
  }
  return {};
}

Result<void> check_input_parameters(std::string_view name, const Parameters& parameters) {
  if (parameters.contains("shared_memory_region")) return no_shared_memory(name);
  return {};
}

Result<std::vector<std::span<const std::uint8_t>>> split_bytes(
    std::span<const std::uint8_t> data, std::size_t count, std::string_view what) {
  std::vector<std::span<const std::uint8_t>> elements;
  // Before anything is reserved: each element has at least its length.
  const bool whole = count == 1 && begins_like_a_picture(data);
  if (!whole && count > data.size() / 4) {
    return invalid(fmt::format("{}: {} elements need at least {} bytes, got {}", what, count,
                               count * 4, data.size()));
  }
  elements.reserve(count);
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t length = 0;
    if (data.size() - at >= 4) std::memcpy(&length, data.data() + at, 4);
    if (data.size() - at < 4 || length > data.size() - at - 4) {
      if (whole) return std::vector{data};
      return invalid(fmt::format("{}: element {} at byte {} says {} bytes, there are {}", what, i,
                                 at, length, data.size() - at));
    }
    elements.push_back(data.subspan(at + 4, length));
    at += 4 + std::size_t{length};
  }
  if (at != data.size()) {
    if (whole) return std::vector{data};
    return invalid(fmt::format("{}: {} bytes behind the last of {} elements", what,
                               data.size() - at, count));
  }
  return elements;
}

void append_element(std::string& out, std::string_view element) {
  const auto length = static_cast<std::uint32_t>(element.size());
  char prefix[4];
  std::memcpy(prefix, &length, 4);
  out.append(prefix, 4);
  out.append(element);
}

}  // namespace shoal
