// The progress bar's words at every width, and when they are drawn.
#include "cli/progress.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cli/display_text.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;

// What a terminal would show: without escape codes.
std::string without_codes(std::string text) {
  for (std::size_t at = text.find('\x1b'); at != std::string::npos; at = text.find('\x1b')) {
    text.erase(at, text.find_first_of("mK", at) - at + 1);
  }
  return text;
}

constexpr ProgressState kHalf = {.done = 96, .total = 128, .seconds = 2.4, .rate = 40.1};

TEST(Progress, ShowsBarCountRateAndTimeLeft) {
  EXPECT_EQ(render_progress(kHalf, 80, false),
            "  ████████████████████████░░░░░░░░   96/128   40.1 images/s   0:01 left");
}

TEST(Progress, AStreamHasCountRateAndElapsedTime) {
  EXPECT_EQ(render_progress({.done = 12345, .total = {}, .seconds = 754, .rate = 318.4,
                             .unit = "frames"}, 80, false),
            "  12,345 frames   318 frames/s   12:34");
}

TEST(Progress, SaysNoRateBeforeThereIsOne) {
  EXPECT_EQ(render_progress({.done = 0, .total = 4000}, 60, false),
            "  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░      0/4,000");
}

TEST(Progress, ADoneOneIsFull) {
  EXPECT_EQ(render_progress({.done = 9, .total = 9, .seconds = 1, .rate = 9}, 44, false),
            "  █████████  9/9   9.00 images/s   0:00 left");
}

TEST(Progress, FitsEveryWidth) {
  for (int columns = 1; columns <= 130; ++columns) {
    for (const bool colour : {false, true}) {
      const std::string line = without_codes(render_progress(kHalf, columns, colour));
      EXPECT_LE(columns_of(line), std::min(columns, 100)) << line;
      if (columns >= 10) {
        EXPECT_NE(line.find("96/128"), std::string::npos) << line;
      }
    }
  }
}

TEST(Progress, MoreThanTheTotalStillFits) {
  const std::string line =
      render_progress({.done = 20, .total = 10, .seconds = 1, .rate = 5}, 80, false);
  EXPECT_EQ(line.find("░"), std::string::npos);
  EXPECT_NE(line.find("20/10   5.00 images/s   0:00 left"), std::string::npos);
  EXPECT_EQ(render_progress({.done = 0, .total = 0}, 80, false), "  0/0");
}

TEST(Progress, ColourAddsNothingButCodes) {
  const std::string coloured = render_progress(kHalf, 80, true);
  EXPECT_NE(coloured, render_progress(kHalf, 80, false));
  EXPECT_EQ(without_codes(coloured), render_progress(kHalf, 80, false));
}

class ProgressBarTest : public ::testing::Test {
 protected:
  ProgressBarTest() : file_(std::tmpfile()) {}
  ~ProgressBarTest() override { std::fclose(file_); }
  ProgressBarTest(const ProgressBarTest&) = delete;
  ProgressBarTest& operator=(const ProgressBarTest&) = delete;

  std::string printed() {
    std::string text;
    std::rewind(file_);
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) {
      text.push_back(static_cast<char>(c));
    }
    return text;
  }

  std::FILE* file_;
  TimePoint start_{std::chrono::hours(1)};
};

TEST_F(ProgressBarTest, DrawsAtMostTenTimesASecond) {
  {
    ProgressBar bar({.file = file_}, start_);
    for (int i = 0; i < 1000; ++i) bar.update(i, 1000, start_ + milliseconds(i));
  }
  const std::string text = printed();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 10 + 1);  // and once to clear
}

TEST_F(ProgressBarTest, ClearsItsLineAtTheEnd) {
  {
    ProgressBar bar({.file = file_}, start_);
    bar.update(1, 2, start_);
  }
  const std::string text = printed();
  ASSERT_GT(text.size(), 4U);
  EXPECT_EQ(text.substr(text.size() - 4), "\r\x1b[K");
}

TEST_F(ProgressBarTest, PrintsNothingWhenItNeverDrew) {
  { ProgressBar bar({.file = file_}, start_); }
  EXPECT_EQ(printed(), "");
}

TEST_F(ProgressBarTest, TheRateFollowsAChangeOfSpeed) {
  ProgressBar bar({.file = file_}, start_);
  std::int64_t done = 0;
  for (int tick = 1; tick <= 100; ++tick) {  // 10 s at 100 a second
    bar.update(done += 10, 100000, start_ + milliseconds(tick * 100));
  }
  EXPECT_NE(printed().rfind("   100 images/s"), std::string::npos);
  for (int tick = 101; tick <= 200; ++tick) {  // 10 s at 10 a second
    bar.update(done += 1, 100000, start_ + milliseconds(tick * 100));
  }
  const std::string text = printed();
  EXPECT_NE(text.substr(text.rfind('\r')).find("   10."), std::string::npos);
}

TEST(DisplayText, NumbersHaveUnitsThatFitTheirSize) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1000), "1,000");
  EXPECT_EQ(with_thousands(-1234567), "-1,234,567");
  EXPECT_EQ(with_thousands(-123), "-123");
  EXPECT_EQ(rate_text(0.0521), "0.052");
  EXPECT_EQ(rate_text(4.2), "4.20");
  EXPECT_EQ(rate_text(9.999), "10.0");
  EXPECT_EQ(rate_text(99.97), "100");
  EXPECT_EQ(rate_text(23103.4), "23,103");
  EXPECT_EQ(clock_text(0), "0:00");
  EXPECT_EQ(clock_text(64.2), "1:05");
  EXPECT_EQ(clock_text(3700), "1:01:40");
  EXPECT_EQ(duration_text(0.312), "0.31 s");
  EXPECT_EQ(duration_text(3.24), "3.2 s");
  EXPECT_EQ(duration_text(59.97), "1 min 00 s");
  EXPECT_EQ(duration_text(125), "2 min 05 s");
  EXPECT_EQ(duration_text(3725), "1 h 02 min");
  EXPECT_EQ(bytes_text(161 << 20), "161 MiB");
  EXPECT_EQ(bytes_text(std::int64_t{1434} << 20), "1.4 GiB");
}

TEST(DisplayText, ColumnsAreThoseOfTheTerminal) {
  EXPECT_EQ(columns_of("Straße"), 6);
  EXPECT_EQ(columns_of("████▋"), 5);
  EXPECT_EQ(columns_of("写真.jpg"), 8);
  EXPECT_EQ(columns_of("e\xCC\x81"), 1);
  EXPECT_EQ(columns_of(printable("a\x1b[31mb\xFF")), 8);
}

TEST(DisplayText, WrapsAtBlanksAndInsideLongWords) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(wrapped("one two three", 7), (Lines{"one two", "three"}));
  EXPECT_EQ(wrapped("one two three", 6), (Lines{"one", "two", "three"}));
  EXPECT_EQ(wrapped("abcdefgh", 3), (Lines{"abc", "def", "gh"}));
  EXPECT_EQ(wrapped("写真写真", 5), (Lines{"写真", "写真"}));
  EXPECT_EQ(wrapped("", 5), (Lines{""}));
}

}  // namespace
}  // namespace shoal
