// Goal: the page arrives whole, compressed where asked, and may load nothing from elsewhere.
// Method: a real server, and what the browser would ask for, read from the page itself.
#include "service/page/page_routes.h"

#include <gtest/gtest.h>

#include <memory>
#include <regex>
#include <filesystem>
#include <string>
#include <utility>

#include "core/fixtures_test.h"
#include "service/http/body_coding.h"
#include "service/http/http_for_test.h"
#include "service/page/page_files.h"

namespace shoal {
namespace {

class PageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // With a key, as a browser has none before the page has asked for it.
    write_file(folder_.file("keys"), std::string(64, 'a') + " a test's\n");
    std::filesystem::permissions(folder_.file("keys"), std::filesystem::perms::owner_read);
    HttpOptions options;
    options.port = 0;
    options.api_keys_file = folder_.file("keys");
    HttpRouter router;
    add_page_routes(router);
    router.add("GET", "/guarded", [](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->respond(text_answer("behind the key"));
    });
    auto created = HttpServer::create(options, std::move(router));
    ASSERT_TRUE(created) << created.error().message;
    server_ = *std::move(created);
    server_->start();
  }
  ClientAnswer get(const std::string& path, const std::string& headers = "") {
    RawClient client(server_->port());
    client.send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
    return client.answer();
  }

  const ScratchFolder folder_;
  std::unique_ptr<HttpServer> server_;
};

std::string unpacked(std::string_view gzip) {
  Inflater inflater(ContentCoding::kGzip);
  std::string out(std::size_t{4} << 20, '\0');
  const auto taken = inflater.take(gzip, out.data(), out.size());
  EXPECT_TRUE(taken && inflater.done());
  out.resize(taken ? taken->written : 0);
  return out;
}

TEST_F(PageTest, ThePageAndAllItNamesAreServed) {
  const ClientAnswer page = get("/");
  ASSERT_EQ(page.status, 200);
  EXPECT_EQ(page.header("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.header("cache-control"), "no-cache");
  const std::regex link(R"re((?:src|href)="\./(assets/[^"]+)")re");
  int links = 0;
  for (std::sregex_iterator at(page.body.begin(), page.body.end(), link), end; at != end; ++at) {
    const ClientAnswer asset = get("/" + (*at)[1].str());
    EXPECT_EQ(asset.status, 200) << (*at)[1];
    EXPECT_GT(asset.body.size(), 100U);
    EXPECT_NE(asset.header("cache-control").find("immutable"), std::string::npos);
    ++links;
  }
  EXPECT_GE(links, 3);  // script, style, icon
  EXPECT_EQ(get("/guarded").status, 401);
  EXPECT_EQ(get("/assets/nothing.js").status, 404);
  EXPECT_EQ(get("/assets/..%2Findex.html").status / 100, 4);
}

TEST_F(PageTest, NothingComesFromElsewhere) {
  const std::string policy = get("/").header("content-security-policy");
  EXPECT_TRUE(policy.starts_with("default-src 'none'"));
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(policy.find("http"), std::string::npos);
  const std::regex elsewhere(R"re((src|href)="(https?:)?//)re");
  EXPECT_FALSE(std::regex_search(get("/").body, elsewhere));
}

TEST_F(PageTest, CompressedCopiesAreTheSameFiles) {
  int compressed = 0;
  for (const EmbeddedFile& file : page_files()) {
    EXPECT_FALSE(file.bytes.empty()) << file.path;
    const std::string path = file.path == "index.html" ? "/" : "/" + std::string(file.path);
    EXPECT_EQ(get(path).body, file.bytes);
    if (file.gzip.empty()) continue;
    ++compressed;
    EXPECT_LT(file.gzip.size(), file.bytes.size());
    const ClientAnswer answer = get(path, "Accept-Encoding: gzip, deflate, br\r\n");
    EXPECT_EQ(answer.header("content-encoding"), "gzip");
    EXPECT_EQ(unpacked(answer.body), file.bytes);
  }
  EXPECT_GE(compressed, 2);
}

}  // namespace
}  // namespace shoal
