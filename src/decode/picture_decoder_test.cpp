// Goal: the same pixels as OpenCV (or Pillow) for every kind of picture, boxes that do not move
// after a scaled decode. Method: picture_reference.py writes the pictures and what it sees in them.
#include "decode/picture_decoder.h"

#include <gtest/gtest.h>
#include <turbojpeg.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "core/fixtures_test.h"
#include "decode/jpeg_decoder.h"

namespace shoal {
namespace {

struct Difference {
  int largest = 0;
  double mean = 0;
};

Difference compare(const Frame& frame, const std::vector<std::uint8_t>& reference) {
  Difference difference;
  const auto row = static_cast<std::size_t>(frame.size.width) * 3;
  double sum = 0;
  for (int y = 0; y < frame.size.height; ++y) {
    const std::uint8_t* seen = frame.pixels.data() + y * frame.pitch_bytes;
    const std::uint8_t* wanted = reference.data() + static_cast<std::size_t>(y) * row;
    for (std::size_t i = 0; i < row; ++i) {
      const int delta = std::abs(seen[i] - wanted[i]);
      difference.largest = std::max(difference.largest, delta);
      sum += delta;
    }
  }
  difference.mean = sum / static_cast<double>(reference.size());
  return difference;
}

std::vector<std::uint8_t> packed(const Frame& frame) {
  std::vector<std::uint8_t> bytes;
  for (int y = 0; y < frame.size.height; ++y) {
    const std::uint8_t* row = frame.pixels.data() + y * frame.pitch_bytes;
    bytes.insert(bytes.end(), row, row + frame.size.width * 3);
  }
  return bytes;
}

// A JPEG of a horizontal ramp from 0 to 255, without chroma subsampling.
std::vector<std::uint8_t> ramp_jpeg(Size size) {
  std::vector<std::uint8_t> rgb;
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const auto level = static_cast<std::uint8_t>(
          std::lround((x + 0.5) * 255.0 / size.width));
      rgb.insert(rgb.end(), 3, level);
    }
  }
  const tjhandle encoder = tjInitCompress();
  unsigned char* data = nullptr;
  unsigned long bytes = 0;
  tjCompress2(encoder, rgb.data(), size.width, 0, size.height, TJPF_RGB, &data, &bytes, TJSAMP_444,
              98, 0);
  std::vector<std::uint8_t> jpeg(data, data + bytes);
  tjFree(data);
  tjDestroy(encoder);
  return jpeg;
}

class PictureDecoderReferenceTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<ScratchFolder>();
    ASSERT_EQ(run_python("src/decode/picture_reference.py", folder_->path()), 0);
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static inline std::unique_ptr<ScratchFolder> folder_;
};

TEST_F(PictureDecoderReferenceTest, DecodesEveryKindOfPictureToThePixelsOfTheReference) {
  std::ifstream manifest(folder_->file("manifest.txt"));
  std::string name;
  Size size;
  int tolerance = 0;
  int pictures = 0;
  PictureDecoder decoder;
  Frame frame;
  while (manifest >> name >> size.width >> size.height >> tolerance) {
    SCOPED_TRACE(name);
    const auto report = decoder.decode(frame, read_file(folder_->file(name)), name, {});
    ++pictures;
    if (!report) {
      ADD_FAILURE() << report.error().message;
      continue;
    }
    EXPECT_FALSE(report->damaged) << *report->damaged;
    EXPECT_EQ(frame.size, size);
    EXPECT_EQ(frame.source_size, size);
    EXPECT_EQ(frame.format, PixelFormat::kRgb8);
    if (frame.size != size) continue;
    const Difference difference = compare(frame, read_file(folder_->file(name + ".rgb")));
    EXPECT_LE(difference.largest, tolerance);
  }
  EXPECT_EQ(pictures, 56);
}

TEST_F(PictureDecoderReferenceTest, ProbesTheUprightSizeThatItDecodes) {
  std::ifstream manifest(folder_->file("manifest.txt"));
  std::string name;
  Size size;
  int tolerance = 0;
  while (manifest >> name >> size.width >> size.height >> tolerance) {
    const auto probed = PictureDecoder::probe(read_file(folder_->file(name)));
    ASSERT_TRUE(probed) << name << ": " << probed.error().message;
    EXPECT_EQ(*probed, size) << name;
  }
}

TEST_F(PictureDecoderReferenceTest, RefusesVariantsThatFfmpegDecodesWronglyAndSaysWhatToDo) {
  PictureDecoder decoder;
  Frame frame;
  for (const char* name : {"tiles.tif", "jpeg_inside.tif", "float.tif", "lab.tif",
                           "animated.webp"}) {
    const auto report = decoder.decode(frame, read_file(folder_->file(name)), name, {});
    ASSERT_FALSE(report) << name;
    EXPECT_EQ(report.error().code, ErrorCode::kUnsupported) << report.error().message;
    EXPECT_NE(report.error().message.find("convert it"), std::string::npos)
        << report.error().message;
  }
}

TEST_F(PictureDecoderReferenceTest, TurnsAScaledPictureAsItTurnsAFullOne) {
  const std::array buckets{Size{64, 64}};
  PictureDecoder decoder;
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const std::string name = "exif" + std::to_string(orientation) + ".jpg";
    const auto bytes = read_file(folder_->file(name));
    Frame full;
    Frame scaled;
    ASSERT_TRUE(decoder.decode(full, bytes, name, {}));
    ASSERT_TRUE(decoder.decode(scaled, bytes, name, {.limits = {}, .buckets = buckets}));
    EXPECT_EQ(scaled.source_size, full.source_size) << name;
    ASSERT_LT(scaled.size.width, full.size.width) << name;
    EXPECT_EQ(scaled.size.width > scaled.size.height, full.size.width > full.size.height) << name;
    // The middle of each quarter has the same colour in both.
    for (const double x : {0.25, 0.75}) {
      for (const double y : {0.25, 0.75}) {
        const auto pixel = [&](const Frame& frame) {
          return frame.pixels.data() +
                 static_cast<std::ptrdiff_t>(y * frame.size.height) * frame.pitch_bytes +
                 static_cast<std::ptrdiff_t>(x * frame.size.width) * 3;
        };
        for (int channel = 0; channel < 2; ++channel) {  // blue has steps, red and green are ramps
          EXPECT_NEAR(pixel(scaled)[channel], pixel(full)[channel], 8) << name;
        }
      }
    }
  }
}

TEST(PictureDecoderTest, ScalesDuringDecodingToTheSmallestEighthThatCoversTheContent) {
  EXPECT_EQ(choose_dct_scale({1280, 1280}, {640, 640}).eighths, 4);
  EXPECT_EQ(choose_dct_scale({1279, 1279}, {640, 640}).eighths, 4);  // 639.5 rounds to 640
  EXPECT_EQ(choose_dct_scale({1278, 1278}, {640, 640}).eighths, 8);
  EXPECT_EQ(choose_dct_scale({810, 1080}, {240, 320}).eighths, 3);
  EXPECT_EQ(choose_dct_scale({4000, 3000}, {640, 480}).eighths, 2);
  EXPECT_EQ(choose_dct_scale({8000, 6000}, {640, 480}).eighths, 1);
  EXPECT_EQ(choose_dct_scale({640, 480}, {640, 480}).eighths, 8);
  EXPECT_EQ(choose_dct_scale({3, 300}, {3, 40}).eighths, 8);
}

TEST(PictureDecoderTest, KeepsEveryPixelInPlaceWhenItScales) {
  // 201 / 8 = 25.1: with the partial last pixel kept, the ramp would be stretched by 4 %, which
  // is 9 levels at the right edge.
  PictureDecoder decoder;
  for (const int width : {200, 201, 203, 204, 207}) {
    const std::array buckets{Size{25, 25}};
    Frame frame;
    ASSERT_TRUE(decoder.decode(frame, ramp_jpeg({width, width}), "ramp",
                               {.limits = {}, .buckets = buckets}));
    EXPECT_EQ(frame.source_size, (Size{width, width}));
    EXPECT_EQ(frame.size.width, (width + 4) / 8);
    for (int x = 0; x < frame.size.width; ++x) {
      const double expected = (x + 0.5) * 255.0 / frame.size.width;
      EXPECT_NEAR(frame.pixels.data()[3 * x], expected, 5.5) << width << " at " << x;
    }
  }
}

TEST(PictureDecoderTest, DecodesInFullWhereNoBucketAsksForLess) {
  PictureDecoder decoder;
  Frame frame;
  const std::array buckets{Size{640, 640}};
  ASSERT_TRUE(decoder.decode(frame, ramp_jpeg({1000, 700}), "ramp",
                             {.limits = {}, .buckets = buckets}));
  EXPECT_EQ(frame.size, (Size{1000, 700}));
  EXPECT_EQ(frame.source_size, frame.size);
}

TEST(PictureDecoderTest, ReusesTheFramesMemory) {
  PictureDecoder decoder;
  Frame frame;
  frame.media_time = std::chrono::nanoseconds(5);
  ASSERT_TRUE(decoder.decode(frame, ramp_jpeg({320, 200}), "a", {}));
  const std::uint8_t* first = frame.pixels.data();
  EXPECT_FALSE(frame.media_time);
  ASSERT_TRUE(decoder.decode(frame, ramp_jpeg({160, 100}), "b", {}));
  ASSERT_TRUE(decoder.decode(frame, ramp_jpeg({320, 200}), "c", {}));
  EXPECT_EQ(frame.pixels.data(), first);
}

TEST(PictureDecoderTest, GivesTheSamePixelsWhateverFailedBefore) {
  PictureDecoder decoder;
  const auto good = ramp_jpeg({64, 48});
  auto broken = good;
  broken.resize(broken.size() / 2);
  Frame frame;
  ASSERT_TRUE(decoder.decode(frame, good, "good", {}));
  const auto before = packed(frame);
  EXPECT_FALSE(decoder.decode(frame, broken, "broken", {}));
  EXPECT_FALSE(decoder.decode(frame, {}, "empty", {}));
  ASSERT_TRUE(decoder.decode(frame, good, "good", {}));
  EXPECT_EQ(packed(frame), before);
}

TEST(PictureDecoderTest, ReadsThePicturesOfTheZooAsOpenCvDoes) {
  SHOAL_NEED_ZOO("images/bus.jpg");
  PictureDecoder decoder;
  Frame frame;
  const ScratchFolder folder;
  for (const char* name : {"bus.jpg", "zidane.jpg", "dog.jpg"}) {
    const std::string path = zoo_folder() + "/images/" + name;
    ASSERT_EQ(run_python("src/decode/imread_reference.py",
                         "'" + path + "' '" + folder.file("reference.rgb") + "'"), 0);
    ASSERT_TRUE(decoder.decode(frame, read_file(path), name, {}));
    const auto reference = read_file(folder.file("reference.rgb"));
    ASSERT_EQ(reference.size(), packed(frame).size());
    EXPECT_LE(compare(frame, reference).largest, 1) << name;
  }
}

}  // namespace
}  // namespace shoal
