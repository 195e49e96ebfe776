// Pictures over plain HTTP: one (frame.jpg), and ever more of them in one answer, as players and
// <img> read it (multipart/x-mixed-replace).
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "service/cameras/live_hub.h"
#include "service/http/body_source.h"
#include "service/http/exchange.h"

namespace shoal {

inline constexpr const char* kMjpegType = "multipart/x-mixed-replace; boundary=shoal-picture";

// The newest picture whenever the client has taken the one before; ends when the camera goes.
// `hub` outlives it.
[[nodiscard]] std::shared_ptr<BodySource> make_mjpeg(LiveHub& hub, std::string camera,
                                                     ViewWish wish);

// Requests for one picture, answered by the next frame.
//
// Threads  all methods may be called from any thread.
class FrameRequests {
 public:
  static constexpr std::chrono::seconds kPatience{5};

  // `hub` outlives it.
  explicit FrameRequests(LiveHub& hub) : hub_(hub) {}
  void add(std::shared_ptr<HttpExchange> exchange, const std::string& camera, ViewWish wish);
  // Answers 503 to those that have waited too long.
  void beat(TimePoint now);

 private:
  class Waiter;
  LiveHub& hub_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace shoal
