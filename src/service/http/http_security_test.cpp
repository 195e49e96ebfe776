// Who may connect and ask: addresses, API keys, TLS and client certificates; smuggling shapes and
// header injection over real connections.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <openssl/ssl.h>

#include <filesystem>

#include "core/fixtures_test.h"
#include "service/http/api_keys.h"
#include "service/http/http_for_test.h"
#include "service/http/response_head.h"

namespace shoal {
namespace {

// Keys that others can read are refused.
[[maybe_unused]] const mode_t kUmaskBefore = umask(S_IRWXG | S_IRWXO);

// printf %s KEY | sha256sum
constexpr const char* kAlphaHash =
    "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8";  // alpha
constexpr const char* kBetaHash =
    "f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753";  // beta

int status_with(std::uint16_t port, const std::string& fields, const char* path = "/hello") {
  RawClient client(port);
  client.send(get(path, fields));
  return client.answer().status;
}

TEST(ApiKeys, AreComparedByTheirHashes) {
  const ScratchFolder folder;
  write_file(folder.file("keys"), std::string("# clients\n\n") + kAlphaHash + "  camera 1\n");
  const auto keys = ApiKeys::load(folder.file("keys"));
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_TRUE((*keys)->allows("alpha"));
  EXPECT_FALSE((*keys)->allows("alph"));
  EXPECT_FALSE((*keys)->allows(""));
  EXPECT_FALSE((*keys)->allows(kAlphaHash));
  EXPECT_EQ((*keys)->count(), 1U);
}

TEST(ApiKeys, AFileThatIsWrongIsRefusedByItsLine) {
  const ScratchFolder folder;
  EXPECT_EQ(ApiKeys::load(folder.file("none")).error().code, ErrorCode::kNotFound);
  write_file(folder.file("keys"), std::string(kAlphaHash) + "\nmy-secret-key\n");
  const auto wrong = ApiKeys::load(folder.file("keys"));
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find(":2:"), std::string::npos);
  EXPECT_EQ(wrong.error().message.find("my-secret-key"), std::string::npos);
  write_file(folder.file("keys"), std::string("# none yet\n"));
  EXPECT_EQ(ApiKeys::load(folder.file("keys")).error().code, ErrorCode::kInvalidArgument);
}

TEST(HttpSecurity, KeysGuardEveryPathButHealth) {
  const ScratchFolder folder;
  write_file(folder.file("keys"), std::string(kAlphaHash) + " one\n");
  HttpOptions options;
  options.api_keys_file = folder.file("keys");
  TestServer test(options);
  RawClient client(test.port);
  client.send(get("/hello"));
  const ClientAnswer answer = client.answer();
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.header("www-authenticate"), "Bearer realm=\"shoal\"");
  EXPECT_TRUE(answer.body.starts_with("{\"error\":"));
  EXPECT_EQ(status_with(test.port, "Authorization: Bearer alpha\r\n"), 200);
  EXPECT_EQ(status_with(test.port, "authorization: bearer alpha\r\n"), 200);
  EXPECT_EQ(status_with(test.port, "X-API-Key: alpha\r\n"), 200);
  EXPECT_EQ(status_with(test.port, "X-API-Key: beta\r\n"), 401);
  EXPECT_EQ(status_with(test.port, "Authorization: Basic alpha\r\n"), 401);
  EXPECT_EQ(status_with(test.port, "", "/healthz"), 200);
  EXPECT_EQ(status_with(test.port, "", "/nothing"), 401);  // nor does it tell what there is
  EXPECT_EQ(status_with(test.port, "", "/healthz/"), 200);  // the same path
  EXPECT_EQ(status_with(test.port, "", "/healthz/x"), 401);
  // A body of somebody without a key is not received.
  RawClient large(test.port);
  large.send("POST /size HTTP/1.1\r\nHost: t\r\nContent-Length: 60000000\r\n\r\n");
  EXPECT_EQ(large.answer().status, 401);
  EXPECT_TRUE(large.is_closed());
}

TEST(HttpSecurity, KeysAreReadAgain) {
  const ScratchFolder folder;
  write_file(folder.file("keys"), std::string(kAlphaHash) + "\n");
  HttpOptions options;
  options.api_keys_file = folder.file("keys");
  TestServer test(options);
  write_file(folder.file("keys"), std::string(kBetaHash) + "\n");
  EXPECT_TRUE(test.server->reload_keys());
  EXPECT_EQ(status_with(test.port, "X-API-Key: alpha\r\n"), 401);
  EXPECT_EQ(status_with(test.port, "X-API-Key: beta\r\n"), 200);
  write_file(folder.file("keys"), std::string("broken\n"));
  EXPECT_FALSE(test.server->reload_keys());
  EXPECT_EQ(status_with(test.port, "X-API-Key: beta\r\n"), 200);
}

TEST(HttpSecurity, AnOpenAddressNeedsAGuard) {
  HttpOptions options;
  options.port = 0;
  for (const char* address : {"0.0.0.0", "::", "192.168.1.1"}) {
    options.address = address;
    const auto server = HttpServer::create(options, HttpRouter());
    ASSERT_FALSE(server);
    EXPECT_EQ(server.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(server.error().message.find("api_keys_file"), std::string::npos);
  }
  const ScratchFolder folder;
  write_file(folder.file("keys"), std::string(kAlphaHash) + "\n");
  options.address = "0.0.0.0";
  options.api_keys_file = folder.file("keys");
  EXPECT_TRUE(HttpServer::create(options, HttpRouter()));
  options.address = "example.com";
  EXPECT_FALSE(HttpServer::create(options, HttpRouter()));
}

TEST(HttpSecurity, SmugglingShapesEndTheConnection) {
  TestServer test;
  for (const char* shape :
       {"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding : chunked\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: t\r\nX: y\r\n folded\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: t\nContent-Length: 4\r\n\r\n",
        "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n"}) {
    RawClient client(test.port);
    client.send(std::string(shape) + "GET /hello HTTP/1.1\r\nHost: t\r\n\r\n");
    const ClientAnswer answer = client.answer();
    EXPECT_EQ(answer.status, 400) << shape;
    EXPECT_EQ(answer.header("connection"), "close");
    EXPECT_TRUE(answer.body.starts_with("{\"error\":")) << answer.body;
    EXPECT_EQ(client.answer().status, 0) << "the bytes after it were taken for a request";
    EXPECT_TRUE(client.is_closed());
  }
}

TEST(HttpSecurity, PathsThatLeadOutAreRefused) {
  TestServer test;
  for (const char* path : {"/items/../x", "/items/%2e%2e", "/items/a%2fb", "/items/%00"}) {
    EXPECT_EQ(status_with(test.port, "", path), 400) << path;
  }
}

TEST(HttpSecurity, AnAnswersFieldsCannotBeInjected) {
  HttpResponse response = text_answer("x");
  response.headers = {{"X-Good", "1"}, {"X-Bad", "1\r\nSet-Cookie: a=b"}, {"Bad Name", "1"}};
  response.content_type = "text/plain\r\nSet-Cookie: c=d";
  const std::string head = response_head(response, {});
  EXPECT_NE(head.find("X-Good: 1\r\n"), std::string::npos);
  EXPECT_EQ(head.find("Set-Cookie"), std::string::npos);
  EXPECT_EQ(head.find("Bad Name"), std::string::npos);
}

// ---- TLS: certificates made on the spot with openssl's command line.

class TlsClient {
 public:
  TlsClient(std::uint16_t port, int version, const std::string& certificate = "",
            const std::string& key = "", const char* ciphers = nullptr)
      : raw_(port), context_(SSL_CTX_new(TLS_client_method())), ssl_(nullptr) {
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    setsockopt(raw_.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    SSL_CTX_set_min_proto_version(context_, version);
    SSL_CTX_set_max_proto_version(context_, version);
    SSL_CTX_set_security_level(context_, 0);
    if (ciphers != nullptr) SSL_CTX_set_cipher_list(context_, ciphers);
    if (!certificate.empty()) {
      SSL_CTX_use_certificate_file(context_, certificate.c_str(), SSL_FILETYPE_PEM);
      SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM);
    }
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, raw_.fd());
    connected_ = SSL_connect(ssl_) == 1;
  }
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  [[nodiscard]] bool connected() const { return connected_; }
  bool send(const std::string& request) {
    return connected_ && SSL_write(ssl_, request.data(), static_cast<int>(request.size())) > 0;
  }
  // What comes back until `last` is in it or the connection ends.
  std::string ask(const std::string& request, const std::string& last) {
    if (!send(request)) return "";
    std::string answer;
    char bytes[16384];
    while (answer.find(last) == std::string::npos) {
      const int count = SSL_read(ssl_, bytes, sizeof bytes);
      if (count <= 0) break;
      answer.append(bytes, static_cast<std::size_t>(count));
    }
    return answer;
  }

 private:
  RawClient raw_;
  SSL_CTX* context_;
  SSL* ssl_;
  bool connected_ = false;
};

class HttpTls : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<ScratchFolder>();
    ASSERT_TRUE(make("ca", ""));
    ASSERT_TRUE(make("server", "ca"));
    ASSERT_TRUE(make("client", "ca"));
    ASSERT_TRUE(make("stranger", ""));
  }
  static void TearDownTestSuite() { folder_.reset(); }
  static std::string file(const std::string& name) { return folder_->file(name); }
  static bool make(const std::string& name, const std::string& issuer) {
    std::string command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
                          " -days 2 -subj /CN=" + name + " -keyout " + file(name + ".key") +
                          " -out " + file(name + ".pem");
    if (!issuer.empty()) {
      command += " -CA " + file(issuer + ".pem") + " -CAkey " + file(issuer + ".key");
    }
    return std::system((command + " 2>/dev/null").c_str()) == 0;
  }
  static HttpOptions options() {
    HttpOptions options;
    options.tls.certificate = file("server.pem");
    options.tls.key = file("server.key");
    return options;
  }
  static std::unique_ptr<ScratchFolder> folder_;
};
std::unique_ptr<ScratchFolder> HttpTls::folder_;

TEST_F(HttpTls, ServesTls12And13AndNothingOlder) {
  TestServer test(options());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client(test.port, version);
    ASSERT_TRUE(client.connected());
    for (int i = 0; i < 3; ++i) {
      EXPECT_NE(client.ask(get("/hello"), "hello").find("200 OK"), std::string::npos);
    }
    const std::string large(300'000, 'y');
    EXPECT_TRUE(client.ask(post("/echo", large), large).ends_with(large));
    const std::string closed = client.ask(get("/hello", "Connection: close\r\n"), "never");
    EXPECT_TRUE(closed.ends_with("hello")) << closed;
  }
  EXPECT_FALSE(TlsClient(test.port, TLS1_1_VERSION).connected());
  RawClient plain(test.port);
  plain.send(get("/hello"));
  EXPECT_TRUE(plain.is_closed());
  TlsClient after(test.port, TLS1_3_VERSION);
  EXPECT_TRUE(after.ask(get("/hello"), "hello").ends_with("hello"));
}

TEST_F(HttpTls, OldTrafficStaysSecretAndIsAuthenticatedAsItIsEncrypted) {
  const std::string rsa = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=rsa"
                          " -keyout " + file("rsa.key") + " -out " + file("rsa.pem") +
                          " 2>/dev/null";
  ASSERT_EQ(std::system(rsa.c_str()), 0);
  HttpOptions with_rsa = options();
  with_rsa.tls.certificate = file("rsa.pem");
  with_rsa.tls.key = file("rsa.key");
  TestServer test(with_rsa);
  const auto connects = [&](const char* ciphers) {
    return TlsClient(test.port, TLS1_2_VERSION, "", "", ciphers).connected();
  };
  EXPECT_TRUE(connects("ECDHE-RSA-AES128-GCM-SHA256"));
  EXPECT_TRUE(connects("ECDHE-RSA-CHACHA20-POLY1305"));
  for (const char* weak : {"AES256-GCM-SHA384", "AES128-SHA", "ECDHE-RSA-AES256-SHA384",
                           "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES256-SHA256"}) {
    EXPECT_FALSE(connects(weak)) << weak;
  }
}

TEST_F(HttpTls, AHandshakeThatStallsIsCut) {
  HttpOptions limited = options();
  limited.header_timeout = std::chrono::milliseconds(200);
  TestServer test(limited);
  RawClient silent(test.port);
  EXPECT_TRUE(silent.is_closed());
}

TEST_F(HttpTls, ClientCertificatesAreAskedForAndSuffice) {
  HttpOptions guarded = options();
  guarded.tls.client_ca = file("ca.pem");
  guarded.address = "0.0.0.0";
  TestServer test(guarded);
  TlsClient known(test.port, TLS1_3_VERSION, file("client.pem"), file("client.key"));
  EXPECT_TRUE(known.ask(get("/hello"), "hello").ends_with("hello"));
  TlsClient unknown(test.port, TLS1_3_VERSION, file("stranger.pem"), file("stranger.key"));
  EXPECT_EQ(unknown.ask(get("/hello"), "hello"), "");
  TlsClient nameless(test.port, TLS1_2_VERSION);
  EXPECT_FALSE(nameless.connected());
}

TEST_F(HttpTls, AClientThatGoesAwayIsSeen) {
  TestServer test(options());
  auto client = std::make_unique<TlsClient>(test.port, TLS1_3_VERSION);
  ASSERT_TRUE(client->send(post("/held", "x")));
  const auto exchange = test.held.next();
  ASSERT_NE(exchange, nullptr);
  std::atomic<bool> aborted = false;
  exchange->on_abort([&] { aborted = true; });
  client.reset();
  EXPECT_TRUE(test.until([&](const HttpCounts& counts) {
    return aborted && counts.requests_aborted == 1 && counts.connections_open == 0;
  }));
}

TEST_F(HttpTls, FilesThatDoNotFitAreNamed) {
  HttpOptions wrong = options();
  wrong.tls.key = file("client.key");
  EXPECT_EQ(HttpServer::create(wrong, HttpRouter()).error().code, ErrorCode::kInvalidArgument);
  wrong.tls.key = file("none.key");
  EXPECT_EQ(HttpServer::create(wrong, HttpRouter()).error().code, ErrorCode::kNotFound);
  write_file(file("text"), std::string("not PEM"));
  wrong = options();
  wrong.tls.certificate = file("text");
  const auto server = HttpServer::create(wrong, HttpRouter());
  ASSERT_FALSE(server);
  EXPECT_NE(server.error().message.find(file("text")), std::string::npos);
}

}  // namespace
}  // namespace shoal
