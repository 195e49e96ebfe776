// Model files are untrusted: the envelope walk, the list of files beside them and the class-name
// reader take any bytes.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/class_names.h"
#include "engine/onnx_envelope.h"
#include "engine/onnx_external.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  const auto envelope = shoal::check_onnx_envelope(std::as_bytes(bytes), "fuzz");
  const auto files = shoal::external_files(std::as_bytes(bytes));
  if (files.size() > size) return -1;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto names = shoal::parse_class_names(text);
  return envelope.has_value() && names.has_value() && names->size() > size ? -1 : 0;
}
