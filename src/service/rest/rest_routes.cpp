#include "service/rest/rest_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "core/json_text.h"
#include "pipeline/answer_text.h"
#include "service/rest/embedded_files.h"
#include "service/rest/rest_answer.h"
#include "service/rest/work_queue.h"

namespace shoal {
namespace {

constexpr std::size_t kJobsMax = 64;
constexpr std::size_t kBytesMax = std::size_t{256} << 20;
constexpr int kRetryLoading = 2;  // s, where no model can say

std::size_t bytes_of_pixels(const Outcome& outcome) {
  return static_cast<std::size_t>(outcome.pixels.pitch_bytes) *
         static_cast<std::size_t>(outcome.pixels.size.height);
}

HttpResponse of_file(std::string_view bytes, const char* type) {
  HttpResponse response;
  response.content_type = type;
  response.body = std::string(bytes);
  response.headers.emplace_back("Cache-Control", "no-cache");
  return response;
}

void append_model(fmt::memory_buffer& out, const ModelHost& host) {
  const ModelDescription& model = host.model();
  append_text(out, R"(,"family":)");
  append_json_string(out, model.family);
  fmt::format_to(std::back_inserter(out), R"(,"input":{{"width":{},"height":{}}},"confidence":)",
                 model.input.size.width, model.input.size.height);
  append_json_number(out, host.detector_options().confidence, 4);
  append_text(out, R"(,"classes":[)");
  bool first = true;
  for (const std::string& name : model.class_names) {
    if (!first) out.push_back(',');
    first = false;
    append_json_string(out, name);
  }
  out.push_back(']');
}

using Exchange = std::shared_ptr<HttpExchange>;

class RestDoor : public std::enable_shared_from_this<RestDoor> {
 public:
  explicit RestDoor(RestOptions options) : options_(std::move(options)) {}

  void detect(const Exchange& exchange);
  void deepstack(const Exchange& exchange);
  void models(const Exchange& exchange) const;
  void health(const Exchange& exchange) const;

 private:
  // How a door words what went wrong.
  using Refuse = void (*)(const Exchange&, const Error&, int retry_after_s);

  void read_later(const Exchange& exchange, void (RestDoor::*read)(const Exchange&),
                  Refuse refuse);
  void read_detect(const Exchange& exchange);
  void read_deepstack_form(const Exchange& exchange);
  void start(const Exchange& exchange, DetectRequest request, std::string_view door,
             DetectDone done, Refuse refuse, bool least_of_model = false);
  void draw(const std::shared_ptr<DetectJob>& job);

  static void refuse_plain(const Exchange& exchange, const Error& error, int retry_after_s) {
    HttpResponse response = rest_error(error, status_of(error.code, true));
    set_retry_after(response, retry_after_s);
    exchange->respond(std::move(response));
  }
  static void refuse_deepstack(const Exchange& exchange, const Error& error, int retry_after_s) {
    HttpResponse response = deepstack_error(error.message, status_of(error.code, true));
    set_retry_after(response, retry_after_s);
    exchange->respond(std::move(response));
  }

  const RestOptions options_;
  AnswerPainter painter_;  // of the drawing thread
  // Last, so that they end before what their work uses.
  WorkQueue reading_{"rest-read", kJobsMax, kBytesMax};
  WorkQueue drawing_{"rest-draw", kJobsMax, kBytesMax};
};

void RestDoor::detect(const Exchange& exchange) {
  if (!is_long_to_read(exchange->request())) return read_detect(exchange);
  read_later(exchange, &RestDoor::read_detect, &RestDoor::refuse_plain);
}

void RestDoor::deepstack(const Exchange& exchange) {
  if (!is_long_to_read(exchange->request())) return read_deepstack_form(exchange);
  read_later(exchange, &RestDoor::read_deepstack_form, &RestDoor::refuse_deepstack);
}

void RestDoor::read_later(const Exchange& exchange, void (RestDoor::*read)(const Exchange&),
                          Refuse refuse) {
  const std::size_t bytes = exchange->request().body.size();
  if (reading_.post(bytes, [this, exchange, read] { (this->*read)(exchange); })) return;
  refuse(exchange, {ErrorCode::kQueueFull, "too many large bodies wait to be read"},
         kRetryLoading);
}

void RestDoor::read_detect(const Exchange& exchange) {
  Result<DetectRequest> request =
      read_detect_request(exchange->request(), options_.pictures_max);
  if (!request) return refuse_plain(exchange, request.error(), kRetryLoading);
  const bool annotated = request->options.annotated;
  start(exchange, *std::move(request), "rest",
        [door = shared_from_this(), annotated](const std::shared_ptr<DetectJob>& job) {
          if (annotated && !job->outcomes.front().error) return door->draw(job);
          job->exchange->respond(rest_answer(*job));
        },
        &RestDoor::refuse_plain);
}

void RestDoor::read_deepstack_form(const Exchange& exchange) {
  Result<DeepStackRequest> read = read_deepstack(exchange->request(), options_.deepstack);
  if (!read) return refuse_deepstack(exchange, read.error(), kRetryLoading);
  if (read->key_refused) return exchange->respond(deepstack_error("Incorrect api key", 401));
  start(exchange, std::move(read->request), "deepstack",
        [most = options_.deepstack.predictions_max](const std::shared_ptr<DetectJob>& job) {
          job->exchange->respond(deepstack_answer(*job, most));
        },
        &RestDoor::refuse_deepstack, true);
}

// `least_of_model`: who asks for less confidence than the model was loaded with gets what there is.
void RestDoor::start(const Exchange& exchange, DetectRequest request, std::string_view door,
                     DetectDone done, Refuse refuse, bool least_of_model) {
  auto host = options_.models.find(exchange->path_part("model"));
  if (!host) return refuse(exchange, host.error(), kRetryLoading);
  std::optional<float>& confidence = request.options.confidence;
  if (least_of_model && confidence) {
    confidence = std::max(*confidence, (*host)->detector_options().confidence);
  }
  auto job = std::make_shared<DetectJob>();
  job->exchange = exchange;
  job->host = *host;
  job->request = std::move(request);
  if (Result<void> started = start_detect(std::move(job), door, std::move(done)); !started) {
    refuse(exchange, started.error(), (*host)->retry_after_s());
  }
}

void RestDoor::draw(const std::shared_ptr<DetectJob>& job) {
  const auto work = [this, job] {
    Result<std::string> jpeg =
        painter_.jpeg(job->outcomes.front(), job->host->model().class_names);
    if (!jpeg) {
      return job->exchange->respond(rest_error(jpeg.error(), status_of(jpeg.error().code, false)));
    }
    HttpResponse response;
    response.content_type = "image/jpeg";
    response.body = *std::move(jpeg);
    job->exchange->respond(std::move(response));
  };
  if (drawing_.post(bytes_of_pixels(job->outcomes.front()), work)) return;
  refuse_plain(job->exchange, {ErrorCode::kQueueFull, "too many pictures wait to be drawn"},
               job->host->retry_after_s());
}

void RestDoor::models(const Exchange& exchange) const {
  const auto standard = options_.models.find("");
  fmt::memory_buffer text;
  append_text(text, R"({"models":[)");
  bool first = true;
  for (const ModelStatus& status : options_.models.index()) {
    if (!first) text.push_back(',');
    first = false;
    append_text(text, R"({"name":)");
    append_json_string(text, status.name);
    append_text(text, R"(,"state":)");
    append_json_string(text, to_string(status.state));
    if (!status.reason.empty()) {
      append_text(text, R"(,"reason":)");
      append_json_string(text, status.reason);
    }
    append_text(text, standard && (*standard)->name() == status.name ? R"(,"default":true)"
                                                                     : R"(,"default":false)");
    if (status.state == ModelState::kReady) {
      if (const auto host = options_.models.find(status.name)) append_model(text, **host);
    }
    text.push_back('}');
  }
  append_text(text, "]}");
  HttpResponse response;
  response.body = std::string(view_of(text));
  exchange->respond(std::move(response));
}

void RestDoor::health(const Exchange& exchange) const {
  const bool ready = options_.models.all_ready();
  HttpResponse response;
  response.status = ready ? 200 : 503;
  response.body = ready ? R"({"status":"ok"})" : R"({"status":"not ready"})";
  set_retry_after(response, kRetryLoading);
  exchange->respond(std::move(response));
}

HttpResponse page() {
  HttpResponse response = of_file(try_page(), "text/html; charset=utf-8");
  // The page is one file: whatever else it might be made to load is refused.
  response.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
      "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  return response;
}

}  // namespace

void add_rest_routes(HttpRouter& router, RestOptions options) {
  const std::string page_path = options.page_path;
  const auto door = std::make_shared<RestDoor>(std::move(options));
  for (const char* path : {"/v1/detect", "/v1/models/{model}/detect"}) {
    router.add("POST", path, [door](const Exchange& exchange) { door->detect(exchange); });
  }
  for (const char* path : {"/v1/vision/detection", "/v1/vision/custom/{model}"}) {
    router.add("POST", path, [door](const Exchange& exchange) { door->deepstack(exchange); },
               RouteAccess::kKeyInBody);
  }
  router.add("GET", "/v1/models", [door](const Exchange& exchange) { door->models(exchange); });
  router.add("GET", "/healthz", [door](const Exchange& exchange) { door->health(exchange); },
             RouteAccess::kOpen);
  router.add("GET", page_path, [](const Exchange& exchange) { exchange->respond(page()); },
             RouteAccess::kOpen);
  router.add("GET", "/openapi.json", [](const Exchange& exchange) {
    exchange->respond(of_file(openapi_json(), "application/json"));
  }, RouteAccess::kOpen);
  router.add("GET", "/example.jpg", [](const Exchange& exchange) {
    exchange->respond(of_file(example_board(), "image/jpeg"));
  }, RouteAccess::kOpen);
}

}  // namespace shoal
