// Who gets which pictures, what is encoded for them, and what is given back.
#include "service/cameras/live_hub.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "service/cameras/fake_control_for_test.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;

class Recorder final : public Viewer {
 public:
  void picture(const std::shared_ptr<const LivePicture>& picture) override {
    const std::lock_guard lock(mutex_);
    pictures_.push_back(picture);
  }
  void gone(const std::string& camera) override {
    const std::lock_guard lock(mutex_);
    gone_.push_back(camera);
  }
  [[nodiscard]] std::vector<std::shared_ptr<const LivePicture>> pictures() const {
    const std::lock_guard lock(mutex_);
    return pictures_;
  }
  [[nodiscard]] std::size_t count() const { return pictures().size(); }
  [[nodiscard]] std::vector<std::string> lost() const {
    const std::lock_guard lock(mutex_);
    return gone_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const LivePicture>> pictures_;
  std::vector<std::string> gone_;
};

bool until(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

class Hub : public ::testing::Test {
 protected:
  Hub() : hub(std::make_unique<LiveHub>(control, nullptr)) {
    add("a");
    add("b");
  }
  void add(const std::string& name) {
    CameraConfig config;
    config.name = name;
    config.url = "synthetic:pcb";
    ASSERT_TRUE(control.add(config));
    hub->sync(control.cameras());
  }
  std::uint64_t number(const std::string& name) { return control.camera(name)->number; }
  bool watched(const std::string& name) {
    return until([&] { return control.watchers(number(name)) == 1; });
  }
  bool publish(const std::string& name, Size size = {128, 96}) {
    return control.publish(name, size, [&](CameraResult&, std::uint8_t* pixels) {
      const int bytes = 3 * size.width * size.height;
      if (pixels != nullptr) std::fill_n(pixels, bytes, std::uint8_t{90});
    });
  }
  // Publishes until the viewer has got that many more.
  bool feed(const std::string& name, const Recorder& viewer, std::size_t more) {
    const std::size_t wanted = viewer.count() + more;
    return until([&] {
      publish(name);
      return viewer.count() >= wanted;
    });
  }
  static ViewWish wish(std::vector<std::string> cameras, int width = 64, double fps = 0) {
    return {.all = false, .cameras = std::move(cameras), .width = width, .fps = fps,
            .boxes = false};
  }

  FakeControl control;
  std::unique_ptr<LiveHub> hub;
};

TEST_F(Hub, PicturesGoToThoseWhoWatchTheCamera) {
  const auto viewer = std::make_shared<Recorder>();
  hub->watch(viewer, wish({"a"}));
  ASSERT_TRUE(watched("a"));
  EXPECT_EQ(control.watchers(number("b")), 0);
  ASSERT_TRUE(feed("a", *viewer, 3));
  publish("b");
  for (const auto& picture : viewer->pictures()) EXPECT_EQ(picture->camera, "a");
}

TEST_F(Hub, ALeaseIsHeldOnlyUntilItIsEncoded) {
  const std::size_t all = control.free_results();
  const auto viewer = std::make_shared<Recorder>();
  hub->watch(viewer, wish({"a"}));
  ASSERT_TRUE(watched("a"));
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(publish("a"));
  EXPECT_TRUE(until([&] { return control.free_results() == all; }));
}

TEST_F(Hub, AllMeansThoseToComeToo) {
  const auto viewer = std::make_shared<Recorder>();
  ViewWish everything = wish({});
  everything.all = true;
  hub->watch(viewer, everything);
  ASSERT_TRUE(watched("b"));
  add("c");
  ASSERT_TRUE(watched("c"));
  EXPECT_TRUE(feed("c", *viewer, 1));
}

TEST_F(Hub, ACameraMayBeWatchedBeforeItIsThere) {
  const auto viewer = std::make_shared<Recorder>();
  hub->watch(viewer, wish({"later"}));
  add("later");
  ASSERT_TRUE(watched("later"));
  EXPECT_TRUE(feed("later", *viewer, 1));
}

TEST_F(Hub, AFrameIsEncodedOnceForAllOfAWidth) {
  std::vector<std::shared_ptr<Recorder>> viewers;
  for (int i = 0; i < 6; ++i) {
    viewers.push_back(std::make_shared<Recorder>());
    hub->watch(viewers.back(), wish({"a"}, i < 4 ? 64 : 100));
  }
  ASSERT_TRUE(watched("a"));
  constexpr std::size_t kFrames = 5;
  for (std::size_t i = 1; i <= kFrames; ++i) {
    publish("a");
    ASSERT_TRUE(until([&] {
      return viewers.front()->count() >= i && viewers.back()->count() >= i;
    }));
  }
  ASSERT_TRUE(until([&] { return hub->counts().delivered == 6 * kFrames; }));
  EXPECT_EQ(hub->counts().encoded, 2 * kFrames);
  // The very same bytes.
  EXPECT_EQ(viewers[0]->pictures().back(), viewers[3]->pictures().back());
  EXPECT_NE(viewers[0]->pictures().back(), viewers[4]->pictures().back());
}

TEST_F(Hub, TheRateIsTheViewersOwn) {
  const auto often = std::make_shared<Recorder>();
  const auto seldom = std::make_shared<Recorder>();
  hub->watch(often, wish({"a"}));
  hub->watch(seldom, wish({"a"}, 64, 0.1));
  ASSERT_TRUE(watched("a"));
  ASSERT_TRUE(feed("a", *often, 20));
  EXPECT_EQ(seldom->count(), 1U);
}

TEST_F(Hub, TheMeanRateIsWhatWasAskedFor) {
  const auto viewer = std::make_shared<Recorder>();
  hub->watch(viewer, wish({"a"}, 64, 20));
  ASSERT_TRUE(watched("a"));
  const TimePoint begun = Clock::now();
  while (Clock::now() - begun < milliseconds(2'000)) {
    publish("a");
    std::this_thread::sleep_for(milliseconds(7));
  }
  const double seconds = to_milliseconds(Clock::now() - begun) / 1000;
  // Never more; how many fewer depends on the machine.
  EXPECT_LE(static_cast<double>(viewer->count()), 20 * seconds + 1);
  EXPECT_GE(viewer->count(), 5U);
}

TEST_F(Hub, TheLastWishCounts) {
  const auto viewer = std::make_shared<Recorder>();
  hub->watch(viewer, wish({"a"}));
  ASSERT_TRUE(watched("a"));
  hub->watch(viewer, wish({"b"}));
  ASSERT_TRUE(watched("b"));
  EXPECT_TRUE(until([&] { return control.watchers(number("a")) == 0; }));
  EXPECT_TRUE(feed("b", *viewer, 1));
  EXPECT_EQ(viewer->pictures().back()->camera, "b");
}

TEST_F(Hub, WhoIsGoneOrForgottenWatchesNothing) {
  auto viewer = std::make_shared<Recorder>();
  hub->watch(viewer, wish({"a"}));
  ASSERT_TRUE(watched("a"));
  hub->forget(viewer.get());
  EXPECT_TRUE(until([&] { return control.watchers(number("a")) == 0; }));
  EXPECT_FALSE(hub->has_viewers());
  hub->watch(viewer, wish({"a"}));
  ASSERT_TRUE(watched("a"));
  viewer.reset();
  hub->watch(std::make_shared<Recorder>(), wish({}));  // anything that makes it look
  EXPECT_TRUE(until([&] { return control.watchers(number("a")) == 0; }));
}

TEST_F(Hub, AChangedCameraIsWatchedUnderItsNewNumber) {
  const auto viewer = std::make_shared<Recorder>();
  hub->watch(viewer, wish({"a"}));
  ASSERT_TRUE(watched("a"));
  const std::uint64_t before = number("a");
  CameraConfig config = control.camera("a")->config;
  config.fps_max = 5;
  ASSERT_TRUE(control.change("a", config));
  hub->sync(control.cameras());
  ASSERT_NE(number("a"), before);
  ASSERT_TRUE(watched("a"));
  EXPECT_TRUE(until([&] { return control.watchers(before) == 0; }));
  EXPECT_TRUE(feed("a", *viewer, 1));
}

TEST_F(Hub, ViewersHearOfARemovedCamera) {
  const auto viewer = std::make_shared<Recorder>();
  hub->watch(viewer, wish({"a", "b"}));
  ASSERT_TRUE(watched("a"));
  ASSERT_TRUE(control.remove("a"));
  hub->sync(control.cameras());
  EXPECT_EQ(viewer->lost(), std::vector<std::string>{"a"});
  EXPECT_TRUE(feed("b", *viewer, 1));
  add("a");  // and again
  ASSERT_TRUE(watched("a"));
  EXPECT_TRUE(feed("a", *viewer, 1));
}

TEST_F(Hub, ClassNamesComeWithTheFirstResult) {
  EXPECT_TRUE(hub->class_names("a").empty());
  publish("a");
  EXPECT_EQ(hub->class_names("a"), (std::vector<std::string>{"open", "short", "mousebite"}));
  EXPECT_TRUE(hub->class_names("nobody").empty());
}

TEST_F(Hub, EverythingAtOnceAndTheEndInBetween) {
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (const char* name : {"a", "b"}) {
    threads.emplace_back([&, name] {
      while (!stop) publish(name);
    });
  }
  threads.emplace_back([&] {
    while (!stop) hub->sync(control.cameras());
  });
  for (int worker = 0; worker < 2; ++worker) {
    threads.emplace_back([&, worker] {
      for (int i = 0; i < 100; ++i) {
        const auto viewer = std::make_shared<Recorder>();
        hub->watch(viewer, wish({i % 2 == 0 ? "a" : "b"}, 64 + worker));
        if (i % 3 == 0) hub->forget(viewer.get());
        if (i % 5 == 0) (void)hub->class_names("a");
      }
    });
  }
  threads[3].join();
  threads[4].join();
  stop = true;
  for (int i = 0; i < 3; ++i) threads[static_cast<std::size_t>(i)].join();
  const auto last = std::make_shared<Recorder>();
  hub->watch(last, wish({"a"}));
  publish("a");
  hub.reset();
  EXPECT_EQ(control.free_results(), 64U);
  for (const char* name : {"a", "b"}) EXPECT_EQ(control.watchers(number(name)), 0) << name;
}

}  // namespace
}  // namespace shoal
