// Goal: the number of pictures in a file is told from its structure, and what is film or picture
// from its first bytes; damaged and cut files give a number and nothing worse.
#include "core/picture_pages.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace shoal {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }

std::string big(std::uint32_t value) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 255U);
  return text;
}

std::string little(std::uint32_t value, int size = 4) {
  std::string text;
  for (int i = 0; i < size; ++i) text += static_cast<char>(value >> (8 * i) & 255U);
  return text;
}

std::string gif(int frames) {
  std::string text = "GIF89a" + little(8, 2) + little(8, 2) + '\x80' + std::string(2, '\0') +
                     std::string(6, '\0');  // two colours
  text += std::string("!\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0", 19);
  for (int i = 0; i < frames; ++i) {
    text += std::string("!\xF9\x04\0\4\0\0\0", 8);  // a delay
    text += ',' + std::string(8, '\0') + '\x80' + std::string(6, '\0');
    text += std::string("\x02\x02\x44\x01\0", 5);
  }
  return text + ';';
}

std::string png_chunk(const std::string& type, const std::string& data) {
  return big(static_cast<std::uint32_t>(data.size())) + type + data + big(0);
}

std::string png(std::uint32_t frames) {
  std::string text = "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", std::string(13, '\0'));
  if (frames > 0) text += png_chunk("acTL", big(frames) + big(0));
  return text + png_chunk("IDAT", "x") + png_chunk("IEND", "");
}

// Directories one behind the other; `reduced` are thumbnails.
std::string tiff(int pages, int reduced = 0, bool circle = false) {
  std::string text = std::string("II*\0", 4) + little(8);
  for (int i = 0; i < pages + reduced; ++i) {
    const bool last = i + 1 == pages + reduced;
    const auto here = static_cast<std::uint32_t>(text.size());
    text += little(1, 2) + little(254, 2) + little(4, 2) + little(1) +
            little(i >= pages ? 1 : 0) + little(last ? (circle ? 8 : 0) : here + 18);
  }
  return text;
}

std::string webp(int frames) {
  std::string text = "RIFF" + little(0) + "WEBPVP8X" + little(10) + std::string(10, '\2');
  for (int i = 0; i < frames; ++i) text += "ANMF" + little(3) + std::string(4, '\0');
  return text;
}

TEST(PicturePagesTest, CountsFramesAndPages) {
  EXPECT_EQ(picture_pages(bytes(gif(1))), 1);
  EXPECT_EQ(picture_pages(bytes(gif(30))), 30);
  EXPECT_EQ(picture_pages(bytes(png(0))), 1);
  EXPECT_EQ(picture_pages(bytes(png(1))), 1);
  EXPECT_EQ(picture_pages(bytes(png(12))), 12);
  EXPECT_EQ(picture_pages(bytes(tiff(1))), 1);
  EXPECT_EQ(picture_pages(bytes(tiff(3))), 3);
  EXPECT_EQ(picture_pages(bytes(tiff(1, 1))), 1);
  EXPECT_EQ(picture_pages(bytes(webp(4))), 4);
  EXPECT_EQ(picture_pages(bytes("\xFF\xD8\xFF jpeg")), 1);
  EXPECT_EQ(picture_pages({}), 1);
}

TEST(PicturePagesTest, OnlyGifAndApngArePlayed) {
  EXPECT_TRUE(is_animation(bytes(gif(2))));
  EXPECT_TRUE(is_animation(bytes(png(2))));
  EXPECT_FALSE(is_animation(bytes(gif(1))));
  EXPECT_FALSE(is_animation(bytes(tiff(2))));
  EXPECT_FALSE(is_animation(bytes(webp(2))));
}

TEST(PicturePagesTest, AChainInACircleEnds) {
  const int pages = picture_pages(bytes(tiff(2, 0, true)));
  EXPECT_GE(pages, 2);
  EXPECT_LE(pages, 10'000);
}

TEST(PicturePagesTest, CutAndChangedFilesGiveANumber) {
  std::mt19937 random(1);
  for (const std::string& whole : {gif(5), png(5), tiff(5), webp(5)}) {
    for (int round = 0; round < 2000; ++round) {
      Bytes changed = bytes(whole);
      changed.resize(random() % (changed.size() + 1));
      for (int i = 0; i < 3 && !changed.empty(); ++i) {
        changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
      }
      const int pages = picture_pages(changed);
      ASSERT_GE(pages, 1);
      ASSERT_LE(pages, 10'000);
      (void)begins_as_film(changed);
      (void)begins_as_picture(changed);
    }
  }
}

TEST(PicturePagesTest, TellsFilmsFromPicturesByTheirFirstBytes) {
  std::string stream(512, '\0');
  stream[0] = stream[188] = stream[376] = '\x47';
  const std::vector<std::string> films = {
      big(24) + "ftypisom", big(24) + "ftypqt  ", big(8) + "moov", "\x1a\x45\xdf\xa3", stream,
      "RIFF1234AVI LIST", std::string("\0\0\0\1\x67\x42", 6), std::string("\0\0\1\x09\x10", 5),
      std::string("\0\0\0\1\x40\1\x0c", 7), std::string("\0\0\1\xB3\x28\0", 6), "DKIF\0\0",
      "YUV4MPEG2 W64", "FLV\1"};
  for (const std::string& film : films) {
    EXPECT_TRUE(begins_as_film(bytes(film))) << testing::PrintToString(film);
    EXPECT_FALSE(begins_as_picture(bytes(film))) << testing::PrintToString(film);
  }
  const std::vector<std::string> pictures = {"\xFF\xD8\xFF\xE0", png(0), gif(1), tiff(1), webp(0),
                                             big(24) + "ftypheic", big(24) + "ftypavif"};
  for (const std::string& picture : pictures) {
    EXPECT_FALSE(begins_as_film(bytes(picture))) << testing::PrintToString(picture);
    EXPECT_TRUE(begins_as_picture(bytes(picture))) << testing::PrintToString(picture);
  }
  for (const char* other : {"", "hello", "<html>", "#EXTM3U"}) {
    EXPECT_FALSE(begins_as_film(bytes(other)) || begins_as_picture(bytes(other))) << other;
  }
}

}  // namespace
}  // namespace shoal
