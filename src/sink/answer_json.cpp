// One function a part of the object, in the order of its keys.
#include "sink/answer_json.h"

#include <chrono>
#include <iterator>
#include <string_view>
#include <utility>

#include "core/json_text.h"
#include "sink/source_name.h"

namespace shoal {
namespace {

void append_detections(fmt::memory_buffer& out, const Outcome& outcome,
                       const std::vector<std::string>& class_names, std::string& label) {
  append_text(out, R"("time":)");
  if (outcome.media_time) {
    append_json_number(out, std::chrono::duration<double>(*outcome.media_time).count(), 6);
  } else {
    append_text(out, "null");
  }
  fmt::format_to(std::back_inserter(out), R"(,"width":{},"height":{},"detections":[)",
                 outcome.size.width, outcome.size.height);
  bool first = true;
  for (const Detection& detection : outcome.detections.items) {
    if (!first) out.push_back(',');
    first = false;
    append_detection_members(out, detection, class_names, label);
    out.push_back('}');
  }
  append_text(out, outcome.detections.truncated ? R"(],"truncated":true)"
                                                : R"(],"truncated":false)");
  if (outcome.damaged) {
    append_text(out, R"(,"damaged":)");
    append_json_string(out, *outcome.damaged);
  }
  fmt::format_to(std::back_inserter(out), R"(,"batch_size":{},"timing_ms":)", outcome.batch_size);
  append_times_json(out, outcome.times);
}

}  // namespace

void append_error_member(fmt::memory_buffer& out, const Error& error) {
  append_text(out, R"("error":{"code":)");
  append_json_string(out, to_string(error.code));
  append_text(out, R"(,"message":)");
  append_json_string(out, error.message);
  out.push_back('}');
}

void append_detection_members(fmt::memory_buffer& out, const Detection& detection,
                              const std::vector<std::string>& class_names, std::string& label) {
  append_text(out, R"({"name":)");
  label.clear();
  append_class_name(label, class_names, detection.class_id);
  append_json_string(out, label);
  fmt::format_to(std::back_inserter(out), R"(,"class":{},"confidence":)", detection.class_id);
  append_json_number(out, detection.confidence, 4);
  append_text(out, R"(,"box":)");
  append_json_box(out, detection.box);
  if (detection.track_id) {
    fmt::format_to(std::back_inserter(out), R"(,"track_id":{})",
                   static_cast<std::uint32_t>(*detection.track_id));
  }
}

void append_times_json(fmt::memory_buffer& out, const StageTimes& times) {
  const std::pair<std::string_view, Duration> stages[] = {
      {R"({"decode":)", times.decode},           {R"(,"queue":)", times.queue},
      {R"(,"preprocess":)", times.preprocess},   {R"(,"inference":)", times.inference},
      {R"(,"postprocess":)", times.postprocess}, {R"(,"total":)", times.total}};
  for (const auto& [key, time] : stages) {
    append_text(out, key);
    append_json_number(out, to_milliseconds(time), 3);
  }
  out.push_back('}');
}

void append_answer_json(fmt::memory_buffer& out, const Outcome& outcome,
                        const std::vector<std::string>& class_names, std::string& label) {
  append_text(out, R"({"source":)");
  append_json_string(out, outcome.source);
  fmt::format_to(std::back_inserter(out), R"(,"frame":{},)",
                 static_cast<std::uint64_t>(outcome.frame));
  if (outcome.error) {
    append_error_member(out, *outcome.error);
  } else {
    append_detections(out, outcome, class_names, label);
  }
  out.push_back('}');
}

}  // namespace shoal
