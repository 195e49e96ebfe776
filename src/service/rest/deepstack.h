// The dialect of DeepStack's object detection, as Frigate's detector "deepstack" speaks it. The
// routes are rest_routes'.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "service/http/exchange.h"
#include "service/rest/detect_job.h"
#include "shoal/result.h"

namespace shoal {

struct DeepStackOptions {
  // Whether a key is known; empty: none is needed.
  std::function<bool(std::string_view key)> check_key;
  // Frigate has room for 20 and fails at the 21st.
  std::size_t predictions_max = 20;
};

struct DeepStackRequest {
  DetectRequest request;     // one picture
  bool key_refused = false;  // the request is empty then
};

// A form with the file "image"; "api_key" and "min_confidence" are understood, other fields are not
// looked at, as DeepStack does.
//
// Errors   invalid_argument (no form, no image, a confidence that is no number), and parse_form's.
[[nodiscard]] Result<DeepStackRequest> read_deepstack(const HttpRequest& request,
                                                      const DeepStackOptions& options);

// {"success":true,"predictions":[{"confidence","label","x_min","y_min","x_max","y_max"}],"count":n}
// in whole pixels, the most confident first. Where `predictions_max` or the model's own cap cut
// some off, "truncated":true stands beside them.
[[nodiscard]] HttpResponse deepstack_answer(const DetectJob& job, std::size_t predictions_max);

// {"success":false,"error":"..."}
[[nodiscard]] HttpResponse deepstack_error(std::string_view message, int status);

}  // namespace shoal
