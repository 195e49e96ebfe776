// Any bytes as an inference request with binary tensors: the first two are the length of the JSON.
#include <cstdint>
#include <string_view>
#include <vector>

#include "service/kserve/infer_reader_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t json = data[0] + std::size_t{256} * data[1];
  const std::vector<char> exact(data + 2, data + size);
  shoal::check_call(shoal::read_infer_body({exact.data(), exact.size()}, json));
  return 0;
}
