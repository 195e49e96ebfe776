// Bodies that come piece by piece, over a real connection.
#include <gtest/gtest.h>

#include <atomic>

#include "service/http/http_for_test.h"

namespace shoal {
namespace {

// Gives what a test puts in; remembers that it is gone.
class Pieces final : public BodySource {
 public:
  struct Shared {
    std::mutex mutex;
    std::deque<std::string> pieces;
    bool ended = false;
    bool failed = false;
    bool endless = false;  // the last piece again and again
    std::function<void()> wake;
    std::atomic<int> taken = 0;
    std::atomic<bool> gone = false;
    std::optional<std::uint64_t> length;

    void put(std::string piece) {
      std::function<void()> call;
      {
        const std::lock_guard lock(mutex);
        pieces.push_back(std::move(piece));
        call = wake;
      }
      if (call) call();
    }
    void end(bool failure = false) {
      std::function<void()> call;
      {
        const std::lock_guard lock(mutex);
        ended = true;
        failed = failure;
        call = wake;
      }
      if (call) call();
    }
  };

  explicit Pieces(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  ~Pieces() override { shared_->gone = true; }
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;

  std::optional<std::uint64_t> length() const override { return shared_->length; }
  void begin(std::function<void()> wake) override {
    const std::lock_guard lock(shared_->mutex);
    shared_->wake = std::move(wake);
  }
  Next next() override {
    const std::lock_guard lock(shared_->mutex);
    if (!shared_->pieces.empty()) {
      ++shared_->taken;
      piece_ = shared_->pieces.front();
      if (!shared_->endless) shared_->pieces.pop_front();
      return {Step::kPiece, piece_};
    }
    if (!shared_->ended) return {Step::kWait, {}};
    return {shared_->failed ? Step::kFail : Step::kEnd, {}};
  }

 private:
  const std::shared_ptr<Shared> shared_;
  std::string piece_;
};

class Stream : public ::testing::Test {
 protected:
  void SetUp() override { start(std::chrono::milliseconds(400)); }
  void start(std::chrono::milliseconds stall_timeout) {
    HttpRouter router;
    router.add("GET", "/stream", [this](const std::shared_ptr<HttpExchange>& exchange) {
      HttpResponse response;
      response.content_type = "multipart/x-mixed-replace; boundary=b";
      response.stream = std::make_shared<Pieces>(body);
      exchange->respond(std::move(response));
    });
    router.add("GET", "/hello", [](const auto& e) { e->respond(text_answer("hello")); });
    HttpOptions options;
    options.port = 0;
    options.host_names = {"test"};  // as requests here have it
    options.stall_timeout = stall_timeout;
    server = *HttpServer::create(options, std::move(router));
    server->start();
  }
  bool until(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  std::shared_ptr<Pieces::Shared> body = std::make_shared<Pieces::Shared>();
  std::unique_ptr<HttpServer> server;
};

TEST_F(Stream, SendsPiecesAsTheyComeAndEndsWithTheConnection) {
  RawClient client(server->port());
  client.send(get("/stream"));
  const ClientAnswer head = client.answer(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-length"), "");
  EXPECT_EQ(head.header("connection"), "close");
  body->put("one");
  EXPECT_EQ(client.receive(3), "one");
  body->put("two");
  body->put("three");
  EXPECT_EQ(client.receive(8), "twothree");
  body->end();
  EXPECT_TRUE(client.is_closed());
  EXPECT_TRUE(until([&] { return body->gone.load(); }));
}

TEST_F(Stream, WithALengthTheConnectionGoesOn) {
  body->length = 6;
  body->put("abc");
  body->put("def");
  body->end();
  RawClient client(server->port());
  client.send(get("/stream") + get("/hello"));
  EXPECT_EQ(client.answer().body, "abcdef");
  EXPECT_EQ(client.answer().body, "hello");
}

TEST_F(Stream, OneThatIsShorterOrLongerThanItSaidIsCut) {
  for (const char* piece : {"abc", "abcdefghi"}) {
    body = std::make_shared<Pieces::Shared>();
    body->length = 6;
    body->put(piece);
    body->end();
    RawClient client(server->port());
    client.send(get("/stream") + get("/hello"));
    EXPECT_EQ(client.answer().status, 0) << piece;
    EXPECT_TRUE(client.is_closed());
    EXPECT_EQ(client.buffered().find("hello"), std::string::npos);
  }
}

TEST_F(Stream, AFailureCutsTheConnection) {
  body->length = 6;
  body->put("abc");
  body->end(true);
  RawClient client(server->port());
  client.send(get("/stream"));
  EXPECT_EQ(client.answer().status, 0);
  EXPECT_TRUE(client.is_closed());
}

TEST_F(Stream, HeadHasNoBodyAndTheConnectionGoesOn) {
  RawClient client(server->port());
  client.send("HEAD /stream HTTP/1.1\r\nHost: test\r\n\r\n" + get("/hello"));
  EXPECT_EQ(client.answer(true).status, 200);
  EXPECT_EQ(client.answer().body, "hello");
  EXPECT_EQ(body->taken, 0);
  EXPECT_TRUE(body->gone);
}

TEST_F(Stream, Http10GetsItToo) {
  body->put("old");
  body->end();
  RawClient client(server->port());
  client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(client.answer(true).header("connection"), "close");
  EXPECT_EQ(client.receive(3), "old");
  EXPECT_TRUE(client.is_closed());
}

TEST_F(Stream, GoesWhenTheClientDoes) {
  for (const bool reset : {false, true}) {
    body = std::make_shared<Pieces::Shared>();
    RawClient client(server->port());
    client.send(get("/stream"));
    client.answer(true);
    reset ? client.reset() : client.leave();
    EXPECT_TRUE(until([&] { return body->gone.load(); }));
  }
  EXPECT_TRUE(until([&] { return server->counts().connections_open == 0; }));
}

TEST_F(Stream, AReaderThatStopsIsCut) {
  body->endless = true;
  body->put(std::string(100'000, 'x'));
  RawClient client(server->port());
  client.send(get("/stream"));
  EXPECT_TRUE(until([&] { return body->gone.load(); }));
  // What was taken had to fit into the kernel's buffers: the rest was never asked for.
  EXPECT_LT(body->taken, 300);
}

TEST_F(Stream, ASlowReaderGetsTheNewestAndNotALongQueue) {
  constexpr std::size_t kPiece = 100'000;
  start(std::chrono::seconds(30));
  body->endless = true;
  body->put(std::string(kPiece, 'x'));
  RawClient client(server->port());
  client.send(get("/stream"));
  client.answer(true);
  std::size_t received = 0;
  for (int i = 0; i < 20; ++i) {
    received += client.receive(50'000).size();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(received, 1'000'000U);
  EXPECT_FALSE(body->gone);
  // What was taken beyond that is what the kernel's buffers hold.
  EXPECT_LT(static_cast<std::size_t>(body->taken), received / kPiece + 200);
}

TEST_F(Stream, ADrainEndsStreamsWithoutALength) {
  RawClient client(server->port());
  client.send(get("/stream"));
  client.answer(true);
  const auto begun = Clock::now();
  server->drain(std::chrono::seconds(15));
  EXPECT_LT(Clock::now() - begun, std::chrono::seconds(10));
  EXPECT_TRUE(body->gone);
  EXPECT_TRUE(client.is_closed());
}

TEST_F(Stream, TheServerMayGoWhileStreamsRun) {
  body->endless = true;
  body->put(std::string(100'000, 'x'));
  RawClient first(server->port());
  first.send(get("/stream"));
  first.answer(true);
  server.reset();
  EXPECT_TRUE(body->gone);
  body->put("late");  // its waker outlives all
  EXPECT_TRUE(first.is_closed());
}

}  // namespace
}  // namespace shoal
