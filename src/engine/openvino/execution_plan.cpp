// Measuring runs real lanes on real threads, because that is what the choice is about.
#include "engine/openvino/execution_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/log.h"
#include "engine/openvino/batch.h"
#include "engine/openvino/trial.h"
#include "engine/plan_cache.h"
#include "telemetry/process.h"

namespace shoal {
namespace {

using Seconds = std::chrono::duration<double>;
constexpr Seconds kMeasureFor{1.0};  // for both ways together
// A second compiled network is a second copy of the weights, and buffers of a whole batch for each
// stream: some hundred megabytes for a small detector. A smaller gain is not worth that.
constexpr double kGainNeeded = 1.15;

bool is_worth(double spread_rate, double batched_rate) {
  return batched_rate > kGainNeeded * spread_rate;
}

// Lanes of one way of execution, each with pictures in place.
class Contender {
 public:
  Contender(const CompiledBucket& bucket, int lanes, int batch_max) : batch_max_(batch_max) {
    buckets_.push_back(bucket);
    for (int i = 0; i < lanes; ++i) {
      auto& lane = lanes_.emplace_back(std::make_unique<OpenVinoLane>(buckets_, batch_max, pool_));
      for (int slot = 0; slot < batch_max; ++slot) {
        fill_trial_picture(lane->input(0, slot), bucket.size,
                           static_cast<std::uint32_t>(slot + 1));
      }
    }
  }

  // One batch on every lane at once.
  Result<void> round(int count) {
    std::vector<Result<void>> outcomes(lanes_.size());
    const auto start = Clock::now();
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < lanes_.size(); ++i) {
        threads.emplace_back(
            [this, i, count, &outcomes] { outcomes[i] = lanes_[i]->run(0, count); });
      }
    }
    spent_ += Clock::now() - start;
    images_ += count * static_cast<int>(lanes_.size());
    for (auto& outcome : outcomes) SHOAL_TRY(std::move(outcome));
    return {};
  }
  Result<void> round() { return round(batch_max_); }

  void forget() {
    spent_ = {};
    images_ = 0;
  }
  [[nodiscard]] Seconds spent() const { return spent_; }
  [[nodiscard]] double rate() const { return spent_.count() > 0 ? images_ / spent_.count() : 0; }

 private:
  const int batch_max_;
  std::vector<CompiledBucket> buckets_;
  Pool pool_{"trial"};
  std::vector<std::unique_ptr<OpenVinoLane>> lanes_;
  Seconds spent_{};
  int images_ = 0;
};

// Rounds in turn, so that a change of the machine's load meets both alike.
Result<PlanChoice> measure(const PlanRequest& request, const CompiledBucket& spread,
                           const CompiledBucket& batched) {
  Contender one_by_one(spread, request.lanes, request.batch_max);
  Contender together(batched, request.lanes, request.batch_max);
  SHOAL_TRY(one_by_one.round(1));
  SHOAL_TRY(together.round());
  one_by_one.forget();
  together.forget();
  do {
    SHOAL_TRY(one_by_one.round());
    SHOAL_TRY(together.round());
  } while (one_by_one.spent() + together.spent() < kMeasureFor);
  return PlanChoice{.batched = is_worth(one_by_one.rate(), together.rate()),
                    .spread_rate = one_by_one.rate(),
                    .batched_rate = together.rate()};
}

PlanKey make_key(const PlanRequest& request, Size size) {
  return {{"model", fmt::format("{:016x}", request.model->description.content_hash)},
          {"openvino", ov::get_openvino_version().buildNumber},
          {"cpu", openvino_core().get_property("CPU", ov::device::full_name)},
          {"cores", std::to_string(usable_core_count())},
          {"precision", std::string(to_string(request.settings.precision))},
          {"lanes", std::to_string(request.lanes)},
          {"bucket", fmt::format("{}x{}", size.width, size.height)},
          {"batch", std::to_string(request.batch_max)}};
}

Result<ov::CompiledModel> compile_batched(const PlanRequest& request, Size size) {
  const GraphPointer graph = SHOAL_TRY(graph_at(*request.model, size, request.batch_max));
  return compile(graph, request.model->layout, request.model->description.input,
                 request.settings);
}

bool bits_agree(const PlanRequest& request, CompiledBucket& bucket) {
  return same_bits(run_trial(bucket.single, request.batch_max),
                   run_trial(*bucket.batched, request.batch_max));
}

std::string describe(const PlanChoice& choice, std::string_view how) {
  const double better = choice.batched ? choice.batched_rate : choice.spread_rate;
  const double worse = choice.batched ? choice.spread_rate : choice.batched_rate;
  return fmt::format("{} ({} {:.1f} against {:.1f} images/s)",
                     choice.batched ? "batched" : "spread", how, better, worse);
}

Result<std::string> plan_batched(const PlanRequest& request, CompiledBucket& bucket) {
  const std::string& path = request.model->description.path;
  auto compiled = compile_batched(request, bucket.size);
  if (!compiled) {
    return Error{compiled.error().code,
                 fmt::format("{}: batched execution: {}; spread execution works", path,
                             compiled.error().message)};
  }
  bucket.batched = *std::move(compiled);
  if (!bits_agree(request, bucket)) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: batched execution: pictures in a batch of {} differ from the "
                             "same pictures alone; use spread execution", path,
                             request.batch_max)};
  }
  return std::string("batched");
}

Result<std::string> plan_measured(const PlanRequest& request, CompiledBucket& bucket) {
  const PlanKey key = make_key(request, bucket.size);
  auto remembered = find_plan(request.cache_file, key);
  // By today's rule, whatever was decided when it was measured.
  if (remembered && !is_worth(remembered->spread_rate, remembered->batched_rate)) {
    remembered->batched = false;
  }
  if (remembered && !remembered->batched) return describe(*remembered, "remembered");
  auto compiled = compile_batched(request, bucket.size);
  if (!compiled) {
    log(LogLevel::kDebug, "engine", "batched execution is not possible: {}",
        compiled.error().message);
    return std::string("spread (the batch is baked in)");
  }
  CompiledBucket candidate = bucket;
  candidate.batched = *std::move(compiled);
  PlanChoice choice;
  if (remembered) {
    choice = *remembered;
  } else {
    choice = SHOAL_TRY(measure(request, bucket, candidate));
    log(LogLevel::kDebug, "engine", "{}", describe(choice, "measured"));
  }
  // The cache file is only advice: bits are compared on every load.
  std::string note;
  if (choice.batched && !bits_agree(request, candidate)) {
    choice.batched = false;
    note = "; batched bits differ";
  }
  if (!remembered || choice.batched != remembered->batched) {
    if (auto stored = store_plan(request.cache_file, key, choice); !stored) {
      log(LogLevel::kWarn, "engine", "the plan is not remembered: {}", stored.error().message);
    }
  }
  if (choice.batched) bucket = std::move(candidate);
  return describe(choice, remembered ? "remembered" : "measured") + note;
}

}  // namespace

Result<std::string> plan_execution(const PlanRequest& request, CompiledBucket& bucket) {
  if (request.batch_max == 1 || request.execution == Execution::kSpread) {
    return std::string("spread");
  }
  return catching(ErrorCode::kInternal, "planning", [&] {
    return request.execution == Execution::kBatched ? plan_batched(request, bucket)
                                                    : plan_measured(request, bucket);
  });
}

}  // namespace shoal
