// Fuzzes the reader of spool files, with the bytes as they come and as an alarm record whose
// checksum is right. Any bytes are refused or read; what was read and is written again is the same.
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sink/spool_file.h"

namespace {

void check(std::string_view bytes) {
  const auto file = shoal::decode_spool_file(bytes);
  if (!file) return;
  if (file->bytes_valid > bytes.size()) std::abort();
  const std::string again = shoal::encode_spool_file(file->alarm, file->destinations);
  if (bytes.substr(0, again.size()) != again) std::abort();
}

void put_u32(std::string& out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  constexpr std::size_t kHead = 16;  // magic, length, checksum: of a seed, to be made right
  const std::string_view payload = bytes.substr(size < kHead ? 0 : kHead);
  std::string whole = "SHOALSP1";
  put_u32(whole, static_cast<std::uint32_t>(payload.size()));
  put_u32(whole, static_cast<std::uint32_t>(::crc32_z(
                     0, reinterpret_cast<const unsigned char*>(payload.data()), payload.size())));
  whole += payload;
  check(whole);
  return 0;
}
