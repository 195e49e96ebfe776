// The pure pieces: heads, targets, chunks, the reader of whole requests; Beast as the second reader
// with whom ours may not disagree.
#include "service/http/request_head.h"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <vector>

#include "service/http/request_reader.h"

namespace shoal {
namespace {

int refused(const std::string& head) {
  HeadScanner scanner(4096);
  const auto found = scanner.scan(head);
  if (const auto* refusal = std::get_if<HttpRefusal>(&found)) return refusal->status;
  const auto& bounds = std::get<0>(found);
  if (!bounds) return -1;  // incomplete
  const auto parsed = parse_head(
      std::string_view(head).substr(bounds->begin, bounds->end - bounds->begin));
  const auto* refusal = std::get_if<HttpRefusal>(&parsed);
  return refusal == nullptr ? 0 : refusal->status;
}

RequestHead head_of(const std::string& text) {
  auto parsed = parse_head(text);
  EXPECT_TRUE(std::holds_alternative<RequestHead>(parsed))
      << std::get<HttpRefusal>(parsed).message;
  return std::get<RequestHead>(std::move(parsed));
}

std::string with(const std::string& fields, const std::string& line = "POST / HTTP/1.1") {
  return line + "\r\nHost: t\r\n" + fields + "\r\n";
}

// The whole input through the reader, `step` bytes at a time.
struct Outcome {
  RequestReader::Phase phase;
  int status = 0;
  std::string body;
  std::size_t taken = 0;
};
Outcome read(std::string_view input, std::size_t step, std::size_t body_max = 1 << 20) {
  RequestReader reader({.header_max = 4096, .body_max = body_max},
                       std::make_shared<BodyBudget>(std::size_t{1} << 30));
  std::size_t taken = 0;
  using Phase = RequestReader::Phase;
  for (std::size_t end = std::min(step, input.size());; end = std::min(end + step, input.size())) {
    while (true) {
      const std::size_t count = reader.feed(input.substr(taken, end - taken));
      taken += count;
      if (reader.phase() == Phase::kHeadRead) reader.begin_body();
      if (reader.phase() == Phase::kRefused) {
        return {.phase = Phase::kRefused, .status = reader.refusal().status, .body = {},
                .taken = taken};
      }
      if (reader.phase() == Phase::kComplete) {
        return {.phase = Phase::kComplete, .status = 0, .body = reader.take_request().body,
                .taken = taken};
      }
      if (!reader.pending() && (count == 0 || taken == end)) break;
    }
    if (end == input.size()) break;
  }
  return {.phase = reader.phase(), .status = 0, .body = {}, .taken = taken};
}

TEST(RequestHead, ReadsMethodTargetAndFields) {
  const RequestHead head = head_of(
      "POST /v2/models/a%20b/infer?x=1+2&y&z=%26 HTTP/1.1\r\nHost: h:80\r\nContent-Length: 12\r\n"
      "X-Two:  spaced \t\r\n\r\n");
  EXPECT_EQ(head.request.method, "POST");
  EXPECT_EQ(head.request.path, "/v2/models/a b/infer");
  EXPECT_EQ(head.request.parameter("x"), "1 2");
  EXPECT_EQ(head.request.parameter("y"), "");
  EXPECT_EQ(head.request.parameter("z"), "&");
  EXPECT_EQ(head.request.header("x-two"), "spaced");
  EXPECT_EQ(head.content_length, 12U);
  EXPECT_TRUE(head.keep_alive);
}

TEST(RequestHead, RefusesWhatTwoReadersCouldReadDifferently) {
  const std::vector<std::string> shapes = {
      with("Content-Length: 5\r\nContent-Length: 6\r\n"),
      with("Content-Length: 5\r\nContent-Length: 5\r\n"),
      with("Content-Length: 5, 5\r\n"),
      with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
      with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
      with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
      with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
      with("Content-Length: +5\r\n"),
      with("Content-Length: -5\r\n"),
      with("Content-Length: 0x5\r\n"),
      with("Content-Length: 5 5\r\n"),
      with("Content-Length: \r\n"),
      with("Content-Length: 99999999999999999999\r\n"),
      with("Content-Length : 5\r\n"),
      with("Transfer-Encoding : chunked\r\n"),
      with(" Content-Length: 5\r\n"),
      with("X: a\r\n b\r\n"),
      with("X: a\r\n\tb\r\n"),
      with("X: a\rContent-Length: 5\r\n"),
      with("X: a\nContent-Length: 5\r\n"),
      with("X: a\r\r\n"),
      with(std::string("X: a\0b\r\n", 8)),
      with("X: \x01\r\n"),
      with("X\x80: a\r\n"),
      with(": a\r\n"),
      with("no colon\r\n"),
      with("", "POST  / HTTP/1.1"),
      with("", "POST /  HTTP/1.1"),
      with("", "POST\t/ HTTP/1.1"),
      with("", "POST /a b HTTP/1.1"),
      with("", "POST / HTTP/1.1 "),
      with("", " POST / HTTP/1.1"),
      with("", "POST /"),
      with("", "/ HTTP/1.1"),
      with("", "P(ST / HTTP/1.1"),
      with("", "POST / http/1.1"),
      with("", "POST / HTTP/1.1x"),
      with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0"),
      with("Host: u\r\n"),
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
      "GET / HTTP/1.1\nHost: t\n\n",
      "GET / HTTP/1.1\r\nHost: t\n\r\n",
      "\nGET / HTTP/1.1\r\nHost: t\r\n\r\n",
      "\r\n\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n",
      "\x16\x03\x01\x02",
      std::string(1, '\0'),
  };
  for (const std::string& shape : shapes) {
    const int status = refused(shape);
    EXPECT_TRUE(status == 400 || status == 505) << status << " for:\n" << shape;
  }
  EXPECT_EQ(refused(with("Transfer-Encoding: gzip, chunked\r\n")), 501);
  EXPECT_EQ(refused(with("Transfer-Encoding: xchunked\r\n")), 501);
  EXPECT_EQ(refused(with("", "GET / HTTP/2.0")), 505);
  EXPECT_EQ(refused("PRI * HTTP/2.0\r\n\r\n"), 505);
  EXPECT_EQ(refused(with("", "CONNECT t:80 HTTP/1.1")), 501);
  EXPECT_EQ(refused(with("Expect: 200-ok\r\n")), 417);
  EXPECT_EQ(refused(with("Content-Encoding: gzip, gzip\r\n")), 415);
}

TEST(RequestHead, TakesWhatIsMerelyUnusual) {
  for (const std::string& shape : {
           with("Content-Length: 005\r\n"), with("Transfer-Encoding: Chunked\r\n"),
           with("X:a\r\n"), with("X:\r\n"), with("X: caf\xc3\xa9\r\n"),
           std::string("\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost:\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n"),
           std::string("GET / HTTP/1.0\r\n\r\n"),
           std::string("GET http://t/a?b=c HTTP/1.1\r\nHost: t\r\n\r\n"),
           std::string("OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n"),
           std::string("BREW /pot HTTP/1.1\r\nHost: t\r\n\r\n")}) {
    EXPECT_EQ(refused(shape), 0) << shape;
  }
}

TEST(RequestHead, TheEndIsFoundWhateverThePieces) {
  const std::string head = with("A: b\r\nC: d\r\n");
  for (std::size_t step = 1; step < head.size(); ++step) {
    HeadScanner scanner(4096);
    for (std::size_t size = step; size < head.size(); size += step) {
      const auto found = scanner.scan(std::string_view(head).substr(0, size));
      ASSERT_FALSE(std::get<0>(found).has_value()) << size;
    }
    const auto found = scanner.scan(head + "next");
    ASSERT_TRUE(std::get<0>(found).has_value());
    EXPECT_EQ(std::get<0>(found)->end, head.size());
  }
}

TEST(RequestTarget, IsDecodedOnce) {
  EXPECT_EQ(parse_target("/a%2520b")->path, "/a%20b");
  EXPECT_EQ(parse_target("/caf%C3%A9")->path, "/caf\xc3\xa9");
  EXPECT_EQ(parse_target("http://host:80/x?y=1")->path, "/x");
  EXPECT_EQ(parse_target("https://host")->path, "/");
  EXPECT_EQ(parse_target("/a+b?c+d=e+f")->path, "/a+b");
  EXPECT_EQ(parse_target("/?c+d=e+f")->query.front().first, "c d");
}

TEST(RequestTarget, RefusesWhatLeadsOutOfItsFolderOrIsNoText) {
  for (const char* target :
       {"/..", "/../etc/passwd", "/a/../b", "/a/%2e%2e/b", "/%2E./b", "/a%00b", "/a%0ab", "/a%7f",
        "/a%", "/a%2", "/a%zz", "/a%2g", "/a%2Fb", "/a#b", "a", "http:///a", "/caf\xc3\xa9", "/a?%",
        "/a?b=%00", "ftp://host/a", "//%2e%2e"}) {
    const auto parsed = parse_target(target);
    EXPECT_FALSE(parsed) << target;
  }
}

TEST(RequestReader, OutcomeDoesNotDependOnThePieces) {
  const std::string sized = with("Content-Length: 11\r\n") + "hello world";
  const std::string chunked =
      with("Transfer-Encoding: chunked\r\n") + "6\r\nhello \r\n5;a=b\r\nworld\r\n0\r\nT: x\r\n\r\n";
  for (const std::string& text : {sized, chunked}) {
    for (std::size_t step = 1; step <= text.size(); ++step) {
      const Outcome outcome = read(text + "GET", step);
      EXPECT_EQ(outcome.phase, RequestReader::Phase::kComplete);
      EXPECT_EQ(outcome.body, "hello world");
      EXPECT_EQ(outcome.taken, text.size());
    }
  }
}

TEST(RequestReader, RefusesBadChunks) {
  for (const char* body :
       {"g\r\n", "\r\n", " 5\r\nhello\r\n", "5 \r\nhello\r\n", "-5\r\n", "+5\r\n", "0x5\r\n",
        "5\nhello\r\n", "5\r\nhello\n", "5\r\nhelloo\r\n", "5\r\nhello\r0", "5\rhello",
        "ffffffffffffffff\r\n", "10000000000000005\r\n", "5;a\nb\r\n", "5;a=\"\r\nhello\r\n",
        "5;\x01\r\n",
        "0\r\nbad trailer\r\n\r\n", "0\r\n: x\r\n\r\n", "0\r\nT: \x01\r\n\r\n", "0\r\nT: x\n\r\n",
        "0\r\nContent-Length: 5\r\n\r\n", "0\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    const Outcome outcome = read(with("Transfer-Encoding: chunked\r\n") + body, 1000);
    EXPECT_EQ(outcome.phase, RequestReader::Phase::kRefused) << body;
    EXPECT_EQ(outcome.status, 400) << body;
  }
  EXPECT_EQ(read(with("Transfer-Encoding: chunked\r\n") + "100001\r\n", 1000).status, 413);
  const std::string endless =
      with("Transfer-Encoding: chunked\r\n") + "1;" + std::string(9000, 'x');
  EXPECT_EQ(read(endless, 1000).status, 400);
}

// Beast is the second opinion: what we take, it takes, and it sees the same request.
TEST(RequestReader, AgreesWithBeastOnWhatItTakes) {
  const std::vector<std::string> requests = {
      with("Content-Length: 3\r\nA: b\r\n") + "abc",
      with("Transfer-Encoding: chunked\r\n") + "a;x=y\r\n0123456789\r\n00\r\nT: u\r\n\r\n",
      with("Content-Length: 0\r\n"),
      with("Connection: close, x\r\n", "GET /a?b HTTP/1.1"),
      "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
  };
  for (const std::string& request : requests) {
    const Outcome ours = read(request, request.size());
    ASSERT_EQ(ours.phase, RequestReader::Phase::kComplete) << request;
    namespace http = boost::beast::http;
    http::request_parser<http::string_body> parser;
    parser.eager(true);
    boost::beast::error_code failure;
    const std::size_t taken = parser.put(boost::asio::buffer(request), failure);
    EXPECT_FALSE(failure) << failure.message();
    EXPECT_TRUE(parser.is_done());
    EXPECT_EQ(taken, ours.taken);
    EXPECT_EQ(parser.get().body(), ours.body);
    const std::string head = request.substr(0, request.find("\r\n\r\n") + 4);
    EXPECT_EQ(parser.get().keep_alive(), head_of(head).keep_alive);
  }
}

TEST(HttpRouter, LiteralSegmentsGoBeforeNames) {
  HttpRouter router;
  std::string called;
  const auto note = [&](const char* name) {
    return [&called, name](const std::shared_ptr<HttpExchange>&) { called = name; };
  };
  router.add("GET", "/v2/models/{model}", note("model"));
  router.add("GET", "/v2/models/stats", note("stats"));
  router.add("POST", "/v2/models/{model}", note("post"));
  const auto call = [&](const char* method, const char* path) {
    const auto match = router.match(method, path);
    called.clear();
    if (match.handler != nullptr) (*match.handler)(nullptr);
    return called;
  };
  EXPECT_EQ(call("GET", "/v2/models/stats"), "stats");
  EXPECT_EQ(call("HEAD", "/v2/models/stats/"), "stats");
  EXPECT_EQ(call("GET", "/v2/models/other"), "model");
  EXPECT_EQ(call("POST", "/v2/models/stats"), "post");
  EXPECT_EQ(call("GET", "/v2/models/"), "");
  EXPECT_EQ(call("GET", "/v2/models//"), "");
  EXPECT_EQ(call("GET", "/v2"), "");
  EXPECT_EQ(call("DELETE", "/v2/models/stats"), "");
  EXPECT_EQ(router.match("DELETE", "/v2/models/stats").allowed,
            (std::vector<std::string>{"GET", "HEAD", "OPTIONS", "POST"}));
  EXPECT_EQ(router.match("GET", "/v2/models/a").parts.front(),
            (std::pair<std::string, std::string>{"model", "a"}));
}

}  // namespace
}  // namespace shoal
