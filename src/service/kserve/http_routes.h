// KServe v2 over HTTP: which path leads where. The answers are made by the other files here.
#pragma once

#include "service/http/exchange.h"
#include "service/kserve/kserve_service.h"
#include "shoal/result.h"

namespace shoal {

// Adds the protocol's paths below /v2. What Triton has and Shoal has not (shared memory, generate)
// is answered with 501 and the reason.
//
// `service` outlives the router's handlers.
void add_kserve_routes(HttpRouter& router, KserveService& service);

// {"error": "..."}. `refused`: nothing was started, so trying again does no harm. A 503 carries
// Retry-After.
[[nodiscard]] HttpResponse kserve_error(const Error& error, bool refused, int retry_after_s = 1);

}  // namespace shoal
