// Goal: URLs work, and one that is dead, silent or stuck ends within its timeout with a message
// that says so. Method: real sockets on the loopback; Python's HTTP server for the good case.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/fixtures_test.h"
#include "source/listener_for_test.h"
#include "source/source.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;

// python3 -m http.server on a free port, stopped by its process id.
class HttpServer {
 public:
  explicit HttpServer(const std::string& folder) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    const std::string python = environment("PYTHON", source_folder() + "/.venv/bin/python3");
    std::array<std::string, 9> words = {python, "-u", "-m", "http.server", "0", "--bind",
                                        "127.0.0.1", "--directory", folder};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, python.c_str(), &actions, nullptr, arguments.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipe[1]);
    // "Serving HTTP on 127.0.0.1 port 40331 (http://...) ..."
    std::string line;
    char c = 0;
    while (::read(pipe[0], &c, 1) == 1 && c != '\n') line += c;
    ::close(pipe[0]);
    const std::size_t at = line.find("port ");
    EXPECT_NE(at, std::string::npos) << line;
    if (at != std::string::npos) port_ = std::stoi(line.substr(at + 5));
  }
  ~HttpServer() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::string url(const std::string& name) const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/" + name;
  }

 private:
  pid_t pid_ = -1;
  int port_ = 0;
};

struct Failure {
  Error error;
  double elapsed_ms = 0;
};

Failure failure_of(const std::string& url, milliseconds timeout) {
  const TimePoint start = Clock::now();
  const auto source = open_source(url, {.connect_timeout = timeout, .read_timeout = timeout});
  EXPECT_FALSE(source) << url;
  if (source) return {};
  EXPECT_TRUE(source.error().message.starts_with(url)) << source.error().message;
  return {source.error(), to_milliseconds(Clock::now() - start)};
}

TEST(NetworkSourceTest, ReadsAVideoFromAnHttpServer) {
  const ScratchFolder folder;
  ASSERT_EQ(run_python("src/source/video_files.py", folder.path() + " 2>/dev/null"), 0);
  const HttpServer server(folder.path());
  for (const char* name : {"faststart.mp4", "whole.avi", "whole.ts"}) {
    const auto source = open_source(server.url(name), {});
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_FALSE((*source)->is_live());
    EXPECT_NEAR(static_cast<double>((*source)->item_count().value_or(50)), 50, 1);
    Packet packet;
    int packets = 0;
    for (;;) {
      const auto more = (*source)->next(packet);
      ASSERT_TRUE(more) << more.error().message;
      if (!*more) break;
      EXPECT_EQ(packet.name, server.url(name));
      ++packets;
    }
    EXPECT_EQ(packets, 50);
  }
  const auto absent = open_source(server.url("absent.mp4"), {});
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound) << absent.error().message;
}

// Noise has a start code of raw H.263 every few megabytes, and all of it decodes to something.
TEST(NetworkSourceTest, AStartCodeAloneIsNoVideo) {
  const ScratchFolder folder;
  std::vector<std::uint8_t> noise = {0, 0, 0x80, 2, 0x0c};  // and a temporal reference, and CIF
  std::mt19937 random(3);
  for (int i = 0; i < 2000; ++i) noise.push_back(static_cast<std::uint8_t>(random() % 255 + 1));
  write_file(folder.file("noise.mp4"), noise);
  const HttpServer server(folder.path());
  for (const std::string& place : {server.url("noise.mp4"), folder.file("noise.mp4")}) {
    const auto source = open_source(place, {});
    if (source) {  // files are opened when they are read
      Packet packet;
      const auto more = (*source)->next(packet);
      ASSERT_FALSE(more) << place;
      EXPECT_EQ(more.error().code, ErrorCode::kCorruptInput) << more.error().message;
      continue;
    }
    EXPECT_EQ(source.error().code, ErrorCode::kCorruptInput) << source.error().message;
  }
}

TEST(NetworkSourceTest, SaysThatNobodyListens) {
  Listener listener;
  listener.close();
  for (const char* scheme : {"http://", "rtsp://"}) {
    const Failure failure = failure_of(scheme + listener.host() + "/a.mp4", milliseconds(5000));
    EXPECT_EQ(failure.error.code, ErrorCode::kUnavailable);
    EXPECT_NE(failure.error.message.find("Connection refused"), std::string::npos)
        << failure.error.message;
    EXPECT_LT(failure.elapsed_ms, 4000);
  }
}

TEST(NetworkSourceTest, GivesUpOnAServerThatAcceptsAndNeverAnswers) {
  const Listener silent;
  for (const char* scheme : {"http://", "rtsp://"}) {
    const Failure failure = failure_of(scheme + silent.host() + "/a.mp4", milliseconds(400));
    EXPECT_EQ(failure.error.code, ErrorCode::kDeadlineExceeded) << failure.error.message;
    EXPECT_NE(failure.error.message.find("no answer within 400 ms (connect_timeout)"),
              std::string::npos)
        << failure.error.message;
    EXPECT_GE(failure.elapsed_ms, 390);
    EXPECT_LT(failure.elapsed_ms, 4000);
  }
}

TEST(NetworkSourceTest, GivesUpOnAStreamThatStops) {
  const ScratchFolder folder;
  ASSERT_EQ(run_python("src/source/video_files.py", folder.path() + " 2>/dev/null"), 0);
  const auto video = read_file(folder.file("whole.ts"));
  const Listener stuck;
  // Sends half of the video and then nothing, but keeps the connection.
  std::jthread server([&](const std::stop_token& stop) {
    const int connection = stuck.accept();
    const std::string head = "HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n";
    EXPECT_GT(::send(connection, head.data(), head.size(), MSG_NOSIGNAL), 0);
    EXPECT_GT(::send(connection, video.data(), video.size() / 2, MSG_NOSIGNAL), 0);
    while (!stop.stop_requested()) std::this_thread::sleep_for(milliseconds(10));
    ::close(connection);
  });
  // The format's probing would wait for more of the stream than there is.
  const auto source = open_source("http://" + stuck.host() + "/a.ts",
                                  {.connect_timeout = milliseconds(1000),
                                   .read_timeout = milliseconds(400)});
  if (!source) {
    EXPECT_EQ(source.error().code, ErrorCode::kDeadlineExceeded) << source.error().message;
    return;
  }
  EXPECT_TRUE((*source)->is_live());  // neither a duration nor a length
  Packet packet;
  int packets = 0;
  const TimePoint start = Clock::now();
  for (;;) {
    const auto more = (*source)->next(packet);
    if (more) {
      ASSERT_TRUE(*more);
      ++packets;
      continue;
    }
    EXPECT_EQ(more.error().code, ErrorCode::kDeadlineExceeded) << more.error().message;
    EXPECT_NE(more.error().message.find("(read_timeout)"), std::string::npos);
    break;
  }
  EXPECT_GT(packets, 5);
  EXPECT_LT(to_milliseconds(Clock::now() - start), 4000);
}

TEST(NetworkSourceTest, AStopInterruptsABlockedRead) {
  const Listener silent;
  const ScratchFolder folder;
  write_file(folder.file("cameras.txt"), "rtsp://" + silent.host() + "/1\n");
  const auto source = open_source(folder.file("cameras.txt"),
                                  {.connect_timeout = std::chrono::seconds(60)});
  ASSERT_TRUE(source) << source.error().message;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(milliseconds(200));
    (*source)->request_stop();
  });
  Packet packet;
  const TimePoint start = Clock::now();
  const auto stopped = (*source)->next(packet);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled) << stopped.error().message;
  EXPECT_LT(to_milliseconds(Clock::now() - start), 5000);
}

}  // namespace
}  // namespace shoal
