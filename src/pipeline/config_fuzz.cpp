// Any bytes as a configuration or as a camera in JSON: an answer or an error that says where, never
// a crash; and what was read is printed, read and printed again to the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pipeline/config.h"
#include "pipeline/site_config_read.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void try_file(std::string_view text) {
  const auto config = shoal::parse_config(text, "fuzz");
  if (!config) {
    require(config.error().message.starts_with("fuzz: "));
    return;
  }
  require(config->detector.batch_max >= 1 && config->decode_threads >= 0);
  for (const shoal::CameraConfig& camera : config->site.cameras) {
    require(shoal::check_camera(camera).has_value());
  }
  const std::string printed = shoal::config_text(*config);
  const auto again = shoal::parse_config(printed, "printed");
  if (!again) {
    // What is hidden in print is not taken for a secret when it is read.
    require(printed.find("***") != std::string::npos);
    return;
  }
  require(shoal::config_text(*again) == printed);
}

void try_camera(std::string_view text) {
  const auto camera = shoal::camera_from_json(text, {});
  if (!camera) return;
  const auto again =
      shoal::camera_from_json(shoal::camera_to_json(*camera, shoal::Passwords::kShown), {});
  require(again && *again == *camera);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_file(text);
  try_camera(text);
  shoal::Config set;
  set.site.cameras.resize(1);
  set.site.cameras[0].name = "a";
  set.site.cameras[0].url = "x.mp4";
  const auto split = text.find('\n');
  if (split != std::string_view::npos) {
    (void)shoal::set_option(set, text.substr(0, split), text.substr(split + 1));
  }
  return 0;
}
