// WebSockets over a real connection, byte by byte: what RFC 6455 asks for, and what clients that
// mean harm do.
#include <gtest/gtest.h>

#include <atomic>

#include "service/http/http_for_test.h"
#include "service/http/socket_outbox.h"

namespace shoal {
namespace {

SocketPeer::Bytes shared(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

// Answers each text with itself; hands its peer to the test.
class Echo final : public SocketHandler {
 public:
  struct Seen {
    std::mutex mutex;
    std::shared_ptr<SocketPeer> peer;  // of the last one
    std::vector<std::string> texts;
    std::atomic<int> opened = 0;
    std::atomic<int> closed = 0;
  };
  explicit Echo(std::shared_ptr<Seen> seen) : seen_(std::move(seen)) {}
  void opened(std::shared_ptr<SocketPeer> peer) override {
    peer_ = peer;
    const std::lock_guard lock(seen_->mutex);
    seen_->peer = std::move(peer);
    ++seen_->opened;
  }
  void text(std::string_view message) override {
    const std::lock_guard lock(seen_->mutex);
    seen_->texts.emplace_back(message);
    peer_->send_text(shared(std::string(message)));
  }
  void closed() override { ++seen_->closed; }

 private:
  const std::shared_ptr<Seen> seen_;
  std::shared_ptr<SocketPeer> peer_;
};

std::string frame(int opcode, std::string_view payload, bool final = true, bool masked = true) {
  std::string bytes(1, static_cast<char>((final ? 0x80 : 0) | opcode));
  const int mask_bit = masked ? 0x80 : 0;
  if (payload.size() < 126) {
    bytes.push_back(static_cast<char>(mask_bit | static_cast<int>(payload.size())));
  } else {
    const bool big = payload.size() > 0xffff;
    bytes.push_back(static_cast<char>(mask_bit | (big ? 127 : 126)));
    for (int shift = big ? 56 : 8; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<char>(std::uint64_t{payload.size()} >> shift & 0xff));
    }
  }
  constexpr std::string_view kMask = "\x12\x34\x56\x78";
  if (masked) bytes += kMask;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    bytes.push_back(masked ? static_cast<char>(payload[i] ^ kMask[i % 4]) : payload[i]);
  }
  return bytes;
}

struct Message {
  int opcode = -1;  // -1: the connection ended
  std::string payload;
  [[nodiscard]] int close_code() const {
    if (opcode != 8 || payload.size() < 2) return -1;
    return static_cast<unsigned char>(payload[0]) * 256 + static_cast<unsigned char>(payload[1]);
  }
};

Message next_message(RawClient& client) {
  const std::string head = client.receive(2);
  if (head.size() < 2) return {};
  Message message{.opcode = head[0] & 0x0f, .payload = {}};
  std::size_t length = static_cast<unsigned char>(head[1]);  // a server does not mask
  if (length >= 126) {
    const std::string more = client.receive(length == 126 ? 2 : 8);
    length = 0;
    for (const char byte : more) length = length << 8 | static_cast<unsigned char>(byte);
  }
  message.payload = client.receive(length);
  return message;
}

// The next that is no ping.
Message next_data(RawClient& client) {
  Message message = next_message(client);
  while (message.opcode == 9) message = next_message(client);
  return message;
}

std::string upgrade(std::string_view more = "", std::string_view method = "GET",
                    std::string_view version = "HTTP/1.1") {
  return std::string(method) + " /socket " + std::string(version) +
         "\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
         std::string(more) + "\r\n";
}

class Socket : public ::testing::Test {
 protected:
  void SetUp() override {
    HttpOptions options;
    options.stall_timeout = std::chrono::milliseconds(600);
    start(options);
  }
  void start(HttpOptions options) {
    HttpRouter router;
    router.add("GET", "/socket", [this](const std::shared_ptr<HttpExchange>& exchange) {
      HttpResponse response;
      response.upgrade = std::make_shared<Echo>(seen);
      exchange->respond(std::move(response));
    }, RouteAccess::kOwnPages);
    options.port = 0;
    server = *HttpServer::create(options, std::move(router));
    server->start();
  }
  std::unique_ptr<RawClient> connect(std::string_view early = "") {
    auto client = std::make_unique<RawClient>(server->port());
    client->send(upgrade() + std::string(early));
    const ClientAnswer answer = client->answer(true);
    EXPECT_EQ(answer.status, 101);
    // RFC 6455 1.3 gives the key's answer.
    EXPECT_EQ(answer.header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    return client;
  }
  bool until(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
  bool all_gone() {
    return until([&] {
      return server->counts().connections_open == 0 && seen->closed == seen->opened;
    });
  }
  std::shared_ptr<SocketPeer> peer() {
    until([&] { return seen->opened > 0; });
    const std::lock_guard lock(seen->mutex);
    return seen->peer;
  }

  std::shared_ptr<Echo::Seen> seen = std::make_shared<Echo::Seen>();
  std::unique_ptr<HttpServer> server;
};

TEST_F(Socket, TextsGoBothWays) {
  auto client = connect();
  client->send(frame(1, "hello"));
  const Message message = next_data(*client);
  EXPECT_EQ(message.opcode, 1);
  EXPECT_EQ(message.payload, "hello");
  const std::string large(65'536, 'x');
  client->send(frame(1, large));
  EXPECT_EQ(next_data(*client).payload, large);
}

TEST_F(Socket, WhatCameWithTheRequestIsNotLost) {
  auto client = connect(frame(1, "early") + frame(1, "bird"));
  EXPECT_EQ(next_data(*client).payload, "early");
  EXPECT_EQ(next_data(*client).payload, "bird");
}

TEST_F(Socket, FragmentsAreOneMessageWithAPingBetween) {
  auto client = connect();
  client->send(frame(1, "one ", false) + frame(9, "ping") + frame(0, "two ", false) +
               frame(0, "three"));
  EXPECT_EQ(next_data(*client).opcode, 10);
  EXPECT_EQ(next_data(*client).payload, "one two three");
}

TEST_F(Socket, GoodbyesAreAnswered) {
  auto client = connect();
  client->send(frame(8, std::string("\x03\xe8", 2) + "bye"));
  EXPECT_EQ(next_data(*client).close_code(), 1000);
  EXPECT_TRUE(client->is_closed());
  EXPECT_TRUE(all_gone());
}

TEST_F(Socket, ThePeerSaysGoodbye) {
  auto client = connect();
  peer()->send_text(shared("last words"));
  peer()->close(1000, "enough");
  EXPECT_EQ(next_data(*client).payload, "last words");
  const Message goodbye = next_data(*client);
  EXPECT_EQ(goodbye.close_code(), 1000);
  EXPECT_EQ(goodbye.payload.substr(2), "enough");
  client->send(frame(8, std::string("\x03\xe8", 2)));
  EXPECT_TRUE(client->is_closed());
  EXPECT_TRUE(all_gone());
}

TEST_F(Socket, AGoodbyeThatIsNotAnsweredDoesNotHang) {
  auto client = connect();
  peer()->close(1000, "");
  EXPECT_TRUE(all_gone());
}

// What the protocol or a limit does not allow: a close code, and the end of the connection.
TEST_F(Socket, AttacksEndTheConnection) {
  const std::string invalid_utf8 = "\xc3\x28";
  struct {
    const char* what;
    std::string bytes;
    int code;
  } const cases[] = {
      {"not masked", frame(1, "hello", true, false), 1002},
      {"a reserved bit", std::string(1, '\xc1') + frame(1, "x").substr(1), 1002},
      {"an unknown opcode", frame(3, "x"), 1002},
      {"a continuation of nothing", frame(0, "x"), 1002},
      {"a second beginning", frame(1, "x", false) + frame(1, "y"), 1002},
      {"a fragmented ping", frame(9, "x", false), 1002},
      {"a ping of 126 bytes", frame(9, std::string(126, 'x')), 1002},
      {"text that is no UTF-8", frame(1, invalid_utf8), 1007},
      {"65,537 bytes", frame(1, std::string(65'537, 'x')), 1009},
      {"65,537 bytes in fragments",
       frame(1, std::string(65'000, 'x'), false) + frame(0, std::string(537, 'x'), false), 1009},
      {"announced: 2^62 bytes",
       std::string("\x81\xff\x40\x00\x00\x00\x00\x00\x00\x00\x12\x34\x56\x78", 14), 1009},
      {"binary", frame(2, "x"), 1003},
      {"a close code that nobody may send", frame(8, std::string("\x03\xed", 2)), 1002},
      {"a goodbye of one byte", frame(8, "x"), 1002},
  };
  for (const auto& attack : cases) {
    auto client = connect();
    client->send(attack.bytes);
    EXPECT_EQ(next_data(*client).close_code(), attack.code) << attack.what;
    client->send(frame(8, std::string("\x03\xe8", 2)));
    EXPECT_TRUE(client->is_closed()) << attack.what;
  }
  EXPECT_TRUE(all_gone());
  const std::lock_guard lock(seen->mutex);
  EXPECT_TRUE(seen->texts.empty());
}

TEST_F(Socket, AFloodOfMessagesEndsTheConnection) {
  auto client = connect();
  std::string flood;
  for (int i = 0; i < 1000; ++i) flood += frame(1, "x");
  client->send(flood);
  Message message = next_data(*client);
  int echoes = 0;
  for (; message.opcode == 1; message = next_data(*client)) ++echoes;
  EXPECT_EQ(message.close_code(), 1008);
  EXPECT_LT(echoes, 400);
}

TEST_F(Socket, AFloodOfEmptyFragmentsOrPingsHarmsNobody) {
  auto client = connect();
  auto other = connect();
  std::string flood = frame(1, "", false);
  for (int i = 0; i < 100'000; ++i) flood += frame(0, "", false);
  std::thread sender([&] { client->send(flood); });
  other->send(frame(1, "still here"));
  EXPECT_EQ(next_data(*other).payload, "still here");
  sender.join();
  client->send(frame(0, "end"));
  EXPECT_EQ(next_data(*client).payload, "end");
  std::string pings;
  for (int i = 0; i < 20'000; ++i) pings += frame(9, "x");
  client->send(pings);  // pongs are not read: the connection may be cut, others go on
  other->send(frame(1, "and here"));
  EXPECT_EQ(next_data(*other).payload, "and here");
}

TEST_F(Socket, AReaderThatStopsIsCutAlsoWhileItSends) {
  auto client = connect();
  peer()->send_binary(1, shared(std::string(32 << 20, 'x')));
  const auto sink = peer();
  for (int i = 0; i < 500 && sink->is_open(); ++i) {
    client->send(frame(10, ""));  // pongs nobody asked for: signs of life
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(all_gone());
}

TEST_F(Socket, UnreadTextsAreBounded) {
  auto client = connect();
  const auto sink = peer();
  for (int i = 0; i < 100'000 && sink->is_open(); ++i) {
    sink->send_text(shared(std::string(4096, 'x')));
  }
  EXPECT_FALSE(sink->is_open());
  EXPECT_TRUE(all_gone());
}

TEST_F(Socket, OfASlotTheNewestIsSent) {
  auto client = connect();
  const auto sink = peer();
  sink->send_binary(7, shared(std::string(8 << 20, 'a')));  // fills the socket
  until([&] { return server->counts().connections_open == 1; });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  for (int i = 0; i < 100; ++i) sink->send_binary(7, shared("old " + std::to_string(i)));
  sink->send_binary(8, shared("other slot"));
  sink->send_binary(7, shared("newest"));
  sink->send_text(shared("a text"));
  EXPECT_EQ(next_data(*client).payload.size(), std::size_t{8} << 20);
  EXPECT_EQ(next_data(*client).payload, "a text");
  const Message first = next_data(*client);
  EXPECT_EQ(first.opcode, 2);
  EXPECT_EQ(first.payload, "newest");
  EXPECT_EQ(next_data(*client).payload, "other slot");
}

TEST_F(Socket, ClientsThatVanishAreNoticed) {
  for (const bool reset : {false, true}) {
    auto client = connect();
    reset ? client->reset() : client->leave();
    EXPECT_TRUE(all_gone());
  }
  EXPECT_EQ(seen->closed, 2);
}

TEST_F(Socket, PingsKeepTheConnectionAndFindTheDead) {
  HttpOptions options;
  options.idle_timeout = std::chrono::milliseconds(1000);
  start(options);
  auto alive = connect();
  auto dead = connect();
  int pings = 0;
  const auto begun = Clock::now();
  while (Clock::now() - begun < std::chrono::milliseconds(3500)) {
    const Message message = next_message(*alive);
    if (message.opcode != 9) break;
    ++pings;
    alive->send(frame(10, message.payload));
  }
  EXPECT_GE(pings, 2);
  EXPECT_TRUE(until([&] { return seen->closed == 1; }));
  alive->send(frame(1, "here"));
  EXPECT_EQ(next_data(*alive).payload, "here");
}

TEST_F(Socket, ADrainSaysGoodbye) {
  auto client = connect();
  std::thread drainer([&] { server->drain(std::chrono::seconds(15)); });
  EXPECT_EQ(next_data(*client).close_code(), 1001);
  client->send(frame(8, std::string("\x03\xe9", 2)));
  EXPECT_TRUE(client->is_closed());
  drainer.join();
  EXPECT_EQ(seen->closed, 1);
}

TEST_F(Socket, TheServerMayGoWhileSocketsAreOpen) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(connect());
  const auto last = peer();
  server.reset();
  EXPECT_EQ(seen->closed, 10);
  last->send_text(shared("nobody"));
  last->close(1000, "");
  for (const auto& client : clients) EXPECT_TRUE(client->is_closed());
}

TEST_F(Socket, WhatIsNoHandshakeIsRefused) {
  const auto status = [&](const std::string& bytes) {
    RawClient client(server->port());
    client.send(bytes);
    return client.answer(bytes.starts_with("HEAD")).status;
  };
  EXPECT_EQ(status(get("/socket").replace(0, 0, "")), 403);  // Host: test is not its own
  EXPECT_EQ(status("GET /socket HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), 426);
  EXPECT_EQ(status(upgrade("", "HEAD")), 426);
  EXPECT_EQ(status(upgrade("", "GET", "HTTP/1.0")), 426);
  EXPECT_EQ(status(upgrade("", "POST")), 405);
  EXPECT_EQ(status(upgrade("Origin: http://evil.example\r\n")), 403);
  EXPECT_EQ(status(upgrade("Content-Length: 1\r\n") + "x"), 400);
  std::string other = upgrade();
  EXPECT_EQ(status(other.replace(other.find("13\r\n"), 2, "12")), 426);
  other = upgrade();
  EXPECT_EQ(status(other.replace(other.find("dGhl"), 4, "d*hl")), 400);
  other = upgrade();
  EXPECT_EQ(status(other.replace(other.find("dGhl"), 4, "")), 400);
  EXPECT_EQ(status(upgrade("Origin: http://127.0.0.1\r\n")), 101);
}

TEST(SocketOutbox, KeepsTextsInOrderAndSlotsInTurn) {
  int wakes = 0;
  SocketOutbox box([&] { ++wakes; });
  box.send_binary(1, shared("a1"));
  box.send_binary(2, shared("b1"));
  box.send_text(shared("t1"));
  box.send_binary(1, shared("a2"));
  box.send_text(shared("t2"));
  box.send_binary(3, shared("c1"));
  box.drop_binary(3);
  EXPECT_EQ(wakes, 6);
  std::string order;
  while (const auto message = box.take()) order += *message->bytes + (message->text ? "! " : " ");
  EXPECT_EQ(order, "t1! t2! a2 b1 ");
}

TEST(SocketOutbox, OverflowsAboveAMebibyteOfTexts) {
  SocketOutbox box([] {});
  box.send_text(shared(std::string(3 << 20, 'x')));  // one alone fits
  EXPECT_TRUE(box.is_open());
  ASSERT_TRUE(box.take());
  for (int i = 0; i < 4; ++i) box.send_text(shared(std::string(256 << 10, 'x')));
  EXPECT_TRUE(box.is_open());
  box.send_text(shared("x"));
  EXPECT_FALSE(box.is_open());
  EXPECT_TRUE(box.overflowed());
  EXPECT_FALSE(box.take());
}

TEST(SocketOutbox, ClosesOnceAfterItsTexts) {
  SocketOutbox box([] {});
  box.send_text(shared("last"));
  box.send_binary(1, shared("picture"));
  box.close(1000, "first");
  box.close(1001, "second");
  box.send_text(shared("too late"));
  EXPECT_EQ(*box.take()->bytes, "last");
  EXPECT_FALSE(box.take());
  EXPECT_EQ(box.closing()->code, 1000);
}

}  // namespace
}  // namespace shoal
