#include "core/escaped_text.h"

#include <gtest/gtest.h>

#include <string>

#include "core/log.h"

namespace shoal {
namespace {

TEST(EscapedTextTest, NothingEndsALineOrMovesTheCursor) {
  EXPECT_EQ(escaped("a\nb\rc\td"), "a\\nb\\rc\\td");
  EXPECT_EQ(escaped("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(escaped(std::string("\0\x7f", 2)), "\\x00\\x7f");
  EXPECT_EQ(escaped("\xC2\x9B[2J"), "\\u009b[2J");          // C1 as UTF-8
  EXPECT_EQ(escaped("a\xE2\x80\xAE" "b"), "a\\u202eb");      // right to left
  EXPECT_EQ(escaped("\xE2\x81\xA6\xE2\x80\xA8"), "\\u2066\\u2028");
}

TEST(EscapedTextTest, BytesThatAreNoUtf8AreTold) {
  EXPECT_EQ(escaped("\x9b[2J\xff"), "\\x9b[2J\\xff");
  EXPECT_EQ(escaped("\xC3"), "\\xc3");
}

TEST(EscapedTextTest, TextOfAnyScriptStaysAsItIs) {
  const std::string text = "Straße, 東京, صورة, 👍🏽";
  EXPECT_EQ(escaped(text), text);
}

TEST(EscapedTextTest, WhatIsQuotedIsShortened) {
  EXPECT_EQ(shortened("line-1"), "line-1");
  const std::string shown = shortened(std::string(10'000'000, 'x'));
  EXPECT_LT(shown.size(), 120U);
  EXPECT_NE(shown.find("(10000000 bytes)"), std::string::npos);
  EXPECT_EQ(escaped(shortened(std::string(79, 'x') + "\xC3\xA4\xC3\xA4")).find("\\x"),
            std::string::npos);  // whole characters
}

TEST(EscapedTextTest, ALineOfTheLogIsOneLineWithoutSecrets) {
  testing::internal::CaptureStderr();
  log(LogLevel::kWarn, "camera", "{}", "a\n2026-01-01 error forged \x1b[31m rtsp://u:geheim@h/1");
  const std::string line = testing::internal::GetCapturedStderr();
  EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_EQ(line.find("geheim"), std::string::npos);
}

}  // namespace
}  // namespace shoal
