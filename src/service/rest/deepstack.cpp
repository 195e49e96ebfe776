#include "service/rest/deepstack.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "core/json_text.h"
#include "pipeline/answer_text.h"
#include "service/http/api_keys.h"
#include "service/rest/multipart.h"
#include "service/rest/rest_answer.h"

namespace shoal {
namespace {

const FormPart* field(const std::vector<FormPart>& parts, std::string_view name) {
  const auto at = std::ranges::find(parts, name, &FormPart::name);
  return at == parts.end() ? nullptr : &*at;
}

// A whole pixel within the picture.
int pixel(float coordinate, int side) {
  return std::clamp(static_cast<int>(std::lround(coordinate)), 0, side);
}

void append_prediction(fmt::memory_buffer& out, const Detection& detection, const Outcome& outcome,
                       const std::vector<std::string>& class_names) {
  append_text(out, R"({"confidence":)");
  append_json_number(out, detection.confidence, 4);
  append_text(out, R"(,"label":)");
  append_json_string(out, class_label(class_names, detection.class_id));
  const Box<SourceSpace>& box = detection.box;
  fmt::format_to(std::back_inserter(out), R"(,"x_min":{},"y_min":{},"x_max":{},"y_max":{}}})",
                 pixel(box.x1, outcome.size.width), pixel(box.y1, outcome.size.height),
                 pixel(box.x2, outcome.size.width), pixel(box.y2, outcome.size.height));
}

}  // namespace

Result<DeepStackRequest> read_deepstack(const HttpRequest& request,
                                        const DeepStackOptions& options) {
  const std::string_view type = request.header("content-type");
  if (media_type(type) != "multipart/form-data") {
    return Error{ErrorCode::kInvalidArgument,
                 "expected multipart/form-data with a file in the field 'image'"};
  }
  const std::string boundary = SHOAL_TRY(multipart_boundary(type));
  const auto parts = SHOAL_TRY(parse_form(request.body, boundary, {.parts_max = 32}));
  DeepStackRequest result;
  const FormPart* key = field(parts, "api_key");
  const std::string_view shown =
      presented_key(request.header("authorization"), request.header("x-api-key"));
  if (options.check_key && !options.check_key(key == nullptr ? shown : key->body)) {
    result.key_refused = true;
    return result;
  }
  const FormPart* image = field(parts, "image");
  if (image == nullptr) {
    return Error{ErrorCode::kInvalidArgument, "the form has no field 'image'"};
  }
  NamedPicture picture;
  picture.name = shown_name(image->filename.value_or("image"));
  picture.bytes = bytes_of(image->body);
  if (picture.bytes.empty()) {
    picture.error = Error{ErrorCode::kCorruptInput, "no bytes; expected a picture"};
  }
  result.request.pictures.push_back(std::move(picture));
  if (const FormPart* least = field(parts, "min_confidence")) {
    SHOAL_TRY(set_detect_option(result.request.options, "conf", least->body));
  }
  return result;
}

HttpResponse deepstack_answer(const DetectJob& job, std::size_t predictions_max) {
  const Outcome& outcome = job.outcomes.front();
  if (outcome.error) {
    HttpResponse response =
        deepstack_error(outcome.error->message, status_of(outcome.error->code, false));
    set_retry_after(response, job.host->retry_after_s());
    return response;
  }
  const auto& found = outcome.detections.items;  // the most confident first
  const std::size_t count = std::min(found.size(), predictions_max);
  fmt::memory_buffer text;
  append_text(text, R"({"success":true,"predictions":[)");
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text.push_back(',');
    append_prediction(text, found[i], outcome, job.host->model().class_names);
  }
  fmt::format_to(std::back_inserter(text), R"(],"count":{})", count);
  if (outcome.detections.truncated || count < found.size()) {
    append_text(text, R"(,"truncated":true)");
  }
  text.push_back('}');
  HttpResponse response;
  response.body = std::string(view_of(text));
  return response;
}

HttpResponse deepstack_error(std::string_view message, int status) {
  fmt::memory_buffer text;
  append_text(text, R"({"success":false,"error":)");
  append_json_string(text, message);
  text.push_back('}');
  HttpResponse response;
  response.status = status;
  response.body = std::string(view_of(text));
  return response;
}

}  // namespace shoal
