// Goal: the files a user means, in the order a user expects.
#include "source/file_names.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "core/fixtures_test.h"

namespace shoal {
namespace {

using Names = std::vector<std::string>;

class FileNamesTest : public testing::Test {
 protected:
  FileNamesTest() {
    for (const char* name : {"img10.jpg", "img2.JPG", "img1.png", "notes.txt", ".hidden.jpg",
                             "clip.mp4", "a/b/deep.webp", "a/top.tif", "a b/side.bmp",
                             ".git/object.jpg", "odd[1].jpg"}) {
      write_file(folder_.file(name), std::string("x"));
    }
    std::filesystem::create_directories(folder_.file("empty/folder.jpg"));
  }

  Names relative(const Names& paths) const {
    Names names;
    for (const auto& path : paths) names.push_back(path.substr(folder_.path().size() + 1));
    return names;
  }

  ScratchFolder folder_;
};

TEST(NaturalOrderTest, ComparesNumbersByValueAndFoldersFirst) {
  Names names = {"img10.jpg", "img2.jpg", "img02.jpg", "img1.jpg", "a b/x", "a/x", "b", "", "7",
                 "10", "a/x/1", "img2"};
  std::sort(names.begin(), names.end(), natural_less);
  const Names expected = {"", "7", "10", "a/x", "a/x/1", "a b/x", "b", "img1.jpg", "img2",
                          "img02.jpg", "img2.jpg", "img10.jpg"};
  EXPECT_EQ(names, expected);
}

TEST(NaturalOrderTest, IsATotalOrder) {
  const Names names = {"a1", "a01", "a001", "a10", "a2b", "a/", "a", "a-", "a02", "1a", "01a", "b",
                       "99999999999999999999999999", "99999999999999999999999998"};
  for (const auto& x : names) {
    EXPECT_FALSE(natural_less(x, x));
    for (const auto& y : names) {
      EXPECT_TRUE(x == y || natural_less(x, y) != natural_less(y, x)) << x << " " << y;
      for (const auto& z : names) {
        if (natural_less(x, y) && natural_less(y, z)) {
          EXPECT_TRUE(natural_less(x, z)) << x << " " << y << " " << z;
        }
      }
    }
  }
}

TEST(FileKindTest, GoesByTheSuffixInAnyCase) {
  EXPECT_EQ(file_kind("a/b.JPeG"), FileKind::kPicture);
  EXPECT_EQ(file_kind("b.tiff"), FileKind::kPicture);
  EXPECT_EQ(file_kind("b.MKV"), FileKind::kVideo);
  EXPECT_EQ(file_kind("b.onnx"), FileKind::kUnknown);
  EXPECT_EQ(file_kind("jpg"), FileKind::kUnknown);
  EXPECT_EQ(file_kind("b."), FileKind::kUnknown);
}

TEST_F(FileNamesTest, ListsAFolderWithoutHiddenAndUnknownFiles) {
  const auto names = list_directory(folder_.path(), false);
  ASSERT_TRUE(names);
  EXPECT_EQ(relative(*names),
            (Names{"clip.mp4", "img1.png", "img2.JPG", "img10.jpg", "odd[1].jpg"}));
}

TEST_F(FileNamesTest, DescendsOnRequest) {
  const auto names = list_directory(folder_.path(), true);
  ASSERT_TRUE(names);
  EXPECT_EQ(relative(*names),
            (Names{"a/b/deep.webp", "a/top.tif", "a b/side.bmp", "clip.mp4", "img1.png",
                   "img2.JPG", "img10.jpg", "odd[1].jpg"}));
}

TEST_F(FileNamesTest, SaysThatAFolderHoldsNothing) {
  const auto names = list_directory(folder_.file("empty"), false);
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().code, ErrorCode::kNotFound);
  EXPECT_NE(names.error().message.find("--recursive"), std::string::npos);
  EXPECT_EQ(list_directory(folder_.file("absent"), false).error().code, ErrorCode::kUnavailable);
}

TEST_F(FileNamesTest, ExpandsGlobs) {
  const auto expand = [&](const char* pattern) {
    const auto names = expand_glob(folder_.file(pattern));
    return names ? relative(*names) : Names{"error: " + names.error().message};
  };
  EXPECT_EQ(expand("*.jpg"), (Names{"img10.jpg", "odd[1].jpg"}));
  EXPECT_EQ(expand("img?.*"), (Names{"img1.png", "img2.JPG"}));
  EXPECT_EQ(expand("img[0-1]*"), (Names{"img1.png", "img10.jpg"}));
  EXPECT_EQ(expand("*/*.tif"), (Names{"a/top.tif"}));
  EXPECT_EQ(expand("**/*.webp"), (Names{"a/b/deep.webp"}));
  EXPECT_EQ(expand("**/*.jpg"), (Names{"img10.jpg", "odd[1].jpg"}));
  EXPECT_EQ(expand("a/**"), (Names{"a/b/deep.webp", "a/top.tif"}));
  EXPECT_EQ(expand("a*/**/*.*"), (Names{"a/b/deep.webp", "a/top.tif", "a b/side.bmp"}));
  EXPECT_EQ(expand("**/**/deep.*"), (Names{"a/b/deep.webp"}));
}

TEST_F(FileNamesTest, TellsNoMatchFromNoPicture) {
  const auto none = expand_glob(folder_.file("*.nothing"));
  ASSERT_FALSE(none);
  EXPECT_TRUE(none.error().message.ends_with("*.nothing: no file matches"));
  const auto text = expand_glob(folder_.file("*.txt"));
  ASSERT_FALSE(text);
  EXPECT_NE(text.error().message.find("1 files match, none with the suffix"), std::string::npos);
}

}  // namespace
}  // namespace shoal
