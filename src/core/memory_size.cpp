#include "core/memory_size.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <utility>

namespace shoal {
namespace {

constexpr double kKi = 1024;
constexpr double kMost = 4611686018427387904.0;  // 2^62

constexpr std::array<std::pair<std::string_view, double>, 15> kUnits{{
    {"", 1}, {"b", 1}, {"%", 0},
    {"kib", kKi}, {"mib", kKi* kKi}, {"gib", kKi* kKi* kKi}, {"tib", kKi* kKi* kKi* kKi},
    {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12},
    // As Docker and Kubernetes' users write it, and as Docker reads it.
    {"k", kKi}, {"m", kKi* kKi}, {"g", kKi* kKi* kKi}, {"t", kKi* kKi* kKi* kKi},
}};

Error wrong(std::string_view text) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("expected an amount of memory such as \"80%\", \"2GiB\", \"512MiB\" or a "
                      "number of bytes, got \"{}\"", text)};
}

}  // namespace

Result<MemoryLimit> parse_memory_limit(std::string_view text) {
  if (text.empty() || text == "none") return MemoryLimit{};
  double number = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (read.ec != std::errc() || !std::isfinite(number) || number <= 0) return wrong(text);
  std::string unit(read.ptr, end);
  unit.erase(0, std::min(unit.size(), unit.find_first_not_of(' ')));
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  const auto* known = std::find_if(kUnits.begin(), kUnits.end(),
                                   [&](const auto& row) { return row.first == unit; });
  if (known == kUnits.end()) return wrong(text);
  if (unit == "%") {
    if (number > 100) return wrong(text);
    return MemoryLimit{.share = number / 100, .bytes = 0};
  }
  const double bytes = std::floor(number * known->second);
  if (bytes < 1 || bytes > kMost) return wrong(text);
  return MemoryLimit{.share = 0, .bytes = static_cast<std::int64_t>(bytes)};
}

std::string memory_text(std::int64_t bytes) {
  if (std::abs(bytes) < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes) / kKi;
  std::string_view unit = "KiB";
  for (const std::string_view next : {"MiB", "GiB", "TiB"}) {
    if (std::abs(value) < kKi) break;
    value /= kKi;
    unit = next;
  }
  return fmt::format("{:.1f} {}", value, unit);
}

}  // namespace shoal
