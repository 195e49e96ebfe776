// Whether a condition holds on one camera, for how long, and when it may fire again.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "track/alarm_expression.h"
#include "core/clock.h"
#include "track/alarm_rule.h"

namespace shoal {
namespace {

// A part of the condition with its names looked up in one camera.
struct Part {
  const AlarmExpression* source = nullptr;
  std::vector<Part> children = {};
  std::vector<std::int32_t> ids = {};  // classes or lines
  std::uint64_t zones = 0;
  bool this_camera = false;
};

std::vector<std::int32_t> indices_of(std::span<const std::string> names,
                                     std::span<const std::string> known) {
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (std::find(names.begin(), names.end(), known[i]) != names.end()) {
      ids.push_back(static_cast<std::int32_t>(i));
    }
  }
  return ids;
}

std::uint64_t zones_of(std::span<const std::string> names, const CameraIdentity& camera) {
  std::uint64_t zones = 0;
  for (const std::int32_t i : indices_of(names, camera.zones)) zones |= std::uint64_t{1} << i;
  return zones;
}

Part look_up(const AlarmExpression& expression, const CameraIdentity& camera) {
  Part part{.source = &expression};
  switch (expression.term) {
    case AlarmTerm::kClass: part.ids = indices_of(expression.names, camera.class_names); break;
    case AlarmTerm::kCrossed: part.ids = indices_of(expression.names, camera.lines); break;
    case AlarmTerm::kZone: part.zones = zones_of(expression.names, camera); break;
    case AlarmTerm::kCamera:
      part.this_camera = std::find(expression.names.begin(), expression.names.end(),
                                   camera.name) != expression.names.end();
      break;
    default: break;
  }
  for (const AlarmExpression& child : expression.children) {
    part.children.push_back(look_up(child, camera));
  }
  return part;
}

bool has(const std::vector<std::int32_t>& ids, std::int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

// Since when tracks are in the zones that a condition names.
class Dwelling {
 public:
  void update(const CameraResult& result, std::uint64_t zones) {
    for (Visit& visit : visits_) visit.here = false;
    for (const Track& track : result.tracks) {
      for (std::uint64_t left = track.zones & zones; left != 0; left &= left - 1) {
        const std::uint64_t zone = left & (~left + 1);
        Visit* known = find(track.id, zone);
        if (known != nullptr) {
          known->here = true;
        } else {
          visits_.push_back({.track = track.id, .zone = zone, .since = result.captured,
                             .here = true});
        }
      }
    }
    std::erase_if(visits_, [](const Visit& visit) { return !visit.here; });
  }

  // The longest of the track's stays that go on; nothing where there is none.
  [[nodiscard]] std::optional<Duration> longest(TrackId track, TimePoint now) const {
    std::optional<Duration> most;
    for (const Visit& visit : visits_) {
      if (visit.track == track) most = std::max(most.value_or(Duration::zero()), now - visit.since);
    }
    return most;
  }

 private:
  struct Visit {
    TrackId track{};
    std::uint64_t zone = 0;
    TimePoint since{};
    bool here = true;
  };
  Visit* find(TrackId track, std::uint64_t zone) {
    for (Visit& visit : visits_) {
      if (visit.track == track && visit.zone == zone) return &visit;
    }
    return nullptr;
  }
  std::vector<Visit> visits_;
};

// Evaluates the parts over one result. A group is a flag for every track of the result.
class Evaluation {
 public:
  using Group = std::vector<std::uint8_t>;

  bool holds_for_all(const Part& root, const CameraResult& result, const Dwelling& dwelling) {
    result_ = &result;
    dwelling_ = &dwelling;
    group(0).assign(result.tracks.size(), 1);
    return holds_in(root, 0);
  }

  // Who made it true. REQUIRES: holds_for_all() of the same was true.
  [[nodiscard]] Group matches(const Part& root) {
    Group found(result_->tracks.size(), 0);
    collect(root, 0, found);
    return found;
  }

 private:
  // Groups by depth, kept for the next frame. References do not outlive a deeper call.
  Group& group(std::size_t depth) {
    if (groups_.size() <= depth) groups_.resize(depth + 1);
    return groups_[depth];
  }

  bool is_true_of(const Part& part, const Track& track) const {
    const AlarmExpression& source = *part.source;
    const bool equal = source.op == AlarmOperator::kEqual;
    const auto is_true = [&](const Part& child) { return is_true_of(child, track); };
    switch (source.term) {
      case AlarmTerm::kOr:
        return std::any_of(part.children.begin(), part.children.end(), is_true);
      case AlarmTerm::kAnd:
        return std::all_of(part.children.begin(), part.children.end(), is_true);
      case AlarmTerm::kNot: return !is_true(part.children.front());
      case AlarmTerm::kClass: return has(part.ids, track.class_id) == equal;
      case AlarmTerm::kZone: return ((track.zones & part.zones) != 0) == equal;
      case AlarmTerm::kCamera: return part.this_camera == equal;
      case AlarmTerm::kConfidence: return holds(static_cast<double>(track.confidence), source);
      case AlarmTerm::kAge: return holds(to_seconds(track.age), source);
      case AlarmTerm::kArea: return holds(area_share(track), source);
      case AlarmTerm::kStationary: return track.stationary;
      case AlarmTerm::kDwell: {
        const auto spent = dwelling_->longest(track.id, result_->captured);
        return spent && holds(to_seconds(*spent), source);
      }
      case AlarmTerm::kCrossed: return has_crossed(part, track.id);
      case AlarmTerm::kCount: break;  // of groups only
    }
    return false;
  }

  static bool holds(double value, const AlarmExpression& source) {
    return shoal::holds(value, source.op, source.number);
  }

  double area_share(const Track& track) const {
    const Size size = result_->outcome.size;
    const double all = static_cast<double>(size.width) * size.height;
    return all > 0 ? static_cast<double>(track.box.area()) / all : 0;
  }

  bool has_crossed(const Part& part, TrackId track) const {
    const auto wanted = part.source->direction;
    return std::any_of(result_->crossings.begin(), result_->crossings.end(),
                       [&](const LineCrossing& crossing) {
      if (crossing.track != track || !has(part.ids, crossing.line)) return false;
      const bool forward = crossing.direction == CrossingDirection::kForward;
      return wanted == AlarmDirection::kEither || (wanted == AlarmDirection::kForward) == forward;
    });
  }

  double size_of(std::size_t depth) {
    const Group& members = group(depth);
    return static_cast<double>(std::count(members.begin(), members.end(), 1));
  }

  // The members of a group that satisfy those children that speak of single tracks.
  void narrow(const Part& part, std::size_t depth) {
    (void)group(depth + 1);  // makes room, which would leave a reference behind
    groups_[depth + 1] = groups_[depth];
    for (const Part& child : part.children) {
      if (child.source->counts) continue;
      Group& members = group(depth + 1);
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (members[i] != 0 && !is_true_of(child, result_->tracks[i])) members[i] = 0;
      }
    }
  }

  bool holds_in(const Part& part, std::size_t depth) {
    if (!part.source->counts) {
      const Group& members = group(depth);
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (members[i] != 0 && is_true_of(part, result_->tracks[i])) return true;
      }
      return false;
    }
    switch (part.source->term) {
      case AlarmTerm::kCount: return holds(size_of(depth), *part.source);
      case AlarmTerm::kNot: return !holds_in(part.children.front(), depth);
      case AlarmTerm::kOr:
        return std::any_of(part.children.begin(), part.children.end(),
                           [&](const Part& child) { return holds_in(child, depth); });
      default: break;
    }
    narrow(part, depth);
    return std::all_of(part.children.begin(), part.children.end(), [&](const Part& child) {
      return !child.source->counts || holds_in(child, depth + 1);
    });
  }

  void collect(const Part& part, std::size_t depth, Group& found) {
    const auto add = [&](const Part* condition) {
      const Group& members = group(depth);
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (members[i] == 0) continue;
        if (condition == nullptr || is_true_of(*condition, result_->tracks[i])) found[i] = 1;
      }
    };
    if (!part.source->counts) return add(&part);
    switch (part.source->term) {
      case AlarmTerm::kCount: return add(nullptr);
      case AlarmTerm::kNot: return;  // holds because of who is not there
      case AlarmTerm::kOr:
        for (const Part& child : part.children) {
          if (holds_in(child, depth)) collect(child, depth, found);
        }
        return;
      default: break;
    }
    for (const Part& child : part.children) {
      if (!child.source->counts) continue;
      narrow(part, depth);  // again for each: deeper groups are shared
      collect(child, depth + 1, found);
    }
  }

  const CameraResult* result_ = nullptr;
  const Dwelling* dwelling_ = nullptr;
  std::vector<Group> groups_;
};

// "2 x person, 1 x car".
std::string describe_objects(const CameraResult& result, std::span<const std::size_t> tracks,
                             std::span<const std::string> named_classes) {
  if (tracks.empty()) {
    std::string names;
    for (const std::string& name : named_classes) names += (names.empty() ? "" : " or ") + name;
    return "0 x " + (names.empty() ? "object" : names);
  }
  std::map<std::int32_t, int> by_class;
  for (const std::size_t i : tracks) ++by_class[result.tracks[i].class_id];
  std::string text;
  for (const auto& [id, count] : by_class) {
    const auto index = static_cast<std::size_t>(id);
    const auto& names = result.camera->class_names;
    const std::string name =
        id >= 0 && index < names.size() ? names[index] : fmt::format("class_{}", id);
    text += fmt::format("{}{} x {}", text.empty() ? "" : ", ", count, name);
  }
  return text;
}

std::string describe_time(Duration duration) {
  const double seconds = to_seconds(duration);
  if (seconds < 120) return fmt::format("{:g} s", seconds);
  if (seconds < 7200) return fmt::format("{:g} min", seconds / 60);
  return fmt::format("{:g} h", seconds / 3600);
}

}  // namespace

struct AlarmWatch::State {
  std::shared_ptr<const AlarmRule::Node> rule;
  Duration cooldown{};
  std::shared_ptr<const CameraIdentity> camera;
  Part root;
  std::uint64_t own_zones = 0;
  Dwelling dwelling;
  Evaluation evaluation;
  std::optional<TimePoint> since;   // it holds
  std::optional<TimePoint> fired;
  bool fired_since = false;         // since it holds

  AlarmMatch describe(const CameraResult& result) {
    AlarmMatch match;
    const auto found = evaluation.matches(root);
    std::uint64_t zones = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (found[i] == 0) continue;
      match.tracks.push_back(i);
      zones |= result.tracks[i].zones;
    }
    for (const std::string& name : rule->own_zones) {
      const bool here = match.tracks.empty() || (zones & zones_of({&name, 1}, *camera)) != 0;
      if (match.zone.empty() && here) match.zone = name;
    }
    match.message = describe_objects(result, match.tracks, rule->classes);
    if (!match.zone.empty()) match.message += fmt::format(" in zone '{}'", match.zone);
    if (rule->momentary) match.message += crossed_lines(result, found);
    if (rule->held > Duration::zero()) match.message += " for " + describe_time(rule->held);
    return match;
  }

  // " crossed 'gate'", where one of those who matched did.
  std::string crossed_lines(const CameraResult& result,
                            std::span<const std::uint8_t> found) const {
    for (const LineCrossing& crossing : result.crossings) {
      const auto line = static_cast<std::size_t>(crossing.line);
      if (line >= camera->lines.size()) continue;
      for (std::size_t i = 0; i < found.size(); ++i) {
        if (found[i] == 0 || result.tracks[i].id != crossing.track) continue;
        const auto& named = rule->lines;
        if (std::find(named.begin(), named.end(), camera->lines[line]) == named.end()) continue;
        return fmt::format(" crossed '{}'", camera->lines[line]);
      }
    }
    return "";
  }
};

AlarmWatch::AlarmWatch(AlarmRule rule, Duration cooldown) : state_(std::make_unique<State>()) {
  state_->rule = std::move(rule.root_);
  state_->cooldown = cooldown;
}
AlarmWatch::~AlarmWatch() = default;
AlarmWatch::AlarmWatch(AlarmWatch&&) noexcept = default;
AlarmWatch& AlarmWatch::operator=(AlarmWatch&&) noexcept = default;

std::optional<AlarmMatch> AlarmWatch::update(const CameraResult& result) {
  State& state = *state_;
  if (!result.camera) return std::nullopt;
  if (state.camera != result.camera) {
    state.camera = result.camera;
    state.root = look_up(state.rule->condition, *state.camera);
    state.own_zones = zones_of(state.rule->own_zones, *state.camera);
    state.dwelling = Dwelling();  // zones have other numbers now
  }
  const TimePoint now = result.captured;
  state.dwelling.update(result, state.own_zones);
  if (!state.evaluation.holds_for_all(state.root, result, state.dwelling)) {
    state.since.reset();
    return std::nullopt;
  }
  if (!state.since || state.rule->momentary) {
    state.since = now;
    state.fired_since = false;
  }
  if (now - *state.since < state.rule->held) return std::nullopt;
  if (state.fired && now - *state.fired < state.cooldown) return std::nullopt;
  if (state.fired_since && state.cooldown <= Duration::zero()) return std::nullopt;
  state.fired = now;
  state.fired_since = true;
  return state.describe(result);
}

}  // namespace shoal
