// Which requests may come from a foreign page, as a function and over a real connection.
#include "service/http/request_origin.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "service/http/http_for_test.h"

namespace shoal {
namespace {

HttpRequest request_with(std::vector<std::pair<std::string, std::string>> headers,
                         std::string method = "GET") {
  HttpRequest request;
  request.method = std::move(method);
  request.headers = std::move(headers);
  return request;
}

TEST(RequestOrigin, OwnPagesAndProgramsMay) {
  for (const auto& [origin, host] : {std::pair{"http://127.0.0.1:8000", "127.0.0.1:8000"},
                                     {"http://LOCALHOST:8000", "localhost:8000"},
                                     {"http://localhost", "localhost"},
                                     {"http://localhost:80", "localhost"},
                                     {"https://cams.example", "cams.example"},
                                     {"https://cams.example", "cams.example:443"},
                                     {"http://[::1]:8000", "[::1]:8000"}}) {
    EXPECT_EQ(foreign_page(request_with({{"origin", origin}, {"host", host}})), std::nullopt)
        << origin << ' ' << host;
  }
  EXPECT_EQ(foreign_page(request_with({{"host", "127.0.0.1"}})), std::nullopt);
}

TEST(RequestOrigin, ForeignPagesMayNot) {
  for (const auto& [origin, host] :
       {std::pair{"http://evil.example", "127.0.0.1:8000"}, {"null", "127.0.0.1:8000"},
        {"http://127.0.0.1:9000", "127.0.0.1:8000"}, {"file://", "127.0.0.1:8000"},
        {"http://127.0.0.1:8000.evil.example", "127.0.0.1:8000"},
        {"http://localhost:8000", "127.0.0.1:8000"}, {"127.0.0.1:8000", "127.0.0.1:8000"},
        {"chrome-extension://127.0.0.1:8000", "127.0.0.1:8000"}, {"http://", ""}}) {
    EXPECT_NE(foreign_page(request_with({{"origin", origin}, {"host", host}})), std::nullopt)
        << origin << ' ' << host;
  }
}

TEST(RequestOrigin, BrowsersSayWhoAsksWherePicturesHaveNoOrigin) {
  EXPECT_EQ(foreign_page(request_with({{"sec-fetch-site", "same-origin"}})), std::nullopt);
  EXPECT_EQ(foreign_page(request_with({{"sec-fetch-site", "none"}})), std::nullopt);
  EXPECT_NE(foreign_page(request_with({{"sec-fetch-site", "cross-site"}})), std::nullopt);
  EXPECT_NE(foreign_page(request_with({{"sec-fetch-site", "same-site"}})), std::nullopt);
  const std::vector<std::pair<std::string, std::string>> link = {{"sec-fetch-site", "cross-site"},
                                                                 {"sec-fetch-mode", "navigate"}};
  EXPECT_EQ(foreign_page(request_with(link)), std::nullopt);
  EXPECT_NE(foreign_page(request_with(link, "POST")), std::nullopt);
}

TEST(RequestOrigin, AddressesAndKnownNamesAreOwnHosts) {
  for (const char* host : {"", "127.0.0.1", "127.0.0.1:8000", "localhost", "LocalHost:1",
                           "[::1]", "[::1]:8000", "192.168.1.4:80", "Cams.example:8000"}) {
    EXPECT_TRUE(is_own_host(host, {"cams.example"})) << host;
  }
  for (const char* host : {"evil.example", "evil.example:8000", "localhost.evil.example",
                           "127.0.0.1.evil.example", "0x7f.1", "127.1", "[evil]", "[]", "::1",
                           "cams.example.evil:80", "localhost:80:80"}) {
    EXPECT_FALSE(is_own_host(host, {"cams.example"})) << host;
  }
}

// Routes, one for each access.
std::unique_ptr<HttpServer> serve(HttpOptions options) {
  options.port = 0;
  HttpRouter router;
  const auto answer = [](const std::shared_ptr<HttpExchange>& exchange) {
    std::string text = "fine";
    for (const auto& [name, value] : exchange->request().query) text += " " + name + "=" + value;
    exchange->respond(text_answer(text));
  };
  router.add("GET", "/plain", answer);
  router.add("GET", "/own", answer, RouteAccess::kOwnPages);
  router.add("POST", "/own", answer, RouteAccess::kOwnPages);
  router.add("GET", "/open", answer, RouteAccess::kOpen);
  router.add("GET", "/in_body", answer, RouteAccess::kKeyInBody);
  auto server = *HttpServer::create(options, std::move(router));
  server->start();
  return server;
}

int status_of(const HttpServer& server, std::string_view target, std::string_view fields) {
  RawClient client(server.port());
  client.send("GET " + std::string(target) + " HTTP/1.1\r\n" + std::string(fields) + "\r\n");
  return client.answer().status;
}

TEST(RouteAccess, WithoutKeysAllRoutesButOpenOnesAskWhereARequestComesFrom) {
  HttpOptions options;
  options.host_names = {"cams.example"};
  const auto server = serve(options);
  const char* foreign = "Host: 127.0.0.1\r\nOrigin: http://evil.example\r\n";
  EXPECT_EQ(status_of(*server, "/own", foreign), 403);
  EXPECT_EQ(status_of(*server, "/own", "Host: evil.example\r\n"), 403);
  EXPECT_EQ(status_of(*server, "/own", "Host: evil.example\r\nOrigin: http://evil.example\r\n"),
            403);
  EXPECT_EQ(status_of(*server, "/own", "Host: 127.0.0.1\r\n"), 200);
  EXPECT_EQ(status_of(*server, "/own", "Host: cams.example\r\n"), 200);
  for (const char* path : {"/plain", "/in_body", "/nothing"}) {
    EXPECT_EQ(status_of(*server, path, foreign), 403) << path;
    EXPECT_EQ(status_of(*server, path, "Host: evil.example\r\n"), 403) << path;
    EXPECT_EQ(status_of(*server, path, "Host: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\n"), 403)
        << path;
  }
  for (const char* program : {"Host: 127.0.0.1:1234\r\n", "Host: localhost\r\n"}) {
    EXPECT_EQ(status_of(*server, "/plain", program), 200) << program;
  }
  EXPECT_EQ(status_of(*server, "/open", foreign), 200);
}

ClientAnswer ask(const HttpServer& server, std::string_view request) {
  RawClient client(server.port());
  client.send(request);
  return client.answer();
}

TEST(AllowedOrigins, MayCallAndReadTheAnswers) {
  HttpOptions options;
  options.allow_origins = {"https://app.example"};
  const auto server = serve(options);
  const std::string page = "Host: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\nOrigin: ";
  const ClientAnswer allowed =
      ask(*server, "GET /plain HTTP/1.1\r\n" + page + "https://app.example\r\n\r\n");
  EXPECT_EQ(allowed.status, 200);
  EXPECT_EQ(allowed.header("access-control-allow-origin"), "https://app.example");
  EXPECT_EQ(allowed.header("vary"), "Origin");
  const ClientAnswer missing =
      ask(*server, "GET /nothing HTTP/1.1\r\n" + page + "https://app.example\r\n\r\n");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.header("access-control-allow-origin"), "https://app.example");
  for (const char* other : {"https://app.example.evil", "http://app.example", "null"}) {
    const ClientAnswer refused =
        ask(*server, "GET /plain HTTP/1.1\r\n" + page + other + "\r\n\r\n");
    EXPECT_EQ(refused.status, 403) << other;
    EXPECT_EQ(refused.header("access-control-allow-origin"), "") << other;
  }
  // Nor under a name that is not ours: then it is the name's owner who decides what Origin says.
  EXPECT_EQ(ask(*server, "GET /plain HTTP/1.1\r\nHost: evil.example\r\nOrigin: "
                         "https://app.example\r\n\r\n").status, 403);
}

TEST(AllowedOrigins, AreAnsweredBeforeTheySend) {
  HttpOptions options;
  options.allow_origins = {"https://app.example"};
  const auto server = serve(options);
  const auto preflight = [&](std::string_view path, std::string_view origin) {
    return ask(*server, "OPTIONS " + std::string(path) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                            "Origin: " + std::string(origin) + "\r\n"
                            "Access-Control-Request-Method: POST\r\n"
                            "Access-Control-Request-Headers: content-type,x-api-key\r\n"
                            "Access-Control-Request-Private-Network: true\r\n\r\n");
  };
  const ClientAnswer answer = preflight("/own", "https://app.example");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("access-control-allow-origin"), "https://app.example");
  EXPECT_NE(answer.header("access-control-allow-methods").find("POST"), std::string::npos);
  EXPECT_EQ(answer.header("access-control-allow-headers"), "content-type,x-api-key");
  EXPECT_EQ(answer.header("access-control-allow-private-network"), "true");
  EXPECT_EQ(preflight("/nothing", "https://app.example").status, 404);
  const ClientAnswer foreign = preflight("/own", "https://evil.example");
  EXPECT_EQ(foreign.status, 403);
  EXPECT_EQ(foreign.header("access-control-allow-origin"), "");
}

TEST(AllowedOrigins, AreOriginsAndAnyOnlyBehindKeys) {
  HttpOptions options;
  options.port = 0;
  for (const char* wrong : {"*", "app.example", "https://app.example/", "https://", "null", ""}) {
    options.allow_origins = {wrong};
    const auto server = HttpServer::create(options, HttpRouter());
    ASSERT_FALSE(server) << wrong;
    EXPECT_EQ(server.error().code, ErrorCode::kInvalidArgument);
  }
  for (const char* right : {"http://localhost:5173", "capacitor://localhost", "http://[::1]:80"}) {
    options.allow_origins = {right};
    EXPECT_TRUE(HttpServer::create(options, HttpRouter())) << right;
  }
}

TEST(RouteAccess, KeysOpenOwnRoutesAlsoAsAParameterOfGet) {
  const std::string file =
      std::filesystem::temp_directory_path() / ("shoal_keys_" + std::to_string(getpid()));
  // printf %s secret | sha256sum
  std::ofstream(file) << "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n";
  HttpOptions options;
  options.api_keys_file = file;
  const auto server = serve(options);
  std::filesystem::remove(file);
  const char* host = "Host: x\r\n";
  EXPECT_EQ(status_of(*server, "/own", host), 401);
  EXPECT_EQ(status_of(*server, "/own?key=wrong", host), 401);
  EXPECT_EQ(status_of(*server, "/own?key=secret", host), 200);
  EXPECT_EQ(status_of(*server, "/own", "Host: x\r\nX-API-Key: secret\r\n"), 200);
  EXPECT_EQ(status_of(*server, "/own?key=secret", "Host: x\r\nX-API-Key: wrong\r\n"), 401);
  EXPECT_EQ(status_of(*server, "/plain?key=secret", host), 401);
  EXPECT_EQ(status_of(*server, "/open", host), 200);
  EXPECT_EQ(status_of(*server, "/nothing", host), 401);
  RawClient client(server->port());
  client.send(get("/own?a=1&key=secret&key=other&b=2"));
  EXPECT_EQ(client.answer().body, "fine a=1 b=2");  // the key is not handed on
  client.send(post("/own?key=secret", ""));
  EXPECT_EQ(client.answer().status, 401);
}

}  // namespace
}  // namespace shoal
