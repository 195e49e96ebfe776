// Goal: what is no regular file, or too large a one, is an error with a word, and never a wait.
#include "core/read_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fixtures_test.h"

namespace shoal {
namespace {

TEST(ReadFileTest, GivesEveryByte) {
  const ScratchFolder folder;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{5'000'000}}) {
    std::vector<std::uint8_t> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 >> 3);
    write_file(folder.file("some"), bytes);
    const auto read = file_bytes(folder.file("some"));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, bytes);
  }
  write_file(folder.file("text"), std::string("\xEF\xBB\xBF" "a\r\n"));
  EXPECT_EQ(*file_text(folder.file("text")), "\xEF\xBB\xBF" "a\r\n");
}

TEST(ReadFileTest, FilesThatSayTheyAreEmptyAreReadToTheirEnd) {
  const auto status = file_text("/proc/self/status");
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_NE(status->find("VmRSS"), std::string::npos);
  EXPECT_EQ(file_text("/proc/self/status", {.bytes_max = 100}).error().code,
            ErrorCode::kOutOfMemory);
}

TEST(ReadFileTest, WhatIsNoFileIsRefusedWithAWord) {
  const ScratchFolder folder;
  const std::string path = folder.path();
  const auto dir = file_text(path, {.expected = "shoal.toml"});
  ASSERT_FALSE(dir);
  EXPECT_EQ(dir.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(dir.error().message, path + ": a folder; expected shoal.toml");
  ASSERT_EQ(mkfifo(folder.file("pipe").c_str(), 0600), 0);
  const auto pipe = file_bytes(folder.file("pipe"));
  ASSERT_FALSE(pipe);
  EXPECT_EQ(pipe.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(file_bytes("/dev/zero").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(file_bytes(folder.file("none")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(file_bytes(folder.file("none")).error().message,
            folder.file("none") + ": no such file");
  ASSERT_EQ(symlink("loop", folder.file("loop").c_str()), 0);
  EXPECT_EQ(file_bytes(folder.file("loop")).error().code, ErrorCode::kUnavailable);
}

TEST(ReadFileTest, ALimitIsALimit) {
  const ScratchFolder folder;
  write_file(folder.file("ten"), std::string(10, 'x'));
  EXPECT_TRUE(file_text(folder.file("ten"), {.bytes_max = 10}));
  const auto eleven = file_text(folder.file("ten"), {.bytes_max = 9});
  ASSERT_FALSE(eleven);
  EXPECT_EQ(eleven.error().code, ErrorCode::kOutOfMemory);
  EXPECT_EQ(eleven.error().message,
            folder.file("ten") + ": a file of 10 bytes; expected at most 9 bytes");
}

TEST(ReadFileTest, AStopEndsIt) {
  const ScratchFolder folder;
  write_file(folder.file("some"), std::string(100, 'x'));
  const auto read = file_bytes(folder.file("some"), {.stopped = [] { return true; }});
  EXPECT_EQ(read.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace shoal
