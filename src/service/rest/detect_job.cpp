#include "service/rest/detect_job.h"

#include <algorithm>
#include <new>
#include <utility>

#include "core/clock.h"
#include "service/rest/rest_answer.h"

namespace shoal {
namespace {

constexpr std::size_t kRequestIdMax = 128;

// The client's own id, where it can stand in a line of the log as it is.
std::string request_id(const HttpRequest& request) {
  const std::string_view id = request.header("x-request-id");
  const bool fits = id.size() <= kRequestIdMax &&
                    std::ranges::all_of(id, [](char c) { return c > 0x20 && c < 0x7F; });
  return fits ? std::string(id) : std::string();
}

CallOptions call_options(const DetectJob& job, std::string_view door) {
  const HttpRequest& request = job.exchange->request();
  const DetectOptions& asked = job.request.options;
  CallOptions options;
  options.priority = asked.priority;
  if (asked.timeout) options.deadline = request.first_byte + *asked.timeout;
  options.source = client_source(request.client);
  options.source_name = request.client;
  options.request_id = request_id(request);
  options.door = door;
  options.arrived = request.first_byte;
  options.confidence = asked.confidence;
  options.keep_pixels = asked.annotated;
  return options;
}

void keep_classes(Detections& detections, const std::vector<int>& classes) {
  if (classes.empty()) return;
  std::erase_if(detections.items, [&](const Detection& detection) {
    return !std::ranges::binary_search(classes, detection.class_id);
  });
}

// Whether the whole call is answered later than the client asked for. The host sees to it that
// nothing is begun too late; what was begun in time and took too long is seen here.
bool is_late(const DetectJob& job) {
  const auto& timeout = job.request.options.timeout;
  return timeout && Clock::now() > job.exchange->request().first_byte + *timeout;
}

// `items` are the answers of those pictures that could be read.
void take_answers(DetectJob& job, CallItems items, const std::vector<int>& classes) {
  auto item = items.begin();
  const bool late = is_late(job);
  job.outcomes.reserve(job.request.pictures.size());
  for (NamedPicture& picture : job.request.pictures) {
    Outcome outcome;
    if (picture.error) {
      outcome.error = std::move(picture.error);
      outcome.error->message.insert(0, picture.name + ": ");
    } else if (item != items.end()) {
      outcome = std::move((item++)->outcome);
    } else {
      outcome.error = Error{ErrorCode::kInternal, "the model gave no answer"};
    }
    if (late && !outcome.error) {
      outcome.error = Error{ErrorCode::kDeadlineExceeded,
                            picture.name + ": answered after the time that was asked for"};
    }
    outcome.source = picture.name;
    keep_classes(outcome.detections, classes);
    job.outcomes.push_back(std::move(outcome));
  }
}

// Where there is no memory to write the answer.
void refuse_for_memory(DetectJob& job) {
  HttpResponse response = rest_error(
      {ErrorCode::kUnavailable, "memory is short for the answer; try again later"}, 503);
  set_retry_after(response, job.host->retry_after_s());
  job.exchange->respond(std::move(response));
}

}  // namespace

Result<void> start_detect(std::shared_ptr<DetectJob> job, std::string_view door,
                          DetectDone done) {
  std::vector<int> classes =
      SHOAL_TRY(class_numbers(job->request.options.classes, job->host->model().class_names));
  DetectCall call;
  for (const NamedPicture& picture : job->request.pictures) {
    if (picture.error) continue;
    call.items.push_back({.encoded = picture.bytes, .pixels = {}, .name = picture.name});
  }
  if (call.items.empty()) {
    take_answers(*job, {}, classes);
    done(job);
    return {};
  }
  call.options = call_options(*job, door);
  call.owner = job;
  const auto host = job->host;
  const auto exchange = job->exchange;
  const CallHandle handle = SHOAL_TRY(host->detect(
      std::move(call), [job = std::move(job), classes = std::move(classes),
                        done = std::move(done)](CallItems items) mutable {
        // Let go before this returns, while the host still counts the call: the last to let go of
        // a host ends its lanes, and no lane can do that.
        const std::shared_ptr<DetectJob> answered = std::move(job);
        try {
          take_answers(*answered, std::move(items), classes);
          done(answered);
        } catch (const std::bad_alloc&) {
          refuse_for_memory(*answered);
        }
      }));
  exchange->on_abort([handle] { handle.cancel(); });
  return {};
}

}  // namespace shoal
