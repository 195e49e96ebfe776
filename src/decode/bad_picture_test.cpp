// Goal: every kind of bad picture is an error (or `damaged`) of that picture alone, whose message
// names what, which, expected and got; bombs are refused by their header.
#include <gtest/gtest.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/fixtures_test.h"
#include "decode/picture_decoder.h"
#include "decode/picture_header.h"

namespace shoal {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes noise_jpeg(Size size) {
  Bytes rgb(static_cast<std::size_t>(size.width * size.height * 3));
  std::uint32_t state = 1;
  for (auto& byte : rgb) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  const tjhandle encoder = tjInitCompress();
  unsigned char* data = nullptr;
  unsigned long length = 0;
  tjCompress2(encoder, rgb.data(), size.width, 0, size.height, TJPF_RGB, &data, &length, TJSAMP_420,
              90, 0);
  Bytes jpeg(data, data + length);
  tjFree(data);
  tjDestroy(encoder);
  return jpeg;
}

Bytes text(const std::string& words) { return {words.begin(), words.end()}; }

std::size_t frame_header_at(const Bytes& jpeg) {
  for (std::size_t i = 2; i + 9 < jpeg.size(); ++i) {
    if (jpeg[i] == 0xFF && jpeg[i + 1] == 0xC0) return i;
  }
  return 0;
}

void set_jpeg_size(Bytes& jpeg, int width, int height) {
  const std::size_t at = frame_header_at(jpeg);
  jpeg[at + 5] = static_cast<std::uint8_t>(height >> 8);
  jpeg[at + 6] = static_cast<std::uint8_t>(height);
  jpeg[at + 7] = static_cast<std::uint8_t>(width >> 8);
  jpeg[at + 8] = static_cast<std::uint8_t>(width);
}

Bytes png_header(std::uint32_t width, std::uint32_t height) {
  Bytes png = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
  for (const std::uint32_t side : {width, height}) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      png.push_back(static_cast<std::uint8_t>(side >> shift));
    }
  }
  const Bytes rest = {8, 2, 0, 0, 0, 1, 2, 3, 4};
  png.insert(png.end(), rest.begin(), rest.end());
  return png;
}

Error error_of(const Bytes& bytes, const std::string& name, const DecodeOptions& options = {}) {
  PictureDecoder decoder;
  Frame frame;
  auto report = decoder.decode(frame, bytes, name, options);
  EXPECT_FALSE(report) << name;
  if (report) return {};
  EXPECT_TRUE(report.error().message.starts_with(name + ": ")) << report.error().message;
  return std::move(report).error();
}

TEST(BadPictureTest, SaysThatAFileIsEmpty) {
  const Error error = error_of({}, "empty.jpg");
  EXPECT_EQ(error.code, ErrorCode::kCorruptInput);
  EXPECT_EQ(error.message, "empty.jpg: the file is empty; expected a picture");
}

TEST(BadPictureTest, SaysWhereATruncatedJpegEnds) {
  Bytes jpeg = noise_jpeg({160, 120});
  ASSERT_GT(jpeg.size(), 2000U);
  jpeg.resize(1024);
  const Error error = error_of(jpeg, "broken.jpg");
  EXPECT_EQ(error.code, ErrorCode::kCorruptInput);
  EXPECT_EQ(error.message,
            "broken.jpg: JPEG ends after 1,024 bytes; expected an end-of-image marker");
}

TEST(BadPictureTest, RefusesAJpegThatIsCutAnywhere) {
  const Bytes whole = noise_jpeg({48, 32});
  PictureDecoder decoder;
  Frame frame;
  for (std::size_t bytes = 1; bytes < whole.size(); ++bytes) {
    const auto report = decoder.decode(frame, std::span(whole).first(bytes), "cut.jpg", {});
    ASSERT_FALSE(report) << bytes;
    ASSERT_EQ(report.error().code, ErrorCode::kCorruptInput) << report.error().message;
  }
  EXPECT_TRUE(decoder.decode(frame, whole, "whole.jpg", {}));
}

TEST(BadPictureTest, AcceptsBytesBehindTheEndOfAJpeg) {
  Bytes jpeg = noise_jpeg({48, 32});
  jpeg.resize(jpeg.size() + 500, 0);
  PictureDecoder decoder;
  Frame frame;
  const auto report = decoder.decode(frame, jpeg, "trailer.jpg", {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE(report->damaged);
}

TEST(BadPictureTest, AnEndMarkInsideAThumbnailDoesNotHideAMissingEnd) {
  Bytes jpeg = noise_jpeg({160, 120});
  const Bytes segment = {0xFF, 0xE1, 0, 8, 'x', 'x', 0xFF, 0xD9, 'x', 'x'};
  jpeg.insert(jpeg.begin() + 2, segment.begin(), segment.end());
  PictureDecoder decoder;
  Frame frame;
  EXPECT_TRUE(decoder.decode(frame, jpeg, "thumbnail.jpg", {}));
  jpeg.resize(jpeg.size() / 2);
  EXPECT_NE(error_of(jpeg, "cut.jpg").message.find("end-of-image"), std::string::npos);
}

TEST(BadPictureTest, AnswersADamagedJpegWithItsPixelsAndTheReason) {
  Bytes jpeg = noise_jpeg({160, 120});
  for (std::size_t i = 0; i < 40; ++i) jpeg[jpeg.size() / 2 + i] = i % 2 == 0 ? 0xFF : 0x00;
  PictureDecoder decoder;
  Frame frame;
  const auto report = decoder.decode(frame, jpeg, "damaged.jpg", {});
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_TRUE(report->damaged);
  EXPECT_FALSE(report->damaged->empty());
  EXPECT_EQ(frame.size, (Size{160, 120}));
  // The next picture is whole again.
  const auto next = decoder.decode(frame, noise_jpeg({16, 16}), "next.jpg", {});
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->damaged);
}

TEST(BadPictureTest, SaysWhatATextFileNamedJpgLooksLike) {
  const Error error = error_of(text("hello, not a picture\nsecond line\n"), "notes.jpg");
  EXPECT_EQ(error.code, ErrorCode::kCorruptInput);
  EXPECT_EQ(error.message,
            "notes.jpg: not a picture that can be read; expected JPEG, PNG, WebP, BMP, TIFF or "
            "GIF, got text that begins with \"hello, not a picture\"");
  EXPECT_NE(error_of(text("BM is how this text begins, it is no bitmap"), "bm.bmp")
                .message.find("text that begins with \"BM is how"),
            std::string::npos);
}

TEST(BadPictureTest, NamesFormatsThatAreNotRead) {
  const Error heic = error_of(text(std::string("\0\0\0\x18", 4) + "ftypheic....mif1heic"), "a.jpg");
  EXPECT_EQ(heic.code, ErrorCode::kUnsupported);
  EXPECT_NE(heic.message.find("a HEIC picture"), std::string::npos);
  const Error video = error_of(text(std::string("\0\0\0\x18", 4) + "ftypisom...."), "a.jpg");
  EXPECT_NE(video.message.find("an MP4 or MOV video"), std::string::npos);
  EXPECT_NE(error_of(Bytes(100, 0), "a.png").message.find("zero bytes only"), std::string::npos);
  EXPECT_NE(error_of({1, 2, 3, 0xAB}, "a.png").message.find("01 02 03 ab"), std::string::npos);
}

TEST(BadPictureTest, RefusesABombByItsHeaderBeforeAnythingIsAllocated) {
  Bytes jpeg = noise_jpeg({32, 32});
  set_jpeg_size(jpeg, 20'000, 20'000);
  PictureDecoder decoder;
  Frame frame;
  for (const Bytes& bomb : {jpeg, png_header(20'000, 20'000)}) {
    const auto report = decoder.decode(frame, bomb, "bomb", {});
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::kOutOfMemory);
    EXPECT_EQ(report.error().message,
              "bomb: header says 20000x20000 = 400,000,000 pixels; expected at most 178,956,970");
  }
  EXPECT_EQ(frame.pixels.capacity(), 0U);
  const Error wide = error_of(png_header(70'000, 1), "wide.png");
  EXPECT_NE(wide.message.find("at most 65,535 a side"), std::string::npos) << wide.message;
  const Error huge = error_of(png_header(0xFFFFFFFF, 0xFFFFFFFF), "huge.png");
  EXPECT_EQ(huge.code, ErrorCode::kCorruptInput);
}

TEST(BadPictureTest, KeepsToLimitsThatTheCallerLowers) {
  const Bytes jpeg = noise_jpeg({64, 48});
  const Error side = error_of(jpeg, "a.jpg", {.limits = {.side_max = 63}, .buckets = {}});
  EXPECT_EQ(side.code, ErrorCode::kOutOfMemory);
  const Error area = error_of(jpeg, "a.jpg", {.limits = {.pixels_max = 3071}, .buckets = {}});
  EXPECT_EQ(area.code, ErrorCode::kOutOfMemory);
  PictureDecoder decoder;
  Frame frame;
  EXPECT_TRUE(decoder.decode(frame, jpeg, "a.jpg",
                             {.limits = {.side_max = 64, .pixels_max = 3072}, .buckets = {}}));
}

TEST(BadPictureTest, RefusesPicturesWithoutPixels) {
  Bytes jpeg = noise_jpeg({32, 32});
  set_jpeg_size(jpeg, 0, 32);
  EXPECT_EQ(error_of(jpeg, "flat.jpg").code, ErrorCode::kCorruptInput);
  const Error png = error_of(png_header(0, 5), "flat.png");
  EXPECT_EQ(png.message, "flat.png: PNG of 0x5 pixels; expected at least 1x1");
}

TEST(BadPictureTest, RefusesAPngWithoutAnEnd) {
  const Error error = error_of(png_header(10, 10), "cut.png");
  EXPECT_EQ(error.code, ErrorCode::kCorruptInput);
  EXPECT_EQ(error.message, "cut.png: PNG ends after 33 bytes; expected an IEND chunk");
}

TEST(BadPictureTest, RefusesACutGifAndACutWebp) {
  Bytes gif = text("GIF89a");
  for (const int byte : {4, 0, 4, 0, 0, 0, 0, 0x2C, 0, 0, 0, 0, 4, 0, 4, 0, 0, 2, 9, 1, 2}) {
    gif.push_back(static_cast<std::uint8_t>(byte));
  }
  EXPECT_EQ(error_of(gif, "cut.gif").message,
            "cut.gif: GIF ends after 27 bytes; expected the end of its first frame");
  Bytes webp = text("RIFF");
  for (const int byte : {100, 0, 0, 0}) webp.push_back(static_cast<std::uint8_t>(byte));
  for (const char c : std::string("WEBPVP8L")) webp.push_back(static_cast<std::uint8_t>(c));
  for (const int byte : {90, 0, 0, 0, 0x2F, 9, 0x40, 2, 0}) {
    webp.push_back(static_cast<std::uint8_t>(byte));
  }
  EXPECT_EQ(error_of(webp, "cut.webp").message, "cut.webp: WebP ends after 25 bytes; expected 108");
}

TEST(BadPictureTest, AJpegWithABrokenTableLeavesNoTraceInTheNext) {
  // TurboJPEG 2.1 keeps the state of a header that failed; the next picture then fails too.
  const Bytes good = noise_jpeg({32, 32});
  Bytes bad = good;
  for (std::size_t i = 2; i + 5 < bad.size(); ++i) {
    if (bad[i] == 0xFF && bad[i + 1] == 0xC4) {
      std::fill_n(bad.begin() + static_cast<std::ptrdiff_t>(i) + 5, 16, 0xFF);
      break;
    }
  }
  PictureDecoder decoder;
  Frame frame;
  for (int round = 0; round < 3; ++round) {
    const auto broken = decoder.decode(frame, bad, "bad.jpg", {});
    ASSERT_FALSE(broken);
    EXPECT_NE(broken.error().message.find("Huffman"), std::string::npos)
        << broken.error().message;
    const auto read = decoder.decode(frame, good, "good.jpg", {});
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_FALSE(read->damaged);
  }
}

TEST(BadPictureTest, SurvivesMutationsOfEveryKindOfPicture) {
  // What comes out does not matter, only that nothing breaks, also under the sanitizers.
  std::uint32_t state = 7;
  const auto random = [&state] { return (state = state * 1664525U + 1013904223U) >> 8; };
  PictureDecoder decoder;
  Frame frame;
  int kinds = 0;
  const std::string corpus = source_folder() + "/src/decode/picture_header_corpus";
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    const Bytes whole = read_file(entry.path().string());
    const auto read = decoder.decode(frame, whole, entry.path().filename().string(), {});
    kinds += read ? 1 : 0;
    EXPECT_TRUE(read || entry.path().stem() == "text") << read.error().message;
    for (int round = 0; round < 300; ++round) {
      Bytes bytes = whole;
      const std::uint32_t edits = 1 + random() % 6;
      for (std::uint32_t i = 0; i < edits; ++i) {
        bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
      }
      const auto report = decoder.decode(
          frame, bytes, "mutated", {.limits = {.pixels_max = 1 << 20}, .buckets = {}});
      ASSERT_TRUE(report || !report.error().message.empty());
    }
  }
  EXPECT_EQ(kinds, 8);
}

}  // namespace
}  // namespace shoal
