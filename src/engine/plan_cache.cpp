// The only file of this folder that knows Boost.JSON.
#include "engine/plan_cache.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "core/log.h"
#include "core/read_file.h"

namespace shoal {
namespace {

namespace json = boost::json;
constexpr std::size_t kPlansMax = 200;
constexpr std::size_t kCacheBytesMax = 4U << 20U;

json::array read_plans(const std::string& path) {
  const auto read = file_text(path, {.bytes_max = kCacheBytesMax, .expected = "a plan cache"});
  const std::string text = read ? *read : std::string();
  boost::system::error_code error;
  json::value root = json::parse(text, error);
  if (text.empty()) return {};
  if (!error && root.is_object()) {
    if (json::value* plans = root.as_object().if_contains("plans"); plans && plans->is_array()) {
      return std::move(plans->as_array());
    }
  }
  log(LogLevel::kWarn, "engine", "{}: not a plan cache; it will be written anew", path);
  return {};
}

json::object to_json(const PlanKey& key) {
  json::object object;
  for (const auto& [part, value] : key) object[part] = value;
  return object;
}

// The parts in which a stored key differs, "cpu: 'A' instead of 'B'".
std::vector<std::string> differences(const json::object& stored, const PlanKey& key) {
  std::vector<std::string> found;
  for (const auto& [part, value] : key) {
    const json::value* other = stored.if_contains(part);
    const bool text = other != nullptr && other->is_string();
    const std::string was = text ? std::string(other->as_string()) : std::string("nothing");
    if (was != value) found.push_back(fmt::format("{}: '{}' instead of '{}'", part, was, value));
  }
  return found;
}

const json::object* member(const json::value& plan, std::string_view name) {
  const json::object* object = plan.if_object();
  const json::value* value = object == nullptr ? nullptr : object->if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

std::optional<PlanChoice> read_choice(const json::value& plan) {
  const json::object* stored = member(plan, "choice");
  if (stored == nullptr) return std::nullopt;
  const json::value* batched = stored->if_contains("batched");
  const json::value* spread_rate = stored->if_contains("spread_images_per_second");
  const json::value* batched_rate = stored->if_contains("batched_images_per_second");
  if (batched == nullptr || !batched->is_bool() || spread_rate == nullptr ||
      !spread_rate->is_number() || batched_rate == nullptr || !batched_rate->is_number()) {
    return std::nullopt;
  }
  return PlanChoice{batched->as_bool(), spread_rate->to_number<double>(),
                    batched_rate->to_number<double>()};
}

}  // namespace

std::optional<PlanChoice> find_plan(const std::string& path, const PlanKey& key) {
  if (path.empty()) return std::nullopt;
  std::vector<std::string> nearest;
  for (const json::value& plan : read_plans(path)) {
    const json::object* stored = member(plan, "key");
    if (stored == nullptr) continue;
    auto differing = differences(*stored, key);
    if (differing.empty()) {
      if (auto choice = read_choice(plan)) return choice;
      continue;
    }
    if (nearest.empty() || differing.size() < nearest.size()) nearest = std::move(differing);
  }
  for (const std::string& line : nearest) {
    log(LogLevel::kDebug, "engine", "{}: the nearest plan differs in {}", path, line);
  }
  return std::nullopt;
}

Result<void> store_plan(const std::string& path, const PlanKey& key, const PlanChoice& choice) {
  if (path.empty()) return {};
  json::array plans = read_plans(path);
  for (auto plan = plans.begin(); plan != plans.end();) {
    const json::object* stored = member(*plan, "key");
    const bool replaced = stored == nullptr || differences(*stored, key).empty();
    plan = replaced ? plans.erase(plan) : std::next(plan);
  }
  while (plans.size() >= kPlansMax) plans.erase(plans.begin());
  json::object entry;
  entry["key"] = to_json(key);
  entry["choice"] = json::object{{"batched", choice.batched},
                                 {"spread_images_per_second", choice.spread_rate},
                                 {"batched_images_per_second", choice.batched_rate}};
  plans.push_back(std::move(entry));
  // A name of its own, so that two processes never write into one file.
  const std::string draft = fmt::format("{}.{}", path, ::getpid());
  std::error_code error;
  {
    const auto folder = std::filesystem::path(path).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder, error);
    std::ofstream file(draft, std::ios::binary | std::ios::trunc);
    file << json::serialize(json::object{{"plans", std::move(plans)}}) << '\n';
    file.close();
    if (!file) {
      std::filesystem::remove(draft, error);
      return Error{ErrorCode::kUnavailable, fmt::format("{}: cannot be written", draft)};
    }
  }
  std::filesystem::rename(draft, path, error);
  if (error) {
    const std::string why = error.message();
    std::filesystem::remove(draft, error);
    return Error{ErrorCode::kUnavailable, fmt::format("{}: {}", path, why)};
  }
  return {};
}

}  // namespace shoal
