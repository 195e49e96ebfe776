// Goal: the header parsers, EXIF orientation and the turning of pixels, by hand-made bytes. Whole
// files are picture_decoder_test.cpp's.
#include "decode/picture_header.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/packet.h"
#include "decode/exif.h"
#include "decode/orientation.h"
#include "decode/raw_pixels.h"

namespace shoal {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes exif(bool big_endian, std::uint16_t type, std::uint32_t value) {
  Bytes bytes;
  const auto number = [&](std::uint32_t n, int count) {
    for (int i = 0; i < count; ++i) {
      const int shift = 8 * (big_endian ? count - 1 - i : i);
      bytes.push_back(static_cast<std::uint8_t>(n >> shift));
    }
  };
  bytes.assign(2, big_endian ? 'M' : 'I');
  number(42, 2);
  number(8, 4);
  number(1, 2);
  number(274, 2);
  number(type, 2);
  number(1, 4);
  number(value, type == 3 ? 2 : 4);
  if (type == 3) number(0, 2);
  number(0, 4);
  return bytes;
}

TEST(ExifTest, ReadsTheOrientationInBothByteOrders) {
  for (std::uint32_t orientation = 1; orientation <= 8; ++orientation) {
    EXPECT_EQ(exif_orientation(exif(true, 3, orientation)), static_cast<int>(orientation));
    EXPECT_EQ(exif_orientation(exif(false, 3, orientation)), static_cast<int>(orientation));
    EXPECT_EQ(exif_orientation(exif(true, 4, orientation)), static_cast<int>(orientation));
  }
}

TEST(ExifTest, TakesNonsenseForUpright) {
  EXPECT_EQ(exif_orientation(exif(true, 3, 0)), 1);
  EXPECT_EQ(exif_orientation(exif(true, 3, 9)), 1);
  EXPECT_EQ(exif_orientation(exif(true, 2, 6)), 1);
  EXPECT_EQ(exif_orientation({}), 1);
  const Bytes whole = exif(false, 3, 6);
  for (std::size_t size = 0; size < 20; ++size) {
    EXPECT_EQ(exif_orientation(std::span(whole).first(size)), 1) << size;
  }
  Bytes far = whole;
  far[4] = far[5] = far[6] = far[7] = 0xFF;  // the directory lies behind the end of the world
  EXPECT_EQ(exif_orientation(far), 1);
}

TEST(PictureHeaderTest, GroupsDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1024), "1,024");
  EXPECT_EQ(grouped(178'956'970), "178,956,970");
}

TEST(PictureHeaderTest, ReadsBitmapsOfBothKindsAndBothDirections) {
  Bytes bmp(54, 0);
  bmp[0] = 'B';
  bmp[1] = 'M';
  bmp[14] = 40;
  bmp[18] = 7;
  bmp[22] = 0xFB;  // -5: rows from the top
  bmp[23] = bmp[24] = bmp[25] = 0xFF;
  const auto info = read_picture_header(bmp);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->format, PictureFormat::kBmp);
  EXPECT_EQ(info->size, (Size{7, 5}));
  bmp[14] = 12;
  bmp[20] = 3;
  bmp[21] = 0;
  const auto core = read_picture_header(bmp);
  ASSERT_TRUE(core);
  EXPECT_EQ(core->size, (Size{7, 3}));
}

TEST(PictureHeaderTest, SkipsRubbishAndFillBytesBetweenJpegSegments) {
  const Bytes jpeg = {0xFF, 0xD8, 0xFF, 0xE0, 0,    4,    1,    2, 9,  9,    // two stray bytes
                      0xFF, 0xFF, 0xFF, 0xC2, 0,    11,   8,    0, 20, 0, 30, 1, 1, 0x11, 0,
                      0xFF, 0xDA, 0,    2,    1,    2,    0xFF, 0xD9};
  const auto header = read_picture_header(jpeg);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->size, (Size{30, 20}));
  EXPECT_EQ(header->channels, 1);
  EXPECT_TRUE(check_complete(*header, jpeg));
  EXPECT_FALSE(check_complete(*header, std::span(jpeg).first(jpeg.size() - 1)));
}

TEST(PictureHeaderTest, WantsAFrameHeaderBeforeTheFirstScan) {
  const Bytes jpeg = {0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 1, 2, 0xFF, 0xD9};
  const auto header = read_picture_header(jpeg);
  ASSERT_FALSE(header);
  EXPECT_NE(header.error().message.find("frame header"), std::string::npos);
}

TEST(PictureHeaderTest, DescribesTextWithoutBreakingUtf8OrLines) {
  const std::string page = "<html>\r\n<body>Gr\xC3\xBC\xC3\x9F";
  EXPECT_EQ(describe_bytes({reinterpret_cast<const std::uint8_t*>(page.data()), page.size()}),
            "text that begins with \"<html>\"");
  EXPECT_EQ(describe_bytes({}), "nothing");
}

// A frame whose pixel (x, y) is (x, y, 7).
Frame numbered(Size size) {
  Frame frame;
  EXPECT_TRUE(prepare_frame(frame, size));
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      std::uint8_t* pixel = frame.pixels.data() + y * frame.pitch_bytes + 3 * x;
      pixel[0] = static_cast<std::uint8_t>(x);
      pixel[1] = static_cast<std::uint8_t>(y);
      pixel[2] = 7;
    }
  }
  return frame;
}

TEST(OrientationTest, PutsEveryPixelWhereExifSays) {
  const Size stored{71, 45};  // more than one tile, and partial ones
  // Where the stored picture's first pixel, and the one to its right, come to lie (EXIF 2.32,
  // table of the orientation tag): first row and first column as seen.
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Frame frame = numbered(stored);
    PixelBuffer scratch;
    ASSERT_TRUE(turn_upright(frame, scratch, orientation));
    const Size size = frame.size;
    EXPECT_EQ(size, orientation >= 5 ? (Size{45, 71}) : stored);
    for (int y = 0; y < size.height; ++y) {
      for (int x = 0; x < size.width; ++x) {
        const bool swapped = orientation >= 5;
        int column = swapped ? y : x;
        int row = swapped ? x : y;
        if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) {
          column = stored.width - 1 - column;
        }
        if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) {
          row = stored.height - 1 - row;
        }
        const std::uint8_t* pixel = frame.pixels.data() + y * frame.pitch_bytes + 3 * x;
        ASSERT_EQ(pixel[0], column) << orientation << " at " << x << "," << y;
        ASSERT_EQ(pixel[1], row) << orientation << " at " << x << "," << y;
        ASSERT_EQ(pixel[2], 7);
      }
    }
  }
}

TEST(RawPixelsTest, CopiesThePacketAndItsPlaceInTheStream) {
  Packet packet;
  packet.kind = PacketKind::kPixels;
  packet.name = "synthetic";
  packet.size = {2, 2};
  packet.bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  packet.stream = StreamId{3};
  packet.frame = FrameId{9};
  packet.media_time = std::chrono::milliseconds(40);
  Frame frame;
  ASSERT_TRUE(copy_pixels(frame, packet));
  EXPECT_EQ(frame.size, (Size{2, 2}));
  EXPECT_EQ(frame.source_size, (Size{2, 2}));
  EXPECT_EQ(frame.stream, StreamId{3});
  EXPECT_EQ(frame.id, FrameId{9});
  EXPECT_EQ(frame.media_time, std::chrono::nanoseconds(40'000'000));
  EXPECT_EQ(frame.pixels.data()[5], 6);
  EXPECT_EQ(frame.pixels.data()[frame.pitch_bytes], 7);
  packet.bytes.pop_back();
  const auto wrong = copy_pixels(frame, packet);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message,
            "synthetic: raw pixels of 2x2 need 12 bytes (RGB, at least 1x1); got 11");
  packet.kind = PacketKind::kPicture;
  EXPECT_FALSE(copy_pixels(frame, packet));
}

}  // namespace
}  // namespace shoal
