// The server over real sockets: what HTTP/1.1 asks of it, answers from other threads, clients that
// go away, drain. Limits and keys have tests of their own.
#include "service/http/http_server.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <atomic>

#include "core/fixtures_test.h"
#include "service/http/http_for_test.h"

namespace shoal {
namespace {

std::string inflated(const std::string& bytes, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, window_bits), Z_OK);
  std::string out(std::size_t{1} << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

std::string deflated(const std::string& bytes, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(HttpServer, AnswersOnAKeptConnection) {
  TestServer test;
  RawClient client(test.port);
  for (int i = 0; i < 3; ++i) {
    client.send(get("/hello"));
    const ClientAnswer answer = client.answer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "hello");
    EXPECT_EQ(answer.header("connection"), "");
    EXPECT_EQ(answer.header("content-type"), "text/plain");
    EXPECT_TRUE(answer.header("date").ends_with("GMT"));
  }
}

TEST(HttpServer, ClosesWhenAskedTo) {
  TestServer test;
  RawClient client(test.port);
  client.send(get("/hello", "Connection: close\r\n"));
  const ClientAnswer answer = client.answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(client.is_closed());
}

TEST(HttpServer, ServesHttp10WithAndWithoutKeepAlive) {
  TestServer test;
  RawClient client(test.port);
  client.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(client.answer().header("connection"), "keep-alive");
  client.send("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.answer().header("connection"), "close");
  EXPECT_TRUE(client.is_closed());
}

TEST(HttpServer, AnswersPipelinedRequestsInOrderAndLosesNone) {
  TestServer test;
  RawClient client(test.port);
  // The first waits for its answer while the others, with their bodies, have arrived already.
  const std::string large(100'000, 'z');
  client.send(post("/held", "first"));
  const auto first = test.held.next();
  ASSERT_NE(first, nullptr);
  std::thread sender([&] {
    client.send(post("/echo", "second") + get("/hello") + post("/echo", large) + get("/id"));
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  first->respond(text_answer("one"));
  EXPECT_EQ(client.answer().body, "one");
  EXPECT_EQ(client.answer().body, "second");
  EXPECT_EQ(client.answer().body, "hello");
  EXPECT_EQ(client.answer().body, large);
  EXPECT_EQ(client.answer().status, 200);
  sender.join();
}

TEST(HttpServer, HeadHasTheHeadOfGetAndNoBody) {
  TestServer test;
  RawClient client(test.port);
  client.send("HEAD /hello HTTP/1.1\r\nHost: t\r\n\r\n");
  const ClientAnswer head = client.answer(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-length"), "5");
  client.send(get("/hello"));  // not confused by a body that did not come
  EXPECT_EQ(client.answer().body, "hello");
}

TEST(HttpServer, SaysContinueBeforeTheBodyIsSent) {
  TestServer test;
  RawClient client(test.port);
  client.send(
      "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.answer().status, 100);
  client.send("body");
  EXPECT_EQ(client.answer().body, "body");
}

TEST(HttpServer, TakesChunkedBodies) {
  TestServer test;
  RawClient client(test.port);
  client.send(
      "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n");
  EXPECT_EQ(client.answer().body, "abc0123456789");
  client.send(get("/hello"));
  EXPECT_EQ(client.answer().body, "hello");
}

TEST(HttpServer, UndoesGzipAndDeflateOfBodies) {
  TestServer test;
  RawClient client(test.port);
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i * 7919) + ",";
  client.send(post("/echo", deflated(text, 31), "Content-Encoding: gzip\r\n"));
  EXPECT_EQ(client.answer().body, text);
  client.send(post("/echo", deflated(text, 15), "Content-Encoding: deflate\r\n"));
  EXPECT_EQ(client.answer().body, text);
  // Two gzip members, one after the other.
  client.send(post("/echo", deflated("one ", 31) + deflated("two", 31),
                   "Content-Encoding: gzip\r\n"));
  EXPECT_EQ(client.answer().body, "one two");
}

TEST(HttpServer, RefusesBodiesThatAreNotWhatTheirCodingSays) {
  TestServer test;
  const std::string sound = deflated("some text", 31);
  for (const std::string& body : {std::string("not gzip"), sound.substr(0, sound.size() - 4),
                                  sound + "rest"}) {
    RawClient client(test.port);
    client.send(post("/echo", body, "Content-Encoding: gzip\r\n"));
    EXPECT_EQ(client.answer().status, 400);
    EXPECT_TRUE(client.is_closed());
  }
  RawClient client(test.port);
  client.send(post("/echo", "x", "Content-Encoding: br\r\n"));
  const ClientAnswer answer = client.answer();
  EXPECT_EQ(answer.status, 415);
  EXPECT_EQ(answer.header("accept-encoding"), "gzip, deflate");
}

TEST(HttpServer, CompressesLargeTextWhereTheClientAcceptsIt) {
  TestServer test;
  RawClient client(test.port);
  client.send(get("/big?n=70000", "Accept-Encoding: gzip, deflate\r\n"));
  ClientAnswer answer = client.answer();
  EXPECT_EQ(answer.header("content-encoding"), "gzip");
  EXPECT_EQ(answer.header("vary"), "Accept-Encoding");
  EXPECT_EQ(inflated(answer.body, 31), std::string(70'000, 'b'));
  client.send(get("/big?n=70000", "Accept-Encoding: gzip;q=0.1, deflate\r\n"));
  answer = client.answer();
  EXPECT_EQ(answer.header("content-encoding"), "deflate");
  EXPECT_EQ(inflated(answer.body, 15), std::string(70'000, 'b'));
  // What libraries say that accept everything; and one coding, which somebody asked for.
  client.send(get("/big?n=60000", "Accept-Encoding: gzip, deflate, br\r\n"));
  EXPECT_EQ(client.answer().header("content-encoding"), "");
  client.send(get("/big?n=5000", "Accept-Encoding: gzip\r\n"));
  EXPECT_EQ(client.answer().header("content-encoding"), "gzip");
  client.send(get("/big?n=5000", "Accept-Encoding: gzip;q=0\r\n"));
  EXPECT_EQ(client.answer().header("content-encoding"), "");
  client.send(get("/big?n=100", "Accept-Encoding: gzip\r\n"));
  EXPECT_EQ(client.answer().header("content-encoding"), "");
}

TEST(HttpServer, CompressesTensorsOnlyForAClientThatNamesOneCoding) {
  TestServer test;
  RawClient client(test.port);
  const std::string tensor(5000, '\1');
  client.send(post("/echo", tensor, "Accept-Encoding: gzip, deflate\r\n"));
  EXPECT_EQ(client.answer().body, tensor);
  client.send(post("/echo", tensor, "Accept-Encoding: gzip\r\n"));
  const ClientAnswer answer = client.answer();
  EXPECT_EQ(answer.header("content-encoding"), "gzip");
  EXPECT_EQ(inflated(answer.body, 31), tensor);
}

TEST(HttpServer, RoutesAndSaysWhatItDoesNotServe) {
  TestServer test;
  RawClient client(test.port);
  client.send(get("/items/a%20b/"));
  EXPECT_EQ(client.answer().body, "item a b");
  client.send(get("/nothing/here"));
  ClientAnswer answer = client.answer();
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.header("content-type"), "application/json");
  EXPECT_EQ(answer.body, R"({"error":"nothing is served at '/nothing/here'"})");
  client.send("DELETE /items/x HTTP/1.1\r\nHost: t\r\n\r\n");
  answer = client.answer();
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.header("allow"), "GET, HEAD, OPTIONS, POST");
  client.send("OPTIONS /items/x HTTP/1.1\r\nHost: t\r\n\r\n");
  answer = client.answer();
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("allow"), "GET, HEAD, OPTIONS, POST");
  client.send("OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(client.answer().status, 204);
  // A short body of a refused request is read over, and the connection goes on.
  client.send(post("/nothing", "body of nothing") + get("/hello"));
  EXPECT_EQ(client.answer().status, 404);
  EXPECT_EQ(client.answer().body, "hello");
}

TEST(HttpServer, EchoesASaneRequestIdAndReplacesOthers) {
  TestServer test;
  RawClient client(test.port);
  client.send(get("/id", "X-Request-ID: run-7/a\r\n"));
  ClientAnswer answer = client.answer();
  EXPECT_EQ(answer.header("x-request-id"), "run-7/a");
  EXPECT_EQ(answer.body, "run-7/a");
  client.send(get("/id", "X-Request-ID: \"<script>\"\r\n"));
  answer = client.answer();
  EXPECT_EQ(answer.header("x-request-id"), answer.body);
  EXPECT_EQ(answer.body.find('<'), std::string::npos);
  EXPECT_GT(answer.body.size(), 16U);
}

TEST(HttpServer, AnswersComeFromAnyThreadAndTheFirstCounts) {
  TestServer test;
  RawClient client(test.port);
  client.send(post("/held", "x"));
  auto exchange = test.held.next();
  ASSERT_NE(exchange, nullptr);
  EXPECT_EQ(exchange->request().body, "x");
  EXPECT_EQ(exchange->request().client, "127.0.0.1");
  EXPECT_EQ(exchange->request().connection, 1U);
  EXPECT_LE(exchange->request().first_byte, exchange->request().complete);
  std::thread([&] {
    exchange->respond(text_answer("first"));
    exchange->respond(text_answer("second"));
    exchange.reset();
  }).join();
  EXPECT_EQ(client.answer().body, "first");
}

TEST(HttpServer, ADroppedExchangeIsAnsweredWith500) {
  TestServer test;
  RawClient client(test.port);
  client.send(get("/drop"));
  EXPECT_EQ(client.answer().status, 500);
  client.send(post("/held", ""));
  test.held.next().reset();
  EXPECT_EQ(client.answer().status, 500);
}

TEST(HttpServer, TellsWhenTheClientGoesAway) {
  TestServer test;
  for (const bool reset : {false, true}) {
    RawClient client(test.port);
    client.send(post("/held", "x"));
    const auto exchange = test.held.next();
    ASSERT_NE(exchange, nullptr);
    std::atomic<int> calls = 0;
    exchange->on_abort([&] { calls += 100; });  // replaced
    exchange->on_abort([&] { ++calls; });
    if (reset) {
      client.reset();
    } else {
      client.leave();
    }
    EXPECT_TRUE(test.until([&](const HttpCounts&) { return calls == 1; }));
    exchange->respond(text_answer("nobody reads this"));
    std::atomic<bool> at_once = false;
    exchange->on_abort([&] { at_once = true; });
    EXPECT_TRUE(at_once);
    EXPECT_EQ(calls, 1);
  }
  EXPECT_TRUE(test.until([](const HttpCounts& counts) {
    return counts.requests_aborted == 2 && counts.connections_open == 0;
  }));
}

TEST(HttpServer, AnExchangeMayOutliveTheServer) {
  auto test = std::make_unique<TestServer>();
  RawClient client(test->port);
  client.send(post("/held", "x"));
  auto exchange = test->held.next();
  ASSERT_NE(exchange, nullptr);
  std::atomic<bool> aborted = false;
  exchange->on_abort([&] { aborted = true; });
  test->server.reset();
  EXPECT_TRUE(aborted);
  EXPECT_EQ(exchange->request().body, "x");
  exchange->respond(text_answer("too late"));
}

TEST(HttpServer, DrainAnswersWhatIsUnderWayAndTakesNoMore) {
  TestServer test;
  RawClient idle(test.port);
  idle.send(get("/hello"));
  EXPECT_EQ(idle.answer().status, 200);
  RawClient busy(test.port);
  busy.send(post("/held", "x"));
  const auto exchange = test.held.next();
  ASSERT_NE(exchange, nullptr);
  std::thread draining([&] { test.server->drain(std::chrono::seconds(20)); });
  EXPECT_TRUE(idle.is_closed());
  EXPECT_FALSE(RawClient(test.port).connected());
  exchange->respond(text_answer("done"));
  const ClientAnswer answer = busy.answer();
  EXPECT_EQ(answer.body, "done");
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(busy.is_closed());
  draining.join();
}

TEST(HttpServer, DrainEndsAfterItsPatience) {
  TestServer test;
  RawClient client(test.port);
  client.send(post("/held", "x"));
  const auto exchange = test.held.next();
  ASSERT_NE(exchange, nullptr);
  std::atomic<bool> aborted = false;
  exchange->on_abort([&] { aborted = true; });
  test.server->drain(std::chrono::milliseconds(100));
  EXPECT_TRUE(client.is_closed());
  EXPECT_TRUE(aborted);
}

TEST(HttpServer, APortThatIsTakenIsNamed) {
  TestServer test;
  HttpOptions options;
  options.port = test.port;
  const auto second = HttpServer::create(options, HttpRouter());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(second.error().message.find(std::to_string(test.port)), std::string::npos);
}

TEST(HttpServer, ServesManyClientsOnSeveralThreads) {
  HttpOptions options;
  options.threads = 3;
  TestServer test(options);
  std::atomic<int> sound = 0;
  std::vector<std::thread> clients;
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([&, c] {
      RawClient client(test.port);
      for (int i = 0; i < 100; ++i) {
        const std::string body(static_cast<std::size_t>(1 + c * 1000 + i * 37), 'q');
        client.send(post("/echo", body));
        if (client.answer().body == body) ++sound;
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(sound, 800);
}

}  // namespace
}  // namespace shoal
