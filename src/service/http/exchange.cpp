#include "service/http/exchange.h"

#include <fmt/format.h>

#include "core/json_text.h"

namespace shoal {

HttpResponse http_error(int status, std::string_view message) {
  fmt::memory_buffer text;
  append_text(text, "{\"error\":");
  append_json_string(text, message);
  append_text(text, "}");
  return {.status = status, .body = std::string(view_of(text)), .headers = {}};
}

}  // namespace shoal
