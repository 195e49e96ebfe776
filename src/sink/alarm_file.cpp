// Boost.JSON for the object; every field is checked before it is taken.
#include "sink/alarm_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <utility>

namespace shoal {
namespace {

namespace json = boost::json;

constexpr std::size_t kTimeDigits = 13;
constexpr std::size_t kIdMax = 128;
constexpr std::size_t kObjectsMax = 10'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return {};
  return std::string(value->get_string().data(), value->get_string().size());
}

double number_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr) return 0;
  if (value->is_double()) return std::isfinite(value->get_double()) ? value->get_double() : 0;
  if (value->is_int64()) return static_cast<double>(value->get_int64());
  return value->is_uint64() ? static_cast<double>(value->get_uint64()) : 0;
}

// Not negative; 0 where it is no whole number of that size.
template <typename Number>
Number whole_of(const json::object& object, std::string_view key, std::uint64_t most) {
  const json::value* value = object.if_contains(key);
  std::uint64_t number = 0;
  if (value != nullptr && value->is_int64() && value->get_int64() >= 0) {
    number = static_cast<std::uint64_t>(value->get_int64());
  } else if (value != nullptr && value->is_uint64()) {
    number = value->get_uint64();
  }
  return number <= most ? static_cast<Number>(number) : Number{};
}

Alarm::Object object_of(const json::object& object) {
  Alarm::Object read;
  read.track = TrackId{whole_of<std::uint32_t>(object, "track_id", UINT32_MAX)};
  read.name = text_of(object, "name");
  read.confidence = static_cast<float>(std::clamp(number_of(object, "confidence"), 0.0, 1.0));
  const json::value* box = object.if_contains("box");
  if (box != nullptr && box->is_object()) {
    const auto side = [&](std::string_view key) {
      return static_cast<float>(std::clamp(number_of(box->get_object(), key), -1e6, 1e6));
    };
    read.box = {side("x1"), side("y1"), side("x2"), side("y2")};
  }
  return read;
}

}  // namespace

bool is_alarm_id(std::string_view id) {
  if (id.size() < kTimeDigits + 4 || id.size() > kIdMax || id[kTimeDigits] != '-') return false;
  const auto safe = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-' || c == '.';
  };
  const auto dash = id.rfind('-');
  return std::all_of(id.begin(), id.begin() + kTimeDigits, is_digit) &&
         std::all_of(id.begin(), id.end(), safe) && dash > kTimeDigits + 1 &&
         dash + 1 < id.size() &&
         std::all_of(id.begin() + static_cast<std::ptrdiff_t>(dash) + 1, id.end(), is_digit);
}

WallTime alarm_id_time(std::string_view id) {
  std::int64_t milliseconds = 0;
  std::from_chars(id.data(), id.data() + std::min(id.size(), kTimeDigits), milliseconds);
  constexpr std::int64_t kLatest = 9'000'000'000'000;  // what nanoseconds in 64 bits can hold
  return WallTime(std::chrono::milliseconds(std::min(milliseconds, kLatest)));
}

std::optional<WallTime> parse_wall_time(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd.dddZ";
  if (text.size() != kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kForm[i] == 'd' ? !is_digit(text[i]) : text[i] != kForm[i]) return std::nullopt;
  }
  const auto number = [text](std::size_t at, std::size_t length) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + length, value);
    return value;
  };
  const std::chrono::year_month_day day{
      std::chrono::year(number(0, 4)), std::chrono::month(static_cast<unsigned>(number(5, 2))),
      std::chrono::day(static_cast<unsigned>(number(8, 2)))};
  const int hours = number(11, 2);
  const int minutes = number(14, 2);
  const int seconds = number(17, 2);
  // What 64 bits of nanoseconds can hold.
  const bool in_range = number(0, 4) >= 1678 && number(0, 4) <= 2261;
  if (!day.ok() || !in_range || hours > 23 || minutes > 59 || seconds > 60) return std::nullopt;
  return WallTime(std::chrono::sys_days(day)) + std::chrono::hours(hours) +
         std::chrono::minutes(minutes) + std::chrono::seconds(seconds) +
         std::chrono::milliseconds(number(20, 3));
}

Result<Alarm> parse_alarm(std::string_view text, std::string_view name) {
  const auto corrupt = [name](std::string_view why) {
    return Error{ErrorCode::kCorruptInput, fmt::format("{}: {}", name, why)};
  };
  json::error_code code;
  json::parse_options options;
  options.max_depth = 8;
  const json::value value = json::parse({text.data(), text.size()}, code, {}, options);
  if (code || !value.is_object()) return corrupt("not an alarm: expected a JSON object");
  const json::object& object = value.get_object();
  Alarm alarm;
  alarm.id = text_of(object, "id");
  if (!is_alarm_id(alarm.id)) return corrupt("expected an \"id\" as alarms have it");
  const auto at = parse_wall_time(text_of(object, "time"));
  if (!at) return corrupt("expected a \"time\" like 2026-11-21T08:00:00.000Z");
  alarm.at = *at;
  alarm.rule = text_of(object, "rule");
  alarm.camera = text_of(object, "camera");
  alarm.frame = whole_of<std::uint64_t>(object, "frame", UINT64_MAX);
  alarm.message = text_of(object, "message");
  alarm.zone = text_of(object, "zone");
  alarm.size = {whole_of<int>(object, "width", 1'000'000),
                whole_of<int>(object, "height", 1'000'000)};
  const json::value* objects = object.if_contains("objects");
  if (objects != nullptr && objects->is_array()) {
    for (const json::value& item : objects->get_array()) {
      if (item.is_object() && alarm.objects.size() < kObjectsMax) {
        alarm.objects.push_back(object_of(item.get_object()));
      }
    }
  }
  return alarm;
}

}  // namespace shoal
