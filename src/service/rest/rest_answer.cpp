#include "service/rest/rest_answer.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/json_text.h"
#include "pipeline/answer_text.h"

namespace shoal {
namespace {

// Errors that the picture's bytes are not to blame for.
bool is_of_server(const Outcome& outcome) {
  return outcome.error && status_of(outcome.error->code, false) >= 500;
}

}  // namespace

int status_of(ErrorCode code, bool refused) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kCorruptInput: return 400;
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kOutOfMemory: return 413;
    case ErrorCode::kUnsupported: return 415;
    case ErrorCode::kQueueFull:
    case ErrorCode::kCancelled:
    case ErrorCode::kUnavailable: return 503;
    case ErrorCode::kDeadlineExceeded: return refused ? 503 : 504;
    case ErrorCode::kDeviceLost:
    case ErrorCode::kInternal: return 500;
  }
  return 500;
}

void set_retry_after(HttpResponse& response, int seconds) {
  if (response.status == 503) {
    response.headers.emplace_back("Retry-After", fmt::format("{}", std::max(1, seconds)));
  }
}

HttpResponse rest_error(const Error& error, int status) {
  fmt::memory_buffer text;
  append_text(text, R"({"error":{"code":)");
  append_json_string(text, to_string(error.code));
  append_text(text, R"(,"message":)");
  append_json_string(text, error.message);
  append_text(text, "}}");
  HttpResponse response;
  response.status = status;
  response.body = std::string(view_of(text));
  return response;
}

HttpResponse rest_answer(const DetectJob& job) {
  const std::vector<std::string>& names = job.host->model().class_names;
  HttpResponse response;
  fmt::memory_buffer text;
  if (!job.request.list) {
    const Outcome& outcome = job.outcomes.front();
    append_answer_text(text, outcome, names);
    if (outcome.error) response.status = status_of(outcome.error->code, false);
  } else if (std::ranges::all_of(job.outcomes, is_of_server)) {
    const Error& error = *job.outcomes.front().error;
    response = rest_error(error, status_of(error.code, false));
  } else {
    append_text(text, R"({"results":[)");
    for (const Outcome& outcome : job.outcomes) {
      if (text.size() > 12) text.push_back(',');
      append_answer_text(text, outcome, names);
    }
    append_text(text, "]}");
  }
  if (text.size() > 0) response.body = std::string(view_of(text));
  set_retry_after(response, job.host->retry_after_s());
  return response;
}

}  // namespace shoal
