// The store's thread: pulls packets off tapes into files, holds the budget.
#include "sink/clip_store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include "core/alarm_json.h"
#include "core/log.h"
#include "sink/alarm_file.h"
#include "sink/clip_file.h"
#include "sink/clip_index.h"
#include "sink/output_file.h"

namespace shoal {
namespace {

constexpr Duration kTick = std::chrono::seconds(1);
constexpr int kPacketsATurn = 32;  // of one clip, before the next has its turn

std::int64_t file_bytes(const std::string& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<std::int64_t>(bytes);
}

// Under another name first: what has the right name is whole.
Result<void> write_whole(const std::string& path, std::span<const std::uint8_t> bytes) {
  const std::string part = path + ".part";
  SHOAL_TRY(write_file(part, bytes, OutputFile::Mode::kNew));
  if (std::rename(part.c_str(), path.c_str()) != 0) {
    const Error error = write_error(path, 0, errno);
    ::unlink(part.c_str());
    return error;
  }
  return {};
}

// One clip on its way.
struct Job {
  Job(std::string alarm_id, std::shared_ptr<PacketTape> the_tape, const PacketTape::Cut& the_cut,
      TimePoint patience_ends)
      : id(std::move(alarm_id)),
        tape(std::move(the_tape)),
        reader(*tape, the_cut.first),
        cut(the_cut),
        give_up(patience_ends) {}
  std::string id;
  std::shared_ptr<PacketTape> tape;
  PacketTape::Reader reader;
  PacketTape::Cut cut;
  TimePoint give_up;
  std::unique_ptr<ClipFile> file;  // null before the first packet
  int beyond_end = 0;              // packets that are shown later than the cut's end
};

enum class Turn : std::uint8_t { kMore, kWaits, kComplete, kFailed };

}  // namespace

struct ClipStore::State {
  State(const std::string& folder, const ClipStoreOptions& the_options)
      : options(the_options), index(folder), budget(the_options.limits) {}

  const ClipStoreOptions options;
  ClipIndex index;

  mutable std::mutex mutex;  // of what follows
  std::condition_variable work;
  bool awake = false;
  bool stopping = false;
  std::vector<std::string> unmeasured;  // alarms whose files the thread has not seen yet
  bool alarms_fail = false;          // it was logged that the disk does not take them
  std::vector<std::unique_ptr<Job>> fresh;
  std::size_t jobs_open = 0;  // fresh ones too
  std::function<void(const std::string&)> listener;
  ClipStoreCounts counts;
  bool short_of_space = false;  // as of the last look

  // The thread's own.
  DiskBudget budget;
  std::vector<std::unique_ptr<Job>> jobs;
  TapedPacket packet;
  std::vector<std::uint8_t> bytes;
  bool clips_fail = false;
  std::thread thread;

  void run();
  void keep(const Alarm& alarm);
  void pump_all(bool ending);
  Turn pump(Job& job, bool ending);
  Result<bool> step(Job& job, bool ending);
  void end(Job& job, Turn how);
  void hold_budget();
  void remove(const std::string& id);
  void measure(const std::string& id);
  static void report(bool& failing, const Error& error);
  template <typename Change>
  void count(Change change) {
    const std::lock_guard lock(mutex);
    change(counts);
  }
};

void ClipStore::State::report(bool& failing, const Error& error) {
  if (std::exchange(failing, true)) return;
  log(LogLevel::kError, "clips",
      "{} (alarms go on without it; said once until writing works again)", error.message);
}

void ClipStore::State::measure(const std::string& id) {
  std::int64_t total = 0;
  for (const char* suffix : {".json", ".jpg", ".mp4", ".mp4.part"}) {
    total += file_bytes(index.path(id, suffix));
  }
  budget.set(id, alarm_id_time(id), total);
}

// By the caller's thread: who has been told of an alarm finds it again after a kill.
void ClipStore::State::keep(const Alarm& alarm) {
  Result<void> kept;
  if (!alarm.thumbnail.empty()) kept = write_whole(index.path(alarm.id, ".jpg"), alarm.thumbnail);
  if (kept) {
    const std::string text = alarm_json(alarm, false, false) + "\n";
    kept = write_whole(index.path(alarm.id, ".json"),
                       {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  const std::lock_guard lock(mutex);
  ++(kept ? counts.alarms : counts.alarms_failed);
  if (kept) alarms_fail = false;
  if (!kept) report(alarms_fail, kept.error());
  unmeasured.push_back(alarm.id);
  awake = true;
  work.notify_one();
}

// Writes one packet. False: the clip is complete.
Result<bool> ClipStore::State::step(Job& job, bool ending) {
  switch (job.reader.next(packet, bytes)) {
    case PacketTape::Read::kEnd: return false;
    case PacketTape::Read::kNothingYet:
      if (ending || Clock::now() > job.give_up) return false;
      return Error{ErrorCode::kQueueFull, "nothing yet"};
    case PacketTape::Read::kPacket: break;
  }
  // Frames that are shown before the end may need one behind it, and come later.
  if (packet.time > job.cut.end && ++job.beyond_end > job.cut.reorder_depth) return false;
  if (!job.file) {
    const std::string path = index.path(job.id, ".mp4.part");
    SHOAL_TRY(make_new_file(path));
    job.file = SHOAL_TRY(ClipFile::open(path, packet, bytes, job.cut));
  }
  auto written = job.file->write(packet, bytes);
  if (written || written.error().code == ErrorCode::kCorruptInput) return true;
  return std::move(written).error();
}

Turn ClipStore::State::pump(Job& job, bool ending) {
  for (int i = 0; i < kPacketsATurn; ++i) {
    auto more = step(job, ending);
    if (!more && more.error().code == ErrorCode::kQueueFull) return Turn::kWaits;
    Result<void> done;
    if (more && *more) continue;
    if (more && job.file) done = job.file->finish();
    if (more && !job.file) return Turn::kFailed;  // nothing was there to be written
    if (!more) done = std::move(more).error();
    if (done) return Turn::kComplete;
    report(clips_fail, done.error());
    return Turn::kFailed;
  }
  return Turn::kMore;
}

void ClipStore::State::end(Job& job, Turn how) {
  job.file.reset();  // removes what is not finished
  const std::string path = index.path(job.id, ".mp4");
  if (how == Turn::kComplete && std::rename((path + ".part").c_str(), path.c_str()) != 0) {
    report(clips_fail, write_error(path, 0, errno));
    ::unlink((path + ".part").c_str());
    how = Turn::kFailed;
  }
  const bool ready = how == Turn::kComplete;
  if (ready) clips_fail = false;
  index.set_clip(job.id, ready ? ClipState::kReady : ClipState::kNone);
  measure(job.id);
  std::function<void(const std::string&)> told;
  {
    const std::lock_guard lock(mutex);
    ++(ready ? counts.clips : counts.clips_failed);
    --jobs_open;
    if (ready) told = listener;
  }
  if (told) told(job.id);
}

void ClipStore::State::pump_all(bool ending) {
  for (bool more = true; more;) {
    more = false;
    for (auto& job : jobs) {
      const Turn turn = pump(*job, ending);
      if (turn == Turn::kMore) more = true;
      if (turn == Turn::kMore || turn == Turn::kWaits) continue;
      end(*job, turn);
      job.reset();
    }
    std::erase(jobs, nullptr);
  }
}

void ClipStore::State::remove(const std::string& id) {
  for (auto& job : jobs) {
    if (!job || job->id != id) continue;
    job.reset();
    count([this](ClipStoreCounts& c) {
      ++c.clips_failed;
      --jobs_open;
    });
  }
  std::erase(jobs, nullptr);
  index.erase(id);
  for (const char* suffix : {".mp4", ".jpg", ".json"}) ::unlink(index.path(id, suffix).c_str());
}

void ClipStore::State::hold_budget() {
  for (const auto& job : jobs) measure(job->id);
  const WallTime now = std::chrono::system_clock::now();
  const auto excess = budget.take_excess(now, free_disk_bytes(index.folder()));
  for (const std::string& id : excess) remove(id);
  const bool no_room = free_disk_bytes(index.folder()) < options.limits.free_min;
  const std::lock_guard lock(mutex);
  counts.removed += excess.size();
  counts.recordings = budget.count();
  counts.bytes = budget.bytes();
  if (no_room && !short_of_space) {
    log(LogLevel::kError, "clips", "{}: less than {} MiB are free on this disk: no further clips",
        index.folder(), options.limits.free_min >> 20);
  }
  short_of_space = no_room;
}

void ClipStore::State::run() {
  TimePoint looked = Clock::now();
  for (bool ending = false; !ending;) {
    std::vector<std::string> alarms;
    std::vector<std::unique_ptr<Job>> begun;
    {
      std::unique_lock lock(mutex);
      work.wait_for(lock, kTick, [this] { return awake || stopping; });
      awake = false;
      ending = stopping;
      alarms.swap(unmeasured);
      begun.swap(fresh);
    }
    for (const std::string& id : alarms) measure(id);
    for (auto& job : begun) jobs.push_back(std::move(job));
    pump_all(ending);
    const TimePoint now = Clock::now();
    if (now - looked < kTick && alarms.empty() && !ending) continue;
    looked = now;
    hold_budget();
  }
}

ClipStore::ClipStore(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::thread([this] { state_->run(); });
}

ClipStore::~ClipStore() { finish(); }

Result<std::unique_ptr<ClipStore>> ClipStore::open(const std::string& folder,
                                                   const ClipStoreOptions& options) {
  SHOAL_TRY(make_folder(folder));
  auto state = std::make_unique<State>(folder, options);
  for (const auto& [id, bytes] : state->index.scan()) {
    state->budget.set(id, alarm_id_time(id), bytes);
  }
  state->hold_budget();
  return std::make_unique<ClipStore>(std::move(state));
}

void ClipStore::add(std::shared_ptr<const Alarm> alarm) {
  State& state = *state_;
  {
    const std::lock_guard lock(state.mutex);
    if (state.stopping || !alarm || !is_alarm_id(alarm->id)) {
      ++state.counts.alarms_failed;
      return;
    }
    state.index.add(alarm);
  }
  state.keep(*alarm);
}

bool ClipStore::begin_clip(const std::string& alarm_id, std::shared_ptr<PacketTape> tape,
                           const PacketTape::Cut& cut, Duration patience) {
  State& state = *state_;
  auto job = std::make_unique<Job>(alarm_id, std::move(tape), cut, Clock::now() + patience);
  const std::lock_guard lock(state.mutex);
  if (state.stopping || state.short_of_space || state.jobs_open >= state.options.clips_max) {
    ++state.counts.clips_refused;
    return false;
  }
  state.index.set_clip(alarm_id, ClipState::kWriting);
  state.fresh.push_back(std::move(job));
  ++state.jobs_open;
  state.awake = true;
  state.work.notify_one();
  return true;
}

void ClipStore::wake() {
  const std::lock_guard lock(state_->mutex);
  state_->awake = true;
  state_->work.notify_one();
}

void ClipStore::set_listener(std::function<void(const std::string& alarm_id)> listener) {
  const std::lock_guard lock(state_->mutex);
  state_->listener = std::move(listener);
}

std::vector<std::shared_ptr<const Alarm>> ClipStore::alarms(std::size_t count,
                                                            std::string_view before) const {
  return state_->index.alarms(count, before);
}

Result<std::shared_ptr<const Alarm>> ClipStore::alarm(std::string_view id) const {
  return state_->index.alarm(id);
}

Result<std::string> ClipStore::clip_file(std::string_view id) const {
  return state_->index.clip_file(id);
}

ClipStoreCounts ClipStore::counts() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counts;
}

const std::string& ClipStore::folder() const { return state_->index.folder(); }

void ClipStore::finish() {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->stopping) return;
    state_->stopping = true;
    state_->work.notify_one();
  }
  state_->thread.join();
}

}  // namespace shoal
