// The rules of ByteTrack one by one on scenes of a few boxes; the quality on large scenes against
// independent programs is measured in tests/e2e/test_tracking.py.
#include "track/byte_tracker.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/counted_allocations.h"
#include "track/tracks_for_test.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;

class ByteTrackerTest : public ::testing::Test {
 protected:
  // The ids of one frame's detections, 40 ms after the last.
  std::vector<std::uint32_t> frame(std::vector<Detection> detections, int ms = 40) {
    now_ms_ += ms;
    tracker_.update(detections, at_ms(now_ms_));
    std::vector<std::uint32_t> ids;
    for (const Detection& detection : detections) ids.push_back(track_of(detection));
    return ids;
  }
  using Of = std::vector<std::uint32_t>;

  std::int64_t now_ms_ = 0;
  ByteTracker tracker_{TrackerOptions{}, Ids{}};
};

TEST_F(ByteTrackerTest, KeepsTheIdentityOfWhatMoves) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(frame({seen(box_at(50 + 6 * i, 100)), seen(box_at(900 - 7 * i, 300))}), (Of{1, 2}));
  }
}

TEST_F(ByteTrackerTest, ConfirmsWithTheSecondFrameExceptAtTheStart) {
  EXPECT_EQ(frame({seen(box_at(100, 100))}), (Of{1}));
  EXPECT_EQ(frame({seen(box_at(100, 100)), seen(box_at(400, 100))}), (Of{1, 0}));
  EXPECT_EQ(frame({seen(box_at(100, 100)), seen(box_at(402, 100))}), (Of{1, 2}));
}

TEST_F(ByteTrackerTest, WhatIsSeenOnceIsForgottenAndUsesUpNoIdentity) {
  frame({});
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(frame({seen(box_at(100 + 150 * (i % 5), 100))}), (Of{0}));
    EXPECT_TRUE(tracker_.ended().empty());
  }
  frame({seen(box_at(500, 400))});
  EXPECT_EQ(frame({seen(box_at(500, 400))}), (Of{1}));
}

TEST_F(ByteTrackerTest, FaintDetectionsContinueTracksButBeginNone) {
  frame({seen(box_at(100, 100))});
  for (int i = 1; i < 10; ++i) {
    EXPECT_EQ(frame({seen(box_at(100 + 4 * i, 100), 0.2F), seen(box_at(700, 100), 0.4F)}),
              (Of{1, 0}));
  }
  EXPECT_EQ(tracker_.objects()[0].confidence, 0.2F);
}

TEST_F(ByteTrackerTest, DetectionsBelowLowAreIgnored) {
  frame({seen(box_at(100, 100))});
  EXPECT_EQ(frame({seen(box_at(100, 100), 0.1F)}), (Of{0}));
  EXPECT_EQ(tracker_.objects()[0].state, FollowState::kLost);
}

TEST_F(ByteTrackerTest, FindsAgainWhatWasHiddenWhereItsMotionLeads) {
  int x = 100;
  for (int i = 0; i < 15; ++i, x += 8) frame({seen(box_at(x, 200))});
  for (int i = 0; i < 10; ++i, x += 8) EXPECT_EQ(frame({}), Of{});
  EXPECT_EQ(frame({seen(box_at(x, 200))}), (Of{1}));
}

TEST_F(ByteTrackerTest, FaintDetectionsDoNotFindWhatIsLost) {
  frame({seen(box_at(100, 100))});
  frame({});
  EXPECT_EQ(frame({seen(box_at(100, 100), 0.3F)}), (Of{0}));
  EXPECT_EQ(frame({seen(box_at(100, 100), 0.9F)}), (Of{1}));
}

TEST_F(ByteTrackerTest, ForgetsWhatIsLostLongerThanAllowed) {
  frame({seen(box_at(100, 100))});
  for (int i = 0; i < 25; ++i) {  // 25 frames of 40 ms: exactly the second allowed
    frame({});
    EXPECT_TRUE(tracker_.ended().empty()) << i;
  }
  frame({});
  ASSERT_EQ(tracker_.ended().size(), 1U);
  EXPECT_EQ(number(tracker_.ended()[0].id), 1U);
  EXPECT_TRUE(tracker_.objects().empty());
  EXPECT_EQ(frame({seen(box_at(100, 100))}), (Of{0}));
  EXPECT_EQ(frame({seen(box_at(100, 100))}), (Of{2}));
}

TEST_F(ByteTrackerTest, EvenASlowCameraGivesWhatIsLostOneMoreChance) {
  frame({seen(box_at(100, 100))}, 3000);
  frame({}, 3000);
  EXPECT_EQ(frame({seen(box_at(100, 100))}, 3000), (Of{1}));
}

TEST_F(ByteTrackerTest, ClassesDoNotMatch) {
  frame({seen(box_at(100, 100), 0.9F, 3), seen(box_at(100, 100), 0.9F, 5)});
  EXPECT_EQ(frame({seen(box_at(102, 100), 0.9F, 5), seen(box_at(101, 100), 0.9F, 3)}),
            (Of{2, 1}));
  EXPECT_EQ(frame({seen(box_at(102, 100), 0.9F, 4)}), (Of{0}));
}

TEST_F(ByteTrackerTest, TwoTracksOfOneObjectBecomeTheOlder) {
  for (int i = 0; i < 10; ++i) frame({seen(box_at(300, 200))});
  frame({});
  // Too different a box to be matched with the lost one: a track of its own, that then settles
  // where the lost one is.
  frame({seen(box_at(300, 200, 40, 80), 0.9F), seen(box_at(300, 200, 41, 81), 0.9F)});
  frame({seen(box_at(300, 200)), seen(box_at(300, 200, 41, 81))});
  frame({seen(box_at(300, 200))});
  frame({seen(box_at(300, 200))});
  ASSERT_EQ(tracker_.objects().size(), 1U);
  EXPECT_EQ(number(tracker_.objects()[0].id), 1U);
}

TEST_F(ByteTrackerTest, BoxesWithoutAreaAreIgnored) {
  EXPECT_EQ(frame({seen({10, 10, 10, 50}), seen({10, 10, 50, 10}), seen(box_at(200, 200))}),
            (Of{0, 0, 1}));
  EXPECT_EQ(frame({seen({10, 10, 10, 50}), seen(box_at(200, 200))}), (Of{0, 1}));
}

TEST_F(ByteTrackerTest, AnUnevenCameraKeepsIdentities) {
  // 250 pixels a second; frames 20 to 300 ms apart. By frames instead of time, the leaps after the
  // long gaps would have no box in common with the prediction.
  std::mt19937 random(11);
  double x = 60;
  frame({seen(box_at(x, 100))});
  for (int i = 0; i < 40; ++i) {
    const int ms = i % 4 == 3 ? 300 : 20 + static_cast<int>(random() % 40);
    x += 0.25 * ms;
    EXPECT_EQ(frame({seen(box_at(x, 100))}, ms), (Of{1})) << i;
  }
}

TEST_F(ByteTrackerTest, AHeldPictureMovesNothing) {
  int x = 100;
  for (int i = 0; i < 15; ++i, x += 10) frame({seen(box_at(x, 200))});
  const auto before = tracker_.objects()[0].filter.box();
  for (int i = 0; i < 100; ++i) {
    now_ms_ += 40;
    tracker_.hold(at_ms(now_ms_));
  }
  EXPECT_EQ(tracker_.objects()[0].filter.box(), before);
  EXPECT_EQ(tracker_.objects()[0].last_seen, at_ms(now_ms_));
  EXPECT_EQ(frame({seen(box_at(x, 200))}), (Of{1}));
}

TEST_F(ByteTrackerTest, RestartEndsEverythingAndBeginsAtOnce) {
  frame({seen(box_at(100, 100)), seen(box_at(300, 100))});
  frame({seen(box_at(100, 100)), seen(box_at(300, 100)), seen(box_at(600, 100))});
  tracker_.restart();
  EXPECT_EQ(tracker_.ended().size(), 2U);  // the third was not confirmed
  EXPECT_TRUE(tracker_.objects().empty());
  EXPECT_EQ(frame({seen(box_at(100, 100))}), (Of{3}));
}

TEST_F(ByteTrackerTest, SlotsAreUniqueAmongTheLivingAndUsedAgain) {
  std::mt19937 random(5);
  for (int i = 0; i < 600; ++i) {
    std::vector<Detection> detections;
    for (int j = 0; j < 12; ++j) {
      if ((i / 20 + j) % 3 == 0) continue;
      detections.push_back(seen(box_at(60 + 75 * j + 0.01 * static_cast<double>(random() % 300),
                                       100)));
    }
    frame(std::move(detections), 100);
    std::set<std::int32_t> slots;
    for (const auto& object : tracker_.objects()) {
      EXPECT_TRUE(slots.insert(object.slot).second);
    }
    for (const auto& object : tracker_.ended()) EXPECT_TRUE(slots.insert(object.slot).second);
  }
  EXPECT_LE(tracker_.slot_count(), 40U);
}

// `objects` walkers with misses, false alarms and trembling boxes.
std::vector<Detection> crowd(std::mt19937& random, int objects, int i) {
  std::normal_distribution<double> noise;
  std::vector<Detection> detections;
  for (int j = 0; j < objects; ++j) {
    if (random() % 10 == 0) continue;
    const double x = 100 + 1700 * (j % 20) / 20.0 + 2.0 * i * (j % 3 - 1);
    const double y = 100 + 90.0 * (j / 20) + noise(random);
    detections.push_back(seen(box_at(x + noise(random), y),
                              0.15F + 0.0001F * static_cast<float>(random() % 8000), j % 2));
  }
  return detections;
}

TEST(ByteTrackerRunTest, TheSameInputGivesTheSameOutput) {
  std::vector<std::uint32_t> runs[2];
  for (auto& run : runs) {
    std::mt19937 random(1);
    ByteTracker tracker(TrackerOptions{}, Ids{});
    for (int i = 0; i < 100; ++i) {
      std::vector<Detection> detections = crowd(random, 80, i);
      tracker.update(detections, at_ms(40 * i));
      for (const Detection& detection : detections) run.push_back(track_of(detection));
    }
  }
  EXPECT_EQ(runs[0], runs[1]);
}

TEST(ByteTrackerRunTest, TrackersDoNotInfluenceEachOther) {
  const auto run = [](bool with_another) {
    std::mt19937 random(1);
    std::mt19937 other_random(2);
    ByteTracker tracker(TrackerOptions{}, Ids{});
    ByteTracker other(TrackerOptions{}, Ids{});
    std::vector<std::uint32_t> ids;
    for (int i = 0; i < 60; ++i) {
      std::vector<Detection> detections = crowd(random, 40, i);
      tracker.update(detections, at_ms(40 * i));
      for (const Detection& detection : detections) ids.push_back(track_of(detection));
      if (!with_another) continue;
      detections = crowd(other_random, 90, i);
      other.update(detections, at_ms(33 * i));
    }
    return ids;
  };
  EXPECT_EQ(run(false), run(true));
}

TEST(ByteTrackerRunTest, DoesNotAllocateOnceWarm) {
  std::mt19937 random(9);
  std::vector<std::vector<Detection>> frames;
  for (int i = 0; i < 400; ++i) frames.push_back(crowd(random, 60, i % 100));
  ByteTracker tracker(TrackerOptions{}, Ids{});
  for (int i = 0; i < 300; ++i) tracker.update(frames[static_cast<std::size_t>(i)], at_ms(40 * i));
  const std::size_t before = counted_allocations();
  for (int i = 300; i < 400; ++i) {
    tracker.update(frames[static_cast<std::size_t>(i % 100)], at_ms(40 * i));
  }
  EXPECT_EQ(counted_allocations() - before, 0U);
}

}  // namespace
}  // namespace shoal
