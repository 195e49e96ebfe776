// ALARM is core/alarm_json.h's; base64 is OpenSSL's.
#include "sink/alarm_message.h"

#include <openssl/evp.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/alarm_json.h"
#include "core/json_text.h"

namespace shoal {
namespace {

void append_base64(fmt::memory_buffer& out, const std::vector<std::uint8_t>& bytes) {
  const std::size_t start = out.size();
  const std::size_t length = (bytes.size() + 2) / 3 * 4;
  out.resize(start + length + 1);  // OpenSSL ends it with a zero
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + start), bytes.data(),
                  static_cast<int>(bytes.size()));
  out.resize(start + length);
}

}  // namespace

void append_alarm_message(fmt::memory_buffer& out, const Alarm& alarm, Picture picture) {
  append_text(out, R"({"version":1,)");
  fmt::memory_buffer object;
  append_alarm_json(object, alarm, true, false);
  append_text(out, view_of(object).substr(1, object.size() - 2));  // without its braces
  append_text(out, R"(,"thumbnail_jpeg":)");
  if (picture == Picture::kWithout || alarm.thumbnail.empty()) {
    append_text(out, "null}");
    return;
  }
  out.push_back('"');
  append_base64(out, alarm.thumbnail);
  append_text(out, "\"}");
}

}  // namespace shoal
