// Any bytes as config.pbtxt, and as the JSON of a load request.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "service/kserve/model_config.h"

namespace {

void check(shoal::Result<shoal::ReadConfig> read) {
  if (!read) {
    if (read.error().message.empty()) std::abort();
    return;
  }
  shoal::DetectorOptions options;
  const auto applied = shoal::apply_config(*read, "net", "", options);
  if (!applied) return;
  if (options.batch_max < 1 || options.lanes < 0 || options.queue_delay.count() < 0) std::abort();
  if (!(options.confidence >= 0 && options.confidence <= 1)) std::abort();
  for (const shoal::Size size : options.shapes) {
    if (size.width < 1 || size.height < 1) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<char> exact(data, data + size);
  const std::string_view text(exact.data(), exact.size());
  check(shoal::read_config_text(text));
  check(shoal::read_config_json(text));
  return 0;
}
