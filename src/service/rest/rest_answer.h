// How this door says yes and no: bodies, statuses, Retry-After.
#pragma once

#include "service/http/exchange.h"
#include "service/rest/detect_job.h"
#include "shoal/result.h"

namespace shoal {

// The status of an error. `refused`: the call was never accepted, so the client may try again.
//   400 corrupt_input, invalid_argument   404 not_found   413 out_of_memory   415 unsupported
//   503 queue_full, unavailable, cancelled (closing), deadline_exceeded where refused; else 504
//   500 internal, device_lost
[[nodiscard]] int status_of(ErrorCode code, bool refused);

// Adds Retry-After to a 503.
void set_retry_after(HttpResponse& response, int seconds);

// {"error":{"code":...,"message":...}}
[[nodiscard]] HttpResponse rest_error(const Error& error, int status);

// Of a finished job, as JSON. One picture: its object, with the status of its error. A list:
// {"results":[...]} and 200, whatever became of single pictures; where none could be run for
// reasons of the server (overload, shutdown, time), that error.
//
// Cost     about 0.5 us a picture and 0.5 us a detection.
[[nodiscard]] HttpResponse rest_answer(const DetectJob& job);

}  // namespace shoal
