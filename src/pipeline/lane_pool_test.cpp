// Goal: lanes answer every request exactly once, with the answer of its own picture, and allocate
// nothing per picture. Method: a fake engine that reads the class from the pixels; operator new is
// counted.
#include "pipeline/lane_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "core/counted_allocations.h"
#include "pipeline/fake_engine_for_test.h"
#include "pipeline/request_pool.h"

namespace shoal {
namespace {

// Sends pictures of one level each and checks what comes back.
class Door final : public Completion {
 public:
  Door(LanePool& lanes, std::size_t in_flight) : lanes_(lanes), pool_(in_flight, 300) {}

  // `size` alternates between two shapes if `alternate`.
  void send(int count, bool alternate = false) {
    for (int i = 0; i < count; ++i) {
      auto request = pool_.acquire();
      const Size size = alternate && i % 2 == 1 ? Size{48, 96} : Size{80, 60};
      Frame& frame = request->outcome.pixels;
      const auto bytes = static_cast<std::size_t>(size.width * size.height * 3);
      const auto level = static_cast<std::uint8_t>(i % 251);
      std::fill_n(frame.pixels.reserve(bytes), bytes, level);
      frame.size = frame.source_size = size;
      frame.pitch_bytes = size.width * 3;
      request->sequence = level;
      request->completion = this;
      request->started = Clock::now();
      lanes_.submit(std::move(request), Overflow::kBlock);
    }
    wait();
  }

  void complete(std::unique_ptr<Request> request) noexcept override {
    const Outcome& outcome = request->outcome;
    if (outcome.error) {
      ++failed;
    } else if (outcome.detections.items.size() == 1 &&
               outcome.detections.items[0].class_id == static_cast<int>(request->sequence) &&
               outcome.detections.items[0].box.x2 == static_cast<float>(outcome.size.width)) {
      ++right;
    } else {
      ++wrong;
    }
    pool_.release(std::move(request));
  }

  std::atomic<int> right = 0;
  std::atomic<int> wrong = 0;
  std::atomic<int> failed = 0;

 private:
  void wait() {
    held_.clear();
    while (held_.size() < pool_.size()) held_.push_back(pool_.acquire());
    for (auto& request : held_) pool_.release(std::move(request));
    held_.clear();
  }

  LanePool& lanes_;
  RequestPool pool_;
  std::vector<std::unique_ptr<Request>> held_;
};

std::unique_ptr<LanePool> lanes_of(FakeEngineOptions options) {
  return *LanePool::create(std::make_unique<FakeEngine>(std::move(options)), {});
}

TEST(LanePoolTest, EveryPictureGetsItsOwnAnswer) {
  const auto lanes = lanes_of({.batch_max = 4, .lanes = 2, .buckets = {{64, 64}, {64, 96}}});
  Door door(*lanes, 24);
  door.send(3000, true);
  EXPECT_EQ(door.right, 3000);
  EXPECT_EQ(door.wrong, 0);
  EXPECT_EQ(door.failed, 0);
}

TEST(LanePoolTest, AFailedRunFailsItsBatchOnly) {
  const auto lanes = lanes_of({.batch_max = 4, .lanes = 1, .fail_every = 5});
  Door door(*lanes, 16);
  door.send(400);
  EXPECT_EQ(door.right + door.failed, 400);
  EXPECT_EQ(door.wrong, 0);
  EXPECT_GE(door.failed, 20);
  EXPECT_LE(door.failed, 160);
}

TEST(LanePoolTest, NoBatchIsLargerThanTheEngineAllows) {
  const auto lanes = lanes_of({.batch_max = 3, .lanes = 2});
  Door door(*lanes, 64);
  door.send(1000);
  const LaneStats stats = lanes->stats();
  EXPECT_EQ(stats.sizes.size(), 4U);
  std::int64_t pictures = 0;
  for (std::size_t size = 1; size < stats.sizes.size(); ++size) {
    pictures += static_cast<int>(size) * static_cast<int>(stats.sizes[size].batches);
  }
  EXPECT_EQ(pictures, 1000);
}

TEST(LanePoolTest, ARequestAfterCloseIsAnsweredAsCancelled) {
  const auto lanes = lanes_of({});
  Door door(*lanes, 4);
  lanes->close();
  door.send(3);
  EXPECT_EQ(door.failed, 3);
}

// Remembers whether it was there when its wide lane went, and how many lanes were asked for.
class WideEngine final : public Engine {
 public:
  struct Seen {
    bool engine_lives = false;
    int lanes_made = 0;
    bool outlived = false;
  };
  WideEngine(Seen& seen, bool lanes_fail) : seen_(seen), lanes_fail_(lanes_fail) {
    seen_.engine_lives = true;
  }
  ~WideEngine() override { seen_.engine_lives = false; }
  const ModelDescription& model() const override { return inner_.model(); }
  std::span<const Size> buckets() const override { return inner_.buckets(); }
  int batch_max() const override { return inner_.batch_max(); }
  int lane_count() const override { return inner_.lane_count(); }
  Precision precision() const override { return inner_.precision(); }
  std::string summary() const override { return {}; }
  Result<std::unique_ptr<InferLane>> create_lane() override {
    ++seen_.lanes_made;
    if (lanes_fail_) return Error{ErrorCode::kInternal, "no lane"};
    return inner_.create_lane();
  }
  Result<std::unique_ptr<InferLane>> create_wide_lane() override {
    ++seen_.lanes_made;
    return std::unique_ptr<InferLane>(std::make_unique<WideLane>(seen_));
  }

 private:
  struct WideLane final : InferLane {
    explicit WideLane(Seen& seen_by) : seen(seen_by) {}
    ~WideLane() override { seen.outlived = seen.outlived || !seen.engine_lives; }
    std::span<std::uint8_t> input(std::size_t, int) override { return {}; }
    Result<void> run_slots(std::size_t, int, int) override { return {}; }
    HeadView outputs(std::size_t, int) const override { return {}; }
    Seen& seen;
  };
  Seen& seen_;
  const bool lanes_fail_;
  FakeEngine inner_{FakeEngineOptions{}};
};

TEST(LanePoolTest, NoLaneOutlivesItsEngineHoweverALoadEnds) {
  WideEngine::Seen failed;
  const auto none = LanePool::create(std::make_unique<WideEngine>(failed, true), {});
  EXPECT_EQ(none.error().message, "no lane");
  EXPECT_GE(failed.lanes_made, 2);
  EXPECT_FALSE(failed.outlived);
  WideEngine::Seen loaded;
  {
    const auto lanes = LanePool::create(std::make_unique<WideEngine>(loaded, false), {});
    ASSERT_TRUE(lanes.has_value());
  }
  EXPECT_FALSE(loaded.outlived);
}

TEST(LanePoolTest, OptionsThatDoNotSuitTheModelAreRefusedBeforeLanesAreMade) {
  WideEngine::Seen seen;
  PostprocessOptions post;
  post.classes = {9999};
  const auto none =
      LanePool::create(std::make_unique<WideEngine>(seen, false), {.postprocess = post});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(seen.lanes_made, 0);
}

TEST(LanePoolTest, AWarmLaneAllocatesNothingPerPicture) {
  const auto lanes = lanes_of({.batch_max = 4, .lanes = 2, .buckets = {{64, 64}, {64, 96}}});
  Door door(*lanes, 24);
  // On a busy machine one lane may meet a shape for the first time late. What is made once stops;
  // what is made per picture never does.
  constexpr int kWindows = 20;
  std::size_t made = 1;
  for (int window = 0; window < kWindows && made != 0; ++window) {
    const std::size_t before = counted_allocations();
    door.send(1000, true);
    made = counted_allocations() - before;
  }
  EXPECT_EQ(made, 0U) << "in 1,000 pictures";
  EXPECT_EQ(door.wrong + door.failed, 0);
}

}  // namespace
}  // namespace shoal
