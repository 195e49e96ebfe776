// Any bytes: the header parsers neither crash nor read past the end, and what they accept is sane.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "decode/exif.h"
#include "decode/picture_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of exactly this size, so that the sanitizer sees the first byte too many.
  const std::vector<std::uint8_t> bytes(data, data + size);
  const auto header = shoal::read_picture_header(bytes);
  if (header) {
    if (header->size.width <= 0 || header->size.height <= 0) std::abort();
    if (header->orientation < 1 || header->orientation > 8) std::abort();
    const auto complete = shoal::check_complete(*header, bytes);
    if (!complete && complete.error().message.empty()) std::abort();
  } else if (header.error().message.empty()) {
    std::abort();
  }
  if (shoal::describe_bytes(bytes).empty()) std::abort();
  const int orientation = shoal::exif_orientation(bytes);
  if (orientation < 1 || orientation > 8) std::abort();
  return 0;
}
