// One loop: wait, tick, one alarm, one result. The sink is never called under the lock.
#include "pipeline/sink_worker.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/log.h"

namespace shoal {
namespace {

constexpr std::chrono::seconds kTick{1};
// One is being written, one is being filled.
constexpr std::size_t kCopiesBeyondQueue = 2;

// What may be different next time; all else the sink refuses for good.
bool is_worth_a_retry(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kQueueFull ||
         code == ErrorCode::kDeadlineExceeded || code == ErrorCode::kOutOfMemory ||
         code == ErrorCode::kCancelled;
}

std::size_t queue_length(const SinkWorkerOptions& options, bool pixels) {
  return pixels ? std::min(options.queue_limit, options.pixel_queue_limit) : options.queue_limit;
}

}  // namespace

SinkWorker::SinkWorker(std::unique_ptr<CameraSink> sink, SinkWorkerOptions options,
                       AlarmSpool* spool)
    : sink_(std::move(sink)),
      options_(std::move(options)),
      spool_(options_.uses_spool ? spool : nullptr),
      wants_pixels_(sink_->wants_pixels()),
      wants_track_pictures_(sink_->wants_track_pictures()),
      wants_results_(sink_->wants_results()),
      copies_(wants_pixels_ || !wants_results_ ? 1 : options_.queue_limit + kCopiesBeyondQueue),
      queue_(queue_length(options_, wants_pixels_)),
      random_(std::random_device{}()) {
  SHOAL_CHECK(options_.alarms_max > 0, "room for at least one alarm");
  SHOAL_CHECK(!options_.uses_spool || (spool != nullptr && !options_.name.empty()),
              "a spool, and a name in it");
  thread_ = std::thread([this] { run(); });
}

SinkWorker::~SinkWorker() { (void)close(Duration::zero()); }

bool SinkWorker::takes(std::string_view camera) const {
  return options_.cameras.empty() ||
         std::find(options_.cameras.begin(), options_.cameras.end(), camera) !=
             options_.cameras.end();
}

std::size_t SinkWorker::leases_max() const {
  return wants_pixels_ && wants_results_ ? queue_.capacity() + 1 : 0;
}

void SinkWorker::offer(const CameraResultLease& result) {
  if (!wants_results_ || !result || !takes(result->camera->name)) return;
  const std::lock_guard lock(mutex_);
  if (closing_) {
    ++counts_.closed;
    return;
  }
  CameraResultLease item;
  if (wants_pixels_) {
    item = result;
  } else {
    // Makes room first, so that there is always a copy that is free.
    if (queue_.size() == queue_.capacity() && queue_.try_pop()) ++counts_.queue_full;
    item = copies_.try_acquire();
    SHOAL_CHECK(static_cast<bool>(item), "one copy more than the queue and the sink hold");
    copy_without_pixels(item.write(), *result);
  }
  if (queue_.push(std::move(item), Overflow::kDropOldest) == Pushed::kEvictedOldest) {
    ++counts_.queue_full;
  }
  wake_.notify_one();
}

void SinkWorker::offer(const std::shared_ptr<const Alarm>& alarm) {
  SHOAL_CHECK(spool_ == nullptr, "this sink's alarms come from the spool");
  if (!takes(alarm->camera)) return;
  const std::lock_guard lock(mutex_);
  if (closing_) return lose(*alarm, "the sink is closing");
  if (alarms_.size() == options_.alarms_max) {
    lose(*alarms_.front(), "too many wait for the sink");
    alarms_.pop_front();
  }
  alarms_.push_back(alarm);
  alarm_waits_ = true;
  wake_.notify_one();
}

// REQUIRES: locked.
void SinkWorker::lose(const Alarm& alarm, std::string_view why) {
  log(LogLevel::kError, "sink", "{}: alarm {} is dropped: {}", options_.name, alarm.id, why);
  ++counts_.alarms_dropped;
}

void SinkWorker::notify_alarm() {
  const std::lock_guard lock(mutex_);
  alarm_waits_ = true;
  wake_.notify_one();
}

SinkStatus SinkWorker::status() const {
  const std::size_t spooled = spool_ != nullptr ? spool_->waiting(options_.name) : 0;
  const std::lock_guard lock(mutex_);
  return {.name = options_.name, .written = written_,
          .dropped = counts_.queue_full + counts_.unwritable + counts_.closed,
          .waiting = queue_.size(),
          .spooled = spool_ != nullptr ? spooled : alarms_.size(),
          .error = error_.empty() ? trouble_ : error_};
}

SinkWorkerCounts SinkWorker::counts() const {
  const std::lock_guard lock(mutex_);
  SinkWorkerCounts counts = counts_;
  counts.waiting = queue_.size();
  return counts;
}

Result<void> SinkWorker::close(Duration patience) {
  const std::lock_guard one_at_a_time(close_mutex_);
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      close_by_ = Clock::now() + patience;
      // One attempt more, without waiting.
      failures_ = 0;
      retry_at_ = {};
      alarm_waits_ = true;
      wake_.notify_one();
    }
    thread_.join();
  }
  return finished_;
}

void SinkWorker::run() {
  pthread_setname_np(pthread_self(), ("sink-" + options_.name).substr(0, 15).c_str());
  while (wait_for_work()) {
    const TimePoint now = Clock::now();
    tick(now);
    deliver_alarm(now);
    write_result();
  }
  end();
}

// False: it is time to end.
bool SinkWorker::wait_for_work() {
  std::unique_lock lock(mutex_);
  while (true) {
    const TimePoint now = Clock::now();
    const bool result = queue_.size() > 0;
    if (closing_) return now < close_by_ && (result || (alarm_waits_ && failures_ == 0));
    const TimePoint next = alarm_waits_ ? std::min(next_tick_, retry_at_) : next_tick_;
    if (result || now >= next) return true;
    wake_.wait_until(lock, next);
  }
}

void SinkWorker::tick(TimePoint now) {
  {
    const std::lock_guard lock(mutex_);
    if (now < next_tick_) return;
    next_tick_ = now + kTick;
  }
  sink_->tick(now);
  std::string written = sink_->written();
  std::string trouble = sink_->trouble();
  const std::lock_guard lock(mutex_);
  written_ = std::move(written);
  trouble_ = std::move(trouble);
}

void SinkWorker::write_result() {
  std::optional<CameraResultLease> item = queue_.try_pop();
  if (!item) return;
  const Result<void> wrote = sink_->write(**item);
  item.reset();  // its pixels are needed elsewhere
  const std::lock_guard lock(mutex_);
  if (!wrote) {
    ++counts_.unwritable;
    say_failure(wrote.error());
    return;
  }
  ++counts_.written;
  if (failures_ == 0) {
    say_success();
  } else {
    // The sink is back: an alarm need not wait out its time, but neither try with every frame.
    retry_at_ = std::min(retry_at_, failed_at_ + options_.retry.min);
  }
}

void SinkWorker::deliver_alarm(TimePoint now) {
  {
    const std::lock_guard lock(mutex_);
    if (!alarm_waits_ || now < retry_at_) return;
    alarm_waits_ = false;  // whoever brings one now, sets it again
  }
  const std::shared_ptr<const Alarm> alarm = next_alarm();
  if (!alarm) return;
  const Result<void> wrote = sink_->write(*alarm);
  if (!wrote && is_worth_a_retry(wrote.error().code)) {
    alarm_failed(wrote.error());
    return;
  }
  finish_alarm(*alarm);
  const std::lock_guard lock(mutex_);
  alarm_waits_ = true;  // perhaps one more
  failures_ = 0;
  retry_at_ = {};
  if (wrote) {
    ++counts_.alarms_delivered;
    say_success();
    return;
  }
  ++counts_.alarms_refused;
  log(LogLevel::kError, "sink", "{}: alarm {} is refused and not tried again: {}", options_.name,
      alarm->id, wrote.error().message);
}

std::shared_ptr<const Alarm> SinkWorker::next_alarm() {
  if (spool_ != nullptr) {
    auto alarm = spool_->next(options_.name);
    if (alarm || spool_->waiting(options_.name) == 0) return alarm;
    alarm = spool_->next(options_.name);  // it may have come between the two questions
    if (!alarm) alarm_failed({ErrorCode::kUnavailable, "the spool cannot be read"});
    return alarm;
  }
  const std::lock_guard lock(mutex_);
  return alarms_.empty() ? nullptr : alarms_.front();
}

void SinkWorker::finish_alarm(const Alarm& alarm) {
  if (spool_ != nullptr) {
    spool_->done(options_.name, alarm.id);
    return;
  }
  const std::lock_guard lock(mutex_);
  // It is not the first any more where newer ones have pushed it out meanwhile.
  if (!alarms_.empty() && alarms_.front().get() == &alarm) alarms_.pop_front();
}

void SinkWorker::alarm_failed(const Error& error) {
  const TimePoint now = Clock::now();  // the attempt itself may have taken long
  const std::lock_guard lock(mutex_);
  alarm_waits_ = true;
  ++failures_;
  ++counts_.alarm_retries;
  failed_at_ = now;
  retry_at_ = now + backoff(options_.retry, failures_, random_());
  say_failure(error);
}

// REQUIRES: locked.
void SinkWorker::say_failure(const Error& error) {
  if (error_.empty()) log(LogLevel::kWarn, "sink", "{}: {}", options_.name, error.message);
  error_ = error.message;
}

// REQUIRES: locked.
void SinkWorker::say_success() {
  if (!error_.empty()) log(LogLevel::kWarn, "sink", "{}: works again", options_.name);
  error_.clear();
}

void SinkWorker::end() {
  const std::size_t left = queue_.abandon();
  Result<void> finished = sink_->finish();
  std::string written = sink_->written();
  const std::lock_guard lock(mutex_);
  counts_.closed += left;
  for (const auto& alarm : alarms_) lose(*alarm, "the sink is closed");
  alarms_.clear();
  written_ = std::move(written);
  finished_ = std::move(finished);
}

}  // namespace shoal
