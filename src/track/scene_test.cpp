// What a scene tells of frames: filters, tracks and their events, zones, lines, carried frames.
#include "track/scene.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/counted_allocations.h"
#include "track/tracks_for_test.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A 1000 x 500 picture; frames 100 ms apart.
class SceneTest : public ::testing::Test {
 protected:
  void make(SceneOptions options) {
    options.next_id = [this] { return ids_(); };
    auto scene = Scene::create(std::move(options));
    ASSERT_TRUE(scene) << scene.error().message;
    scene_ = std::move(*scene);
  }
  const CameraResult& frame(std::vector<Detection> detections) {
    set_frame(result_, ms_ += 100, std::move(detections));
    scene_->update(result_);
    return result_;
  }
  const CameraResult& carried(bool failed = false) {
    set_frame(result_, ms_ += 100, {});
    if (failed) result_.outcome.error = Error{ErrorCode::kOutOfMemory, "no"};
    result_.inferred = false;
    scene_->carry(result_);
    return result_;
  }
  const CameraResult& end() {
    set_frame(result_, ms_ += 100, {});
    scene_->end_tracks(result_);
    return result_;
  }
  // Frames of one object that stands on these points, one after the other.
  std::vector<std::string> walk(const std::vector<ScenePoint>& points) {
    std::vector<std::string> told;
    for (const ScenePoint& point : points) {
      frame({seen(box_on(point.x, point.y))});
      for (const std::string& one : events()) told.push_back(one);
    }
    return told;
  }
  // "enter 0", "forward 1", ...
  std::vector<std::string> events() const {
    std::vector<std::string> told;
    for (const ZoneEvent& event : result_.zone_events) {
      const std::string name = event.change == ZoneChange::kEnter   ? "enter "
                               : event.change == ZoneChange::kLeave ? "leave "
                                                                    : "dwell ";
      told.push_back(name + std::to_string(event.zone));
    }
    for (const LineCrossing& crossing : result_.crossings) {
      told.push_back((crossing.direction == CrossingDirection::kForward ? "forward "
                                                                        : "backward ") +
                     std::to_string(crossing.line));
    }
    return told;
  }
  std::vector<std::string> track_events() const {
    std::vector<std::string> told;
    for (const TrackEvent& event : result_.track_events) {
      const std::string name = event.change == TrackChange::kNew      ? "new "
                               : event.change == TrackChange::kUpdate ? "update "
                                                                      : "end ";
      told.push_back(name + std::to_string(number(event.after.id)));
    }
    return told;
  }
  using Told = std::vector<std::string>;

  Ids ids_;
  std::unique_ptr<Scene> scene_;
  CameraResult result_;
  std::int64_t ms_ = 0;
};

// From the left edge over the whole width, `step` pixels a frame.
std::vector<ScenePoint> way(double x0, double x1, double y, double step = 10) {
  std::vector<ScenePoint> points;
  const int count = static_cast<int>(std::abs(x1 - x0) / step);
  for (int i = 0; i <= count; ++i) points.push_back({x0 + (x1 > x0 ? step : -step) * i, y});
  return points;
}

ScenePolygon rectangle(double x1, double y1, double x2, double y2) {
  return {{x1, y1}, {x2, y1}, {x2, y2}, {x1, y2}};
}

TEST_F(SceneTest, FiltersByClassConfidenceRegionAndMasks) {
  SceneOptions options;
  options.track = false;
  options.classes = {0, 2};
  options.confidence = 0.3F;
  options.region = rectangle(0, 0, 0.8, 1);
  options.masks = {rectangle(0.1, 0.1, 0.2, 1), rectangle(0.5, 0, 0.6, 1)};
  make(options);
  frame({seen(box_on(300, 300), 0.9F, 0), seen(box_on(300, 300), 0.9F, 1),
         seen(box_on(310, 300), 0.3F, 2), seen(box_on(320, 300), 0.31F, 2),
         seen(box_on(900, 300), 0.9F, 0), seen(box_on(150, 300), 0.9F, 0),
         seen(box_on(150, 49), 0.9F, 0), seen(box_on(550, 300), 0.9F, 0)});
  ASSERT_EQ(result_.outcome.detections.items.size(), 3U);
  EXPECT_EQ(result_.outcome.detections.items[0].box, box_on(300, 300));
  EXPECT_EQ(result_.outcome.detections.items[1].box, box_on(320, 300));
  EXPECT_EQ(result_.outcome.detections.items[2].box, box_on(150, 49));
  EXPECT_TRUE(result_.tracks.empty());
}

TEST_F(SceneTest, WithoutTrackingACarriedFrameRepeatsTheDetections) {
  SceneOptions options;
  options.track = false;
  make(options);
  frame({seen(box_on(300, 300)), seen(box_on(600, 300))});
  EXPECT_EQ(carried().outcome.detections.items.size(), 2U);
  EXPECT_TRUE(carried(true).outcome.detections.items.empty());
  frame({});
  EXPECT_TRUE(carried().outcome.detections.items.empty());
}

TEST_F(SceneTest, TracksBeginUpdateAndEnd) {
  make({});
  frame({});
  frame({seen(box_on(300, 300), 0.7F)});
  EXPECT_TRUE(result_.tracks.empty());
  EXPECT_TRUE(result_.track_events.empty());
  frame({seen(box_on(300, 300), 0.7F)});
  EXPECT_EQ(track_events(), (Told{"new 1"}));
  ASSERT_EQ(result_.tracks.size(), 1U);
  const Track& track = result_.tracks[0];
  EXPECT_EQ(track.age, milliseconds(100));
  EXPECT_EQ(track.first_seen, result_.captured_at - milliseconds(100));
  EXPECT_FALSE(track.carried);
  EXPECT_EQ(track_of(result_.outcome.detections.items[0]), 1U);
  frame({seen(box_on(302, 300), 0.72F)});
  EXPECT_EQ(track_events(), Told{});
  frame({seen(box_on(304, 300), 0.9F)});  // a better picture
  EXPECT_EQ(track_events(), (Told{"update 1"}));
  EXPECT_FLOAT_EQ(result_.track_events[0].before.top_confidence, 0.7F);
  EXPECT_FLOAT_EQ(result_.track_events[0].after.top_confidence, 0.9F);
  const Duration seen_for = result_.tracks[0].age;
  for (int i = 0; i < 10; ++i) {
    frame({});
    ASSERT_EQ(result_.tracks.size(), 1U);
    EXPECT_TRUE(result_.tracks[0].carried);
    EXPECT_EQ(track_events(), Told{});
  }
  frame({});
  EXPECT_EQ(track_events(), (Told{"end 1"}));
  EXPECT_TRUE(result_.tracks.empty());
  EXPECT_EQ(result_.track_events[0].after.age, seen_for);
}

TEST_F(SceneTest, BoxesOfTracksStayInThePicture) {
  make({});
  for (int i = 0; i < 60; ++i) frame({seen(box_on(40 + 15.5 * i, 300))});
  for (int i = 0; i < 9; ++i) {  // gone beyond the right edge, predicted ever further
    frame({});
    ASSERT_EQ(result_.tracks.size(), 1U);
    const Box<SourceSpace>& box = result_.tracks[0].box;
    EXPECT_GE(box.x1, 0);
    EXPECT_LE(box.x2, 1000);
    EXPECT_GT(box.width(), 0);
  }
}

TEST_F(SceneTest, ZonesTellOfEnteringDwellingAndLeaving) {
  SceneOptions options;
  options.zones = {{rectangle(0.3, 0, 0.5, 1), {}, milliseconds(500)},
                   {rectangle(0, 0, 0.1, 0.1), {}, Duration{}},
                   {rectangle(0.3, 0, 0.5, 1), {7}, Duration{}}};  // another class
  make(options);
  EXPECT_EQ(walk(way(200, 290, 300)), Told{});
  EXPECT_EQ(walk(way(300, 330, 300)), (Told{"enter 0"}));
  EXPECT_EQ(result_.zone_counts, (std::vector<std::uint32_t>{1, 0, 0}));
  EXPECT_EQ(result_.tracks[0].zones, 1U);
  EXPECT_EQ(walk(way(340, 490, 300)), (Told{"dwell 0"}));
  EXPECT_EQ(walk(way(500, 600, 300)), (Told{"leave 0"}));
  EXPECT_EQ(result_.zone_counts[0], 0U);
  EXPECT_EQ(result_.tracks[0].zones, 0U);
  EXPECT_EQ(result_.tracks[0].entered, 1U);
}

TEST_F(SceneTest, AZonesChangeIsAnUpdateOfTheTrack) {
  SceneOptions options;
  options.zones = {{rectangle(0.3, 0, 1, 1), {}, Duration{}}};
  make(options);
  walk(way(200, 280, 300));
  bool told = false;
  for (const ScenePoint& point : way(290, 330, 300)) {
    frame({seen(box_on(point.x, point.y))});
    for (const TrackEvent& event : result_.track_events) {
      told = true;
      EXPECT_EQ(event.change, TrackChange::kUpdate);
      EXPECT_EQ(event.before.zones, 0U);
      EXPECT_EQ(event.after.zones, 1U);
    }
  }
  EXPECT_TRUE(told);
}

TEST_F(SceneTest, ATremblingBoxOnAnEdgeEntersOnce) {
  SceneOptions options;
  options.zones = {{rectangle(0.3, 0, 1, 1), {}, Duration{}}};
  options.lines = {{{0.3, 0}, {0.3, 1}, {}}};
  make(options);
  walk(way(200, 290, 300));
  std::vector<ScenePoint> trembling;
  for (int i = 0; i < 100; ++i) trembling.push_back({300 + (i % 2 == 0 ? 3.0 : -3.0), 300});
  EXPECT_EQ(walk(trembling), (Told{"enter 0"}));
  EXPECT_EQ(walk(way(310, 400, 300)), (Told{"backward 0"}));
  EXPECT_EQ(result_.line_counts[0].backward, 1U);
  EXPECT_EQ(result_.line_counts[0].forward, 0U);
}

TEST_F(SceneTest, AZoneIsLeftWhenItsTrackEnds) {
  SceneOptions options;
  options.zones = {{rectangle(0, 0, 1, 1), {}, Duration{}}};
  make(options);
  walk(way(500, 500, 300));
  for (int i = 0; i < 4; ++i) walk({{500, 300}});
  for (int i = 0; i < 10; ++i) {
    frame({});
    EXPECT_EQ(result_.zone_counts[0], 1U);  // still remembered
  }
  frame({});
  EXPECT_EQ(events(), (Told{"leave 0"}));
  EXPECT_EQ(result_.zone_events[0].inside, milliseconds(400));
  EXPECT_EQ(result_.zone_counts[0], 0U);
}

TEST_F(SceneTest, LinesTellTheDirection) {
  SceneOptions options;
  // From the left to the right, and a vertical one downwards.
  options.lines = {{{0.1, 0.5}, {0.9, 0.5}, {}}, {{0.5, 0.1}, {0.5, 0.9}, {}}};
  make(options);
  std::vector<ScenePoint> down;
  for (int y = 150; y <= 400; y += 10) down.push_back({300, static_cast<double>(y)});
  EXPECT_EQ(walk(down), (Told{"forward 0"}));  // (1, 0) x (0, 1) > 0
  EXPECT_EQ(walk(way(310, 700, 400)), (Told{"backward 1"}));  // (0, 1) x (1, 0) < 0
  std::reverse(down.begin(), down.end());
  for (ScenePoint& point : down) point.x = 700;
  EXPECT_EQ(walk(down), (Told{"backward 0"}));
  EXPECT_EQ(result_.line_counts[0].forward, 1U);
  EXPECT_EQ(result_.line_counts[0].backward, 1U);
  EXPECT_EQ(result_.line_counts[1].backward, 1U);
}

TEST_F(SceneTest, WhatPassesBesideALineDoesNotCrossIt) {
  SceneOptions options;
  options.lines = {{{0.5, 0.1}, {0.5, 0.5}, {}}};
  make(options);
  EXPECT_EQ(walk(way(300, 700, 400)), Told{});
  // Round the end and back through the line: only that.
  std::vector<ScenePoint> up;
  for (int y = 390; y >= 200; y -= 10) up.push_back({700, static_cast<double>(y)});
  EXPECT_EQ(walk(up), Told{});
  EXPECT_EQ(walk(way(690, 300, 200)), (Told{"forward 0"}));
}

TEST_F(SceneTest, AStepBackInsideTheMarginUndoesACrossing) {
  SceneOptions options;
  options.lines = {{{0.5, 0}, {0.5, 1}, {}}};
  make(options);
  walk(way(400, 490, 300));
  EXPECT_EQ(walk({{495, 300}, {500, 300}, {501, 300}, {501, 300}, {501, 300}, {498, 300},
                  {490, 300}, {480, 300}, {470, 300}}),
            Told{});
  EXPECT_EQ(result_.line_counts[0].backward, 0U);
}

TEST_F(SceneTest, AnObjectThatWasHiddenWhileCrossingIsCounted) {
  SceneOptions options;
  options.lines = {{{0.5, 0}, {0.5, 1}, {}}};
  make(options);
  walk(way(300, 460, 300));
  for (int i = 0; i < 8; ++i) {
    frame({});
    EXPECT_EQ(events(), Told{}) << "a prediction crosses nothing";
  }
  EXPECT_EQ(walk(way(550, 600, 300)), (Told{"backward 0"}));
}

TEST_F(SceneTest, StandingStillBecomesStationaryAndMovingEndsIt) {
  SceneOptions options;
  options.stationary_after = seconds(2);
  make(options);
  for (int i = 0; i < 20; ++i) {
    frame({seen(box_on(300 + (i % 3), 300))});
    EXPECT_FALSE(result_.tracks[0].stationary) << i;
  }
  frame({seen(box_on(300, 300))});
  EXPECT_TRUE(result_.tracks[0].stationary);
  EXPECT_EQ(track_events(), (Told{"update 1"}));
  for (int i = 0; i < 30; ++i) {
    frame({seen(box_on(300 + (i % 5), 300))});
    EXPECT_EQ(track_events(), Told{});
  }
  bool moving = false;
  for (int i = 0; i < 8; ++i) {
    moving |= !frame({seen(box_on(300 + 8 * i, 300))}).tracks[0].stationary;
  }
  EXPECT_TRUE(moving);
}

TEST_F(SceneTest, CarriedFramesKeepTracksAndRunTheClocks) {
  SceneOptions options;
  options.stationary_after = seconds(1);
  options.zones = {{rectangle(0, 0, 1, 1), {}, milliseconds(1500)}};
  make(options);
  walk(way(300, 340, 300));
  const Box<SourceSpace> box = result_.tracks[0].box;
  Told told;
  for (int i = 0; i < 20; ++i) {
    carried();
    ASSERT_EQ(result_.tracks.size(), 1U);
    EXPECT_TRUE(result_.tracks[0].carried);
    EXPECT_EQ(result_.tracks[0].box, box);
    ASSERT_EQ(result_.outcome.detections.items.size(), 1U);
    EXPECT_EQ(track_of(result_.outcome.detections.items[0]), 1U);
    EXPECT_EQ(result_.outcome.detections.items[0].box, box);
    for (const std::string& one : events()) told.push_back(one);
  }
  EXPECT_EQ(told, (Told{"dwell 0"}));
  EXPECT_TRUE(result_.tracks[0].stationary);
  frame({seen(box_on(342, 300))});
  EXPECT_EQ(number(result_.tracks[0].id), 1U);
  EXPECT_FALSE(result_.tracks[0].carried);
}

TEST_F(SceneTest, AFailedFrameHasNoDetectionsAndDoesNotStopTime) {
  make({});
  for (int i = 0; i < 10; ++i) frame({seen(box_on(100 + 15 * i, 300))});
  for (int i = 10; i < 15; ++i) {
    carried(true);
    EXPECT_TRUE(result_.outcome.detections.items.empty());
    EXPECT_EQ(result_.tracks.size(), 1U);
  }
  frame({seen(box_on(100 + 15 * 15, 300))});
  EXPECT_EQ(track_of(result_.outcome.detections.items[0]), 1U);
  EXPECT_FALSE(result_.tracks[0].carried);
}

TEST_F(SceneTest, ACameraThatGoesAwayEndsItsTracksAndKeepsItsCounts) {
  SceneOptions options;
  options.zones = {{rectangle(0, 0, 1, 1), {}, Duration{}}};
  options.lines = {{{0.5, 0}, {0.5, 1}, {}}};
  make(options);
  walk(way(400, 600, 300));
  end();
  EXPECT_EQ(track_events(), (Told{"end 1"}));
  EXPECT_EQ(events(), (Told{"leave 0"}));
  EXPECT_TRUE(result_.tracks.empty());
  EXPECT_EQ(result_.zone_counts[0], 0U);
  EXPECT_EQ(result_.line_counts[0].backward, 1U);
  frame({seen(box_on(600, 300))});
  EXPECT_EQ(number(result_.tracks.at(0).id), 2U);
  EXPECT_EQ(result_.line_counts[0].backward, 1U);
}

TEST_F(SceneTest, DoesNotAllocateOnceWarm) {
  SceneOptions options;
  options.zones = {{rectangle(0.2, 0, 0.4, 1), {}, milliseconds(300)},
                   {rectangle(0.5, 0, 0.7, 1), {}, Duration{}}};
  options.lines = {{{0.3, 0}, {0.3, 1}, {}}, {{0.6, 0}, {0.6, 1}, {}}};
  make(options);
  std::vector<std::vector<Detection>> frames(100);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    for (int j = 0; j < 20; ++j) {
      if ((static_cast<int>(i) + j) % 11 == 0) continue;
      const double x = std::fmod(50.0 * j + 9.0 * static_cast<double>(i), 900.0);
      frames[i].push_back(seen(box_on(50 + x, 100 + 15 * j), 0.9F, j % 2));
    }
  }
  for (int i = 0; i < 300; ++i) frame(frames[static_cast<std::size_t>(i) % 100]);
  set_frame(result_, ms_ += 100, frames[0]);
  const std::vector<Detection> detections = frames[0];
  std::size_t allocations = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    result_.outcome.detections.items = frames[i];  // within its capacity
    result_.captured += milliseconds(100);
    result_.captured_at += milliseconds(100);
    const std::size_t before = counted_allocations();
    if (i % 10 == 9) {
      scene_->carry(result_);
    } else {
      scene_->update(result_);
    }
    allocations += counted_allocations() - before;
  }
  EXPECT_EQ(allocations, 0U);
}

TEST(SceneOptionsTest, WrongOnesAreRefusedWithTheReason) {
  const auto why = [](auto change) {
    SceneOptions options;
    options.next_id = Ids{};
    change(options);
    const auto scene = Scene::create(std::move(options));
    return scene ? std::string("accepted") : scene.error().message;
  };
  const ScenePolygon good = rectangle(0, 0, 1, 1);
  EXPECT_EQ(why([](SceneOptions&) {}), "accepted");
  EXPECT_EQ(why([](SceneOptions& o) { o.zones = {{{{0, 0}, {1, 1}}, {}, Duration{}}}; }),
            "scene: zone 1: a polygon of 2 points: expected at least 3");
  EXPECT_EQ(why([](SceneOptions& o) { o.region = {{0, 0}}; }),
            "scene: region: a polygon of 1 point: expected at least 3");
  EXPECT_EQ(why([&](SceneOptions& o) { o.masks = {good, {{0, 0}, {1, 0}, {1, 1.5}}}; }),
            "scene: mask 2: point (1, 1.5): expected shares of the picture, 0 to 1");
  EXPECT_NE(why([&](SceneOptions& o) { o.masks = {{{0, 0}, {1, 0}, {std::nan(""), 1}}}; }),
            "accepted");
  EXPECT_EQ(why([](SceneOptions& o) { o.lines = {{{0, -0.1}, {1, 1}, {}}}; }),
            "scene: line 1: point (0, -0.1): expected shares of the picture, 0 to 1");
  EXPECT_EQ(why([](SceneOptions& o) { o.lines = {{{0.5, 0.5}, {0.5, 0.5}, {}}}; }),
            "scene: line 1: begins and ends at one point: expected two");
  EXPECT_EQ(why([&](SceneOptions& o) { o.zones.assign(65, {good, {}, Duration{}}); }),
            "scene: 65 zones: expected at most 64");
  EXPECT_EQ(why([&](SceneOptions& o) { o.zones.assign(64, {good, {}, Duration{}}); }),
            "accepted");
  EXPECT_EQ(why([](SceneOptions& o) { o.tracker.low = 0.7F; }),
            "scene: tracker: low is 0.7 and high 0.5: expected low <= high");
  EXPECT_EQ(why([](SceneOptions& o) { o.next_id = nullptr; }),
            "scene: next_id: expected a function");
}

}  // namespace
}  // namespace shoal
