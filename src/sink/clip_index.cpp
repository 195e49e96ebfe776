// Names of files are the index; their contents are read when somebody asks.
#include "sink/clip_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "core/log.h"
#include "core/read_file.h"
#include "sink/alarm_file.h"

namespace shoal {
namespace {

constexpr std::size_t kInMemory = 256;
constexpr std::size_t kFileMax = 16 << 20;  // bytes; of a JSON or thumbnail that is worth reading
constexpr std::string_view kPart = ".part";

// Empty where the file is missing, unreadable, too large, or a link: nothing of ours is one.
template <typename Bytes>
Bytes read_small(const std::string& path) {
  const auto bytes = file_bytes(path, {.bytes_max = kFileMax, .follow_link = false});
  return bytes ? Bytes(bytes->begin(), bytes->end()) : Bytes{};
}

// The newest alarms are kept whole; an alarm says what has become of its clip.
std::shared_ptr<const Alarm> with_clip(const std::shared_ptr<const Alarm>& alarm, ClipState state) {
  if (alarm->clip.empty() == (state == ClipState::kNone)) return alarm;
  auto changed = std::make_shared<Alarm>(*alarm);
  changed->clip = state == ClipState::kNone ? std::string() : alarm->id + ".mp4";
  return changed;
}

}  // namespace

std::string ClipIndex::path(std::string_view id, std::string_view suffix) const {
  return fmt::format("{}/{}{}", folder_, id, suffix);
}

std::vector<ClipIndex::Found> ClipIndex::scan() {
  std::unordered_map<std::string, std::int64_t> found;
  std::error_code error;
  const std::lock_guard lock(mutex_);
  for (std::filesystem::directory_iterator at(folder_, error), end; !error && at != end;
       at.increment(error)) {
    std::string name = at->path().filename().string();
    const bool part = name.ends_with(kPart);
    if (part) name.resize(name.size() - kPart.size());
    const auto dot = name.rfind('.');
    const std::string suffix = dot == std::string::npos ? std::string() : name.substr(dot);
    const std::string id = name.substr(0, dot);
    const bool ours = suffix == ".json" || suffix == ".jpg" || suffix == ".mp4";
    if (!ours || !is_alarm_id(id)) continue;
    std::error_code ignored;
    if (part) {
      std::filesystem::remove(at->path(), ignored);
      continue;
    }
    if (at->is_symlink(ignored)) continue;
    Record& record = records_[id];
    record.has_alarm = record.has_alarm || suffix == ".json";
    if (suffix == ".mp4") record.clip = ClipState::kReady;
    const auto bytes = std::filesystem::file_size(at->path(), ignored);
    found[id] += ignored ? 0 : static_cast<std::int64_t>(bytes);
  }
  if (error) log(LogLevel::kWarn, "clips", "{}: {}", folder_, error.message());
  std::vector<Found> list;
  list.reserve(found.size());
  for (const auto& [id, bytes] : found) list.push_back({id, bytes});
  return list;
}

void ClipIndex::add(std::shared_ptr<const Alarm> alarm) {
  const std::lock_guard lock(mutex_);
  Record& record = records_[alarm->id];
  record.has_alarm = true;
  if (!record.alarm) in_memory_.push_back(alarm->id);
  record.alarm = std::move(alarm);
  while (in_memory_.size() > kInMemory) {
    const auto oldest = records_.find(in_memory_.front());
    if (oldest != records_.end()) oldest->second.alarm.reset();
    in_memory_.pop_front();
  }
}

void ClipIndex::set_clip(const std::string& id, ClipState state) {
  const std::lock_guard lock(mutex_);
  records_[id].clip = state;
}

void ClipIndex::erase(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (records_.erase(id) > 0) std::erase(in_memory_, id);
}

std::shared_ptr<const Alarm> ClipIndex::load(const Wanted& wanted) const {
  if (wanted.record.alarm) return with_clip(wanted.record.alarm, wanted.record.clip);
  const std::string file = path(wanted.id, ".json");
  const auto text = read_small<std::string>(file);
  if (text.empty()) return nullptr;  // went in the meantime
  auto parsed = parse_alarm(text, file);
  if (!parsed || parsed->id != wanted.id) {
    log(LogLevel::kDebug, "clips", "{}: left out of the history: {}", file,
        parsed ? "it is another alarm's" : parsed.error().message);
    return nullptr;
  }
  parsed->thumbnail = read_small<std::vector<std::uint8_t>>(path(wanted.id, ".jpg"));
  if (wanted.record.clip != ClipState::kNone) parsed->clip = wanted.id + ".mp4";
  return std::make_shared<const Alarm>(std::move(*parsed));
}

std::vector<std::shared_ptr<const Alarm>> ClipIndex::alarms(std::size_t count,
                                                            std::string_view before) const {
  std::vector<std::shared_ptr<const Alarm>> list;
  std::string from(before);
  // Again where some could not be read, until enough are there or none is left.
  for (;;) {
    std::vector<Wanted> wanted;
    {
      const std::lock_guard lock(mutex_);
      auto at = from.empty() ? records_.end() : records_.lower_bound(from);
      while (at != records_.begin() && list.size() + wanted.size() < count) {
        --at;
        if (at->second.has_alarm) wanted.push_back({at->first, at->second});
      }
    }
    if (wanted.empty()) return list;
    for (const Wanted& one : wanted) {
      if (auto alarm = load(one)) list.push_back(std::move(alarm));
    }
    from = wanted.back().id;
  }
}

Result<std::shared_ptr<const Alarm>> ClipIndex::alarm(std::string_view id) const {
  Wanted wanted{std::string(id), {}};
  {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(id);
    if (found != records_.end()) wanted.record = found->second;
  }
  if (wanted.record.has_alarm) {
    if (auto alarm = load(wanted)) return alarm;
  }
  return Error{ErrorCode::kNotFound, fmt::format("alarm \"{}\" is not there (any more)",
                                                 id.substr(0, 128))};
}

Result<std::string> ClipIndex::clip_file(std::string_view id) const {
  ClipState state = ClipState::kNone;
  {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(id);
    if (found != records_.end()) state = found->second.clip;
  }
  switch (state) {
    case ClipState::kReady: return path(id, ".mp4");
    case ClipState::kWriting:
      return Error{ErrorCode::kUnavailable,
                   fmt::format("the clip of alarm \"{}\" is still being recorded", id)};
    case ClipState::kNone: break;
  }
  return Error{ErrorCode::kNotFound,
               fmt::format("alarm \"{}\" has no clip (any more)", id.substr(0, 128))};
}

}  // namespace shoal
