// From an HTTP request to pictures and options: a raw picture, a form, or JSON. Nothing is decoded
// here but base64; the bytes of raw pictures and forms stay where the request has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "service/http/exchange.h"
#include "service/rest/detect_options.h"
#include "shoal/result.h"

namespace shoal {

struct NamedPicture {
  std::string name;                     // the file's, else where it stood: "body", "images[2]"
  std::span<const std::uint8_t> bytes;  // within the request's body, or in `decoded`
  std::vector<std::uint8_t> decoded;
  std::optional<Error> error;           // of this picture alone: it has no bytes then
};

struct DetectRequest {
  std::vector<NamedPicture> pictures;  // at least one
  bool list = false;  // answered as a list: several files of a form, or "images" of JSON
  DetectOptions options;
};

// Whether reading the request takes longer than a thread of the server should be held: a large
// body that is searched or decoded. A raw picture never.
[[nodiscard]] bool is_long_to_read(const HttpRequest& request);

// Errors   invalid_argument (options, framing of forms, JSON, no picture, a picture asked for as
//          an image among several), unsupported (a Content-Type that is none of the three),
//          out_of_memory (more than `pictures_max` pictures).
[[nodiscard]] Result<DetectRequest> read_detect_request(const HttpRequest& request,
                                                        std::size_t pictures_max);

// A name as answers and messages show it: cut at 255 bytes, "unnamed" where it is empty.
[[nodiscard]] std::string shown_name(std::string_view name);

[[nodiscard]] inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace shoal
