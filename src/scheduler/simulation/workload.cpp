#include "scheduler/simulation/workload.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <map>

#include "scheduler/simulation/random.h"

namespace shoal {
namespace {

Duration seconds(double value) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}

Priority draw_priority(const WorkloadOptions& options, Random& random) {
  double x = random.uniform();
  if ((x -= options.realtime) < 0) return Priority::kRealtime;
  if ((x -= options.high) < 0) return Priority::kHigh;
  if ((x -= options.low) < 0) return Priority::kLow;
  return Priority::kNormal;
}

Arrival draw(const WorkloadOptions& options, Random& random, Duration at) {
  Arrival arrival;
  arrival.at = at;
  arrival.bucket = random.below(options.bucket_count);
  arrival.priority = draw_priority(options, random);
  arrival.source = random.below(options.source_count);
  arrival.timeout = options.timeout;
  if (random.chance(options.cancelled)) {
    const Duration longest = options.timeout.value_or(std::chrono::milliseconds(100));
    arrival.patience = seconds(random.uniform() * to_milliseconds(longest) / 1000);
  }
  return arrival;
}

// A source of its own sends `burst` at once, ten times, spread over the length of the workload.
void add_flood(const WorkloadOptions& options, Random& random, Workload& workload) {
  const Duration length = workload.empty() ? Duration::zero() : workload.back().at;
  for (int wave = 0; wave < 10; ++wave) {
    const Duration at = seconds(random.uniform() * to_milliseconds(length) / 1000);
    for (int i = 0; i < options.burst; ++i) {
      Arrival arrival = draw(options, random, at);
      arrival.source = options.source_count;
      workload.push_back(arrival);
    }
  }
}

// Microseconds since 1970; empty where the text is no such time.
std::optional<std::int64_t> parse_time(const boost::json::value& value) {
  if (value.is_number()) {
    return static_cast<std::int64_t>(value.to_number<double>() * 1e6);
  }
  const auto* text = value.if_string();
  if (text == nullptr) return std::nullopt;
  int year = 0, month = 0, day = 0, hour = 0, minute = 0;
  double second = 0;
  char zone = 0;
  const int fields = std::sscanf(text->c_str(), "%4d-%2d-%2dT%2d:%2d:%lf%c", &year, &month, &day,
                                 &hour, &minute, &second, &zone);
  if (fields != 7 || zone != 'Z') return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  const std::chrono::seconds whole =
      std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
      std::chrono::minutes(minute);
  return std::chrono::microseconds(whole).count() + static_cast<std::int64_t>(second * 1e6 + 0.5);
}

std::string_view text_of(const boost::json::object& line, std::string_view key) {
  const auto* found = line.if_contains(key);
  const auto* text = found == nullptr ? nullptr : found->if_string();
  return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

Priority priority_of(std::string_view text) {
  for (std::size_t i = 0; i < kPriorityCount; ++i) {
    if (text == to_string(static_cast<Priority>(i))) return static_cast<Priority>(i);
  }
  return Priority::kNormal;
}

// Names in the order of first appearance.
class Numbering {
 public:
  std::size_t number(std::string_view name, std::vector<std::string>& names) {
    const auto [found, added] = numbers_.emplace(std::string(name), names.size());
    if (added) names.emplace_back(name);
    return found->second;
  }

 private:
  std::map<std::string, std::size_t, std::less<>> numbers_;
};

}  // namespace

std::string_view to_string(Pattern pattern) {
  switch (pattern) {
    case Pattern::kSteady: return "steady";
    case Pattern::kPoisson: return "poisson";
    case Pattern::kBursts: return "bursts";
    case Pattern::kAlternating: return "alternating";
    case Pattern::kFlood: return "flood";
  }
  return "unknown";
}

Workload make_workload(const WorkloadOptions& options) {
  Random random(options.seed);
  Workload workload;
  double now = 0;
  const int at_once = options.pattern == Pattern::kBursts ? std::max(1, options.burst) : 1;
  for (int i = 0; i < options.count; ++i) {
    if (i % at_once == 0) {
      now += (options.pattern == Pattern::kSteady ? 1 : random.exponential()) * at_once /
             options.rate;
    }
    workload.push_back(draw(options, random, seconds(now)));
    if (options.pattern == Pattern::kAlternating) {
      workload.back().bucket = static_cast<std::size_t>(i) % options.bucket_count;
    }
  }
  if (options.pattern == Pattern::kFlood) add_flood(options, random, workload);
  std::stable_sort(workload.begin(), workload.end(),
                   [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
  return workload;
}

Result<Replay> replay(std::string_view json_lines) {
  Replay result;
  Numbering buckets;
  Numbering sources;
  std::vector<std::int64_t> times;
  for (std::size_t number = 1; !json_lines.empty(); ++number) {
    const std::size_t end = json_lines.find('\n');
    const std::string_view line = json_lines.substr(0, end);
    json_lines.remove_prefix(end == std::string_view::npos ? json_lines.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto where = "request log, line " + std::to_string(number) + ": ";
    boost::json::error_code failure;
    const auto value = boost::json::parse({line.data(), line.size()}, failure);
    const auto* object = failure ? nullptr : value.if_object();
    if (object == nullptr) {
      return Error{ErrorCode::kCorruptInput, where + "expected a JSON object"};
    }
    const auto* ts = object->if_contains("ts");
    const auto time = ts == nullptr ? std::nullopt : parse_time(*ts);
    if (!time) {
      return Error{ErrorCode::kCorruptInput,
                   where + "expected \"ts\" to be a time in UTC or seconds"};
    }
    Arrival arrival;
    arrival.at = std::chrono::microseconds(*time);
    const std::string_view bucket = text_of(*object, "bucket");
    if (!bucket.empty()) arrival.bucket = buckets.number(bucket, result.buckets);
    const std::string_view camera = text_of(*object, "camera");
    arrival.source =
        sources.number(camera.empty() ? text_of(*object, "source") : camera, result.sources);
    arrival.priority = priority_of(text_of(*object, "priority"));
    result.workload.push_back(arrival);
  }
  std::stable_sort(result.workload.begin(), result.workload.end(),
                   [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
  if (!result.workload.empty()) {
    const Duration start = result.workload.front().at;
    for (Arrival& arrival : result.workload) arrival.at -= start;
  }
  return result;
}

}  // namespace shoal
