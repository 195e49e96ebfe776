// PREFIX/reviews as Frigate tells them: a stretch of time of a camera in which something moves,
// with the objects of it. It begins when a track is active, goes on while one is, and ends with the
// last; an alarm makes it an alert. Pure.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/camera_result.h"
#include "sink/message_batch.h"

namespace shoal {

// One object of a review.
struct ReviewObject {
  std::string id;  // of its event
  std::string label;
};

// Threads  one at a time.
class FrigateReviews {
 public:
  explicit FrigateReviews(std::string topic) : topic_(std::move(topic)) {}

  // `active`: what is in the picture and moves.
  void add_result(MessageBatch& out, const CameraResult& result,
                  const std::vector<ReviewObject>& active, std::uint64_t zones);
  // An alarm with these objects; a camera that shows nothing active begins a review with them.
  void add_alarm(MessageBatch& out, const Alarm& alarm, const std::vector<ReviewObject>& objects);

 private:
  struct Review {
    std::string id;
    WallTime start{};
    bool alert = false;
    std::vector<ReviewObject> objects;
    std::vector<std::string> zones;
  };
  using Reviews = std::map<std::string, Review, std::less<>>;  // open ones, by camera

  void tell(MessageBatch& out, std::string_view camera, std::string_view type,
            const Review& before, const Review& after, WallTime end);
  void append(std::string_view camera, const Review& review, WallTime end);

  const std::string topic_;
  Reviews open_;
  fmt::memory_buffer buffer_;
};

}  // namespace shoal
