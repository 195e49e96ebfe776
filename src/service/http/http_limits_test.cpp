// Every limit of the server, over real sockets: sizes, times, counts, memory. What must be true of
// each: the answer says which limit, other clients are served meanwhile, nothing is kept.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <zlib.h>

#include <fstream>
#include <vector>

#include "core/fixtures_test.h"
#include "service/http/http_for_test.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::size_t resident_bytes() {
  std::ifstream status("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  status >> total >> resident;
  return resident * 4096;
}

bool serves(std::uint16_t port) {
  RawClient client(port);
  client.send(get("/hello"));
  return client.answer().body == "hello";
}

HttpOptions small_limits() {
  HttpOptions options;
  options.body_max = 100'000;
  options.header_max = 1024;
  return options;
}

std::string head_of(std::size_t length) {
  return "POST /size HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

TEST(HttpLimits, ABodyOverTheLimitIsRefusedByItsLengthBeforeItIsSent) {
  TestServer test(small_limits());
  RawClient client(test.port);
  client.send(head_of(100'001));
  const ClientAnswer answer = client.answer();
  EXPECT_EQ(answer.status, 413);
  EXPECT_NE(answer.body.find("100001"), std::string::npos);
  EXPECT_NE(answer.body.find("at most 100000"), std::string::npos);
  EXPECT_TRUE(client.is_closed());
  RawClient just(test.port);
  just.send(head_of(100'000) + std::string(100'000, 'x'));
  EXPECT_EQ(just.answer().body, "100000");
}

TEST(HttpLimits, AClientThatSendsItsBodyRegardlessStillReadsTheRefusal) {
  TestServer test(small_limits());
  RawClient client(test.port);
  client.send(head_of(8'000'000));
  const std::string part(1'000'000, 'x');
  for (int i = 0; i < 8; ++i) client.send(part);
  EXPECT_EQ(client.answer().status, 413);
}

TEST(HttpLimits, AChunkedBodyIsRefusedWhereItPassesTheLimit) {
  TestServer test(small_limits());
  RawClient client(test.port);
  client.send("POST /size HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "2710\r\n" + std::string(10'000, 'x') + "\r\n";
  for (int i = 0; i < 10; ++i) client.send(chunk);
  client.send("1\r\n");  // announced, not sent
  EXPECT_EQ(client.answer().status, 413);
  EXPECT_TRUE(client.is_closed());
  RawClient announced(test.port);
  announced.send(
      "POST /size HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n");
  EXPECT_EQ(announced.answer().status, 413);
}

TEST(HttpLimits, ABodyThatInflatesOverTheLimitIsStoppedThere) {
  HttpOptions options;
  options.body_max = std::size_t{8} << 20;
  TestServer test(options);
  // 128 MiB of zeros in about half a megabyte.
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string zeros(std::size_t{1} << 20, '\0');
  std::string bomb(std::size_t{2} << 20, '\0');
  stream.next_out = reinterpret_cast<Bytef*>(bomb.data());
  stream.avail_out = static_cast<uInt>(bomb.size());
  for (int i = 0; i < 128; ++i) {
    stream.next_in = reinterpret_cast<Bytef*>(zeros.data());
    stream.avail_in = static_cast<uInt>(zeros.size());
    deflate(&stream, i == 127 ? Z_FINISH : Z_NO_FLUSH);
  }
  bomb.resize(stream.total_out);
  deflateEnd(&stream);
  const std::size_t before = resident_bytes();
  RawClient client(test.port);
  client.send(post("/size", bomb, "Content-Encoding: gzip\r\n"));
  const ClientAnswer answer = client.answer();
  EXPECT_EQ(answer.status, 413);
  EXPECT_NE(answer.body.find("inflated"), std::string::npos);
  EXPECT_LT(resident_bytes(), before + (std::size_t{64} << 20));
  EXPECT_TRUE(serves(test.port));
}

TEST(HttpLimits, AHeadOverTheLimitIsRefused) {
  TestServer test(small_limits());
  RawClient client(test.port);
  client.send(get("/hello", "X-Long: " + std::string(2000, 'x') + "\r\n"));
  EXPECT_EQ(client.answer().status, 431);
  EXPECT_TRUE(client.is_closed());
  RawClient endless(test.port);
  endless.send("GET /" + std::string(2000, 'x'));  // never ends
  EXPECT_EQ(endless.answer().status, 431);
  RawClient many(test.port);
  std::string fields;
  for (int i = 0; i < 101; ++i) fields += "a:b\r\n";
  many.send(get("/hello", fields));
  EXPECT_EQ(many.answer().status, 431);
}

TEST(HttpLimits, AHeadThatTricklesIsCut) {
  HttpOptions options;
  options.header_timeout = milliseconds(600);
  options.idle_timeout = seconds(60);
  TestServer test(options);
  RawClient client(test.port);
  const auto begin = Clock::now();
  const std::string head = get("/hello");
  for (std::size_t i = 0; i < 20 && client.send(head.substr(i, 1)); ++i) {
    std::this_thread::sleep_for(milliseconds(50));  // a byte at a time does not buy more time
    if (i == 5) {
      EXPECT_TRUE(serves(test.port));
    }
  }
  EXPECT_EQ(client.answer().status, 408);
  EXPECT_TRUE(client.is_closed());
  EXPECT_GE(Clock::now() - begin, milliseconds(600));
}

TEST(HttpLimits, ABodyThatStallsIsCut) {
  HttpOptions options;
  options.stall_timeout = milliseconds(300);
  TestServer test(options);
  RawClient client(test.port);
  client.send(head_of(1'000'000) + std::string(500'000, 'x'));
  EXPECT_EQ(client.answer().status, 408);
  EXPECT_TRUE(client.is_closed());
  RawClient chunked(test.port);
  chunked.send("POST /size HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nFF\r\nabc");
  EXPECT_EQ(chunked.answer().status, 408);
  EXPECT_TRUE(test.until([](const HttpCounts& counts) {
    return counts.body_bytes_in_memory == 0 && counts.connections_open == 0;
  }));
}

TEST(HttpLimits, ABodyThatTricklesIsCut) {
  HttpOptions options;
  options.stall_timeout = milliseconds(400);
  TestServer test(options);
  RawClient client(test.port);
  client.send(head_of(1'000'000));
  for (int i = 0; i < 30 && client.send("x"); ++i) std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(client.answer().status, 408);
  EXPECT_TRUE(client.is_closed());
}

TEST(HttpLimits, ASlowBodyThatMovesIsNot) {
  HttpOptions options;
  options.stall_timeout = milliseconds(2000);
  TestServer test(options);
  RawClient client(test.port);
  client.send(head_of(30 * 20'000));
  for (int i = 0; i < 30; ++i) {
    client.send(std::string(20'000, 'x'));
    std::this_thread::sleep_for(milliseconds(100));  // 3 s in all
  }
  EXPECT_EQ(client.answer().body, "600000");
}

TEST(HttpLimits, AnIdleConnectionIsClosed) {
  HttpOptions options;
  options.idle_timeout = milliseconds(200);
  TestServer test(options);
  RawClient silent(test.port);
  RawClient used(test.port);
  used.send(get("/hello"));
  EXPECT_EQ(used.answer().status, 200);
  EXPECT_TRUE(silent.is_closed());
  EXPECT_TRUE(used.is_closed());
  EXPECT_EQ(silent.buffered(), "");
}

TEST(HttpLimits, AnAnswerIsAwaitedHoweverLongItTakes) {
  HttpOptions options;
  options.idle_timeout = options.header_timeout = options.stall_timeout = milliseconds(100);
  TestServer test(options);
  RawClient client(test.port);
  client.send(post("/held", "x"));
  const auto exchange = test.held.next();
  ASSERT_NE(exchange, nullptr);
  std::this_thread::sleep_for(milliseconds(500));
  exchange->respond(text_answer("at last"));
  EXPECT_EQ(client.answer().body, "at last");
}

TEST(HttpLimits, ASlowReaderOfItsAnswerIsCut) {
  HttpOptions options;
  options.stall_timeout = milliseconds(300);
  TestServer test(options);
  RawClient client(test.port);
  client.send(get("/big?n=50000000"));  // far more than the buffers of the system take
  EXPECT_TRUE(test.until([](const HttpCounts& counts) { return counts.requests == 1; }));
  EXPECT_TRUE(test.until([](const HttpCounts& counts) { return counts.connections_open == 0; }));
  EXPECT_EQ(client.answer().status, 0);
  EXPECT_TRUE(serves(test.port));
}

TEST(HttpLimits, TheOldestIdleConnectionMakesRoom) {
  HttpOptions options;
  options.connections_max = 3;
  TestServer test(options);
  RawClient first(test.port);
  first.send(get("/hello"));
  EXPECT_EQ(first.answer().status, 200);
  RawClient second(test.port);
  second.send(get("/hello"));
  EXPECT_EQ(second.answer().status, 200);
  RawClient busy(test.port);
  busy.send(post("/held", "x"));
  const auto exchange = test.held.next();
  first.send(get("/hello"));  // first is no longer the oldest
  EXPECT_EQ(first.answer().status, 200);
  EXPECT_TRUE(serves(test.port));
  EXPECT_TRUE(second.is_closed());
  first.send(get("/hello"));
  EXPECT_EQ(first.answer().status, 200);
  exchange->respond(text_answer("kept"));
  EXPECT_EQ(busy.answer().body, "kept");
}

TEST(HttpLimits, ConnectionsThatAllWorkAreNotCutForNewOnes) {
  HttpOptions options;
  options.connections_max = 2;
  TestServer test(options);
  RawClient one(test.port);
  RawClient two(test.port);
  one.send(post("/held", "1"));
  const auto first = test.held.next();
  two.send(post("/held", "2"));
  const auto second = test.held.next();
  RawClient third(test.port);
  const ClientAnswer answer = third.answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.header("retry-after"), "1");
  first->respond(text_answer("a"));
  second->respond(text_answer("b"));
  EXPECT_EQ(one.answer().body, "a");
  EXPECT_EQ(two.answer().body, "b");
}

TEST(HttpLimits, OneClientCannotHaveAllConnections) {
  HttpOptions options;
  options.connections_per_client = 2;
  TestServer test(options);
  RawClient one(test.port, "127.0.0.2");
  RawClient two(test.port, "127.0.0.2");
  std::vector<std::shared_ptr<HttpExchange>> work;
  for (RawClient* client : {&one, &two}) {
    client->send(post("/held", "x"));
    work.push_back(test.held.next());
  }
  RawClient third(test.port, "127.0.0.2");
  EXPECT_EQ(third.answer().status, 429);
  RawClient other(test.port, "127.0.0.3");
  other.send(get("/hello"));
  EXPECT_EQ(other.answer().status, 200);
  for (const auto& exchange : work) exchange->respond(text_answer("done"));
  EXPECT_EQ(one.answer().body, "done");
  EXPECT_EQ(two.answer().body, "done");
  RawClient again(test.port, "127.0.0.2");  // the one that has been idle longest makes room
  again.send(get("/hello"));
  EXPECT_EQ(again.answer().status, 200);
  EXPECT_TRUE(test.until([](const HttpCounts& counts) { return counts.connections_open == 3; }));
}

TEST(HttpLimits, BodiesInMemoryAreBoundedAndALoneOneIsNot) {
  HttpOptions options;
  options.body_max = 1'000'000;
  options.bodies_max = 500'000;
  TestServer test(options);
  RawClient alone(test.port);
  alone.send(head_of(900'000) + std::string(900'000, 'x'));
  EXPECT_EQ(alone.answer().body, "900000");
  RawClient holder(test.port);
  holder.send(post("/held", std::string(300'000, 'x')));
  auto exchange = test.held.next();
  ASSERT_NE(exchange, nullptr);
  RawClient second(test.port);
  second.send(head_of(300'000));
  const ClientAnswer answer = second.answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.header("retry-after"), "1");
  RawClient fits(test.port);
  fits.send(post("/size", std::string(50'000, 'x')));  // a client may have three quarters
  EXPECT_EQ(fits.answer().body, "50000");
  exchange->respond(text_answer("done"));
  exchange.reset();
  EXPECT_EQ(holder.answer().body, "done");
  EXPECT_TRUE(
      test.until([](const HttpCounts& counts) { return counts.body_bytes_in_memory == 0; }));
  RawClient again(test.port);
  again.send(post("/size", std::string(300'000, 'x')));
  EXPECT_EQ(again.answer().body, "300000");
}

TEST(HttpLimits, BodiesThatAreOnlyAnnouncedKeepNobodyOut) {
  HttpOptions options;
  options.body_max = options.bodies_max = 50'000'000;
  TestServer test(options);
  std::vector<std::unique_ptr<RawClient>> announcers;
  for (int i = 0; i < 8; ++i) {
    announcers.push_back(std::make_unique<RawClient>(test.port));
    announcers.back()->send(head_of(40'000'000) + "x");
  }
  EXPECT_TRUE(test.until([](const HttpCounts& counts) { return counts.requests == 8; }));
  RawClient client(test.port);
  const std::string body(30'000'000, 'x');
  client.send(post("/size", body));
  EXPECT_EQ(client.answer().body, "30000000");
}

TEST(HttpLimits, EightLargeBodiesAtOnceLeaveNothingBehind) {
  HttpOptions options;
  options.bodies_max = std::size_t{1} << 30;
  TestServer test(options);
  constexpr std::size_t kBody = 50'000'000;
  const std::size_t before = resident_bytes();
  const std::string part(1'000'000, 'x');
  std::vector<std::unique_ptr<RawClient>> clients;
  std::vector<std::shared_ptr<HttpExchange>> exchanges;
  std::vector<std::thread> senders;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<RawClient>(test.port));
    senders.emplace_back([&part, client = clients.back().get()] {
      client->send("POST /held HTTP/1.1\r\nHost: t\r\nContent-Length: 50000000\r\n\r\n");
      for (std::size_t sent = 0; sent < kBody; sent += part.size()) client->send(part);
    });
  }
  for (int i = 0; i < 8; ++i) {
    exchanges.push_back(test.held.next());
    ASSERT_NE(exchanges.back(), nullptr);
    EXPECT_EQ(exchanges.back()->request().body.size(), kBody);
  }
  for (auto& sender : senders) sender.join();
  EXPECT_EQ(test.server->counts().body_bytes_in_memory, 8 * kBody);
  for (auto& exchange : exchanges) exchange->respond(text_answer("ok"));
  exchanges.clear();
  for (auto& client : clients) EXPECT_EQ(client->answer().status, 200);
  // The memory goes back to the system, not only to malloc. (Sanitizers keep freed memory.)
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_TRUE(test.until(
      [&](const HttpCounts&) { return resident_bytes() < before + (std::size_t{16} << 20); }))
      << before << " before, " << resident_bytes() << " after";
#else
  EXPECT_GT(before, 0U);
#endif
}

// Ten thousand connections of another process (descriptors are counted by process).
TEST(HttpLimits, TenThousandIdleConnectionsDoNotKeepOthersOut) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_max < 10'500) GTEST_SKIP() << "only " << limit.rlim_max << " open files allowed";
  for (const int most : {10'200, 1'000}) {
    HttpOptions options;
    options.connections_max = most;
    options.connections_per_client = 2'000;  // the clients have eight addresses
    TestServer test(options);
    std::thread crowd([&] {
      EXPECT_EQ(run_python("src/service/http/testdata/idle_connections.py",
                           std::to_string(test.port) + " 10000"),
                0);
    });
    const auto held = static_cast<std::uint64_t>(std::min(most, 10'000));
    EXPECT_TRUE(test.until([&](const HttpCounts& counts) {
      return counts.connections >= 10'000 && counts.connections_open == held;
    })) << test.server->counts().connections_open;
    EXPECT_TRUE(serves(test.port));
    EXPECT_EQ(test.server->counts().connections_refused, 0U);
    crowd.join();
  }
}

}  // namespace
}  // namespace shoal
