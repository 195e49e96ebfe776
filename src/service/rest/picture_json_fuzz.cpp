// Any bytes as a JSON body: pictures within the limits, or an error with a message.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "service/rest/picture_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto result = shoal::parse_picture_json(text, 4);
  if (!result) {
    if (result.error().message.empty()) std::abort();
    return 0;
  }
  if (result->pictures.empty() || result->pictures.size() > 4) std::abort();
  if (!result->list && result->pictures.size() != 1) std::abort();
  std::size_t bytes = 0;
  for (const shoal::JsonPicture& picture : result->pictures) {
    if (picture.error.has_value() != picture.bytes.empty()) std::abort();
    bytes += picture.bytes.size();
  }
  if (bytes > size / 4 * 3) std::abort();  // base64 grows what it carries
  return 0;
}
