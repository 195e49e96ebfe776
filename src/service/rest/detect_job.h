// One call of this door on its way through a model: what came, who answers, what came back.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "core/outcome.h"
#include "pipeline/model_host.h"
#include "service/http/exchange.h"
#include "service/rest/detect_request.h"
#include "shoal/result.h"

namespace shoal {

struct DetectJob {
  std::shared_ptr<HttpExchange> exchange;
  std::shared_ptr<ModelHost> host;
  DetectRequest request;
  // Once done: one for each picture of the request, in its order and named as it is. Classes that
  // were not asked for are gone.
  std::vector<Outcome> outcomes;
};

using DetectDone = std::function<void(const std::shared_ptr<DetectJob>& job)>;

// Hands the job's readable pictures to its host as one call. `done` is called exactly once unless
// an Error is returned: on this thread where no picture can be read, else on a thread of the host;
// it formats and hands over. A client that goes away withdraws the call.
//
// Ownership  the call keeps the job, and the job the bytes and the exchange.
// Errors     those of ModelHost::detect: the call was refused; invalid_argument: classes that the
//            model does not have.
[[nodiscard]] Result<void> start_detect(std::shared_ptr<DetectJob> job, std::string_view door,
                                        DetectDone done);

}  // namespace shoal
