// Goal: amounts of memory are read as people write them, and nonsense is refused.
#include "core/memory_size.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

std::int64_t of(std::string_view text, std::int64_t total = 100 * kGiB) {
  const auto limit = parse_memory_limit(text);
  EXPECT_TRUE(limit) << text;
  return limit ? limit->of(total) : -1;
}

TEST(MemorySizeTest, UnitsArePowersOf1024OrOf1000) {
  EXPECT_EQ(of("2GiB"), 2 * kGiB);
  EXPECT_EQ(of("512MiB"), kGiB / 2);
  EXPECT_EQ(of("512 mib"), kGiB / 2);
  EXPECT_EQ(of("1.5GiB"), kGiB * 3 / 2);
  EXPECT_EQ(of("2GB"), 2'000'000'000);
  EXPECT_EQ(of("512m"), kGiB / 2);
  EXPECT_EQ(of("1TiB"), 1024 * kGiB);
  EXPECT_EQ(of("1073741824"), kGiB);
  EXPECT_EQ(of("7B"), 7);
}

TEST(MemorySizeTest, AShareIsOfTheMachine) {
  EXPECT_EQ(of("80%", 10 * kGiB), 8 * kGiB);
  EXPECT_EQ(of("100 %", 10 * kGiB), 10 * kGiB);
  EXPECT_EQ(of("12.5%", 8 * kGiB), kGiB);
}

TEST(MemorySizeTest, NoneIsNoLimit) {
  EXPECT_EQ(of(""), 0);
  EXPECT_EQ(of("none"), 0);
}

TEST(MemorySizeTest, NonsenseIsRefusedWithWhatWasExpected) {
  for (const char* text : {"much", "0", "0%", "-1GiB", "101%", "5 XB", "1e9", "nan", "inf", "GiB",
                           "9999999999TiB", "1 GiB 2", "0.1", "%", " 5", "0x10"}) {
    const auto limit = parse_memory_limit(text);
    ASSERT_FALSE(limit) << text;
    EXPECT_EQ(limit.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(limit.error().message.find("\"80%\""), std::string::npos) << limit.error().message;
  }
}

TEST(MemorySizeTest, TextTakesTheLargestUnitThatFits) {
  EXPECT_EQ(memory_text(8), "8 B");
  EXPECT_EQ(memory_text(1536), "1.5 KiB");
  EXPECT_EQ(memory_text(24 * kGiB), "24.0 GiB");
  EXPECT_EQ(memory_text(kGiB - 1), "1024.0 MiB");
  EXPECT_EQ(memory_text(-2048), "-2.0 KiB");
}

}  // namespace
}  // namespace shoal
