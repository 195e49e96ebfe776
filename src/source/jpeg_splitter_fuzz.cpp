// Any bytes: the splitter gives the same pictures however they are cut into pieces, each a part of
// them in order that begins with a start of image.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "source/jpeg_splitter.h"

namespace {

constexpr std::size_t kBytesMax = std::size_t{1} << 20;

struct Seen {
  std::vector<std::uint8_t> bytes;
  bool whole;
  friend bool operator==(const Seen&, const Seen&) = default;
};

std::vector<Seen> split(std::span<const std::uint8_t> bytes, std::size_t piece) {
  shoal::JpegSplitter splitter(kBytesMax);
  std::vector<Seen> all;
  const auto take = [&] {
    while (const auto picture = splitter.next()) {
      all.push_back({{picture->bytes.begin(), picture->bytes.end()}, picture->whole});
    }
  };
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    splitter.push(bytes.subspan(at, std::min(piece, bytes.size() - at)));
    take();
  }
  splitter.finish();
  take();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(data, size);
  const auto whole = split(bytes, std::max<std::size_t>(size, 1));
  if (split(bytes, 1) != whole || split(bytes, 7) != whole) std::abort();
  auto from = bytes.begin();
  for (const Seen& one : whole) {
    if (one.bytes.size() < 4 || one.bytes[0] != 0xFF || one.bytes[1] != 0xD8) std::abort();
    from = std::search(from, bytes.end(), one.bytes.begin(), one.bytes.end());
    if (from == bytes.end()) std::abort();
    from += static_cast<std::ptrdiff_t>(one.bytes.size());
    const bool ended = one.bytes[one.bytes.size() - 2] == 0xFF && one.bytes.back() == 0xD9;
    if (one.whole && !ended) std::abort();
  }
  return 0;
}
