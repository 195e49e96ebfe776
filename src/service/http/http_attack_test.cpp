// What strangers do to a server so that others are not served: refused requests whose bodies
// trickle, idle connections, uploads without a key, guesses of keys. Over real sockets, but for
// what is pure.
#include <gtest/gtest.h>

#include <vector>

#include "core/fixtures_test.h"
#include "service/http/body_budget.h"
#include "service/http/http_for_test.h"
#include "service/http/key_guard.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clients = std::vector<std::unique_ptr<RawClient>>;

// printf %s alpha | sha256sum
constexpr const char* kAlphaHash =
    "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8";

// Its key is "alpha".
struct KeyedServer {
  explicit KeyedServer(HttpOptions options) {
    write_file(folder.file("keys"), std::string(kAlphaHash) + "\n");
    options.api_keys_file = folder.file("keys");
    test = std::make_unique<TestServer>(std::move(options));
  }
  // The status that a client with this key gets.
  int ask(std::string_view key, const char* from = nullptr) const {
    RawClient client(test->port, from);
    client.send(get("/hello", "X-API-Key: " + std::string(key) + "\r\n"));
    return client.answer().status;
  }
  ScratchFolder folder;
  std::unique_ptr<TestServer> test;
};

TEST(HttpAttack, ARefusedRequestCountsUntilItsConnectionIsGone) {
  HttpOptions options;
  options.connections_max = 8;
  const KeyedServer server(options);
  Clients strangers;
  for (int i = 0; i < 60; ++i) {
    const std::string address = "127.0.1." + std::to_string(i % 12 + 1);
    strangers.push_back(std::make_unique<RawClient>(server.test->port, address.c_str()));
    strangers.back()->send("POST /size HTTP/1.1\r\nHost: t\r\nContent-Length: 65000\r\n\r\nx");
  }
  EXPECT_EQ(server.ask("alpha"), 200);
  for (const auto& client : strangers) client->send("x");
  EXPECT_TRUE(server.test->until([](const HttpCounts& counts) {
    return counts.connections_open <= 8;
  }));
  EXPECT_EQ(server.ask("alpha"), 200);
}

TEST(HttpAttack, AShortBodyOfARefusedRequestIsReadOver) {
  const KeyedServer server({});
  RawClient client(server.test->port);
  client.send(post("/size", std::string(60'000, 'x')));
  EXPECT_EQ(client.answer().status, 401);
  client.send(post("/size", "abc", "X-API-Key: alpha\r\n"));
  EXPECT_EQ(client.answer().body, "3");
}

TEST(HttpAttack, IdleConnectionsOfOneAddressKeepNobodyOutOfIt) {
  HttpOptions options;
  options.connections_max = 64;
  options.connections_per_client = 16;
  TestServer test(options);
  Clients idle;
  for (int i = 0; i < 80; ++i) idle.push_back(std::make_unique<RawClient>(test.port));
  for (int i = 0; i < 3; ++i) {
    RawClient client(test.port);
    client.send(get("/healthz"));
    EXPECT_EQ(client.answer().status, 200);
  }
  EXPECT_TRUE(
      test.until([](const HttpCounts& counts) { return counts.connections_open <= 16; }));
  EXPECT_EQ(test.server->counts().connections_refused, 0U);
  EXPECT_TRUE(idle.front()->is_closed());
}

// A body of a client that holds so many bytes.
BodyLease lease_of(const std::shared_ptr<BodyBudget>& budget, const std::string& client, bool open,
                   std::size_t bytes) {
  BodyLease lease(budget);
  lease.own(client, open);
  EXPECT_TRUE(lease.grow(bytes)) << client;
  return lease;
}

TEST(BodyBudget, OneClientLeavesRoomForTheNext) {
  const auto budget = std::make_shared<BodyBudget>(1000);
  std::vector<BodyLease> held;
  for (int i = 0; i < 75; ++i) held.push_back(lease_of(budget, "a", false, 10));
  BodyLease more(budget);
  more.own("a", false);
  EXPECT_FALSE(more.grow(10));
  for (int i = 0; i < 15; ++i) held.push_back(lease_of(budget, "b", false, 10));
  BodyLease of_third(budget);
  of_third.own("c", false);
  EXPECT_TRUE(of_third.grow(50));  // its only body: whatever there is room for
  EXPECT_FALSE(of_third.grow(60));
  held.clear();
  EXPECT_TRUE(more.grow(700));
  EXPECT_EQ(budget->in_use(), 750U);
}

TEST(BodyBudget, ThoseWithoutAKeyShareAnEighth) {
  const auto budget = std::make_shared<BodyBudget>(800);
  std::vector<BodyLease> held;
  for (int i = 0; i < 10; ++i) {
    held.push_back(lease_of(budget, "10.0.0." + std::to_string(i), true, 10));
  }
  BodyLease more(budget);
  more.own("10.0.0.99", true);
  EXPECT_FALSE(more.fits(10));
  EXPECT_FALSE(more.grow(10));
  held.push_back(lease_of(budget, "10.0.0.1", false, 500));  // with a key
  held.clear();
  EXPECT_TRUE(more.grow(600));  // alone
}

TEST(HttpAttack, UploadsWithoutAKeyLeaveRoomForThoseWithOne) {
  HttpOptions options;
  options.body_max = options.bodies_max = 8'000'000;
  options.connections_max = 64;
  HttpRouter router;
  const auto size = [](const std::shared_ptr<HttpExchange>& e) {
    e->respond(text_answer(std::to_string(e->request().body.size())));
  };
  router.add("POST", "/form", size, RouteAccess::kKeyInBody);
  router.add("POST", "/size", size);
  const ScratchFolder folder;
  write_file(folder.file("keys"), std::string(kAlphaHash) + "\n");
  options.api_keys_file = folder.file("keys");
  options.port = 0;
  const auto server = *HttpServer::create(options, std::move(router));
  server->start();
  Clients strangers;
  for (int i = 0; i < 60; ++i) {
    const std::string address = "127.0.1." + std::to_string(i % 12 + 1);
    strangers.push_back(std::make_unique<RawClient>(server->port(), address.c_str()));
    strangers.back()->send("POST /form HTTP/1.1\r\nHost: t\r\nContent-Length: 200000\r\n\r\n" +
                           std::string(190'000, 'x'));
  }
  const std::string body(3'000'000, 'y');
  RawClient client(server->port());
  client.send(post("/size", body, "X-API-Key: alpha\r\n"));
  EXPECT_EQ(client.answer().body, "3000000");
  RawClient form(server->port());  // the same path, with the key in a header
  form.send(post("/form", body, "X-API-Key: alpha\r\n"));
  EXPECT_EQ(form.answer().body, "3000000");
}

TEST(KeyGuard, SlowsWhoIsWrongOftenAndForgets) {
  KeyGuard guard("test");
  const TimePoint start = Clock::now();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(guard.wrong("a", start), Duration::zero());
  Duration before = Duration::zero();
  for (int i = 0; i < 20; ++i) {
    const Duration delay = guard.wrong("a", start);
    EXPECT_GE(delay, before);
    EXPECT_GT(delay, Duration::zero());
    EXPECT_LE(delay, seconds(1));
    before = delay;
  }
  EXPECT_EQ(before, seconds(1));
  EXPECT_EQ(guard.wrong("b", start), Duration::zero());
  EXPECT_EQ(guard.wrong("a", start + std::chrono::minutes(10)), Duration::zero());
}

TEST(KeyGuard, RemembersABoundedNumberOfAddresses) {
  KeyGuard guard("test");
  for (std::size_t i = 0; i < 3 * KeyGuard::kClientsMax; ++i) {
    (void)guard.wrong(std::to_string(i), Clock::now());
  }
  EXPECT_EQ(guard.clients(), KeyGuard::kClientsMax);
}

TEST(HttpAttack, WrongKeysAreSlowedAndRightOnesAreNot) {
  const KeyedServer server({});
  const TimePoint begin = Clock::now();
  for (int i = 0; i < 7; ++i) EXPECT_EQ(server.ask("wrong"), 401);
  EXPECT_GE(Clock::now() - begin, milliseconds(25 + 50 + 100 + 200));
  RawClient waits(server.test->port);  // for 0.4 s and more
  waits.send(get("/hello", "X-API-Key: guess\r\n"));
  EXPECT_EQ(server.ask("alpha"), 200);
  EXPECT_EQ(waits.answer().status, 401);
}

TEST(HttpAttack, AnswersToWrongKeysThatWaitMakeRoomForOthers) {
  HttpOptions options;
  options.connections_max = 8;
  const KeyedServer server(options);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(server.ask("wrong"), 401);
  Clients guessing;
  for (int i = 0; i < 8; ++i) {
    guessing.push_back(std::make_unique<RawClient>(server.test->port));
    guessing.back()->send(get("/hello", "X-API-Key: guess\r\n"));
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(server.ask("alpha"), 200);
}

}  // namespace
}  // namespace shoal
