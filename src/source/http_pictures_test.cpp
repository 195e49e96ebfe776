// Goal: every packaging of pictures over HTTP plays, what is none is left to FFmpeg, and faults are
// named. Method: a server of raw answers on the loopback. (Logins: tests/cases/test_mjpeg.py.)
#include "source/http_pictures.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "core/fixtures_test.h"
#include "source/listener_for_test.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;

// Sends each connection the answer to its path, then closes it, or keeps it where `hold` says so.
class AnswerServer {
 public:
  void start() {
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }
  ~AnswerServer() {
    thread_ = {};
    for (const int one : held_) ::close(one);
  }
  AnswerServer() = default;
  AnswerServer(const AnswerServer&) = delete;
  AnswerServer& operator=(const AnswerServer&) = delete;

  struct Answer {
    std::string bytes;
    bool hold = false;
  };
  std::map<std::string, Answer> answers;  // before start()
  std::atomic<int> asked{0};

  [[nodiscard]] std::string url(const std::string& path) const {
    return "http://" + listener_.host() + path;
  }

 private:
  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (!listener_.is_asked(milliseconds(20))) continue;
      const int connection = listener_.accept();
      std::string request;
      std::array<char, 4096> bytes{};
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t count = ::recv(connection, bytes.data(), bytes.size(), 0);
        if (count <= 0) break;
        request.append(bytes.data(), static_cast<std::size_t>(count));
      }
      ++asked;
      const std::size_t begin = request.find(' ') + 1;
      const Answer& answer = answers[request.substr(begin, request.find(' ', begin) - begin)];
      (void)::send(connection, answer.bytes.data(), answer.bytes.size(), MSG_NOSIGNAL);
      if (answer.hold) {
        held_.push_back(connection);
      } else {
        ::close(connection);
      }
    }
  }

  const Listener listener_;
  std::vector<int> held_;
  std::jthread thread_;
};

std::string head(const std::string& type, const std::string& more = "") {
  return "HTTP/1.1 200 OK\r\n" + (type.empty() ? "" : "Content-Type: " + type + "\r\n") + more +
         "\r\n";
}

class HttpPicturesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto bytes =
        read_file(source_folder() + "/src/source/jpeg_splitter_corpus/one_after_the_other");
    several.assign(bytes.begin(), bytes.end());
    const std::string start = "\xFF\xD8\xFF";
    one = several.substr(0, several.find(start, 3));
  }

  // Packets until the end or an error, of which the message is kept.
  std::vector<Packet> read(const std::string& path, const SourceOptions& options = {}) {
    std::vector<Packet> packets;
    message.clear();
    foreign = false;
    StopSignal stop;
    auto opened = HttpPictures::open(server.url(path), options, stop);
    if (!opened) {
      message = opened.error().message;
      code = opened.error().code;
      return packets;
    }
    foreign = *opened == nullptr;
    while (!foreign && packets.size() < 10) {
      Packet packet;
      const auto more = (*opened)->next(packet);
      if (!more) {
        message = more.error().message;
        code = more.error().code;
      }
      if (!more || !*more) break;
      packets.push_back(packet);
    }
    return packets;
  }

  std::string part(const std::string& boundary, const std::string& type,
                   const std::string& line = "\r\n", int off = 0) const {
    return boundary + line + (type.empty() ? "" : "Content-Type: " + type + line) +
           "Content-Length: " + std::to_string(static_cast<int>(one.size()) + off) + line + line +
           one + line;
  }

  AnswerServer server;
  std::string several;  // three pictures
  std::string one;
  std::string message;
  ErrorCode code{};
  bool foreign = false;
};

TEST_F(HttpPicturesTest, EveryPackagingOfMotionJpegGivesItsPictures) {
  const std::string mixed = "multipart/x-mixed-replace";
  const std::map<std::string, std::string> streams = {
      {"/usual", head(mixed + ";boundary=f") + part("--f", "image/jpeg") + part("--f", "")},
      {"/quoted", head(mixed + "; boundary=\"f\"") + part("--f", "image/jpeg") + part("--f", "")},
      {"/dashes", head(mixed + ";boundary=--f") + part("--f", "image/jpg") + part("--f", "x/y")},
      {"/none", head(mixed) + part("--f", "") + part("--f", "")},
      {"/other", head(mixed + ";boundary=g") + part("--f", "image/jpeg") + part("--f", "")},
      {"/twice", head(mixed + ";boundary=f") + part("--f\r\n--f", "") + part("--f\r\n--f", "")},
      {"/lines", head(mixed + ";boundary=f") + part("--f", "", "\n") + part("--f", "", "\n")},
      {"/long", head(mixed + ";boundary=f") + part("--f", "", "\r\n", 2) + part("--f", "")},
      {"/short", head(mixed + ";boundary=f") + part("--f", "", "\r\n", -2) + part("--f", "")},
      {"/no-type", head("") + part("--f", "image/jpeg") + part("--f", "image/jpeg")},
      {"/octets", head("application/octet-stream") + one + one},
      {"/motion", head("video/x-motion-jpeg") + one + one},
      {"/bare", head("") + one + one},
  };
  for (const auto& [path, answer] : streams) server.answers[path] = {answer};
  server.start();
  for (const auto& [path, answer] : streams) {
    const auto packets = read(path);
    ASSERT_EQ(packets.size(), 2U) << path << ' ' << message;
    for (const Packet& packet : packets) {
      EXPECT_EQ(std::string(packet.bytes.begin(), packet.bytes.end()), one) << path;
      EXPECT_EQ(packet.kind, PacketKind::kVideo) << path;
      EXPECT_NE(packet.stream_parameters, nullptr);
      EXPECT_TRUE(packet.media_time);
      EXPECT_FALSE(packet.damaged);
    }
  }
}

TEST_F(HttpPicturesTest, AnAddressOfOnePictureGivesOneAndAsACameraManyOverTheSameAddress) {
  const std::string length = "Content-Length: " + std::to_string(one.size()) + "\r\n";
  server.answers["/a.jpg"] = {head("image/jpeg", length) + one};
  server.answers["/chunk"] = {head("image/jpg") + one};
  server.answers["/octets"] = {head("application/octet-stream", length) + one};
  server.answers["/long"] = {
      head("image/jpeg", "Content-Length: " + std::to_string(one.size() + 9) + "\r\n") + one};
  server.answers["/any"] = {head("image/webp", "Content-Length: 6\r\n") + "any..."};
  server.start();
  for (const char* path : {"/a.jpg", "/chunk", "/octets", "/long", "/any"}) {
    auto packets = read(path);
    ASSERT_EQ(packets.size(), 1U) << path << ' ' << message;
    EXPECT_EQ(packets[0].kind, PacketKind::kPicture) << path;
    EXPECT_EQ(message, "");
    packets = read(path, {.poll = milliseconds(1)});
    EXPECT_EQ(packets.size(), 10U) << path << ' ' << message;
  }
}

TEST_F(HttpPicturesTest, WhatIsNoPictureIsLeftToFfmpegOrNamed) {
  server.answers["/ts"] = {head("video/mp2t") + std::string(400, 'G')};
  server.answers["/none"] = {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"};
  server.answers["/busy"] = {"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"};
  server.answers["/page"] = {head("text/html") + "<html>please log in</html>"};
  server.answers["/empty"] = {head("multipart/x-mixed-replace;boundary=f") + "--f--\r\n"};
  server.answers["/login"] = {"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"};
  server.start();
  EXPECT_TRUE(read("/ts").empty());
  EXPECT_TRUE(foreign);
  const std::map<std::string, std::pair<ErrorCode, std::string>> table = {
      {"/none", {ErrorCode::kNotFound, "the server has no such file (404)"}},
      {"/busy", {ErrorCode::kUnavailable, "the server answers 503"}},
      {"/page", {ErrorCode::kUnsupported, "got a web page"}},
      {"/empty", {ErrorCode::kCorruptInput, "the answer holds no picture"}},
      {"/login", {ErrorCode::kUnavailable, "asks for a user and a password (401)"}}};
  for (const auto& [path, expected] : table) {
    EXPECT_TRUE(read(path).empty()) << path;
    EXPECT_EQ(code, expected.first) << path;
    EXPECT_NE(message.find(expected.second), std::string::npos) << message;
    EXPECT_TRUE(message.starts_with(server.url(path) + ": ")) << message;
  }
}

TEST_F(HttpPicturesTest, SilenceAndDataWithoutPicturesEndInTime) {
  server.answers["/silent"] = {"", true};
  server.answers["/words"] = {
      head("multipart/x-mixed-replace;boundary=f") + "--f\r\n\r\nno picture", true};
  server.answers["/stops"] = {head("multipart/x-mixed-replace;boundary=f") + part("--f", ""), true};
  server.start();
  const SourceOptions options{.connect_timeout = milliseconds(300),
                              .read_timeout = milliseconds(250)};
  EXPECT_TRUE(read("/silent", options).empty());
  EXPECT_NE(message.find("no answer within 300 ms (connect_timeout)"), std::string::npos);
  EXPECT_TRUE(read("/words", options).empty());
  EXPECT_NE(message.find("bytes), but no whole picture within 300 ms (connect_timeout)"),
            std::string::npos)
      << message;
  EXPECT_EQ(read("/stops", options).size(), 1U);
  EXPECT_NE(message.find("within 250 ms (read_timeout)"), std::string::npos) << message;
  EXPECT_EQ(code, ErrorCode::kDeadlineExceeded);
}

TEST_F(HttpPicturesTest, AStopEndsAWait) {
  server.answers["/silent"] = {"", true};
  server.start();
  StopSignal stop;
  std::jthread stopper([&] {
    while (server.asked == 0) std::this_thread::sleep_for(milliseconds(5));
    stop.request();
  });
  const auto opened =
      HttpPictures::open(server.url("/silent"), {.connect_timeout = std::chrono::minutes(5)}, stop);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCancelled);
}

TEST(HttpPicturesNameTest, VideoFilesAndPlaylistsAreFfmpegsAtOnce) {
  for (const char* url : {"http://h/", "http://h/video.cgi?a=b.mp4", "https://u:p@h/snap.jpg",
                          "http://h/a.mjpg", "http://h/A.MJPEG", "http://h/axis-cgi/mjpg/video"}) {
    EXPECT_TRUE(may_give_pictures(url)) << url;
  }
  for (const char* url : {"rtsp://h/1", "http://h/a.mp4", "http://h/x/b.m3u8?token=1", "a.jpg",
                          "https://h/live.TS", "http://h/stream.flv"}) {
    EXPECT_FALSE(may_give_pictures(url)) << url;
  }
}

}  // namespace
}  // namespace shoal
