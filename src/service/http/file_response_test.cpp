// Ranges as RFC 9110 14 has them, and files over a real connection.
#include "service/http/file_response.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "service/http/http_for_test.h"

namespace shoal {
namespace {

using Range = std::variant<ByteRange, NoSuchRange>;

TEST(ReadRange, TakesTheThreeFormsOfOneRange) {
  EXPECT_EQ(read_range("bytes=0-0", 10), Range(ByteRange{0, 1}));
  EXPECT_EQ(read_range("bytes=2-5", 10), Range(ByteRange{2, 6}));
  EXPECT_EQ(read_range("bytes=2-", 10), Range(ByteRange{2, 10}));
  EXPECT_EQ(read_range("bytes=-3", 10), Range(ByteRange{7, 10}));
  EXPECT_EQ(read_range("Bytes= 2-5 ", 10), Range(ByteRange{2, 6}));
}

TEST(ReadRange, EndsWithTheFile) {
  EXPECT_EQ(read_range("bytes=2-500", 10), Range(ByteRange{2, 10}));
  EXPECT_EQ(read_range("bytes=-500", 10), Range(ByteRange{0, 10}));
  EXPECT_EQ(read_range("bytes=0-18446744073709551615", 10), Range(ByteRange{0, 10}));
  EXPECT_EQ(read_range("bytes=1-99999999999999999999999", 10), Range(ByteRange{1, 10}));
}

TEST(ReadRange, SaysWhereNothingIsThere) {
  EXPECT_EQ(read_range("bytes=10-", 10), Range(NoSuchRange{}));
  EXPECT_EQ(read_range("bytes=10-11", 10), Range(NoSuchRange{}));
  EXPECT_EQ(read_range("bytes=99999999999999999999999-", 10), Range(NoSuchRange{}));
  EXPECT_EQ(read_range("bytes=-0", 10), Range(NoSuchRange{}));
  EXPECT_EQ(read_range("bytes=0-", 0), Range(NoSuchRange{}));
  EXPECT_EQ(read_range("bytes=-1", 0), Range(NoSuchRange{}));
}

TEST(ReadRange, IgnoresWhatIsNoSingleRange) {
  for (const char* field : {"", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=a-b",
                            "bytes=0-1,3-4", "bytes=0-1,", "lines=0-1", "bytes=--1",
                            "bytes=+1-2", "bytes=1 - 2", "bytes=0x1-2", "bytes=1-2-3"}) {
    EXPECT_EQ(read_range(field, 10), std::nullopt) << field;
  }
}

class FileResponse : public ::testing::Test {
 protected:
  void SetUp() override {
    path = std::filesystem::temp_directory_path() /
           ("shoal_file_" + std::to_string(getpid()) + ".bin");
    bytes.resize(300'000);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
    write(bytes);
    HttpRouter router;
    router.add("GET", "/file", [this](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->respond(file_response(exchange->request(), path, "video/mp4"));
    });
    HttpOptions options;
    options.port = 0;
    options.host_names = {"x"};  // as requests here have it
    options.stall_timeout = std::chrono::milliseconds(400);
    server = *HttpServer::create(options, std::move(router));
    server->start();
  }
  void TearDown() override { std::filesystem::remove(path); }
  void write(std::string_view content) const {
    std::ofstream(path, std::ios::binary) << content;
  }
  ClientAnswer ask(std::string_view fields = "", bool head = false) {
    RawClient client(server->port());
    client.send(std::string(head ? "HEAD" : "GET") + " /file HTTP/1.1\r\nHost: x\r\n" +
                std::string(fields) + "\r\n");
    return client.answer(head);
  }

  std::string path;
  std::string bytes;
  std::unique_ptr<HttpServer> server;
};

TEST_F(FileResponse, GivesTheWholeAndAnyRange) {
  const ClientAnswer whole = ask();
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.header("content-type"), "video/mp4");
  EXPECT_EQ(whole.header("accept-ranges"), "bytes");
  EXPECT_EQ(whole.body, bytes);
  for (const auto& [field, begin, end] : {std::tuple{"bytes=0-0", 0, 1},
                                          {"bytes=65535-65536", 65535, 65537},
                                          {"bytes=100000-", 100000, 300000},
                                          {"bytes=-70000", 230000, 300000}}) {
    const ClientAnswer part = ask(std::string("Range: ") + field + "\r\n");
    EXPECT_EQ(part.status, 206) << field;
    EXPECT_EQ(part.header("content-range"), "bytes " + std::to_string(begin) + "-" +
                                                std::to_string(end - 1) + "/300000");
    EXPECT_EQ(part.body, bytes.substr(static_cast<std::size_t>(begin),
                                      static_cast<std::size_t>(end - begin)));
  }
}

TEST_F(FileResponse, RefusesARangeBehindTheEnd) {
  const ClientAnswer answer = ask("Range: bytes=300000-\r\n");
  EXPECT_EQ(answer.status, 416);
  EXPECT_EQ(answer.header("content-range"), "bytes */300000");
}

TEST_F(FileResponse, HeadHasTheLengthAndNoBody) {
  RawClient client(server->port());
  client.send("HEAD /file HTTP/1.1\r\nHost: x\r\n\r\nGET /file HTTP/1.1\r\nHost: x\r\n\r\n");
  const ClientAnswer head = client.answer(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-length"), "300000");
  EXPECT_EQ(client.answer().body, bytes);  // nothing came between
}

TEST_F(FileResponse, TellsWhetherItHasChanged) {
  const std::string tag = ask().header("etag");
  ASSERT_FALSE(tag.empty());
  EXPECT_EQ(ask("If-None-Match: " + tag + "\r\n").status, 304);
  EXPECT_EQ(ask("If-None-Match: \"other\", W/" + tag + "\r\n").status, 304);
  EXPECT_EQ(ask("If-None-Match: \"other\"\r\n").status, 200);
  EXPECT_EQ(ask("Range: bytes=0-9\r\nIf-Range: " + tag + "\r\n").status, 206);
  EXPECT_EQ(ask("Range: bytes=0-9\r\nIf-Range: \"other\"\r\n").body.size(), 300'000U);
  write("another");
  EXPECT_NE(ask().header("etag"), tag);
  EXPECT_EQ(ask("Range: bytes=0-2\r\nIf-Range: " + tag + "\r\n").body, "another");
}

TEST_F(FileResponse, AnEmptyFileIsEmpty) {
  write("");
  const ClientAnswer answer = ask();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-length"), "0");
  EXPECT_EQ(ask("Range: bytes=0-\r\n").status, 416);
}

TEST_F(FileResponse, WhatIsNoFileIsNotFound) {
  std::filesystem::remove(path);
  EXPECT_EQ(ask().status, 404);
  std::filesystem::create_directory(path);
  EXPECT_EQ(ask().status, 404);
}

TEST_F(FileResponse, ADamagedEndIsNotTakenForTheEnd) {
  write(std::string(64 << 20, 'x'));
  RawClient client(server->port());
  client.send("GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.receive(9), "HTTP/1.1 ");
  write("short");  // while it is sent: the socket's buffers hold less than 64 MiB
  EXPECT_TRUE(client.is_closed());
  EXPECT_LT(client.buffered().size(), std::size_t{64} << 20);
}

TEST_F(FileResponse, AReaderThatStopsIsCut) {
  write(std::string(64 << 20, 'x'));
  RawClient client(server->port());
  client.send("GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
  for (int i = 0; i < 1000 && server->counts().connections_open > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(server->counts().connections_open, 0U);
}

TEST_F(FileResponse, SendsWithoutHoldingTheFile) {
  constexpr std::size_t kSize = std::size_t{256} << 20;
  std::filesystem::resize_file(path, kSize);  // sparse
  const auto resident = [] {
    std::ifstream status("/proc/self/statm");
    std::size_t total = 0;
    std::size_t pages = 0;
    status >> total >> pages;
    return pages * 4096;
  };
  RawClient client(server->port());
  client.send("GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::size_t before = resident();
  std::vector<char> piece(std::size_t{1} << 20);  // used again: the client's memory does not grow
  std::size_t received = 0;
  while (received < kSize) {
    const ssize_t count = recv(client.fd(), piece.data(), piece.size(), 0);
    ASSERT_GT(count, 0);
    received += static_cast<std::size_t>(count);
  }
  EXPECT_LT(resident(), before + (std::size_t{32} << 20));
}

}  // namespace
}  // namespace shoal
