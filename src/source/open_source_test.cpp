// Goal: pictures, folders, globs, lists and video files arrive whole and in order; a bad item is
// an error of that item, whose message names it. Pictures here are any bytes: nothing is decoded.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/fixtures_test.h"
#include "source/source.h"

namespace shoal {
namespace {

// What next() said: a name, or an error's message.
struct Item {
  std::string name;
  std::optional<Error> error;
};

std::vector<Item> read_all(Source& source) {
  std::vector<Item> items;
  Packet packet;
  for (;;) {
    const auto more = source.next(packet);
    if (!more) {
      items.push_back({packet.name, more.error()});
      EXPECT_TRUE(more.error().message.starts_with(packet.name)) << more.error().message;
      continue;
    }
    if (!*more) return items;
    items.push_back({packet.name, std::nullopt});
  }
}

std::unique_ptr<Source> opened(const std::string& spec, const SourceOptions& options = {}) {
  auto source = open_source(spec, options);
  EXPECT_TRUE(source) << source.error().message;
  return source ? *std::move(source) : nullptr;
}

TEST(OpenSourceTest, ReadsAPictureWhole) {
  const ScratchFolder folder;
  std::vector<std::uint8_t> bytes(300'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7);
  write_file(folder.file("a.jpg"), bytes);
  const auto source = opened(folder.file("a.jpg"), {.stream = StreamId{2}});
  EXPECT_EQ(source->name(), folder.file("a.jpg"));
  EXPECT_EQ(source->item_count(), 1U);
  EXPECT_FALSE(source->is_live());
  EXPECT_FALSE(source->video_format());
  Packet packet;
  packet.media_time = std::chrono::seconds(1);
  packet.size = {9, 9};
  ASSERT_TRUE(*source->next(packet));
  EXPECT_EQ(packet.kind, PacketKind::kPicture);
  EXPECT_EQ(packet.bytes, bytes);
  EXPECT_EQ(packet.name, folder.file("a.jpg"));
  EXPECT_EQ(packet.stream, StreamId{2});
  EXPECT_FALSE(packet.media_time);
  EXPECT_EQ(packet.size, Size{});
  EXPECT_FALSE(*source->next(packet));
  EXPECT_FALSE(*source->next(packet));
}

TEST(OpenSourceTest, NamesAFileThatIsMissing) {
  const auto source = open_source("/nowhere/missing.jpg", {});
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(source.error().message, "/nowhere/missing.jpg: no such file or folder");
  EXPECT_EQ(open_source("", {}).error().code, ErrorCode::kInvalidArgument);
}

TEST(OpenSourceTest, ReadsAnEmptyFileAsNoBytes) {
  const ScratchFolder folder;
  write_file(folder.file("empty.jpg"), std::string());
  const auto source = opened(folder.file("empty.jpg"));
  Packet packet;
  packet.bytes = {1, 2, 3};
  ASSERT_TRUE(*source->next(packet));
  EXPECT_TRUE(packet.bytes.empty());
}

TEST(OpenSourceTest, RefusesAFileAboveTheLimitAndGoesOn) {
  const ScratchFolder folder;
  write_file(folder.file("1.jpg"), std::string(3000, 'x'));
  write_file(folder.file("2.jpg"), std::string(2'621'440, 'x'));
  write_file(folder.file("3.jpg"), std::string("x"));
  const auto source = opened(folder.path(), {.file_bytes_max = 1 << 20});
  const auto items = read_all(*source);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_FALSE(items[0].error);
  ASSERT_TRUE(items[1].error);
  EXPECT_EQ(items[1].error->code, ErrorCode::kOutOfMemory);
  EXPECT_EQ(items[1].error->message,
            folder.file("2.jpg") + ": a file of 2.5 MiB; expected at most 1.0 MiB");
  EXPECT_FALSE(items[2].error);
}

TEST(OpenSourceTest, ReadsAFolderInNaturalOrderAndReportsWhatVanished) {
  const ScratchFolder folder;
  for (const char* name : {"10.jpg", "9.jpg", "8.png", "sub/1.jpg"}) {
    write_file(folder.file(name), std::string(name));
  }
  const auto source = opened(folder.path());
  EXPECT_EQ(source->item_count(), 3U);
  std::filesystem::remove(folder.file("9.jpg"));
  const auto items = read_all(*source);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[0].name, folder.file("8.png"));
  ASSERT_TRUE(items[1].error);
  EXPECT_EQ(items[1].error->code, ErrorCode::kNotFound);
  EXPECT_EQ(items[1].error->message, folder.file("9.jpg") + ": no such file");
  EXPECT_EQ(items[2].name, folder.file("10.jpg"));
  EXPECT_EQ(opened(folder.path(), {.recursive = true})->item_count(), 3U);
}

TEST(OpenSourceTest, ListsFourThousandPicturesInNoTime) {
  const ScratchFolder folder;
  for (int i = 0; i < 4000; ++i) {
    write_file(folder.file("img" + std::to_string(i) + ".jpg"), std::string());
  }
  const TimePoint start = Clock::now();
  const auto source = opened(folder.path());
  EXPECT_LT(to_milliseconds(Clock::now() - start), 1000);  // about 10 ms on an idle machine
  EXPECT_EQ(source->item_count(), 4000U);
}

TEST(OpenSourceTest, TakesAGlobAndAFileWhoseNameLooksLikeOne) {
  const ScratchFolder folder;
  for (const char* name : {"a1.jpg", "a2.jpg", "b.jpg", "odd[1].jpg"}) {
    write_file(folder.file(name), std::string("x"));
  }
  EXPECT_EQ(opened(folder.file("a*.jpg"))->item_count(), 2U);
  EXPECT_EQ(opened(folder.file("odd[1].jpg"))->item_count(), 1U);
  EXPECT_EQ(opened("file:" + folder.file("b.jpg"))->item_count(), 1U);
  const auto none = open_source(folder.file("*.png"), {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
}

TEST(OpenSourceTest, ReadsAListRelativeToItsFolder) {
  const ScratchFolder folder;
  for (const char* name : {"set/a.jpg", "set/sub/2.jpg", "set/sub/10.jpg", "set/with # hash.jpg"}) {
    write_file(folder.file(name), std::string("x"));
  }
  write_file(folder.file("set/list.txt"),
             "\xEF\xBB\xBF./a.jpg\r\n\n# a comment\n  sub  \nmissing.jpg\n" +
                 folder.file("set/a.jpg") + "\nwith # hash.jpg\nsub/1*.jpg\nnone*.jpg");
  const auto items = read_all(*opened(folder.file("set/list.txt")));
  std::vector<std::string> names;
  for (const Item& item : items) {
    EXPECT_EQ(item.error.has_value(),
              item.name.ends_with("missing.jpg") || item.name.ends_with("none*.jpg"));
    names.push_back(item.name.substr(folder.path().size() + 5));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"a.jpg", "sub/2.jpg", "sub/10.jpg", "missing.jpg",
                                             "a.jpg", "with # hash.jpg", "sub/10.jpg",
                                             "none*.jpg"}));
}

TEST(OpenSourceTest, RefusesAListThatNamesNothingOrIsNoText) {
  const ScratchFolder folder;
  write_file(folder.file("empty.txt"), std::string("# nothing\n"));
  EXPECT_EQ(open_source(folder.file("empty.txt"), {}).error().code, ErrorCode::kNotFound);
  write_file(folder.file("binary.txt"), std::string("a\0b", 3));
  EXPECT_EQ(open_source(folder.file("binary.txt"), {}).error().code, ErrorCode::kInvalidArgument);
}

TEST(OpenSourceTest, RefusesPipesInsteadOfWaitingForThem) {
  const ScratchFolder folder;
  ASSERT_EQ(std::system(("mkfifo '" + folder.file("pipe.jpg") + "'").c_str()), 0);
  const auto items = read_all(*opened(folder.file("pipe.jpg")));
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].error->code, ErrorCode::kUnsupported);
}

TEST(OpenSourceTest, AnswersCancelledFromAStopOn) {
  const ScratchFolder folder;
  for (const char* name : {"1.jpg", "2.jpg"}) write_file(folder.file(name), std::string("x"));
  const auto source = opened(folder.path());
  Packet packet;
  ASSERT_TRUE(*source->next(packet));
  source->request_stop();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(source->next(packet).error().code, ErrorCode::kCancelled);
  }
}

}  // namespace
}  // namespace shoal
