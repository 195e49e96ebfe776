// Any bytes as a configuration: an answer or an error that names the file, never a crash.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pipeline/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = shoal::parse_config(text, "fuzz");
  if (!config && !config.error().message.starts_with("fuzz: ")) std::abort();
  if (config && (config->detector.batch_max < 1 || config->decode_threads < 0)) std::abort();
  shoal::Config set;
  const auto split = text.find('\n');
  if (split != std::string_view::npos) {
    (void)shoal::set_option(set, text.substr(0, split), text.substr(split + 1));
  }
  return 0;
}
