// A model host without a model, for tests of the doors: it remembers what it was asked, and answers
// with what can be computed by hand.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/host_feed.h"
#include "pipeline/model_host.h"

namespace shoal {

// Raw entry: input `images` [2, 3], outputs `sum` [1] and `twice` [2, 3].
// Boxes entry: a picture whose first byte (or first pixel's red) is k has k detections; detection j
// is the box (j, j + 1, j + 10, j + 20), class j % 2, score 0.9 - j / 10. 255 is a picture that
// cannot be read; 254 reads with damage and is truncated.
class FakeHost final : public ModelHost {
 public:
  explicit FakeHost(std::string name = "net") : name_(std::move(name)) {
    model_.name = name_;
    model_.family = "yolo11";
    model_.class_names = {"cat", "d'og"};
    model_.input.size = {.width = 64, .height = 32};
    options_.model = "/models/" + name_ + "/3/model.onnx";
    input_ = {"images", shape_of({2, 3})};
    outputs_ = {{"sum", shape_of({1})}, {"twice", shape_of({2, 3})}};
    worker_ = std::thread([this] { run(); });
  }
  ~FakeHost() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      held_ = false;
      changed_.notify_all();
    }
    worker_.join();
  }

  // -- for the test --
  void refuse(std::optional<Error> error) {  // the next calls
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(error);
  }
  void fail_items(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    item_error_ = std::move(error);
  }
  // While held, nothing is answered but by cancellation.
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  [[nodiscard]] CallOptions last_options() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  // True once so many calls have come, within ten seconds.
  [[nodiscard]] bool wait_for_calls(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return calls_ >= count; });
  }
  [[nodiscard]] bool wait_for_cancelled(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return cancelled_ >= count; });
  }

  // -- ModelHost --
  const std::string& name() const override { return name_; }
  const ModelDescription& model() const override { return model_; }
  const DetectorOptions& detector_options() const override { return options_; }
  std::string summary() const override { return "fake"; }
  const TensorDescription& tensor_input() const override { return input_; }
  std::span<const TensorDescription> tensor_outputs() const override { return outputs_; }

  Result<CallHandle> detect(DetectCall call, CallDone done) override {
    const auto kept = std::make_shared<DetectCall>(std::move(call));
    return begin(kept->options, [this, kept, done](bool gone) {
      CallItems items;
      for (const PictureItem& item : kept->items) items.push_back(look(item, gone));
      done(std::move(items));
    });
  }
  Result<CallHandle> infer(TensorCall call, CallDone done) override {
    const auto kept = std::make_shared<TensorCall>(std::move(call));
    return begin(kept->options, [this, kept, done](bool gone) {
      CallItems items;
      for (const auto& values : kept->items) items.push_back(compute(values, gone));
      done(std::move(items));
    });
  }
  Result<std::unique_ptr<HostFeed>> feed(FeedClient&, FeedOptions) override {
    return Error{ErrorCode::kUnsupported, "no cameras here"};
  }
  int retry_after_s() const override { return 7; }
  HostStatistics statistics(bool raw) const override {
    HostStatistics all;
    all.inference_count = raw ? 11 : 22;
    all.execution_count = 5;
    all.success = {11, 12'000};
    all.batch_sizes.push_back({4, {5, 6}, {5, 7}, {5, 8}});
    return all;
  }
  void close() override {}

 private:
  struct Job {
    std::shared_ptr<std::atomic<bool>> flag;
    std::function<void(bool gone)> work;
  };

  static Shape shape_of(std::initializer_list<std::int64_t> dims) {
    Shape shape;
    for (const std::int64_t dim : dims) shape.dims[static_cast<std::size_t>(shape.rank++)] = dim;
    return shape;
  }

  Result<CallHandle> begin(const CallOptions& options, std::function<void(bool)> work) {
    const std::lock_guard lock(mutex_);
    last_ = options;
    ++calls_;
    changed_.notify_all();
    if (refusal_) return *refusal_;
    auto flag = std::make_shared<std::atomic<bool>>(false);
    jobs_.push_back({flag, std::move(work)});
    return CallHandle(flag);
  }

  std::optional<Error> item_error() const {
    const std::lock_guard lock(mutex_);
    return item_error_;
  }

  CallItem look(const PictureItem& item, bool gone) const {
    CallItem answer;
    Outcome& outcome = answer.outcome;
    if (gone) outcome.error = Error{ErrorCode::kCancelled, "withdrawn"};
    if (const auto error = item_error()) outcome.error = error;
    if (outcome.error) return answer;
    const int count = item.pixels.data != nullptr ? item.pixels.data[0]
                      : item.encoded.empty()      ? 255
                                                  : item.encoded[0];
    if (count == 255) {
      outcome.error = Error{ErrorCode::kCorruptInput, "not a picture"};
      return answer;
    }
    outcome.size = {.width = 100, .height = 50};
    if (count == 254) {
      outcome.damaged = "torn";
      outcome.detections.truncated = true;
      return answer;
    }
    for (int j = 0; j < count; ++j) {
      const auto at = static_cast<float>(j);
      outcome.detections.items.push_back({.box = {at, at + 1, at + 10, at + 20},
                                          .confidence = 0.9F - at / 10,
                                          .class_id = j % 2,
                                          .track_id = {}});
    }
    return answer;
  }

  CallItem compute(std::span<const float> values, bool gone) const {
    CallItem answer;
    if (gone) answer.outcome.error = Error{ErrorCode::kCancelled, "withdrawn"};
    if (const auto error = item_error()) answer.outcome.error = error;
    if (answer.outcome.error) return answer;
    RawOutput sum{.shape = outputs_[0].shape, .values = {0}};
    RawOutput twice{.shape = outputs_[1].shape, .values = {}};
    for (const float value : values) {
      sum.values[0] += value;
      twice.values.push_back(2 * value);
    }
    answer.tensors = {std::move(sum), std::move(twice)};
    return answer;
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait_for(lock, std::chrono::milliseconds(2));
      for (std::size_t i = 0; i < jobs_.size();) {
        const bool gone = jobs_[i].flag->load();
        if (held_ && !gone) {
          ++i;
          continue;
        }
        const Job job = std::move(jobs_[i]);
        jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(i));
        if (gone) ++cancelled_;
        lock.unlock();
        job.work(gone);
        lock.lock();
        changed_.notify_all();
      }
      if (ending_ && jobs_.empty()) return;
    }
  }

  const std::string name_;
  ModelDescription model_;
  DetectorOptions options_;
  TensorDescription input_;
  std::vector<TensorDescription> outputs_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  CallOptions last_;
  std::size_t calls_ = 0;
  std::size_t cancelled_ = 0;
  std::optional<Error> refusal_;
  std::optional<Error> item_error_;
  bool held_ = false;
  bool ending_ = false;
  std::thread worker_;
};

}  // namespace shoal
