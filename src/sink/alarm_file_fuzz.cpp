// The history's files are untrusted: anybody may write into the recordings folder.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/alarm_json.h"
#include "sink/alarm_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto alarm = shoal::parse_alarm(text, "fuzz");
  if (!alarm) return 0;
  // What was read can be written, and is the same when it is read again.
  const std::string written = shoal::alarm_json(*alarm, true, true);
  const auto again = shoal::parse_alarm(written, "fuzz");
  if (!again || shoal::alarm_json(*again, true, true) != written) __builtin_trap();
  return 0;
}
