// What the scheduler itself costs: requests a second through submit, batch and completion with an
// engine that does nothing, and one decision with 1,000 requests waiting.
#include <benchmark/benchmark.h>

#include <mutex>
#include <thread>
#include <vector>

#include "scheduler/batcher.h"

namespace shoal {
namespace {

constexpr std::size_t kBuckets = 3;

// Requests that come back and are used again, as a door's pool does.
class Pool final : public Completion {
 public:
  explicit Pool(std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      free_.push_back(std::make_unique<Request>());
      free_.back()->completion = this;
    }
    returned_.reserve(size);
  }

  // Nothing while all are in flight.
  std::unique_ptr<Request> acquire() {
    if (free_.empty()) {
      const std::lock_guard lock(mutex_);
      std::swap(free_, returned_);
    }
    if (free_.empty()) return nullptr;
    auto request = std::move(free_.back());
    free_.pop_back();
    return request;
  }

  void complete(std::unique_ptr<Request> request) noexcept override {
    const std::lock_guard lock(mutex_);
    returned_.push_back(std::move(request));
  }

 private:
  std::vector<std::unique_ptr<Request>> free_;  // of the submitting thread
  std::mutex mutex_;
  std::vector<std::unique_ptr<Request>> returned_;
};

void serve(Batcher& batcher, LaneKind kind) {
  Batch batch;
  while (batcher.next(batch, kind)) {
    const int count = static_cast<int>(batch.requests.size());
    if (count > 0) batcher.learn(batch.bucket, count, std::chrono::microseconds(count), kind);
    for (auto& request : batch.requests) answer(std::move(request));
    for (auto& dropped : batch.dropped) answer(std::move(dropped.request));
  }
}

// Arguments: regular lanes, 1 with a bypass lane, sources.
void BM_SubmitBatchComplete(benchmark::State& state) {
  const int lanes = static_cast<int>(state.range(0));
  const bool bypass = state.range(1) != 0;
  const auto sources = static_cast<std::uint64_t>(state.range(2));
  Batcher batcher({.policy = {.batch_max = 8}, .bucket_count = kBuckets, .lane_count = lanes,
                   .bypass_lane = bypass, .queue_limit = 256});
  Pool pool(1024);
  std::vector<std::thread> threads;
  for (int i = 0; i < lanes; ++i) {
    threads.emplace_back([&] { serve(batcher, LaneKind::kRegular); });
  }
  if (bypass) threads.emplace_back([&] { serve(batcher, LaneKind::kBypass); });
  std::uint64_t sequence = 0;
  for (auto _ : state) {
    auto request = pool.acquire();
    while (!request) {
      std::this_thread::yield();
      request = pool.acquire();
    }
    const TimePoint now = Clock::now();
    request->bucket = sequence / 64 % kBuckets;
    request->source.id = sequence % sources;
    request->priority = sequence % 4 == 0 ? Priority::kHigh : Priority::kNormal;
    request->deadline = now + std::chrono::seconds(1);
    ++sequence;
    if (batcher.submit(request, Overflow::kBlock, now) != Pushed::kAccepted) {
      state.SkipWithError("refused");
      break;
    }
  }
  batcher.close();
  for (auto& thread : threads) thread.join();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_SubmitBatchComplete)
    ->ArgNames({"lanes", "bypass", "sources"})
    ->Args({1, 0, 1})
    ->Args({1, 0, 16})
    ->Args({2, 0, 16})
    ->Args({2, 1, 16})
    ->UseRealTime();

Dispatcher filled(int waiting, bool with_deadlines) {
  Dispatcher dispatcher({.policy = {.batch_max = 8}, .bucket_count = 4, .lane_count = 2,
                         .queue_limit = 2048});
  const TimePoint now = Clock::now();
  for (int i = 0; i < waiting; ++i) {
    auto request = std::make_unique<Request>();
    request->bucket = static_cast<std::size_t>(i) % 4;
    request->source.id = static_cast<std::uint64_t>(i) % 50;
    request->priority = static_cast<Priority>(1 + i % 3);
    if (with_deadlines) request->deadline = now + std::chrono::hours(1 + i % 7);
    if (dispatcher.submit(request, now) != Pushed::kAccepted) std::abort();
  }
  for (std::size_t bucket = 0; bucket < 4; ++bucket) {
    for (int count = 1; count <= 8; ++count) {
      for (int i = 0; i < 3; ++i) {
        dispatcher.learn(bucket, count, std::chrono::milliseconds(8 + count), LaneKind::kRegular,
                         now);
      }
    }
  }
  dispatcher.idle(LaneKind::kRegular);
  return dispatcher;
}

// One question with its answer, the batch taken and as many requests queued again: all that a lane
// and its requests cost with so many others waiting. Time is for one batch of 8.
void BM_BatchOf8FromAFullQueue(benchmark::State& state) {
  Dispatcher dispatcher = filled(static_cast<int>(state.range(0)), true);
  Batch batch;
  TimePoint now = Clock::now();
  for (auto _ : state) {
    now += std::chrono::microseconds(10);
    benchmark::DoNotOptimize(dispatcher.ask(batch, LaneKind::kRegular, now));
    for (auto& request : batch.requests) {
      if (dispatcher.submit(request, now) != Pushed::kAccepted) std::abort();
    }
    batch.requests.clear();
  }
  while (dispatcher.take_any()) {
  }
}
BENCHMARK(BM_BatchOf8FromAFullQueue)->Arg(100)->Arg(1000);

// The decision alone: what a lane pays to learn what to do.
Decision decide_nothing(const Policy& policy, const QueueView& view, TimePoint now) {
  benchmark::DoNotOptimize(decide(policy, view, now));
  return Idle{};
}

void BM_Decide(benchmark::State& state) {
  Dispatcher dispatcher({.policy = {.batch_max = 8}, .bucket_count = 4, .lane_count = 2,
                         .queue_limit = 2048, .decide = &decide_nothing});
  const TimePoint now = Clock::now();
  for (int i = 0; i < state.range(0); ++i) {
    auto request = std::make_unique<Request>();
    request->bucket = static_cast<std::size_t>(i) % 4;
    request->source.id = static_cast<std::uint64_t>(i) % 50;
    request->priority = static_cast<Priority>(1 + i % 3);
    request->deadline = now + std::chrono::hours(1);
    if (dispatcher.submit(request, now) != Pushed::kAccepted) std::abort();
  }
  for (std::size_t bucket = 0; bucket < 4; ++bucket) {
    for (int count = 1; count <= 24; ++count) {
      dispatcher.learn(bucket, 1 + count % 8, std::chrono::milliseconds(9 + count % 8),
                       LaneKind::kRegular, now);
    }
  }
  dispatcher.idle(LaneKind::kRegular);
  Batch batch;
  for (auto _ : state) {
    benchmark::DoNotOptimize(dispatcher.ask(batch, LaneKind::kRegular, now));
  }
  while (dispatcher.take_any()) {
  }
}
BENCHMARK(BM_Decide)->Arg(0)->Arg(1000);

}  // namespace
}  // namespace shoal
