// Which zones one track is in: enter, leave and dwell, without flapping at the edges.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/camera_result.h"
#include "track/geometry.h"
#include "track/scene.h"

namespace shoal {

// Inside at once where the anchor is inside; outside only where it is `margin` pixels away, so that
// a box that trembles on an edge enters once. An instance belongs to one track and is used again.
class ZoneWatch {
 public:
  // Nothing has been seen yet.
  void restart(std::size_t zones);

  // The track was seen at `anchor`. Changes Track::zones and Track::entered.
  void see(std::span<const SceneZone> zones, Track& track, ScenePoint anchor, double margin,
           Size picture, TimePoint now, std::vector<ZoneEvent>& events);
  // Time passes: dwell events.
  void wait(std::span<const SceneZone> zones, const Track& track, TimePoint now,
            std::vector<ZoneEvent>& events);
  // The track is no more, and was last seen at `last_seen`: leave events.
  void leave_all(std::span<const SceneZone> zones, const Track& track, TimePoint last_seen,
                 std::vector<ZoneEvent>& events) const;

 private:
  struct Visit {
    TimePoint since{};
    bool dwelt = false;
  };
  std::vector<Visit> visits_;  // by zone
};

}  // namespace shoal
