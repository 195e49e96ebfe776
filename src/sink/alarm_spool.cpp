// The index of what waits lies in memory: ids, destinations and sizes, not alarms. Sequence
// numbers give files their names and so the order after a restart.
#include "sink/alarm_spool.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/log.h"
#include "sink/spool_file.h"
#include "sink/spool_folder.h"

namespace shoal {
namespace {

constexpr std::string_view kSuffix = ".alarm";
constexpr std::string_view kDamaged = ".damaged";
constexpr std::size_t kSequenceDigits = 16;
constexpr std::size_t kNameIdMax = 150;  // file names end at 255 bytes
constexpr std::size_t kDamagedMax = 32;  // files that are kept for a person to look at
constexpr std::int64_t kBlock = 4096;
constexpr std::int64_t kBytesMaxLeast = 64 << 10;

std::int64_t on_disk(std::size_t bytes) {
  return (static_cast<std::int64_t>(bytes) + kBlock - 1) / kBlock * kBlock;
}

// The id stands in the name for people, and for the log should the file be damaged.
std::string file_name(std::uint64_t sequence, std::string_view id) {
  std::string name = fmt::format("{:0{}}_", sequence, kSequenceDigits);
  for (const char c : id.substr(0, kNameIdMax)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '-' || c == '.';
    name.push_back(plain ? c : '_');
  }
  name += kSuffix;
  return name;
}

std::optional<std::uint64_t> sequence_of(std::string_view name) {
  if (!name.ends_with(kSuffix) || name.size() <= kSequenceDigits) return std::nullopt;
  std::uint64_t sequence = 0;
  const char* end = name.data() + kSequenceDigits;
  const auto parsed = std::from_chars(name.data(), end, sequence);
  if (parsed.ec != std::errc() || parsed.ptr != end || *end != '_') return std::nullopt;
  return sequence;
}

struct Waiting {
  std::string id;
  std::string name;  // of its file; "" while it is only in memory
  std::size_t bytes = 0;  // of its file
  std::vector<std::string> destinations;
  std::uint64_t arrived = 0;
  std::shared_ptr<const Alarm> in_memory;  // set while the disk would not take it

  [[nodiscard]] bool lacks(std::size_t i) const { return (arrived >> i & 1) == 0; }
  [[nodiscard]] std::vector<std::string> missing() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < destinations.size(); ++i) {
      if (lacks(i)) names.push_back(destinations[i]);
    }
    return names;
  }
};

using WaitingMap = std::map<std::uint64_t, Waiting>;  // by sequence number

}  // namespace

class AlarmSpool::State {
 public:
  State(SpoolFolder folder, AlarmSpoolOptions options)
      : options_(options), folder_(std::move(folder)) {}

  Result<void> load();
  Result<void> append(Alarm alarm, std::vector<std::string> destinations);
  std::shared_ptr<const Alarm> next(std::string_view destination);
  void done(std::string_view destination, std::string_view id);
  std::size_t keep_only(std::span<const std::string> destinations);
  std::size_t waiting(std::string_view destination) const;
  AlarmSpoolCounts counts() const;

 private:
  void take_up(std::uint64_t sequence, const std::string& name);
  void insert(std::uint64_t sequence, Waiting waiting);
  WaitingMap::iterator forget(WaitingMap::iterator entry);
  void drop(WaitingMap::iterator entry, std::string_view why);
  void make_room(std::int64_t bytes);
  void keep_in_memory(std::uint64_t sequence, Waiting waiting, Alarm alarm);
  Result<void> store(std::uint64_t sequence, Waiting& waiting, const Alarm& alarm,
                     std::string_view bytes);
  void flush_memory();
  void set_aside(const std::string& name, const Error& why);
  void mark(WaitingMap::iterator entry, std::size_t index);
  void said_disk(const Result<void>& result);

  const AlarmSpoolOptions options_;
  mutable std::mutex mutex_;
  SpoolFolder folder_;
  WaitingMap entries_;
  std::unordered_map<std::string, std::uint64_t> by_id_;
  std::map<std::string, std::set<std::uint64_t>, std::less<>> queues_;  // by destination
  std::uint64_t sequence_ = 1;
  std::int64_t bytes_ = 0;
  std::size_t in_memory_ = 0;
  std::size_t set_aside_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t damaged_ = 0;
  bool disk_fails_ = false;
};

// Says a failing disk once, and once that it works again.
void AlarmSpool::State::said_disk(const Result<void>& result) {
  if (result && disk_fails_) {
    log(LogLevel::kWarn, "spool", "{}: writing works again", folder_.path());
  } else if (!result && !disk_fails_) {
    log(LogLevel::kError, "spool", "{}; alarms are kept in memory, at most {}, until it works",
        result.error().message, options_.memory_max);
  }
  disk_fails_ = !result;
}

void AlarmSpool::State::set_aside(const std::string& name, const Error& why) {
  ++damaged_;
  log(LogLevel::kError, "spool", "{}/{}: this alarm is lost: {}", folder_.path(), name,
      why.message);
  const bool keep = set_aside_ < kDamagedMax;
  if (keep) ++set_aside_;
  const auto gone = keep ? folder_.rename(name, name + std::string(kDamaged))
                         : folder_.remove(name);
  if (!gone) log(LogLevel::kWarn, "spool", "{}", gone.error().message);
}

Result<void> AlarmSpool::State::load() {
  for (const std::string& name : SHOAL_TRY(folder_.names())) {
    if (name.ends_with(kDamaged)) ++set_aside_;
    if (const auto sequence = sequence_of(name)) take_up(*sequence, name);
  }
  if (!entries_.empty()) {
    log(LogLevel::kInfo, "spool", "{}: {} alarms wait since the last run", folder_.path(),
        entries_.size());
  }
  return {};
}

void AlarmSpool::State::take_up(std::uint64_t sequence, const std::string& name) {
  sequence_ = std::max(sequence_, sequence + 1);
  const auto bytes = folder_.read(name, kSpoolFileBytesMax);
  if (!bytes && bytes.error().code == ErrorCode::kUnavailable) {
    log(LogLevel::kError, "spool", "{}; the alarm waits for the next start", bytes.error().message);
    return;
  }
  auto file = bytes ? decode_spool_file(*bytes) : Result<SpoolFile>(bytes.error());
  if (!file) return set_aside(name, file.error());
  Waiting waiting{.id = std::move(file->alarm.id), .name = name, .bytes = file->bytes_valid,
                  .destinations = std::move(file->destinations), .arrived = file->arrived,
                  .in_memory = nullptr};
  // What comes after a torn mark would never be read.
  if (waiting.bytes < bytes->size()) said_disk(folder_.cut(name, waiting.bytes));
  if (waiting.missing().empty() || by_id_.contains(waiting.id)) {
    said_disk(folder_.remove(name));
    return;
  }
  insert(sequence, std::move(waiting));
}

void AlarmSpool::State::insert(std::uint64_t sequence, Waiting waiting) {
  by_id_[waiting.id] = sequence;
  for (const std::string& destination : waiting.missing()) queues_[destination].insert(sequence);
  if (waiting.in_memory) ++in_memory_;
  bytes_ += on_disk(waiting.bytes);
  entries_.emplace(sequence, std::move(waiting));
}

// Of the index and the disk. Returns what comes after it.
WaitingMap::iterator AlarmSpool::State::forget(WaitingMap::iterator entry) {
  const Waiting& waiting = entry->second;
  for (const std::string& destination : waiting.destinations) {
    const auto queue = queues_.find(destination);
    if (queue == queues_.end()) continue;
    queue->second.erase(entry->first);
    if (queue->second.empty()) queues_.erase(queue);
  }
  by_id_.erase(waiting.id);
  if (waiting.in_memory) --in_memory_;
  bytes_ -= on_disk(waiting.bytes);
  if (!waiting.name.empty()) {
    if (const auto removed = folder_.remove(waiting.name); !removed) {
      log(LogLevel::kWarn, "spool", "{}", removed.error().message);
    }
  }
  return entries_.erase(entry);
}

void AlarmSpool::State::drop(WaitingMap::iterator entry, std::string_view why) {
  ++dropped_;
  log(LogLevel::kError, "spool", "alarm {} is dropped: {}; it did not reach {}", entry->second.id,
      why, fmt::join(entry->second.missing(), ", "));
  forget(entry);
}

void AlarmSpool::State::make_room(std::int64_t bytes) {
  auto entry = entries_.begin();
  while (bytes_ + bytes > options_.bytes_max && entry != entries_.end()) {
    const auto oldest = entry++;
    if (oldest->second.in_memory) continue;  // takes no disk
    drop(oldest, fmt::format("the spool holds {} of {} bytes", bytes_, options_.bytes_max));
  }
}

void AlarmSpool::State::keep_in_memory(std::uint64_t sequence, Waiting waiting, Alarm alarm) {
  waiting.name.clear();
  waiting.bytes = 0;
  waiting.in_memory = std::make_shared<const Alarm>(std::move(alarm));
  insert(sequence, std::move(waiting));
  if (in_memory_ <= options_.memory_max) return;
  const auto oldest = std::find_if(entries_.begin(), entries_.end(), [](const auto& entry) {
    return entry.second.in_memory != nullptr;
  });
  drop(oldest, fmt::format("the disk fails and {} alarms are in memory", options_.memory_max));
}

Result<void> AlarmSpool::State::store(std::uint64_t sequence, Waiting& waiting,
                                      const Alarm& alarm, std::string_view bytes) {
  waiting.name = file_name(sequence, alarm.id);
  waiting.bytes = bytes.size();
  auto stored = folder_.create(waiting.name, bytes);
  said_disk(stored);
  // Only now: a disk that takes nothing shall not cost the oldest alarm as well.
  if (stored) make_room(on_disk(bytes.size()));
  return stored;
}

Result<void> AlarmSpool::State::append(Alarm alarm, std::vector<std::string> destinations) {
  const std::lock_guard lock(mutex_);
  if (destinations.empty() || by_id_.contains(alarm.id)) return {};
  flush_memory();
  std::string bytes = encode_spool_file(alarm, destinations);
  if (on_disk(bytes.size()) > options_.bytes_max || bytes.size() > kSpoolFileBytesMax / 2) {
    alarm.thumbnail.clear();
    bytes = encode_spool_file(alarm, destinations);
  }
  if (on_disk(bytes.size()) > options_.bytes_max || bytes.size() > kSpoolFileBytesMax / 2) {
    ++dropped_;
    Error error{ErrorCode::kInvalidArgument,
                fmt::format("alarm {} is dropped: it takes {} bytes; the spool holds {}",
                            alarm.id, bytes.size(), options_.bytes_max)};
    log(LogLevel::kError, "spool", "{}", error.message);
    return error;
  }
  const std::uint64_t sequence = sequence_++;
  Waiting waiting{.id = alarm.id, .name = "", .bytes = 0,
                  .destinations = std::move(destinations), .arrived = 0, .in_memory = nullptr};
  auto stored = store(sequence, waiting, alarm, bytes);
  if (stored) {
    insert(sequence, std::move(waiting));
    return {};
  }
  keep_in_memory(sequence, std::move(waiting), std::move(alarm));
  return Error{ErrorCode::kUnavailable, std::move(stored).error().message};
}

// Tries the disk again; stops at the first that does not fit.
void AlarmSpool::State::flush_memory() {
  if (in_memory_ == 0) return;
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    Waiting& waiting = entry->second;
    if (!waiting.in_memory) continue;
    std::string bytes = encode_spool_file(*waiting.in_memory, waiting.destinations);
    for (std::size_t i = 0; i < waiting.destinations.size(); ++i) {
      if (!waiting.lacks(i)) bytes += encode_spool_mark(i);
    }
    if (!store(entry->first, waiting, *waiting.in_memory, bytes)) {
      waiting.name.clear();
      waiting.bytes = 0;
      return;
    }
    waiting.in_memory.reset();
    --in_memory_;
    bytes_ += on_disk(waiting.bytes);
  }
}

std::shared_ptr<const Alarm> AlarmSpool::State::next(std::string_view destination) {
  const std::lock_guard lock(mutex_);
  flush_memory();
  while (true) {
    const auto queue = queues_.find(destination);
    if (queue == queues_.end()) return nullptr;
    const auto entry = entries_.find(*queue->second.begin());
    Waiting& waiting = entry->second;
    if (waiting.in_memory) return waiting.in_memory;
    const auto bytes = folder_.read(waiting.name, kSpoolFileBytesMax);
    if (!bytes && bytes.error().code == ErrorCode::kUnavailable) {
      said_disk(bytes.error());
      return nullptr;
    }
    auto file = bytes ? decode_spool_file(*bytes) : Result<SpoolFile>(bytes.error());
    if (file) return std::make_shared<const Alarm>(std::move(file->alarm));
    set_aside(waiting.name, file.error());
    waiting.name.clear();
    forget(entry);
  }
}

// Notes an arrival on disk; the last one deletes the file.
void AlarmSpool::State::mark(WaitingMap::iterator entry, std::size_t index) {
  Waiting& waiting = entry->second;
  waiting.arrived |= std::uint64_t{1} << index;
  const auto queue = queues_.find(waiting.destinations[index]);
  if (queue != queues_.end()) {
    queue->second.erase(entry->first);
    if (queue->second.empty()) queues_.erase(queue);
  }
  if (waiting.missing().empty()) {
    forget(entry);
    return;
  }
  if (waiting.in_memory) return;
  const std::string bytes = encode_spool_mark(index);
  const auto marked = folder_.append(waiting.name, waiting.bytes, bytes);
  said_disk(marked);
  if (!marked) return;
  bytes_ += on_disk(waiting.bytes + bytes.size()) - on_disk(waiting.bytes);
  waiting.bytes += bytes.size();
}

void AlarmSpool::State::done(std::string_view destination, std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(std::string(id));
  if (found == by_id_.end()) return;
  const auto entry = entries_.find(found->second);
  const auto& names = entry->second.destinations;
  const auto name = std::find(names.begin(), names.end(), destination);
  const auto index = static_cast<std::size_t>(name - names.begin());
  if (name == names.end() || !entry->second.lacks(index)) return;
  mark(entry, index);
}

std::size_t AlarmSpool::State::keep_only(std::span<const std::string> destinations) {
  const std::lock_guard lock(mutex_);
  std::size_t let_go = 0;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto current = entry++;
    std::vector<std::size_t> unknown;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < current->second.destinations.size(); ++i) {
      const std::string& name = current->second.destinations[i];
      if (!current->second.lacks(i) ||
          std::find(destinations.begin(), destinations.end(), name) != destinations.end()) {
        continue;
      }
      unknown.push_back(i);
      names.push_back(name);
    }
    if (unknown.empty()) continue;
    ++let_go;
    log(LogLevel::kError, "spool", "alarm {} is not sent to {}: no such sink is configured",
        current->second.id, fmt::join(names, ", "));
    for (const std::size_t index : unknown) mark(current, index);  // the last may end `current`
  }
  return let_go;
}

std::size_t AlarmSpool::State::waiting(std::string_view destination) const {
  const std::lock_guard lock(mutex_);
  const auto queue = queues_.find(destination);
  return queue == queues_.end() ? 0 : queue->second.size();
}

AlarmSpoolCounts AlarmSpool::State::counts() const {
  const std::lock_guard lock(mutex_);
  return {.waiting = entries_.size(), .in_memory = in_memory_, .dropped = dropped_,
          .damaged = damaged_, .bytes = bytes_};
}

Result<std::unique_ptr<AlarmSpool>> AlarmSpool::open(const std::string& folder,
                                                     AlarmSpoolOptions options) {
  if (options.bytes_max < kBytesMaxLeast || options.memory_max == 0) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: a spool of {} bytes and {} alarms in memory; expected at least "
                             "{} bytes and 1 alarm", folder, options.bytes_max,
                             options.memory_max, kBytesMaxLeast)};
  }
  auto state = std::make_unique<State>(SHOAL_TRY(SpoolFolder::open(folder)), options);
  SHOAL_TRY(state->load());
  return std::unique_ptr<AlarmSpool>(new AlarmSpool(std::move(state)));
}

AlarmSpool::AlarmSpool(std::unique_ptr<State> state) : state_(std::move(state)) {}
AlarmSpool::~AlarmSpool() = default;

Result<void> AlarmSpool::append(const Alarm& alarm, std::span<const std::string> destinations) {
  std::vector<std::string> names;
  for (const std::string& name : destinations) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  if (names.size() > kSpoolDestinationsMax) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("alarm {}: {} destinations; expected at most {}", alarm.id,
                             names.size(), kSpoolDestinationsMax)};
  }
  return state_->append(alarm, std::move(names));
}

std::shared_ptr<const Alarm> AlarmSpool::next(std::string_view destination) {
  return state_->next(destination);
}

void AlarmSpool::done(std::string_view destination, std::string_view id) {
  state_->done(destination, id);
}

std::size_t AlarmSpool::keep_only(std::span<const std::string> destinations) {
  return state_->keep_only(destinations);
}

std::size_t AlarmSpool::waiting(std::string_view destination) const {
  return state_->waiting(destination);
}

AlarmSpoolCounts AlarmSpool::counts() const { return state_->counts(); }

}  // namespace shoal
