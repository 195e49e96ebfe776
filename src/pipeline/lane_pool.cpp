#include "pipeline/lane_pool.h"

#include <pthread.h>

#include <array>
#include <span>
#include <utility>

namespace shoal {
namespace {

constexpr int kCloseReasons = 5;

// What one lane did; written by its thread once a batch.
struct LaneCounts {
  Histogram queue;
  Histogram preprocess;
  Histogram inference;
  Histogram postprocess;
  std::vector<std::int64_t> batches;  // [batch_max + 1]
  std::array<std::int64_t, kCloseReasons> close_reasons{};
};

}  // namespace

// One thread, one infer lane and the buffers around it.
class LanePool::Lane {
 public:
  Lane(const Engine& engine, std::unique_ptr<InferLane> infer, Postprocess postprocess,
       Batcher& batcher)
      : engine_(engine),
        infer_(std::move(infer)),
        postprocess_(std::move(postprocess)),
        batcher_(batcher) {
    const auto batch_max = static_cast<std::size_t>(engine.batch_max());
    batch_.requests.reserve(batch_max);
    letterboxes_.resize(batch_max);
    heads_.resize(batch_max);
    detections_.resize(batch_max);
    const auto det_max = static_cast<std::size_t>(postprocess_.options().max_det);
    for (Detections& one : detections_) one.items.reserve(det_max);
    counts_.batches.resize(batch_max + 1);
  }

  void start(int index) {
    thread_ = std::thread([this, index] {
      pthread_setname_np(pthread_self(), ("lane-" + std::to_string(index)).c_str());
      while (batcher_.next(batch_)) serve();
    });
  }

  void join() {
    if (thread_.joinable()) thread_.join();
  }

  void add_to(LaneStats& stats) const {
    const std::lock_guard lock(mutex_);
    stats.queue.merge(counts_.queue);
    stats.preprocess.merge(counts_.preprocess);
    stats.inference.merge(counts_.inference);
    stats.postprocess.merge(counts_.postprocess);
    for (std::size_t size = 1; size < counts_.batches.size(); ++size) {
      if (counts_.batches[size] > 0) stats.batches[static_cast<int>(size)] += counts_.batches[size];
    }
    for (std::size_t reason = 0; reason < kCloseReasons; ++reason) {
      if (counts_.close_reasons[reason] > 0) {
        stats.close_reasons[std::string(to_string(static_cast<CloseReason>(reason)))] +=
            counts_.close_reasons[reason];
      }
    }
  }

 private:
  struct Times {
    TimePoint launched, letterboxed, inferred, done;
  };

  // Runs batch_ and answers every request of it.
  void serve() {
    const int count = static_cast<int>(batch_.requests.size());
    Times times{.launched = Clock::now(), .letterboxed = {}, .inferred = {}, .done = {}};
    const Result<void> result = run(times);
    times.done = Clock::now();
    if (result) batcher_.learn(batch_.bucket, count, times.done - times.launched);
    count_batch(times, result.has_value());
    for (std::size_t i = 0; i < batch_.requests.size(); ++i) {
      auto request = std::move(batch_.requests[i]);
      Outcome& outcome = request->outcome;
      outcome.batch_size = count;
      outcome.padding = request->geometry.padding();
      outcome.times.queue = times.launched - request->queued;
      outcome.times.preprocess = times.letterboxed - times.launched;
      outcome.times.inference = times.inferred - times.letterboxed;
      outcome.times.postprocess = times.done - times.inferred;
      outcome.times.total = times.done - request->started;
      if (result) {
        std::swap(outcome.detections, detections_[i]);
        answer(std::move(request));
      } else {
        answer(std::move(request), result.error());
      }
    }
    batch_.requests.clear();
  }

  Result<void> run(Times& times) {
    const std::size_t count = batch_.requests.size();
    LetterboxOptions options{.output_format = engine_.model().input.channels};
    for (std::size_t i = 0; i < count; ++i) {
      const Request& request = *batch_.requests[i];
      letterboxes_[i] = request.geometry;
      SHOAL_TRY(letterbox(infer_->input(batch_.bucket, static_cast<int>(i)),
                          request.outcome.pixels.view(), request.geometry, options, scratch_));
    }
    times.letterboxed = times.inferred = Clock::now();
    SHOAL_TRY(infer_->run(batch_.bucket, static_cast<int>(count)));
    times.inferred = Clock::now();
    for (std::size_t i = 0; i < count; ++i) {
      heads_[i] = infer_->outputs(batch_.bucket, static_cast<int>(i));
    }
    return postprocess_.run(std::span(detections_).first(count), std::span(heads_).first(count),
                            std::span(letterboxes_).first(count));
  }

  void count_batch(const Times& times, bool ran) {
    const std::lock_guard lock(mutex_);
    for (const auto& request : batch_.requests) counts_.queue.add(times.launched - request->queued);
    ++counts_.batches[batch_.requests.size()];
    ++counts_.close_reasons[static_cast<std::size_t>(batch_.reason)];
    if (!ran) return;
    counts_.preprocess.add(times.letterboxed - times.launched);
    counts_.inference.add(times.inferred - times.letterboxed);
    counts_.postprocess.add(times.done - times.inferred);
  }

  const Engine& engine_;
  std::unique_ptr<InferLane> infer_;
  Postprocess postprocess_;
  Batcher& batcher_;
  Batch batch_;
  std::vector<Letterbox> letterboxes_;   // [batch_max]
  std::vector<HeadView> heads_;          // [batch_max]
  std::vector<Detections> detections_;   // [batch_max], exchanged with the requests'
  LetterboxScratch scratch_;
  mutable std::mutex mutex_;
  LaneCounts counts_;
  std::thread thread_;
};

LanePool::LanePool(std::unique_ptr<Engine> engine, const LanePoolOptions& options)
    : engine_(std::move(engine)),
      batcher_({.policy = {.batch_max = engine_->batch_max(), .queue_delay = options.queue_delay},
                .bucket_count = engine_->buckets().size(),
                .lane_count = engine_->lane_count(),
                .queue_limit = options.queue_limit}) {}

Result<std::unique_ptr<LanePool>> LanePool::create(std::unique_ptr<Engine> engine,
                                                   const LanePoolOptions& options) {
  std::unique_ptr<LanePool> pool(new LanePool(std::move(engine), options));
  const Engine& loaded = *pool->engine_;
  for (int i = 0; i < loaded.lane_count(); ++i) {
    auto postprocess = SHOAL_TRY(Postprocess::create(loaded.model().head, options.postprocess));
    auto infer = SHOAL_TRY(pool->engine_->create_lane());
    pool->lanes_.push_back(std::make_unique<Lane>(loaded, std::move(infer), std::move(postprocess),
                                                  pool->batcher_));
  }
  for (std::size_t i = 0; i < pool->lanes_.size(); ++i) pool->lanes_[i]->start(static_cast<int>(i));
  return pool;
}

LanePool::~LanePool() { close(); }

void LanePool::close() {
  std::call_once(closed_, [this] {
    batcher_.close();
    for (auto& lane : lanes_) lane->join();
  });
}

void LanePool::submit(std::unique_ptr<Request> request, Overflow overflow) {
  const Frame& frame = request->outcome.pixels;
  request->outcome.size = frame.source_size;
  request->bucket = choose_bucket(frame.source_size, engine_->buckets());
  request->geometry = Letterbox::fit(frame.source_size, engine_->buckets()[request->bucket],
                                     engine_->model().input.placement);
  switch (batcher_.submit(request, overflow, Clock::now())) {
    case Pushed::kAccepted:
    case Pushed::kEvictedOldest: return;
    case Pushed::kRejected:
      answer(std::move(request), {ErrorCode::kQueueFull, "the queue is full; try again later"});
      return;
    case Pushed::kClosed:
      answer(std::move(request), {ErrorCode::kCancelled, "shutting down"});
      return;
  }
}

LaneStats LanePool::stats() const {
  LaneStats stats;
  for (const auto& lane : lanes_) lane->add_to(stats);
  return stats;
}

}  // namespace shoal
