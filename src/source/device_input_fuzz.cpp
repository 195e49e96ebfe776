// Any text: the parser of camera devices neither crashes nor lets anything absurd through.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "source/device_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string spec(reinterpret_cast<const char*>(data), size);
  const auto device = shoal::parse_device(spec);
  if (!device) {
    if (device.error().code != shoal::ErrorCode::kInvalidArgument) std::abort();
    if (!device.error().message.starts_with(spec)) std::abort();
    return 0;
  }
  if (!device->path.starts_with('/') || device->path.find('\0') != std::string::npos) std::abort();
  if (!std::isfinite(device->frames_per_second) || device->frames_per_second < 0 ||
      device->frames_per_second > 1000) {
    std::abort();
  }
  const shoal::Size size_asked = device->size;
  if (size_asked.width < 0 || size_asked.width > 16'384) std::abort();
  if (size_asked.height < 0 || size_asked.height > 16'384) std::abort();
  for (const char c : device->format) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) std::abort();
  }
  return 0;
}
