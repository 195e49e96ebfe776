// Any bytes as a form; the first line is the Content-Type. Parts lie within the body, apart from
// each other and in order, and what was read is read again from what it writes.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "service/rest/multipart.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = text.find('\n');
  if (line == std::string_view::npos) return 0;
  const auto boundary = shoal::multipart_boundary(text.substr(0, line));
  if (!boundary) return 0;
  const std::string_view body = text.substr(line + 1);
  const shoal::FormLimits limits{.parts_max = 16, .part_header_max = 256};
  const auto parts = shoal::parse_form(body, *boundary, limits);
  if (!parts) return 0;
  if (parts->size() > limits.parts_max) std::abort();
  const char* behind = body.data();
  std::string written;
  for (const shoal::FormPart& part : *parts) {
    if (!part.body.empty()) {
      if (part.body.data() < behind) std::abort();
      behind = part.body.data() + part.body.size();
      if (behind > body.data() + body.size()) std::abort();
    }
    written += "--" + *boundary + "\r\nContent-Disposition: form-data; name=x\r\n\r\n";
    written += part.body;
    written += "\r\n";
  }
  written += "--" + *boundary + "--";
  const auto again = shoal::parse_form(written, *boundary, limits);
  if (!again || again->size() != parts->size()) std::abort();
  for (std::size_t i = 0; i < parts->size(); ++i) {
    if ((*again)[i].body != (*parts)[i].body) std::abort();
  }
  return 0;
}
