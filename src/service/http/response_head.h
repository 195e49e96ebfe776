// The head of an answer, and what goes with every answer: length, date, request id. No sockets.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "service/http/exchange.h"

namespace shoal {

struct ResponseFraming {
  bool keep_alive = true;
  bool http_1_0 = false;
  std::string_view request_id;  // "" = none
  std::time_t now = 0;          // seconds of the wall clock, for Date
};

// Status line and fields with the empty line. Content-Length is the body's, whether it is sent or
// not (HEAD); a stream of unknown length has none. Fields of the response with characters that no
// field may have are left out.
[[nodiscard]] std::string response_head(const HttpResponse& response,
                                        const ResponseFraming& framing);

// "Not Found" of 404.
[[nodiscard]] std::string_view status_reason(int status);

// Whether an answer of this status has a body at all.
[[nodiscard]] constexpr bool status_has_body(int status) {
  return status >= 200 && status != 204 && status != 304;
}

// The client's id where it is sane (1 to 128 letters, digits and -_.:/+=@), else a new one.
[[nodiscard]] std::string request_id_from(std::string_view given);

// Compresses the body where the client accepts it and it pays: text of 64 KiB and more; text of
// 1 KiB and more, tensors and other bytes only where the client names one coding alone, which
// libraries do not do by themselves. Errors and what is not compressible stay as they are.
// Costs    the time of zlib's level 1 on the calling thread.
void compress_response(HttpResponse& response, std::string_view accept_encoding);

}  // namespace shoal
