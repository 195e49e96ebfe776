// The cameras of a site as doors see them: who is there, how they do, what they see, and the
// changes one can make while they run. The REST routes, the page's socket and `shoal run` use it;
// the site (site.h) is behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/camera_result.h"
#include "pipeline/site_config.h"
#include "shoal/result.h"

namespace shoal {

enum class CameraState : std::uint8_t {
  kConnecting,  // for the first time, or again
  kRunning,     // frames come
  kWaiting,     // failed; tries again at `retry_at`, or with the next frame
  kPaused,      // by the user
  kEnded,       // a file that does not loop is through
};

[[nodiscard]] constexpr std::string_view to_string(CameraState state) {
  switch (state) {
    case CameraState::kConnecting: return "connecting";
    case CameraState::kRunning: return "running";
    case CameraState::kWaiting: return "waiting";
    case CameraState::kPaused: return "paused";
    case CameraState::kEnded: return "ended";
  }
  return "connecting";
}

// Why a frame was not inferred.
enum class FrameDrop : std::uint8_t {
  kRate,       // above fps_max; not decoded where no other frame needs it
  kNewer,      // a newer one came before a lane was free
  kStale,      // older than age_max when its turn came, or left out to catch up
  kMotion,     // nothing had changed: tracks were carried on. Savings, not a loss
  kNoKey,      // after joining, before the first key frame
  kDamaged,    // the decoder could not
  kRefused,    // the scheduler would not take it
  kMemory,     // no free buffer
};
inline constexpr std::size_t kFrameDropCount = 8;
inline constexpr std::string_view kFrameDropNames[kFrameDropCount] = {
    "rate", "newer", "stale", "motion", "no_key_frame", "damaged", "refused", "memory"};

struct CameraStatus {
  CameraConfig config;             // its url without a password
  std::uint64_t number = 0;
  std::shared_ptr<const CameraIdentity> identity;  // names of its classes, zones and lines
  CameraState state = CameraState::kConnecting;
  std::string error;               // of kWaiting: why
  WallTime since{};                // in this state; of kWaiting and kConnecting: without frames
  std::optional<WallTime> retry_at;
  int attempts = 0;                // failed ones in a row
  std::uint64_t connects = 0;      // successful ones
  Size size;                       // of its pictures; 0x0: none yet
  std::string codec;               // "h264", "mjpeg", "raw"
  double fps_in = 0;               // decoded or not worth it, over the last seconds
  double fps_out = 0;              // analysed
  std::optional<double> age_ms;    // of the newest result, now
  double latency_ms_p50 = 0;       // capture to result, over the last results
  double latency_ms_p99 = 0;
  std::uint64_t packets = 0;       // received
  std::uint64_t bytes = 0;
  std::uint64_t decoded = 0;       // frames
  std::uint64_t analysed = 0;
  std::uint64_t late = 0;          // analysed, but older than age_max by then
  std::uint64_t dropped[kFrameDropCount] = {};
  std::uint64_t errors = 0;        // frames answered with an error
  std::uint64_t alarms = 0;
  std::uint32_t tracks = 0;        // followed now
  std::vector<std::uint32_t> zone_counts;
  std::vector<LineCount> line_counts;
};

struct SinkStatus {
  std::string name;
  std::string written;             // "1,280 lines"
  std::uint64_t dropped = 0;       // results: the queue was full, or it could not be written
  std::uint64_t waiting = 0;       // in its queue
  std::uint64_t spooled = 0;       // alarms not delivered yet
  std::string error;               // the last, while it lasts
};

// Told of everything cameras give: pages and streams.
//
// Threads  the site's own; must not block: hand over and return.
class CameraListener {
 public:
  virtual ~CameraListener() = default;
  virtual void result(const CameraResultLease& result) = 0;
  virtual void alarm(const std::shared_ptr<const Alarm>& alarm) = 0;
};

// Threads  all methods may be called from any thread.
class CameraControl {
 public:
  virtual ~CameraControl() = default;

  [[nodiscard]] virtual std::vector<CameraStatus> cameras() const = 0;  // in order of configuration
  // Errors   not_found, with a suggestion.
  [[nodiscard]] virtual Result<CameraStatus> camera(std::string_view name) const = 0;
  [[nodiscard]] virtual std::vector<SinkStatus> sinks() const = 0;

  // Errors   invalid_argument (a name that is taken, an unknown model or class), and those of
  //          check_camera. The camera connects in the background: an unreachable one is no error.
  [[nodiscard]] virtual Result<void> add(const CameraConfig& config) = 0;
  // Replaces a camera's configuration; what it counted stays, tracks begin anew.
  // A url that is the camera's own with its password hidden, as camera() tells it, means that one.
  [[nodiscard]] virtual Result<void> change(std::string_view name, const CameraConfig& config) = 0;
  [[nodiscard]] virtual Result<void> remove(std::string_view name) = 0;
  [[nodiscard]] virtual Result<void> set_paused(std::string_view name, bool paused) = 0;

  // The newest alarms first, of this run and what the recordings folder still holds of earlier
  // ones; at most `count`, older than `before` (an id) where one is given.
  [[nodiscard]] virtual std::vector<std::shared_ptr<const Alarm>> alarms(
      std::size_t count, std::string_view before) const = 0;
  // The file of an alarm's clip once it is written. Errors  not_found; unavailable: not yet.
  [[nodiscard]] virtual Result<std::string> clip_file(std::string_view alarm_id) const = 0;

  // Until it is removed; when remove_listener returns, it is not called any more.
  virtual void add_listener(CameraListener& listener) = 0;
  virtual void remove_listener(CameraListener& listener) = 0;
  // Viewers come and go: results carry pixels while somebody watches the camera. Counts.
  virtual void watch(std::uint64_t camera, bool watching) = 0;
};

}  // namespace shoal
