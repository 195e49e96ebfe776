// An engine for tests: it "detects" one box whose class and place are read from the pixels, so that
// an answer given to the wrong picture is seen at once.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace shoal {

struct FakeEngineOptions {
  int batch_max = 4;
  int lanes = 2;
  std::vector<Size> buckets{{64, 64}};
  int classes = 256;
  // run() number k (from 0, all lanes together) fails where k % fail_every == fail_every - 1.
  int fail_every = 0;
  // Larger runs fail with kOutOfMemory, and are counted.
  std::shared_ptr<std::atomic<int>> memory_for = std::make_shared<std::atomic<int>>(1 << 20);
  std::shared_ptr<std::atomic<int>> memory_failures = std::make_shared<std::atomic<int>>(0);
};

// The class is the level of the first pixel in the middle of the input; the box is the whole input.
class FakeEngine final : public Engine {
 public:
  explicit FakeEngine(FakeEngineOptions options) : options_(std::move(options)) {
    model_.name = "fake";
    model_.path = "fake";
    model_.family = "fake";
    model_.input.size = options_.buckets.front();
    model_.head.encoding = BoxEncoding::kEndToEnd;
    model_.head.class_count = options_.classes;
    model_.head.levels = {{.stride = 0, .boxes = 0, .scores = 0}};
    for (int i = 0; i < options_.classes; ++i) {
      model_.class_names.push_back("level " + std::to_string(i));
    }
  }

  [[nodiscard]] const ModelDescription& model() const override { return model_; }
  [[nodiscard]] std::span<const Size> buckets() const override { return options_.buckets; }
  [[nodiscard]] int batch_max() const override { return options_.batch_max; }
  [[nodiscard]] int lane_count() const override { return options_.lanes; }
  [[nodiscard]] Precision precision() const override { return Precision::kFp32; }
  [[nodiscard]] std::string summary() const override { return "fake"; }
  [[nodiscard]] Result<std::unique_ptr<InferLane>> create_lane() override {
    return std::unique_ptr<InferLane>(new Lane(options_, runs_));
  }

 private:
  class Lane final : public InferLane {
   public:
    Lane(const FakeEngineOptions& options, std::atomic<int>& runs)
        : options_(options), runs_(runs) {
      const auto slots = static_cast<std::size_t>(options.batch_max);
      inputs_.resize(options.buckets.size());
      for (std::size_t i = 0; i < inputs_.size(); ++i) {
        const Size size = options.buckets[i];
        inputs_[i].assign(slots, std::vector<std::uint8_t>(
                                     static_cast<std::size_t>(size.width * size.height * 3)));
      }
      rows_.resize(slots);
      views_.resize(slots);
    }
    std::span<std::uint8_t> input(std::size_t bucket, int slot) override {
      return inputs_[bucket][static_cast<std::size_t>(slot)];
    }
    Result<void> run_slots(std::size_t bucket, int first, int count) override {
      const int number = runs_++;
      if (options_.fail_every > 0 && number % options_.fail_every == options_.fail_every - 1) {
        return Error{ErrorCode::kInternal, "this run fails"};
      }
      if (count > options_.memory_for->load()) {
        ++*options_.memory_failures;
        return Error{ErrorCode::kOutOfMemory, "this run is too large"};
      }
      const Size size = options_.buckets[bucket];
      const std::size_t middle =
          (static_cast<std::size_t>(size.height / 2) * static_cast<std::size_t>(size.width) +
           static_cast<std::size_t>(size.width / 2)) * 3;
      for (auto slot = static_cast<std::size_t>(first);
           slot < static_cast<std::size_t>(first + count); ++slot) {
        rows_[slot] = {0, 0, static_cast<float>(size.width), static_cast<float>(size.height), 0.9F,
                       static_cast<float>(inputs_[bucket][slot][middle])};
        views_[slot] = {.data = rows_[slot].data(), .shape = {.dims = {1, 6}, .rank = 2}};
      }
      return {};
    }
    HeadView outputs(std::size_t, int slot) const override {
      return {&views_[static_cast<std::size_t>(slot)], 1};
    }

   private:
    const FakeEngineOptions& options_;
    std::atomic<int>& runs_;
    std::vector<std::vector<std::vector<std::uint8_t>>> inputs_;  // [buckets][slots]
    std::vector<std::array<float, 6>> rows_;                      // [slots]
    std::vector<TensorView> views_;                               // [slots]
  };

  FakeEngineOptions options_;
  ModelDescription model_;
  std::atomic<int> runs_ = 0;
};

}  // namespace shoal
