// What viewers get: the header of the contract, and pixels that are the frame's.
#include "service/cameras/live_picture.h"

#include <gtest/gtest.h>
#include <turbojpeg.h>

#include <boost/json.hpp>
#include <cmath>

namespace shoal {
namespace {

struct Painted : ::testing::Test {
  Painted() {
    auto identity = std::make_shared<CameraIdentity>();
    identity->name = "line-1";
    identity->class_names = {"open", "short"};
    result.camera = identity;
    result.frame = 412;
    result.captured_at = WallTime(std::chrono::milliseconds(1'795'248'000'123));
    result.captured = Clock::now();
    result.outcome.size = {1280, 720};
    Frame& pixels = result.outcome.pixels;
    pixels.size = {640, 360};
    pixels.pitch_bytes = 3 * 640;
    std::fill_n(pixels.pixels.reserve(3 * 640 * 360), 3 * 640 * 360, std::uint8_t{80});
    Track track;
    track.id = static_cast<TrackId>(17);
    track.class_id = 1;
    track.confidence = 0.91F;
    track.box = {1, 2, 30.25F, 40};
    track.zones = 5;
    result.tracks = {track};
    result.outcome.detections.items = {{.box = track.box, .confidence = 0.5F, .class_id = 0,
                                        .track_id = std::nullopt}};
    result.zone_counts = {2, 0};
    result.line_counts = {{12, 3}};
  }
  static boost::json::object header_of(const LivePicture& picture) {
    const std::string& message = picture.message;
    std::size_t length = 0;
    for (int i = 3; i >= 0; --i) {
      length = length << 8 | static_cast<unsigned char>(message[static_cast<std::size_t>(i)]);
    }
    EXPECT_EQ(4 + length, picture.jpeg_at);
    return boost::json::parse(std::string_view(message).substr(4, length)).as_object();
  }
  static std::pair<Size, std::vector<std::uint8_t>> decode(std::string_view jpeg) {
    tjhandle decoder = tjInitDecompress();
    Size size;
    int sampling = 0;
    int space = 0;
    auto* bytes = reinterpret_cast<const unsigned char*>(jpeg.data());
    EXPECT_EQ(tjDecompressHeader3(decoder, bytes, jpeg.size(), &size.width, &size.height,
                                  &sampling, &space), 0);
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(3 * size.width * size.height));
    EXPECT_EQ(tjDecompress2(decoder, bytes, jpeg.size(), pixels.data(), size.width, 0, size.height,
                            TJPF_RGB, 0), 0);
    tjDestroy(decoder);
    return {size, pixels};
  }
  CameraResult result;
};

TEST_F(Painted, HasTheHeaderOfTheContract) {
  LivePainter painter(nullptr);
  const auto picture = *painter.paint(result, {.width = 320});
  EXPECT_EQ(picture->camera, "line-1");
  boost::json::object header = header_of(*picture);
  const double age = header.at("age_ms").to_number<double>();
  EXPECT_GE(age, 0);
  EXPECT_LT(age, 60'000);
  header.erase("age_ms");
  EXPECT_EQ(header, boost::json::parse(R"({"type":"frame","camera":"line-1","frame":412,
      "time":"2026-11-21T08:00:00.123Z","width":1280,"height":720,"inferred":true,
      "tracks":[{"id":17,"class":1,"name":"short","confidence":0.91,"box":[1.0,2.0,30.25,40.0],
                 "zones":[0,2],"carried":false}],
      "zone_counts":[2,0],"line_counts":[[12,3]]})").as_object());
}

TEST_F(Painted, WithoutTrackingDetectionsHaveNoId) {
  LivePainter painter(nullptr);
  const auto header = header_of(**painter.paint(result, {.width = 320, .tracked = false}));
  const auto& tracks = header.at("tracks").as_array();
  ASSERT_EQ(tracks.size(), 1U);
  EXPECT_TRUE(tracks[0].at("id").is_null());
  EXPECT_EQ(tracks[0].at("name"), "open");
}

TEST_F(Painted, IsReducedToTheWidthAndNeverEnlarged) {
  LivePainter painter(nullptr);
  for (const auto& [width, size] : {std::pair{320, Size{320, 180}}, {100, {100, 56}},
                                    {640, {640, 360}}, {1920, {640, 360}}}) {
    const auto [decoded, pixels] = decode((*painter.paint(result, {.width = width}))->jpeg());
    EXPECT_EQ(decoded, size);
    for (const std::uint8_t byte : pixels) ASSERT_NEAR(byte, 80, 2);
  }
}

TEST_F(Painted, BoxesAreDrawnOnACopy) {
  Size drawn_on;
  LivePainter painter([&](const DrawnPixels& pixels, const CameraResult& of) {
    drawn_on = pixels.size;
    EXPECT_EQ(of.frame, 412U);
    for (int y = 0; y < pixels.size.height; ++y) {
      std::fill_n(pixels.data + y * pixels.pitch_bytes, 3 * pixels.size.width, std::uint8_t{250});
    }
  });
  for (const int width : {320, 1920}) {
    const auto drawn = decode((*painter.paint(result, {.width = width, .boxes = true}))->jpeg());
    EXPECT_EQ(drawn_on.width, std::min(width, 640));
    EXPECT_NEAR(drawn.second[1000], 250, 2);
    const auto plain = decode((*painter.paint(result, {.width = width}))->jpeg());
    EXPECT_NEAR(plain.second[1000], 80, 2);
  }
  LivePainter cannot(nullptr);
  EXPECT_EQ(cannot.paint(result, {.width = 320, .boxes = true}).error().code,
            ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace shoal
