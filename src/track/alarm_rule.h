// Alarm conditions as users write them, and whether they hold: a small language over one camera's
// results. Pure but for the state of "for 0.5s" and the cool-down; time comes with the results.
//
//   class == 'short' and zone == 'belt' and count >= 1 for 0.5s
//
//   condition  = or_expr [ "for" duration ]
//   or_expr    = and_expr { "or" and_expr }
//   and_expr   = term { "and" term }
//   term       = [ "not" ] ( comparison | "(" or_expr ")" )
//   comparison = "class" ("==" | "!=") 'name' | "class" "in" [ 'a', 'b' ]
//              | "zone" ("==" | "!=") 'name' | "zone" "in" [...]
//              | "camera" ("==" | "!=") 'name' | "camera" "in" [...]
//              | "confidence" op NUMBER | "age" op duration | "area" op NUMBER   (share of picture)
//              | "dwell" op duration                     (in the zone that the condition names)
//              | "stationary" | "crossed" ("==" | "in") 'line' ["forward" | "backward"]
//              | "count" op NUMBER
//   op         = "==" | "!=" | "<" | "<=" | ">" | ">="        duration = 500ms | 0.5s | 2m | 1h
//
// All comparisons but count are of one track; count compares how many tracks satisfy all the
// others. Without one it is count >= 1.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/camera_result.h"
#include "shoal/result.h"

namespace shoal {

// A parsed condition; immutable, shared by cameras.
class AlarmRule {
 public:
  // Errors   invalid_argument with the column, what was expected and what is there.
  [[nodiscard]] static Result<AlarmRule> parse(std::string_view when);
  ~AlarmRule();
  AlarmRule(const AlarmRule&);
  AlarmRule& operator=(const AlarmRule&);
  AlarmRule(AlarmRule&&) noexcept;
  AlarmRule& operator=(AlarmRule&&) noexcept;

  // Names that the condition uses, for checking them against cameras and models.
  [[nodiscard]] const std::vector<std::string>& classes() const;
  [[nodiscard]] const std::vector<std::string>& zones() const;
  [[nodiscard]] const std::vector<std::string>& lines() const;
  [[nodiscard]] const std::vector<std::string>& cameras() const;
  [[nodiscard]] const std::string& text() const;

 private:
  friend class AlarmWatch;
  struct Node;
  explicit AlarmRule(std::shared_ptr<const Node> root);
  std::shared_ptr<const Node> root_;
};

struct AlarmMatch {
  std::vector<std::size_t> tracks;  // indices into result.tracks: who made it true
  std::string zone;                 // that the condition names; ""
  std::string message;              // "2 x person in zone 'belt' for 0.5 s"
};

// One rule on one camera. Fires once when the condition has held for its duration, and again only
// after it was false in between or `cooldown` has passed and it holds still; never twice within
// the cool-down.
//
// Threads  one at a time.
class AlarmWatch {
 public:
  AlarmWatch(AlarmRule rule, Duration cooldown);
  ~AlarmWatch();
  AlarmWatch(AlarmWatch&&) noexcept;
  AlarmWatch& operator=(AlarmWatch&&) noexcept;
  [[nodiscard]] std::optional<AlarmMatch> update(const CameraResult& result);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal
