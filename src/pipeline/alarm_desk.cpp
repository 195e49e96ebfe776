#include "pipeline/alarm_desk.h"

#include <pthread.h>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/log.h"

namespace shoal {
namespace {

// The camera's packets, for the recorder.
class RecorderTap final : public CameraTap {
 public:
  RecorderTap(ClipStore& store, const ClipRecorderOptions& options) : recorder_(store, options) {}
  void packet(const Packet& packet, TimePoint captured) override {
    recorder_.packet(packet, captured);
  }
  void frame(const Frame& frame, TimePoint captured) override {
    if (recorder_.wants_frame(captured)) recorder_.frame(frame.view(), captured, frame.media_time);
  }
  void ended() override { recorder_.interrupted(); }
  [[nodiscard]] ClipRecorder& recorder() { return recorder_; }

 private:
  ClipRecorder recorder_;
};

bool concerns(const AlarmConfig& rule, const std::string& camera) {
  return rule.cameras.empty() ||
         std::find(rule.cameras.begin(), rule.cameras.end(), camera) != rule.cameras.end();
}

bool has_clip(const AlarmConfig& rule) {
  return rule.clip_before + rule.clip_after > std::chrono::milliseconds(0);
}

}  // namespace

bool delivers_alarms_by_spool(const SinkConfig& sink) {
  return sink.type == "mqtt" || sink.type == "webhook" || sink.type == "nats";
}

Result<std::unique_ptr<AlarmDesk>> AlarmDesk::open(const SiteConfig& config) {
  std::unique_ptr<AlarmDesk> desk(new AlarmDesk());
  ClipStoreOptions clips;
  clips.limits.bytes_max = config.recordings_bytes;
  desk->store_ = SHOAL_TRY(ClipStore::open(config.recordings, clips));
  for (const auto& newest : desk->store_->alarms(1, "")) {
    const std::string& id = newest->id;
    (void)std::from_chars(id.data(), id.data() + id.size(), desk->last_id_ms_);
  }
  if (std::any_of(config.sinks.begin(), config.sinks.end(), delivers_alarms_by_spool)) {
    AlarmSpoolOptions spool;
    spool.bytes_max = config.spool_bytes;
    desk->spool_ = SHOAL_TRY(AlarmSpool::open(config.spool, spool));
  }
  return desk;
}

AlarmDesk::~AlarmDesk() { close(); }

void AlarmDesk::deliver_to(std::span<const std::unique_ptr<SinkWorker>> workers) {
  workers_ = workers;
  if (spool_) {
    std::vector<std::string> names;
    for (const auto& worker : workers_) {
      if (worker->uses_spool()) names.push_back(worker->name());
    }
    (void)spool_->keep_only(names);  // says which alarms have no destination any more
  }
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "alarms");
    while (auto alarm = queue_.pop()) deliver(*alarm);
  });
}

std::shared_ptr<CameraTap> AlarmDesk::tap_for(const std::string& camera,
                                              const std::vector<AlarmConfig>& rules) {
  ClipRecorderOptions options;
  options.before = Duration::zero();
  bool wanted = false;
  for (const AlarmConfig& rule : rules) {
    if (!concerns(rule, camera) || !has_clip(rule)) continue;
    wanted = true;
    options.before = std::max<Duration>(options.before, rule.clip_before);
  }
  if (!wanted) return nullptr;
  return std::make_shared<RecorderTap>(*store_, options);
}

std::string AlarmDesk::whole_id(const Alarm& alarm) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(
      alarm.at.time_since_epoch());
  const std::lock_guard lock(id_mutex_);
  last_id_ms_ = std::max<std::int64_t>(since.count(), last_id_ms_ + 1);
  return fmt::format("{:013}-{}", last_id_ms_, alarm.id);
}

std::shared_ptr<const Alarm> AlarmDesk::raise(Alarm alarm, const AlarmConfig& rule, CameraTap* tap,
                                              TimePoint captured) {
  alarm.id = whole_id(alarm);
  if (tap != nullptr && has_clip(rule)) {
    auto& recorder = static_cast<RecorderTap*>(tap)->recorder();
    alarm.clip = recorder.start(alarm.id, captured, rule.clip_before, rule.clip_after);
  }
  auto shared = std::make_shared<const Alarm>(std::move(alarm));
  std::shared_ptr<const Alarm> item = shared;
  if (queue_.push(std::move(item), Overflow::kReject) != Pushed::kAccepted) {
    log(LogLevel::kError, "alarm", "{}: lost, too many wait for the disk: {}", shared->id,
        shared->message);
  }
  return shared;
}

void AlarmDesk::deliver(const std::shared_ptr<const Alarm>& alarm) {
  store_->add(alarm);
  std::vector<std::string> destinations;
  for (const auto& worker : workers_) {
    if (!worker->takes(alarm->camera)) continue;
    if (worker->uses_spool()) {
      destinations.push_back(worker->name());
    } else {
      worker->offer(alarm);
    }
  }
  if (destinations.empty()) return;
  if (const auto kept = spool_->append(*alarm, destinations); !kept) {
    log(LogLevel::kError, "alarm", "{}: {}", alarm->id, kept.error().message);
  }
  for (const auto& worker : workers_) {
    if (worker->uses_spool()) worker->notify_alarm();
  }
}

void AlarmDesk::close() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
  if (store_) store_->finish();
}

}  // namespace shoal
