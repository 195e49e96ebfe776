// The dashboard over HTTP. What it asks for itself, /api/v1/..., is of the cameras' door.
#pragma once

#include "service/http/exchange.h"

namespace shoal {

// Adds GET / and GET /assets/{file}. Neither holds anything secret, and both have to be open to
// browsers without a key: the page asks for it. Names of assets change with what is in them, so
// that browsers keep them for good.
void add_page_routes(HttpRouter& router);

}  // namespace shoal
