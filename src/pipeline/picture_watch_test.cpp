// Goal: a camera that sends what cannot be decoded is given up after its patience, one that has
// reasons to give nothing is not. Method: simulated streams.
#include "pipeline/picture_watch.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Gave = PictureWatch::Gave;

constexpr TimePoint kStart = TimePoint(std::chrono::hours(1));

class PictureWatchTest : public ::testing::Test {
 protected:
  void SetUp() override { watch.connected(); }

  // What comes 25 times a second; how long until it is overdue, at most `most`.
  Duration until_overdue(Gave gave, Duration most) {
    for (const TimePoint begin = now; now - begin < most; now += milliseconds(40)) {
      watch.saw(gave, now);
      if (watch.overdue(now)) return now - begin;
    }
    return most;
  }

  PictureWatch watch{seconds(10), seconds(1)};
  TimePoint now = kStart;
};

TEST_F(PictureWatchTest, PicturesAreNeverOverdue) {
  EXPECT_EQ(until_overdue(Gave::kPicture, seconds(100)), seconds(100));
}

TEST_F(PictureWatchTest, PacketsWithoutPicturesAreOverdueAfterItsPatience) {
  EXPECT_EQ(until_overdue(Gave::kPicture, seconds(5)), seconds(5));
  EXPECT_EQ(until_overdue(Gave::kNothing, seconds(100)), seconds(10));
  EXPECT_FALSE(watch.overdue(now)->old);
}

TEST_F(PictureWatchTest, AStreamWithOnePictureInAWhileIsFine) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(until_overdue(Gave::kNothing, seconds(9)), seconds(9));
    watch.saw(Gave::kPicture, now);
  }
}

TEST_F(PictureWatchTest, WhatNobodyWantedSaysNothing) {
  EXPECT_EQ(until_overdue(Gave::kUnwanted, seconds(1000)), seconds(1000));
}

TEST_F(PictureWatchTest, SilenceIsTheSourcesToNotice) {
  watch.saw(Gave::kPicture, now);
  EXPECT_FALSE(watch.overdue(now + seconds(1000)));
  watch.saw(Gave::kNothing, now + seconds(1000));
  EXPECT_FALSE(watch.overdue(now + seconds(1000)));
}

TEST_F(PictureWatchTest, PicturesThatAreAllTooOldAreOverdue) {
  EXPECT_EQ(until_overdue(Gave::kOldPicture, seconds(100)), seconds(10));
  EXPECT_TRUE(watch.overdue(now)->old);
  // Where age_max allows more than the time-out, that counts.
  PictureWatch patient(seconds(10), seconds(30));
  patient.connected();
  patient.saw(Gave::kOldPicture, kStart);
  EXPECT_FALSE(patient.overdue(kStart + seconds(59)));
  EXPECT_TRUE(patient.overdue(kStart + seconds(60)));
}

TEST_F(PictureWatchTest, AKeyFrameThatIsFarAwayIsReachedInTheEnd) {
  // 50 s between key frames: more patience at each attempt, until one comes.
  for (const int patience : {10, 20, 40}) {
    EXPECT_EQ(until_overdue(Gave::kNothing, seconds(50)), seconds(patience));
    watch.connected();
  }
  EXPECT_EQ(until_overdue(Gave::kNothing, seconds(50)), seconds(50));
  watch.saw(Gave::kPicture, now);
  // Once it runs, no picture is no picture.
  EXPECT_EQ(until_overdue(Gave::kNothing, seconds(100)), seconds(10));
  watch.connected();
  EXPECT_EQ(until_overdue(Gave::kNothing, seconds(100)), seconds(10));
}

TEST_F(PictureWatchTest, ConnectionsThatCarriedNothingMakeNobodyPatient) {
  for (int i = 0; i < 10; ++i) watch.connected();
  EXPECT_EQ(until_overdue(Gave::kNothing, seconds(100)), seconds(10));
}

TEST_F(PictureWatchTest, PatienceHasAnEnd) {
  for (int i = 0; i < 40; ++i) {
    watch.saw(Gave::kNothing, now);
    watch.connected();
  }
  EXPECT_EQ(until_overdue(Gave::kNothing, seconds(1000)), seconds(120));
}

}  // namespace
}  // namespace shoal
