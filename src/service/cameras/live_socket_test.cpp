// What clients may say: the socket's messages, parameters of picture routes, DeepStream's forms.
#include "service/cameras/live_socket.h"

#include <gtest/gtest.h>

#include "service/cameras/deepstream.h"
#include "service/cameras/view_limits.h"

namespace shoal {
namespace {

TEST(ReadWatch, TakesWhatTheContractSays) {
  const auto all = read_watch(R"({"type":"watch","cameras":"*","width":480,"fps":8})");
  ASSERT_TRUE(all);
  EXPECT_EQ(*all, (ViewWish{.all = true, .cameras = {}, .width = 480, .fps = 8}));
  const auto some = read_watch(R"({"cameras":["line-1","ü"],"fps":0.1,"type":"watch"})");
  ASSERT_TRUE(some);
  EXPECT_EQ(*some, (ViewWish{.all = false, .cameras = {"line-1", "ü"}, .width = 640, .fps = 0.1}));
  EXPECT_TRUE(read_watch(R"({"type":"watch","cameras":[],"width":64,"fps":30})"));
  EXPECT_TRUE(read_watch(R"({"type":"watch","cameras":[],"width":1920.0,"fps":30.0})"));
}

TEST(ReadWatch, SaysWhatIsWrong) {
  std::string many = R"({"type":"watch","cameras":["x")";
  for (int i = 0; i < 1024; ++i) many += R"(,"x")";
  many += "]}";
  const std::pair<std::string, std::string> cases[] = {
      {"", "not JSON"},
      {"{", "not JSON"},
      {std::string(1000, '['), "not JSON"},
      {"[]", "expected {"},
      {"7", "expected {"},
      {"{}", "expected {"},
      {R"({"type":"watch"})", "expected {"},
      {R"({"type":"look","cameras":"*"})", "type: expected"},
      {R"({"type":7,"cameras":"*"})", "type: expected"},
      {R"({"type":"watch","cameras":"line-1"})", "cameras: expected"},
      {R"({"type":"watch","cameras":[1]})", "cameras: expected"},
      {R"({"type":"watch","cameras":null})", "cameras: expected"},
      {many, "at most 1024"},
      {R"({"type":"watch","cameras":"*","width":63})", "width: expected"},
      {R"({"type":"watch","cameras":"*","width":1921})", "width: expected"},
      {R"({"type":"watch","cameras":"*","width":100.5})", "width: expected"},
      {R"({"type":"watch","cameras":"*","width":"640"})", "width: expected"},
      {R"({"type":"watch","cameras":"*","width":1e400})", "width: expected"},
      {R"({"type":"watch","cameras":"*","fps":0})", "fps: expected"},
      {R"({"type":"watch","cameras":"*","fps":31})", "fps: expected"},
      {R"({"type":"watch","cameras":"*","fps":null})", "fps: expected"},
      {R"({"type":"watch","cameras":"*","fsp":5})", "unknown key 'fsp'; did you mean 'fps'?"},
  };
  for (const auto& [message, expected] : cases) {
    const auto wish = read_watch(message);
    ASSERT_FALSE(wish) << message.substr(0, 80);
    EXPECT_NE(wish.error().message.find(expected), std::string::npos) << wish.error().message;
  }
}

Result<ViewWish> view_of_query(std::vector<std::pair<std::string, std::string>> query,
                               bool has_fps = true) {
  HttpRequest request;
  request.query = std::move(query);
  ViewWish wish{.all = false, .cameras = {}, .width = 640, .fps = 10, .boxes = true};
  SHOAL_TRY(read_view(wish, request, has_fps));
  return wish;
}

TEST(ReadView, TakesParametersWithinTheirLimits) {
  EXPECT_EQ(view_of_query({})->width, 640);
  EXPECT_EQ(view_of_query({{"width", "64"}})->width, 64);
  EXPECT_EQ(view_of_query({{"fps", "0.5"}})->fps, 0.5);
  EXPECT_FALSE(view_of_query({{"boxes", "0"}})->boxes);
}

TEST(ReadView, SaysWhatIsWrong) {
  for (const auto& [name, value] :
       {std::pair{"width", ""}, {"width", "63"}, {"width", "1921"}, {"width", "x"},
        {"width", "640px"}, {"width", "nan"}, {"width", "1e9"}, {"fps", "0"}, {"fps", "inf"},
        {"fps", "-1"}, {"fps", "nan"}, {"boxes", "yes"}, {"boxes", ""}, {"wdith", "640"}}) {
    const auto wish = view_of_query({{name, value}});
    ASSERT_FALSE(wish) << name << '=' << value;
    EXPECT_NE(wish.error().message.find(name), std::string::npos) << wish.error().message;
  }
  EXPECT_FALSE(view_of_query({{"fps", "5"}}, false));
}

TEST(DeepStream, ReadsItsForms) {
  const auto added = read_stream_change(
      R"({"key":"sensor","value":{"camera_id":"uniqueSensorID1","camera_name":"front_door",
          "camera_url":"rtsp://10.0.0.5/1","change":"camera_add",
          "metadata":{"resolution":"1920 x1080","codec":"h264","framerate":30}},
          "headers":{"source":"vst","created_at":"2021-06-01T14:34:13.417Z"}})", true);
  ASSERT_TRUE(added);
  EXPECT_EQ(added->id, "uniqueSensorID1");
  EXPECT_EQ(added->name, "front_door");
  EXPECT_EQ(added->url, "rtsp://10.0.0.5/1");
  for (const char* change : {"add", "camera_add_x", "camera_streaming"}) {
    EXPECT_TRUE(read_stream_change(
        R"({"event":{"camera_id":"a","camera_url":"x","change":")" + std::string(change) + "\"}}",
        true)) << change;
  }
  EXPECT_TRUE(read_stream_change(
      R"({"value":{"camera_id":"a","change":"camera_remove"}})", false));
}

TEST(DeepStream, RefusesOtherForms) {
  for (const char* body : {"", "[]", "{}", R"({"value":7})", R"({"camera_id":"a"})",
                           R"({"value":{"camera_url":"x","change":"camera_add"}})",
                           R"({"value":{"camera_id":"a","change":"camera_add"}})",
                           R"({"value":{"camera_id":7,"camera_url":"x","change":"camera_add"}})",
                           R"({"value":{"camera_id":"a","camera_url":"x"}})",
                           R"({"value":{"camera_id":"a","camera_url":"x",
                                        "change":"camera_remove"}})"}) {
    EXPECT_FALSE(read_stream_change(body, true)) << body;
  }
}

}  // namespace
}  // namespace shoal
