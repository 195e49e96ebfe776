#include "telemetry/evidence.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <utility>

namespace shoal {
namespace {

constexpr Duration kWindowPart = std::chrono::seconds(10);  // summaries are over the last minute

// The program's signals are for its other threads, and a log that is a pipe whose reader has gone
// is an error to count, not the end.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Evidence::Evidence(EvidenceOptions options)
    : options_(std::move(options)),
      sampler_(options_.trace),
      models_([this](int model, const std::string& name) {
        metrics_.add_model(model);
        sampler_.add_model(model, name);
      }),
      ring_(options_.ring_capacity),
      log_(options_.log),
      process_sampler_(options_.memory_limit_bytes) {
  if (options_.trace_requests > 0) trace_.start(options_.trace_requests);
  take_sample(Clock::now());
  window_at_ = Clock::now() + kWindowPart;
  writer_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "evidence");
    block_signals();
    write_loop();
  });
}

Evidence::~Evidence() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  writer_.join();
}

void Evidence::observe(const RequestRecord& record) noexcept {
  const int model = models_.resolve(record.model);
  metrics_.count(model, record);
  trace_.add(model, record);
  const std::uint64_t trace_id = sampler_.sample(model);
  if (!log_.enabled() && trace_id == 0) return;
  const bool pushed = ring_.push([&](LoggedRequest& logged) {
    logged.assign(record);
    logged.trace_id = trace_id;
    logged.logged = log_.enabled();
  });
  if (!pushed) ring_full_.fetch_add(1, std::memory_order_relaxed);
  // The writer comes by itself; it is only called where it would come too late. That it may just
  // be going to sleep and miss this does no harm: half of the ring is left.
  if (ring_.pushed() - ring_.popped() == ring_.capacity() / 2) wake_.notify_one();
}

void Evidence::refused(std::string_view model, ErrorCode code, std::uint64_t items) noexcept {
  metrics_.count_refusal(models_.resolve(model), code, items);
}

void Evidence::model_loaded(std::string_view model, Duration load_time) {
  metrics_.set_load_time(models_.resolve(model), load_time);
}

void Evidence::set_gauges(GaugeSource source) {
  const std::lock_guard lock(gauges_mutex_);
  gauges_ = std::move(source);
}

ServiceGauges Evidence::ask_gauges() {
  ServiceGauges gauges;
  const std::lock_guard lock(gauges_mutex_);
  if (gauges_) gauges_(gauges);
  return gauges;
}

std::string Evidence::metrics_text() {
  const ServiceGauges gauges = ask_gauges();
  ProcessSample sample;
  {
    const std::lock_guard lock(sample_mutex_);
    sample = sample_;
  }
  return shoal::metrics_text({.models = models_,
                              .metrics = metrics_,
                              .gauges = gauges,
                              .process = sample,
                              .evidence = counts(),
                              .version = options_.version});
}

std::string Evidence::trace_json() const {
  return trace_.json([this](int model) { return models_.name(model); });
}

void Evidence::reopen_log() {
  {
    const std::lock_guard lock(mutex_);
    reopen_ = true;
  }
  wake_.notify_all();
}

void Evidence::flush() {
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = ring_.pushed();
  flush_wanted_ = std::max(flush_wanted_, wanted);
  wake_.notify_all();
  written_.wait(lock, [&] { return flush_done_ >= wanted; });
}

EvidenceCounts Evidence::counts() const {
  return {.log_lines = log_.written(),
          .log_ring_full = ring_full_.load(std::memory_order_relaxed),
          .log_file_lost = log_.lost(),
          .log_rotations = log_.rotations(),
          .trace_missed = trace_.missed()};
}

void Evidence::write_loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait_for(lock, options_.write_period, [this] {
      return stopping_ || reopen_ || flush_wanted_ > flush_done_ ||
             ring_.pushed() - ring_.popped() >= ring_.capacity() / 2;
    });
    const bool stopping = stopping_;
    const bool reopen = std::exchange(reopen_, false);
    lock.unlock();
    const TimePoint now = Clock::now();
    if (now >= sample_at_) take_sample(now);
    if (now >= window_at_) {
      metrics_.advance_windows(models_.count());
      window_at_ = now + kWindowPart;
    }
    take_all(now);
    if (reopen) log_.reopen(now);
    lock.lock();
    flush_done_ = ring_.popped();
    written_.notify_all();
    if (stopping && ring_.front() == nullptr) break;
  }
  lock.unlock();
  log_.sync();
}

// Takes what is there now; a thread that puts in more all the time cannot hold the writer here.
void Evidence::take_all(TimePoint now) {
  const std::uint64_t until = ring_.pushed();
  while (ring_.popped() < until) {
    const LoggedRequest* request = ring_.front();
    if (request == nullptr) break;  // its thread is not through with it
    if (request->logged) log_.add(*request, context_, now);
    if (request->trace_id != 0) {
      trace_file_.add(*request, options_.trace.file, sampler_.frequency());
    }
    ring_.pop();
  }
  log_.flush(now);
  trace_file_.flush();
}

void Evidence::take_sample(TimePoint now) {
  const ProcessSample sample = process_sampler_.sample();
  context_.process = sample;
  context_.fragmentation = sample.heap.fragmentation;
  for (const PoolGauges& pool : ask_gauges().pools) {
    context_.fragmentation = std::max(context_.fragmentation, pool.gauge.fragmentation);
  }
  sample_at_ = now + options_.sample_period;
  const std::lock_guard lock(sample_mutex_);
  sample_ = sample;
}

}  // namespace shoal
