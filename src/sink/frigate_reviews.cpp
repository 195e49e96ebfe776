#include "sink/frigate_reviews.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "core/json_text.h"

namespace shoal {
namespace {

double to_seconds(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

// Adds what is not there yet; whether there was any.
bool add_objects(std::vector<ReviewObject>& to, const std::vector<ReviewObject>& from) {
  constexpr std::size_t kObjectsMax = 256;  // a review may last for days
  bool added = false;
  for (const ReviewObject& one : from) {
    if (to.size() >= kObjectsMax || std::ranges::find(to, one.id, &ReviewObject::id) != to.end()) {
      continue;
    }
    to.push_back(one);
    added = true;
  }
  return added;
}

bool add_zone(std::vector<std::string>& to, const std::string& zone) {
  if (zone.empty() || std::ranges::find(to, zone) != to.end()) return false;
  to.push_back(zone);
  return true;
}

void append_list(fmt::memory_buffer& out, const std::vector<std::string>& texts) {
  out.push_back('[');
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_json_string(out, texts[i]);
  }
  out.push_back(']');
}

}  // namespace

// `end` of 1970: it has not ended.
void FrigateReviews::append(std::string_view camera, const Review& review, WallTime end) {
  append_text(buffer_, R"({"id":)");
  append_json_string(buffer_, review.id);
  append_text(buffer_, R"(,"camera":)");
  append_json_string(buffer_, camera);
  fmt::format_to(std::back_inserter(buffer_), R"(,"start_time":{:.6f},"end_time":)",
                 to_seconds(review.start));
  if (end == WallTime{}) {
    append_text(buffer_, "null");
  } else {
    fmt::format_to(std::back_inserter(buffer_), "{:.6f}", to_seconds(end));
  }
  fmt::format_to(std::back_inserter(buffer_),
                 R"(,"severity":"{}","thumb_path":"","data":{{"detections":)",
                 review.alert ? "alert" : "detection");
  std::vector<std::string> ids;
  std::vector<std::string> labels;  // each once
  for (const ReviewObject& one : review.objects) {
    ids.push_back(one.id);
    if (std::ranges::find(labels, one.label) == labels.end()) labels.push_back(one.label);
  }
  append_list(buffer_, ids);
  append_text(buffer_, R"(,"objects":)");
  append_list(buffer_, labels);
  append_text(buffer_, R"(,"sub_labels":[],"zones":)");
  append_list(buffer_, review.zones);
  append_text(buffer_, R"(,"audio":[]}})");
}

void FrigateReviews::tell(MessageBatch& out, std::string_view camera, std::string_view type,
                          const Review& before, const Review& after, WallTime end) {
  buffer_.clear();
  fmt::format_to(std::back_inserter(buffer_), R"({{"type":"{}","before":)", type);
  append(camera, before, {});
  append_text(buffer_, R"(,"after":)");
  append(camera, after, end);
  buffer_.push_back('}');
  Message& message = out.add();
  message.topic = topic_;
  message.payload = view_of(buffer_);
}

void FrigateReviews::add_result(MessageBatch& out, const CameraResult& result,
                                const std::vector<ReviewObject>& active, std::uint64_t zones) {
  const std::string& camera = result.camera->name;
  const auto found = open_.find(camera);
  if (active.empty()) {
    if (found == open_.end()) return;
    tell(out, camera, "end", found->second, found->second, result.captured_at);
    open_.erase(found);
    return;
  }
  const bool is_new = found == open_.end();
  Review review = is_new ? Review{.id = active.front().id, .start = result.captured_at,
                                  .objects = {}, .zones = {}}
                         : found->second;
  bool changed = add_objects(review.objects, active);
  for (std::size_t i = 0; i < result.camera->zones.size() && i < 64; ++i) {
    if ((zones >> i & 1) != 0) changed = add_zone(review.zones, result.camera->zones[i]) || changed;
  }
  if (!changed) return;
  tell(out, camera, is_new ? "new" : "update", is_new ? review : found->second, review, {});
  open_[camera] = std::move(review);
}

void FrigateReviews::add_alarm(MessageBatch& out, const Alarm& alarm,
                               const std::vector<ReviewObject>& objects) {
  const auto found = open_.find(alarm.camera);
  const bool is_new = found == open_.end();
  if (is_new && objects.empty()) return;  // a review is of objects
  Review review = is_new ? Review{.id = objects.front().id, .start = alarm.at, .objects = {},
                                  .zones = {}}
                         : found->second;
  bool changed = !review.alert;
  review.alert = true;
  changed = add_objects(review.objects, objects) || changed;
  changed = add_zone(review.zones, alarm.zone) || changed;
  if (!changed) return;
  tell(out, alarm.camera, is_new ? "new" : "update", is_new ? review : found->second, review, {});
  open_[alarm.camera] = std::move(review);
}

}  // namespace shoal
