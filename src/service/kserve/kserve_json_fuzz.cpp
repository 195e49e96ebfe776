// Any bytes as the JSON of an inference request.
#include <cstdint>
#include <string_view>
#include <vector>

#include "service/kserve/http_settings.h"
#include "service/kserve/infer_reader_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<char> exact(data, data + size);
  const std::string_view text(exact.data(), exact.size());
  shoal::check_call(shoal::read_infer_body(text, {}));
  (void)shoal::read_index_request(text);
  (void)shoal::read_load_request(text);
  (void)shoal::read_trace_request(text);
  (void)shoal::read_log_request(text);
  return 0;
}
