// Goal: the pictures come out, whatever stands around them and however they arrive. Method: real
// small JPEGs in every packaging, cut into pieces of any size.
#include "source/jpeg_splitter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "core/fixtures_test.h"

namespace shoal {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Seen {
  Bytes bytes;
  Size size;
  bool whole;
};

std::vector<Seen> split(const Bytes& bytes, std::size_t piece, std::size_t bytes_max = 1 << 20) {
  JpegSplitter splitter(bytes_max);
  std::vector<Seen> all;
  const auto take = [&] {
    while (const auto found = splitter.next()) {
      all.push_back({{found->bytes.begin(), found->bytes.end()}, found->size, found->whole});
    }
  };
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    splitter.push(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    take();
  }
  splitter.finish();
  take();
  return all;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes text(const std::string& letters) { return {letters.begin(), letters.end()}; }

class JpegSplitterTest : public ::testing::Test {
 protected:
  // A baseline and a progressive picture of 16x8 pixels.
  void SetUp() override {
    const auto all = split(
        read_file(source_folder() + "/src/source/jpeg_splitter_corpus/one_after_the_other"), 4096);
    ASSERT_EQ(all.size(), 3U);
    baseline = all[0].bytes;
    progressive = all[1].bytes;
  }

  void expect_pictures(const Bytes& stream, const std::vector<Bytes>& pictures) {
    for (const std::size_t piece : {1UL, 2UL, 7UL, 500UL, 100'000UL}) {
      const auto seen = split(stream, piece);
      ASSERT_EQ(seen.size(), pictures.size()) << piece;
      for (std::size_t i = 0; i < seen.size(); ++i) {
        EXPECT_EQ(seen[i].bytes, pictures[i]) << piece << ' ' << i;
        EXPECT_EQ(seen[i].size, (Size{16, 8}));
        EXPECT_TRUE(seen[i].whole);
      }
    }
  }

  Bytes baseline;
  Bytes progressive;
};

TEST_F(JpegSplitterTest, WhatStandsBetweenPicturesDoesNotMatter) {
  for (const std::string between :
       {"", "\r\n--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 634\r\n\r\n",
        "\n--frame\n\n", "\r\n--frame\r\n--frame\r\nContent-Length: 1\r\n\r\n", "\xFF", "\xFF\xD8",
        "\xFF\xD9\xFF\xD9", "Content-Length: 99999999999\r\n\r\n"}) {
    const Bytes gap = text(between);
    expect_pictures(gap + baseline + gap + progressive + gap + baseline + gap,
                    {baseline, progressive, baseline});
  }
  expect_pictures(baseline + Bytes(10'000, 0) + progressive, {baseline, progressive});
}

TEST_F(JpegSplitterTest, APictureWithinASegmentBelongsToItsPicture) {
  // As Exif's thumbnail: APP1 right behind the start of image.
  const auto length = progressive.size() + 2;
  const Bytes segment = Bytes{0xFF, 0xE1, static_cast<std::uint8_t>(length >> 8),
                              static_cast<std::uint8_t>(length & 255)} + progressive;
  const Bytes with = Bytes(baseline.begin(), baseline.begin() + 2) + segment +
                     Bytes(baseline.begin() + 2, baseline.end());
  expect_pictures(with + baseline, {with, baseline});
}

TEST_F(JpegSplitterTest, APictureThatWasCutOffIsSaidToBe) {
  for (const std::size_t missing : {1UL, 2UL, 5UL, 8UL}) {
    Bytes cut = baseline;
    cut.resize(cut.size() - missing);
    const auto seen = split(cut + text("\r\n--frame\r\n\r\n") + progressive, 64);
    ASSERT_EQ(seen.size(), 2U) << missing;
    EXPECT_FALSE(seen[0].whole);
    EXPECT_TRUE(seen[1].whole);
    EXPECT_EQ(seen[1].bytes, progressive);
    const auto last = split(progressive + cut, 64);
    ASSERT_EQ(last.size(), 2U) << missing;
    EXPECT_FALSE(last[1].whole);
  }
}

TEST_F(JpegSplitterTest, AfterAnyDamageWholePicturesComeAgain) {
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    Bytes damaged = baseline + progressive + baseline;
    for (int i = 0; i < 6; ++i) {
      damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
    }
    // A length that is wrong hides no more than 64 KiB.
    Bytes stream = damaged;
    for (int i = 0; i < 200; ++i) stream = stream + baseline;
    const auto seen = split(stream, 1 + random() % 900);
    ASSERT_GE(seen.size(), 90U);
    EXPECT_EQ(seen.back().bytes, baseline);
    EXPECT_TRUE(seen.back().whole);
  }
}

TEST_F(JpegSplitterTest, APictureThatDoesNotEndIsPassedOver) {
  Bytes endless(baseline.begin(), baseline.end() - 2);
  endless.resize(endless.size() + 100'000, 0x55);
  JpegSplitter splitter(10'000);
  int cut = 0;
  for (std::size_t at = 0; at < endless.size(); at += 1000) {
    splitter.push(std::span(endless).subspan(at, std::min<std::size_t>(1000, endless.size() - at)));
    while (const auto found = splitter.next()) cut += found->whole ? 100 : 1;
  }
  EXPECT_EQ(splitter.overlong(), 1U);
  EXPECT_EQ(cut, 0);
  splitter.push(progressive);
  const auto found = splitter.next();
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->whole);
}

TEST_F(JpegSplitterTest, ChainsOfPointlessSegmentsAreReadOnce) {
  // Each would be a start of its own if reading went back to it: quadratic.
  Bytes chain = {0xFF, 0xD8};
  const Bytes segment = {0xFF, 0xE0, 0x00, 0x05, 0xFF, 0xD8, 0xFF};
  while (chain.size() < 1'000'000) chain.insert(chain.end(), segment.begin(), segment.end());
  EXPECT_TRUE(split(chain, 4096, 1 << 30).empty());  // within the time that a test has
}

}  // namespace
}  // namespace shoal
