// The settings' names, values and rules: docs/protocol/extension_trace.md of Triton's server.
#include "telemetry/trace_settings.h"

#include <charconv>
#include <limits>
#include <utility>

namespace shoal {
namespace {

Error wrong(const std::string& name, std::string_view expected, std::string_view got) {
  return {ErrorCode::kInvalidArgument,
          name + ": expected " + std::string(expected) + ", got '" + std::string(got) + "'"};
}

Result<std::int64_t> number(const std::string& name, const std::vector<std::string>& values,
                            std::int64_t least, std::int64_t most) {
  const std::string text = values.size() == 1 ? values.front() : "a list";
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || value < least || value > most) {
    return wrong(name, "a number from " + std::to_string(least) + " to " + std::to_string(most),
                 text);
  }
  return value;
}

Result<bool> level(const std::string& name, const std::vector<std::string>& values) {
  bool timestamps = false;
  for (const std::string& value : values) {
    if (value == "TIMESTAMPS") {
      timestamps = true;
    } else if (value == "OFF") {
      if (values.size() > 1) return wrong(name, "OFF alone", "OFF with others");
    } else {
      return wrong(name, "TIMESTAMPS or OFF (tensors are not traced)", value);
    }
  }
  return timestamps;
}

}  // namespace

TraceSampler::TraceSampler(TraceSettings global)
    : start_(std::move(global)), frequency_(start_.frequency) {
  set(global_, {}, {}, start_, true);
}

void TraceSampler::add_model(int model, const std::string& name) {
  const std::lock_guard lock(mutex_);
  numbers_[name] = model;
  const auto own = model_changes_.contains(name) ? own_rules_.find(name) : own_rules_.end();
  rules_[static_cast<std::size_t>(model)].store(
      own == own_rules_.end() ? &global_ : own->second.get(), std::memory_order_release);
}

std::uint64_t TraceSampler::sample(int model) noexcept {
  Rule* rule = rules_[static_cast<std::size_t>(model)].load(std::memory_order_acquire);
  if (rule == nullptr || !rule->on.load(std::memory_order_relaxed)) return 0;
  const std::uint32_t rate = rule->rate.load(std::memory_order_relaxed);
  if ((rule->seen.fetch_add(1, std::memory_order_relaxed) + 1) % rate != 0) return 0;
  std::int64_t left = rule->left.load(std::memory_order_relaxed);
  while (left > 0 &&
         !rule->left.compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) {
  }
  if (left == 0) return 0;
  return last_id_.fetch_add(1, std::memory_order_relaxed) + 1;
}

TraceSettingValues TraceSampler::get(const std::string& model) const {
  const std::lock_guard lock(mutex_);
  const Rule* rule = &global_;
  if (model_changes_.contains(model)) rule = own_rules_.at(model).get();
  return {
      {"trace_level", {rule->on.load(std::memory_order_relaxed) ? "TIMESTAMPS" : "OFF"}},
      {"trace_rate", {std::to_string(rule->rate.load(std::memory_order_relaxed))}},
      {"trace_count", {std::to_string(rule->left.load(std::memory_order_relaxed))}},
      {"log_frequency", {std::to_string(frequency())}},
      {"trace_file", {start_.file}},
      {"trace_mode", {"triton"}},
  };
}

Result<TraceSettingValues> TraceSampler::change(const std::string& model,
                                                const TraceSettingValues& values) {
  {
    const std::lock_guard lock(mutex_);
    const bool global = model.empty();
    const auto known = model_changes_.find(model);
    Changes changes = global                            ? global_changes_
                      : known != model_changes_.end() ? known->second
                                                      : Changes{};
    const auto frequency_before = frequency_change_;
    for (const auto& [name, list] : values) {
      if (Result<void> applied = apply(changes, name, list, global); !applied) {
        frequency_change_ = frequency_before;
        return std::move(applied).error();
      }
    }
    if (!global && values.empty()) changes = {};
    if (global) {
      global_changes_ = changes;
    } else if (changes.timestamps || changes.rate || changes.count) {
      model_changes_[model] = changes;
    } else {
      model_changes_.erase(model);
    }
    frequency_.store(frequency_change_.value_or(start_.frequency), std::memory_order_relaxed);
    set_rules(global && values.contains("trace_count"),
              values.contains("trace_count") ? model : std::string());
  }
  return get(model);
}

Result<void> TraceSampler::apply(Changes& changes, const std::string& name,
                                 const std::vector<std::string>& values, bool global) {
  const bool clears = values.empty();
  if (name == "trace_level") {
    changes.timestamps.reset();
    if (clears) return {};
    changes.timestamps = SHOAL_TRY(level(name, values));
    if (*changes.timestamps && start_.file.empty()) {
      return Error{ErrorCode::kInvalidArgument,
                   "trace_level: there is no file to write; start the service with a trace file"};
    }
  } else if (name == "trace_rate") {
    changes.rate.reset();
    if (clears) return {};
    changes.rate = static_cast<std::uint32_t>(
        SHOAL_TRY(number(name, values, 1, std::numeric_limits<std::uint32_t>::max())));
  } else if (name == "trace_count") {
    changes.count.reset();
    if (clears) return {};
    changes.count = SHOAL_TRY(number(name, values, -1, std::numeric_limits<std::int64_t>::max()));
  } else if (name == "log_frequency") {
    if (clears && !global) return {};
    if (!global) return wrong(name, "the global settings (there is one file)", "a model's");
    frequency_change_.reset();
    if (clears) return {};
    frequency_change_ = static_cast<std::uint32_t>(
        SHOAL_TRY(number(name, values, 0, std::numeric_limits<std::uint32_t>::max())));
  } else if (name == "trace_mode") {
    if (!clears && (values.size() != 1 || values.front() != "triton")) {
      return wrong(name, "triton", values.front());
    }
  } else if (name == "trace_file") {
    if (!clears && (values.size() != 1 || values.front() != start_.file)) {
      return Error{ErrorCode::kInvalidArgument,
                   "trace_file: only who starts the service can name it"};
    }
  } else {
    return wrong("trace setting", "trace_level, trace_rate, trace_count or log_frequency", name);
  }
  return {};
}

// Brings the rules in line with the changes. A count is only set anew where it was named: otherwise
// every change would start it over.
void TraceSampler::set_rules(bool global_count, const std::string& count_of) {
  set(global_, global_changes_, global_changes_, start_, global_count);
  for (const auto& [name, changes] : model_changes_) {
    auto& rule = own_rules_[name];
    const bool first = rule == nullptr;
    if (first) rule = std::make_unique<Rule>();
    set(*rule, changes, global_changes_, start_, first || global_count || name == count_of);
  }
  for (const auto& [name, number] : numbers_) {
    rules_[static_cast<std::size_t>(number)].store(
        model_changes_.contains(name) ? own_rules_.at(name).get() : &global_,
        std::memory_order_release);
  }
}

void TraceSampler::set(Rule& rule, const Changes& own, const Changes& global,
                       const TraceSettings& start, bool count_too) {
  const auto pick = [](const auto& first, const auto& second, auto third) {
    return first ? *first : second ? *second : third;
  };
  rule.rate.store(pick(own.rate, global.rate, start.rate), std::memory_order_relaxed);
  if (count_too) {
    rule.left.store(pick(own.count, global.count, start.count), std::memory_order_relaxed);
  }
  rule.on.store(pick(own.timestamps, global.timestamps, start.timestamps) && !start.file.empty(),
                std::memory_order_relaxed);
}

}  // namespace shoal
