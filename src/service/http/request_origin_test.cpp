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

// Three routes, one for each access.
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
  auto server = *HttpServer::create(options, std::move(router));
  server->start();
  return server;
}

int status_of(const HttpServer& server, std::string_view target, std::string_view fields) {
  RawClient client(server.port());
  client.send("GET " + std::string(target) + " HTTP/1.1\r\n" + std::string(fields) + "\r\n");
  return client.answer().status;
}

TEST(RouteAccess, WithoutKeysOwnRoutesAskWhereARequestComesFrom) {
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
  EXPECT_EQ(status_of(*server, "/plain", foreign), 200);
  EXPECT_EQ(status_of(*server, "/open", foreign), 200);
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
