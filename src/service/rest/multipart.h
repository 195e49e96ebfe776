// multipart/form-data (RFC 7578, framed by RFC 2046 section 5.1), read in place: parts are views
// of the body.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/result.h"

namespace shoal {

struct FormPart {
  std::string name;                     // of the field; "" is a name, too
  // As the client gave it: never a path to open. In UTF-8 where it came as filename*; what of
  // another character set cannot be read is a '?'.
  std::optional<std::string> filename;
  std::string content_type;             // in lower case, without parameters; "" where none is given
  std::string_view body;                // within the whole body
};

struct FormLimits {
  std::size_t parts_max = 4096;
  std::size_t part_header_max = 4096;  // bytes of the header lines of a part
};

// The boundary of a Content-Type's value.
// Errors   invalid_argument: it has none, or none as RFC 2046 allows (1 to 70 characters of its
//          alphabet, not ending with a blank).
[[nodiscard]] Result<std::string> multipart_boundary(std::string_view content_type);

// The parts in order; preamble and epilogue are skipped, as RFC 2046 says.
//
// Errors   invalid_argument (not multipart, a part without a form-data disposition or a name, the
//          closing boundary is missing), unsupported (a transfer encoding that is not the
//          identity), out_of_memory (more parts or longer headers than the limits).
// Cost     one search through the body.
[[nodiscard]] Result<std::vector<FormPart>> parse_form(std::string_view body,
                                                       std::string_view boundary,
                                                       const FormLimits& limits);

// The media type of a Content-Type's value: in lower case, without parameters or blanks.
[[nodiscard]] std::string media_type(std::string_view content_type);

}  // namespace shoal
