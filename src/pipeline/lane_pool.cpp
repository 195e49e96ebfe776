#include "pipeline/lane_pool.h"

#include <utility>

#include "core/memory_guard.h"
#include "pipeline/memory_limits.h"

namespace shoal {

LanePool::LanePool(std::unique_ptr<Engine> engine, const LanePoolOptions& options, bool bypass)
    : promised_(model_memory()),
      engine_(std::move(engine)),
      batcher_({.policy = {.batch_max = engine_->batch_max(),
                           .queue_delay = options.queue_delay,
                           .priority_ageing = options.priority_ageing},
                .bucket_count = engine_->buckets().size(),
                .lane_count = engine_->lane_count(),
                .bypass_lane = bypass,
                .queue_limit = options.queue_limit}),
      ceilings_(engine_->model().name, engine_->buckets().size(), engine_->batch_max(),
                batcher_) {
  const std::int64_t planned = engine_->memory().total();
  promised_.hold(planned, planned);
}

Result<std::unique_ptr<LanePool>> LanePool::create(std::unique_ptr<Engine> engine,
                                                   const LanePoolOptions& options) {
  // Before any lane: a lane must not outlive the engine, however this ends.
  if (!options.raw) SHOAL_TRY(Postprocess::check(engine->model().head, options.postprocess));
  Engine& whole = *engine;
  std::unique_ptr<LanePool> pool;
  auto wide = SHOAL_TRY(whole.create_wide_lane());  // after `pool`, which keeps its engine
  pool = std::unique_ptr<LanePool>(new LanePool(std::move(engine), options, wide != nullptr));
  const Engine& loaded = *pool->engine_;
  const auto add = [&](std::unique_ptr<InferLane> infer, LaneKind kind,
                       int batch_max) -> Result<void> {
    std::optional<Postprocess> postprocess;
    if (!options.raw) {
      postprocess = SHOAL_TRY(Postprocess::create(loaded.model().head, options.postprocess));
    }
    pool->lanes_.push_back(std::make_unique<Lane>(
        loaded, std::move(infer), std::move(postprocess), pool->batcher_, pool->ceilings_,
        LaneOptions{.index = static_cast<int>(pool->lanes_.size()), .batch_max = batch_max,
                    .kind = kind, .limits = options.limits}));
    return {};
  };
  for (int i = 0; i < loaded.lane_count(); ++i) {
    auto infer = SHOAL_TRY(pool->engine_->create_lane());
    SHOAL_TRY(add(std::move(infer), LaneKind::kRegular, loaded.batch_max()));
  }
  if (wide) SHOAL_TRY(add(std::move(wide), LaneKind::kBypass, 1));
  for (auto& lane : pool->lanes_) lane->start();
  return pool;
}

LanePool::~LanePool() { close(); }

void LanePool::close() {
  std::call_once(closed_, [this] {
    batcher_.close();
    for (auto& lane : lanes_) lane->join();
  });
}

// Which bucket, and how the picture lies in it.
Result<void> LanePool::place(Request& request) const {
  request.bucket = 0;
  if (request.work == Work::kTensor) return {};
  Size size = request.outcome.pixels.source_size;
  if (request.work == Work::kEncoded) {
    const auto probed = PictureDecoder::probe(request.borrowed);
    if (!probed) {
      return Error{probed.error().code,
                   request.packet.name + ": " + probed.error().message};
    }
    size = *probed;
  }
  // The last picture's; the next is most likely like it, and any fits any bucket.
  if (request.work == Work::kNewest) size = request.outcome.size;
  request.outcome.size = size;
  const Placement placement = engine_->model().input.placement;
  request.bucket = choose_bucket(size, engine_->buckets(), placement);
  request.geometry = Letterbox::fit(size, engine_->buckets()[request.bucket], placement);
  return {};
}

Admission LanePool::admit(Request& request, TimePoint now) const {
  // What cannot be placed is answered at once, with the reason, when it is submitted.
  if (!guarding_memory("placing a picture", [&] { return place(request); })) return {};
  return batcher_.admit(request, now);
}

void LanePool::submit(std::unique_ptr<Request> request, Overflow overflow) {
  Result<void> placed = guarding_memory("placing a picture", [&] { return place(*request); });
  if (!placed) return answer(std::move(request), try_again_later(std::move(placed).error()));
  switch (batcher_.submit(request, overflow, Clock::now())) {
    case Pushed::kAccepted:
    case Pushed::kEvictedOldest: return;
    case Pushed::kRejected:
      answer(std::move(request),
             error_or_short(ErrorCode::kQueueFull, "the queue is full; try again later"));
      return;
    case Pushed::kClosed:
      answer(std::move(request), error_or_short(ErrorCode::kCancelled, "shutting down"));
      return;
  }
}

void LanePool::submit_together(std::span<std::unique_ptr<Request>> requests) {
  for (auto& request : requests) (void)place(*request);  // fails for encoded pictures alone
  batcher_.submit_together(requests, Clock::now());
  for (auto& request : requests) {
    if (!request) continue;
    answer(std::move(request), error_or_short(ErrorCode::kQueueFull, "the queue is full"));
  }
}

LaneStats LanePool::stats() const {
  LaneStats stats;
  for (const auto& lane : lanes_) lane->add_to(stats);
  return stats;
}

}  // namespace shoal
