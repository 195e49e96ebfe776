// A parsed alarm condition as data: what the parser makes and the watch evaluates.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "track/alarm_rule.h"

namespace shoal {

enum class AlarmTerm : std::uint8_t {
  kOr, kAnd, kNot,                                             // of children
  kClass, kZone, kCamera,                                      // is one of names (kNotEqual: none)
  kConfidence, kAge, kArea, kDwell, kStationary, kCrossed,     // of one track
  kCount,                                                      // of a group of tracks
};

enum class AlarmOperator : std::uint8_t {
  kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual
};

enum class AlarmDirection : std::uint8_t { kEither, kForward, kBackward };

struct AlarmExpression {
  AlarmTerm term = AlarmTerm::kAnd;
  AlarmOperator op = AlarmOperator::kEqual;
  AlarmDirection direction = AlarmDirection::kEither;
  double number = 0;      // durations in seconds
  bool counts = false;    // there is a count in it, so it speaks of groups
  std::vector<std::string> names = {};
  std::vector<AlarmExpression> children = {};
};

[[nodiscard]] inline bool holds(double value, AlarmOperator op, double limit) {
  switch (op) {
    case AlarmOperator::kEqual: return value == limit;
    case AlarmOperator::kNotEqual: return value != limit;
    case AlarmOperator::kLess: return value < limit;
    case AlarmOperator::kLessEqual: return value <= limit;
    case AlarmOperator::kGreater: return value > limit;
    case AlarmOperator::kGreaterEqual: return value >= limit;
  }
  return false;
}

struct AlarmRule::Node {
  std::string text;
  AlarmExpression condition;
  Duration held{};         // of "for"
  std::vector<std::string> classes, zones, lines, cameras;  // that it names, each once
  std::vector<std::string> own_zones;  // those that a track has to be in: not under "not" or !=
  bool momentary = false;  // speaks of crossings, which are true in one frame only
};

}  // namespace shoal
