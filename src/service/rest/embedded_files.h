// Files that ship inside the program: the page to try it, its example board, the description of
// the interface. They stand beside this header.
#pragma once

#include <string_view>

namespace shoal {

// All live as long as the process.
[[nodiscard]] std::string_view try_page();      // page.html: no other resource is needed
[[nodiscard]] std::string_view example_board();  // example.jpg: made by the board generator
[[nodiscard]] std::string_view openapi_json();  // openapi.json: OpenAPI 3.1

}  // namespace shoal
