// {"image": "<base64 or data: URL>"} and {"images": [...]}: pictures in JSON, decoded while the
// text is read, so that the base64 is never kept a second time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "shoal/result.h"

namespace shoal {

struct JsonPicture {
  std::vector<std::uint8_t> bytes;
  std::optional<Error> error;  // of this picture alone: its base64 or its data: URL
};

struct JsonPictures {
  std::vector<JsonPicture> pictures;
  bool list = false;  // "images"
};

// Errors   of the whole body: invalid_argument (not JSON, not one object, neither or both of the
//          fields, a field of another name or twice, something that is not a string, no pictures,
//          nested deeper than the two levels there are), out_of_memory (more than `pictures_max`).
// Cost     one pass, about 0.4 ns a byte; memory: the decoded bytes.
[[nodiscard]] Result<JsonPictures> parse_picture_json(std::string_view body,
                                                      std::size_t pictures_max);

}  // namespace shoal
