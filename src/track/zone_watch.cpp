// Zones of one track.
#include "track/zone_watch.h"

#include <algorithm>

namespace shoal {
namespace {

bool concerns(std::span<const std::int32_t> classes, std::int32_t class_id) {
  return classes.empty() || std::find(classes.begin(), classes.end(), class_id) != classes.end();
}

ZoneEvent event_of(ZoneChange change, std::size_t zone, const Track& track, Duration inside) {
  return {.change = change,
          .zone = static_cast<std::int32_t>(zone),
          .track = track.id,
          .class_id = track.class_id,
          .inside = std::max(Duration::zero(), inside)};
}

}  // namespace

void ZoneWatch::restart(std::size_t zones) { visits_.assign(zones, Visit{}); }

void ZoneWatch::see(std::span<const SceneZone> zones, Track& track, ScenePoint anchor,
                    double margin, Size picture, TimePoint now,
                    std::vector<ZoneEvent>& events) {
  for (std::size_t i = 0; i < zones.size(); ++i) {
    if (!concerns(zones[i].classes, track.class_id)) continue;
    const std::uint64_t bit = std::uint64_t{1} << i;
    const bool was_inside = (track.zones & bit) != 0;
    const bool inside = contains(zones[i].polygon, anchor);
    if (inside && !was_inside) {
      track.zones |= bit;
      track.entered |= bit;
      visits_[i] = {.since = now, .dwelt = false};
      events.push_back(event_of(ZoneChange::kEnter, i, track, Duration::zero()));
    } else if (was_inside && !inside &&
               distance_to_edges(zones[i].polygon, anchor, picture) >= margin) {
      track.zones &= ~bit;
      events.push_back(event_of(ZoneChange::kLeave, i, track, now - visits_[i].since));
    }
  }
}

void ZoneWatch::wait(std::span<const SceneZone> zones, const Track& track, TimePoint now,
                     std::vector<ZoneEvent>& events) {
  if (track.zones == 0) return;
  for (std::size_t i = 0; i < zones.size(); ++i) {
    const bool inside = (track.zones >> i & 1U) != 0;
    if (!inside || visits_[i].dwelt || zones[i].dwell <= Duration::zero()) continue;
    const Duration spent = now - visits_[i].since;
    if (spent < zones[i].dwell) continue;
    visits_[i].dwelt = true;
    events.push_back(event_of(ZoneChange::kDwell, i, track, spent));
  }
}

void ZoneWatch::leave_all(std::span<const SceneZone> zones, const Track& track,
                          TimePoint last_seen, std::vector<ZoneEvent>& events) const {
  for (std::size_t i = 0; i < zones.size(); ++i) {
    if ((track.zones >> i & 1U) == 0) continue;
    events.push_back(event_of(ZoneChange::kLeave, i, track, last_seen - visits_[i].since));
  }
}

}  // namespace shoal
