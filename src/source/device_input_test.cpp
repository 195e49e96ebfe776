// Goal: a camera of this machine is understood as typed, and what is no camera says so at once.
// There is no camera where tests run: reading one is not tested here, only its ways to fail.
#include "source/device_input.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "core/clock.h"
#include "core/fixtures_test.h"
#include "source/file_names.h"
#include "source/source.h"

namespace shoal {
namespace {

TEST(DeviceInputTest, UnderstandsWhatAUserTypes) {
  EXPECT_EQ(*parse_device("/dev/video0"), (DeviceSpec{.path = "/dev/video0"}));
  EXPECT_EQ(*parse_device("v4l2:/dev/video12"), (DeviceSpec{.path = "/dev/video12"}));
  EXPECT_EQ(*parse_device("v4l2:/dev/v4l/by-id/cam?fps=29.97&size=1280x720&format=mjpeg"),
            (DeviceSpec{.path = "/dev/v4l/by-id/cam", .size = {1280, 720},
                        .frames_per_second = 29.97, .format = "mjpeg"}));
  EXPECT_EQ(*parse_device("/dev/video0?size=640x480"),
            (DeviceSpec{.path = "/dev/video0", .size = {640, 480}}));
  EXPECT_TRUE(is_device("/dev/video0") && is_device("v4l2:x"));
  EXPECT_FALSE(is_device("/dev/vi") || is_device("video0") || is_device("rtsp://dev/video0"));
}

TEST(DeviceInputTest, SaysWhatIsWrongWithASpecification) {
  struct Case {
    std::string spec;
    std::string says;
  };
  const std::array cases = {
      Case{"v4l2:", "expected a device such as"},
      Case{"v4l2:video0", "expected a device such as"},
      Case{"v4l2:?size=1x1", "expected a device such as"},
      Case{"/dev/video0?sise=640x480", "unknown key 'sise'; expected size, fps or format; did you "
                                       "mean 'size'?"},
      Case{"/dev/video0?", ""},
      Case{"/dev/video0?size", "size: expected WIDTHxHEIGHT"},
      Case{"/dev/video0?size=640", "size: expected WIDTHxHEIGHT"},
      Case{"/dev/video0?size=15x480", "got '15x480'"},
      Case{"/dev/video0?size=640x99999", "got '640x99999'"},
      Case{"/dev/video0?size=-640x480", "got '-640x480'"},
      Case{"/dev/video0?fps=nan", "fps: expected a number from 0.1 to 1000; got 'nan'"},
      Case{"/dev/video0?fps=0", "fps: expected a number"},
      Case{"/dev/video0?format=", "format: expected a name"},
      Case{"/dev/video0?format=MJPEG!", "format: expected a name"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.spec);
    const auto parsed = parse_device(one.spec);
    EXPECT_EQ(parsed.has_value(), one.says.empty());
    if (parsed) continue;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_TRUE(parsed.error().message.starts_with(one.spec + ": ")) << parsed.error().message;
    EXPECT_NE(parsed.error().message.find(one.says), std::string::npos) << parsed.error().message;
  }
}

TEST(DeviceInputTest, NamesADeviceThatIsMissingOrNoCamera) {
  const ScratchFolder folder;
  write_file(folder.file("plain"), std::string("x"));
  struct Case {
    std::string path;
    ErrorCode code;
    std::string says;
  };
  const std::array cases = {
      Case{"/dev/video987", ErrorCode::kNotFound, "no such camera device"},
      Case{folder.file("plain") + "/video0", ErrorCode::kNotFound, "no such camera device"},
      Case{folder.file("plain"), ErrorCode::kInvalidArgument, "got a file"},
      Case{folder.path(), ErrorCode::kInvalidArgument, "got a folder"},
      Case{"/dev/null", ErrorCode::kUnsupported, "not a camera"},
      Case{"/dev/zero", ErrorCode::kUnsupported, "not a camera"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.path);
    const TimePoint start = Clock::now();
    const auto source = open_source("v4l2:" + one.path, {});
    ASSERT_FALSE(source);
    EXPECT_EQ(source.error().code, one.code) << source.error().message;
    EXPECT_NE(source.error().message.find(one.path), std::string::npos);
    EXPECT_NE(source.error().message.find(one.says), std::string::npos) << source.error().message;
    EXPECT_LT(to_milliseconds(Clock::now() - start), 5000);
  }
  EXPECT_EQ(open_source("v4l2:/dev/video0?fps=x", {}).error().code, ErrorCode::kInvalidArgument);
}

TEST(DeviceInputTest, OpensLaterWhereAskedTo) {
  const auto source = open_source("v4l2:/dev/video987", {.open_later = true});
  ASSERT_TRUE(source) << source.error().message;
  Packet packet;
  const auto missing = (*source)->next(packet);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound) << missing.error().message;
}

}  // namespace
}  // namespace shoal
