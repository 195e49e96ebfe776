#include "service/rest/embedded_files.h"

extern "C" {
extern const char shoal_page_begin;
extern const char shoal_page_end;
extern const char shoal_example_begin;
extern const char shoal_example_end;
extern const char shoal_openapi_begin;
extern const char shoal_openapi_end;
}

namespace shoal {

std::string_view try_page() { return {&shoal_page_begin, &shoal_page_end}; }
std::string_view example_board() { return {&shoal_example_begin, &shoal_example_end}; }
std::string_view openapi_json() { return {&shoal_openapi_begin, &shoal_openapi_end}; }

}  // namespace shoal
