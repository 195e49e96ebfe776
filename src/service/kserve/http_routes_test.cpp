// Goal: every path of the protocol answers as clients expect. Method: the real router and handlers,
// an exchange without sockets, a fake host; documents are read back as JSON.
#include "service/kserve/http_routes.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <condition_variable>
#include <mutex>

#include "core/log.h"
#include "service/kserve/fake_models_for_test.h"
#include "service/kserve/message.h"

namespace shoal {
namespace {

namespace json = boost::json;

class FakeExchange final : public HttpExchange {
 public:
  FakeExchange(HttpRequest request, std::vector<std::pair<std::string, std::string>> parts)
      : request_(std::move(request)), parts_(std::move(parts)) {}

  const HttpRequest& request() const override { return request_; }
  std::string_view path_part(std::string_view name) const override {
    for (const auto& [key, value] : parts_) {
      if (key == name) return value;
    }
    return {};
  }
  void respond(HttpResponse response) override {
    const std::lock_guard lock(mutex_);
    if (!response_) response_ = std::move(response);
    changed_.notify_all();
  }
  void on_abort(std::function<void()> aborted) override {
    const std::lock_guard lock(mutex_);
    aborted_ = std::move(aborted);
    changed_.notify_all();
  }

  // The answer, within ten seconds.
  HttpResponse wait() {
    std::unique_lock lock(mutex_);
    const bool came =
        changed_.wait_for(lock, std::chrono::seconds(10), [&] { return response_.has_value(); });
    EXPECT_TRUE(came) << "no answer to " << request_.path;
    return came ? *response_ : HttpResponse{};
  }
  // The client goes away.
  void leave() {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(10),
                                  [&] { return aborted_ != nullptr; }));
    aborted_();
  }

 private:
  const HttpRequest request_;
  const std::vector<std::pair<std::string, std::string>> parts_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<HttpResponse> response_;
  std::function<void()> aborted_;
};

class HttpRoutesTest : public testing::Test {
 protected:
  void SetUp() override { add_kserve_routes(router, service); }

  FakeModels models;
  TraceValues trace{{"trace_level", {"OFF"}}, {"trace_rate", {"1000"}}};
  KserveService service{KserveOptions{
      .models = models.access(),
      .trace = {.get = [this](const std::string&) { return trace; },
                .set = [this](const std::string& model,
                              const TraceValues& changes) -> Result<TraceValues> {
                  models.note("trace " + model);
                  for (const auto& [name, values] : changes) trace[name] = values;
                  return trace;
                }},
      .log = log_hooks()}};
  HttpRouter router;
  std::uint64_t connections = 0;

  std::shared_ptr<FakeExchange> send(const std::string& method, const std::string& path,
                                     std::string body = "", std::string json_length = "") {
    HttpRequest request;
    request.method = method;
    request.path = path;
    request.body = std::move(body);
    request.client = "192.0.2.1";
    request.connection = ++connections;
    if (!json_length.empty()) {
      request.headers = {{"inference-header-content-length", json_length}};
    }
    HttpRouter::Match match = router.match(method, path);
    auto exchange = std::make_shared<FakeExchange>(std::move(request), match.parts);
    if (match.handler == nullptr) {
      exchange->respond({.status = 404, .body = "", .headers = {}});
    } else {
      (*match.handler)(exchange);
    }
    return exchange;
  }
  HttpResponse ask(const std::string& method, const std::string& path, std::string body = "",
                   std::string json_length = "") {
    return send(method, path, std::move(body), std::move(json_length))->wait();
  }
  json::value document(const std::string& method, const std::string& path, std::string body = "") {
    const HttpResponse response = ask(method, path, std::move(body));
    EXPECT_EQ(response.status, 200) << path << ": " << response.body;
    return json::parse(response.body);
  }
};

constexpr std::string_view kRawRequest =
    R"({"id":"q","inputs":[{"name":"images","datatype":"FP32","shape":[1,2,3],
        "data":[[1,2,3],[4,5,6.5]]}]})";

std::string message_of(const HttpResponse& response) {
  return std::string(json::parse(response.body).at("error").as_string());
}

TEST_F(HttpRoutesTest, HealthAndMetadata) {
  EXPECT_EQ(document("GET", "/v2/health/live").at("live"), json::value(true));
  EXPECT_EQ(document("GET", "/v2/health/ready").at("ready"), json::value(true));
  EXPECT_EQ(document("GET", "/v2").at("extensions").as_array().size(), 9U);
  EXPECT_EQ(document("GET", "/v2/models/net/ready").at("ready"), json::value(true));
  models.ready = false;
  EXPECT_EQ(ask("GET", "/v2/health/ready").status, 503);
  EXPECT_EQ(ask("GET", "/v2/models/net/ready").status, 503);
  EXPECT_EQ(ask("GET", "/v2/models/nothing/ready").status, 404);
}

TEST_F(HttpRoutesTest, ModelMetadataOfBothEntries) {
  const json::value raw = document("GET", "/v2/models/net/versions/3");
  EXPECT_EQ(json::serialize(raw.at("inputs")),
            R"([{"name":"images","datatype":"FP32","shape":[-1,2,3]}])");
  EXPECT_EQ(raw.at("versions").at(0), json::value("3"));
  const json::value boxes = document("GET", "/v2/models/net_boxes");
  EXPECT_EQ(json::serialize(boxes.at("inputs")),
            R"([{"name":"image","datatype":"BYTES","shape":[-1,1]}])");
  EXPECT_EQ(boxes.at("outputs").as_array().size(), 7U);
  EXPECT_EQ(ask("GET", "/v2/models/net/versions/1").status, 404);
}

TEST_F(HttpRoutesTest, TheConfigurationIsWhatUltralyticsReads) {
  const json::value config = document("GET", "/v2/models/net/config");
  EXPECT_EQ(config.at("input").at(0).at("data_type"), json::value("TYPE_FP32"));
  EXPECT_EQ(json::serialize(config.at("input").at(0).at("dims")), "[2,3]");
  EXPECT_EQ(config.at("output").at(1).at("name"), json::value("twice"));
  EXPECT_EQ(config.at("max_batch_size"), json::value(8));
  const std::string literal(
      config.at("parameters").at("metadata").at("string_value").as_string().c_str());
  EXPECT_NE(literal.find(R"('names': {0: 'cat', 1: 'd\'og'})"), std::string::npos) << literal;
  EXPECT_NE(literal.find("'imgsz': [32, 64]"), std::string::npos) << literal;
}

TEST_F(HttpRoutesTest, StatisticsOfOneAndOfAll) {
  const json::value one = document("GET", "/v2/models/net_boxes/stats").at("model_stats");
  EXPECT_EQ(one.at(0).at("inference_count"), json::value(22));
  EXPECT_EQ(one.at(0).at("batch_stats").at(0).at("compute_infer").at("ns"), json::value(7));
  const json::value all = document("GET", "/v2/models/stats").at("model_stats");
  EXPECT_EQ(all.as_array().size(), 2U);
  EXPECT_EQ(all.at(0).at("inference_stats").at("success").at("ns"), json::value(12'000));
}

TEST_F(HttpRoutesTest, InferenceInJson) {
  const json::value answer = document("POST", "/v2/models/net/infer", std::string(kRawRequest));
  EXPECT_EQ(json::serialize(answer),
            R"({"model_name":"net","model_version":"3","id":"q","outputs":[)"
            R"({"name":"sum","datatype":"FP32","shape":[1,1],"data":[2.15E1]},)"
            R"({"name":"twice","datatype":"FP32","shape":[1,2,3],"data":[2,4,6,8,10,13]}]})");
}

TEST_F(HttpRoutesTest, AllConnectionsOfAnAddressAreOneSource) {
  for (int i = 0; i < 2; ++i) {
    (void)document("POST", "/v2/models/net/infer", std::string(kRawRequest));
    EXPECT_EQ(models.host->last_options().source, client_source("192.0.2.1"));
  }
}

TEST_F(HttpRoutesTest, InferenceInBinary) {
  const std::string header =
      R"({"inputs":[{"name":"images","datatype":"FP32","shape":[1,2,3],"parameters":)"
      R"({"binary_data_size":24}}],"outputs":[{"name":"twice","parameters":{"binary_data":true}},)"
      R"({"name":"sum"}]})";
  const float values[] = {1, 2, 3, 4, 5, 6};
  const HttpResponse response =
      ask("POST", "/v2/models/net/versions/3/infer",
          header + std::string(reinterpret_cast<const char*>(values), 24),
          std::to_string(header.size()));
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.content_type, "application/octet-stream");
  ASSERT_EQ(response.headers.at(0).first, "Inference-Header-Content-Length");
  const std::size_t length = std::stoul(response.headers[0].second);
  const json::value answer = json::parse(response.body.substr(0, length));
  EXPECT_EQ(answer.at("outputs").at(0).at("parameters").at("binary_data_size"), json::value(24));
  EXPECT_EQ(answer.at("outputs").at(1).at("data").at(0), json::value(21));
  ASSERT_EQ(response.body.size(), length + 24);
  float twice[6];
  std::memcpy(twice, response.body.data() + length, 24);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(twice[i], 2 * values[i]);
}

TEST_F(HttpRoutesTest, ALargeRequestIsReadBesideTheServersThreads) {
  std::string body =
      R"({"inputs":[{"name":"images","datatype":"FP32","shape":[20000,2,3],"data":[0)";
  for (int i = 1; i < 120'000; ++i) body += ",1";
  const HttpResponse response = ask("POST", "/v2/models/net/infer", body + "]}]}");
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(message_of(response).find("at most 4096"), std::string::npos);
}

TEST_F(HttpRoutesTest, ErrorsHaveTheirStatusAndSayWhenToComeBack) {
  EXPECT_EQ(ask("POST", "/v2/models/net/infer", "{").status, 400);
  EXPECT_EQ(ask("POST", "/v2/models/net/infer", "{}", "x").status, 400);
  EXPECT_EQ(ask("POST", "/v2/models/nothing/infer", std::string(kRawRequest)).status, 404);
  EXPECT_EQ(ask("POST", "/v2/models/net/generate", "{}").status, 501);
  EXPECT_EQ(ask("GET", "/v2/systemsharedmemory/status").status, 501);
  EXPECT_EQ(ask("POST", "/v2/cudasharedmemory/region/r/register", "{}").status, 501);
  models.host->refuse(Error{ErrorCode::kQueueFull, "full"});
  const HttpResponse full = ask("POST", "/v2/models/net/infer", std::string(kRawRequest));
  EXPECT_EQ(full.status, 503);
  EXPECT_EQ(message_of(full), "full");
  EXPECT_EQ(full.headers.at(0), (std::pair<std::string, std::string>{"Retry-After", "7"}));
  models.host->refuse({});
  models.host->fail_items(Error{ErrorCode::kInternal, "a defect"});
  EXPECT_EQ(ask("POST", "/v2/models/net/infer", std::string(kRawRequest)).status, 500);
}

TEST_F(HttpRoutesTest, AClientThatLeavesWithdrawsItsCall) {
  models.host->hold(true);
  const auto exchange = send("POST", "/v2/models/net/infer", std::string(kRawRequest));
  ASSERT_TRUE(models.host->wait_for_calls(1));
  exchange->leave();
  EXPECT_TRUE(models.host->wait_for_cancelled(1));
  EXPECT_EQ(exchange->wait().status, 503);
}

TEST_F(HttpRoutesTest, TheRepositoryListsLoadsAndUnloads) {
  const json::value all = document("POST", "/v2/repository/index");
  EXPECT_EQ(json::serialize(all.at(0)), R"({"name":"net","version":"3","state":"READY"})");
  EXPECT_EQ(all.at(1).at("name"), json::value("net_boxes"));
  EXPECT_EQ(all.at(2).at("reason"), json::value("unloaded"));
  EXPECT_EQ(document("POST", "/v2/repository/index", R"({"ready":true})").as_array().size(), 2U);
  EXPECT_EQ(ask("POST", "/v2/repository/models/net_boxes/load", "{}").status, 200);
  EXPECT_EQ(ask("POST", "/v2/repository/models/other_boxes/unload",
                R"({"parameters":{"unload_dependents":false}})").status, 200);
  EXPECT_EQ(ask("POST", "/v2/repository/models/absent/load").status, 404);
  EXPECT_EQ(ask("POST", "/v2/repository/models/../load").status, 404);
  EXPECT_EQ(models.asked(),
            (std::vector<std::string>{"load net", "unload other", "load absent"}));
}

TEST_F(HttpRoutesTest, ALoadRequestMayChangeTheConfiguration) {
  const auto with = [&](const std::string& config) {
    return ask("POST", "/v2/repository/models/net/load",
               json::serialize(json::object{{"parameters", {{"config", config}}}}));
  };
  EXPECT_EQ(with(R"({"max_batch_size":3,"dynamic_batching":{"max_queue_delay_microseconds":500}})")
                .status, 200);
  ASSERT_TRUE(models.changed());
  EXPECT_EQ(models.changed()->batch_max, 3);
  EXPECT_EQ(models.changed()->queue_delay, std::chrono::microseconds(500));
  EXPECT_EQ(models.changed()->model, models.host->detector_options().model);
  EXPECT_EQ(with(R"({"platform":"tensorrt_plan"})").status, 501);
  EXPECT_EQ(with("{").status, 400);
  EXPECT_EQ(ask("POST", "/v2/repository/models/net/load",
                R"({"parameters":{"file:1/model.onnx":"AAAA"}})").status, 501);
}

TEST_F(HttpRoutesTest, TraceSettingsAreReadAndChanged) {
  EXPECT_EQ(json::serialize(document("GET", "/v2/trace/setting")),
            R"({"trace_level":["OFF"],"trace_rate":"1000"})");
  const json::value now = document("POST", "/v2/models/net/trace/setting",
                                   R"({"trace_level":["TIMESTAMPS"],"trace_rate":5})");
  EXPECT_EQ(json::serialize(now), R"({"trace_level":["TIMESTAMPS"],"trace_rate":"5"})");
  EXPECT_EQ(models.asked(), (std::vector<std::string>{"trace net"}));
  EXPECT_EQ(ask("GET", "/v2/models/nothing/trace/setting").status, 404);
  EXPECT_EQ(ask("POST", "/v2/trace/setting", R"({"trace_rate":{}})").status, 400);
}

TEST_F(HttpRoutesTest, TheLogsLevelIsReadAndChanged) {
  EXPECT_EQ(document("GET", "/v2/logging").at("log_warning"), json::value(true));
  const json::value now = document("POST", "/v2/logging", R"({"log_verbose_level":1,
                                                              "log_info":true})");
  EXPECT_EQ(now.at("log_verbose_level"), json::value(1));
  EXPECT_TRUE(log_enabled(LogLevel::kDebug));
  EXPECT_EQ(ask("POST", "/v2/logging", R"({"log_file":"/etc/passwd"})").status, 400);
  EXPECT_EQ(ask("POST", "/v2/logging", R"({"log_colour":true})").status, 400);
  set_log_level(LogLevel::kWarn);
}

TEST_F(HttpRoutesTest, EveryLevelOfTheLogCanBeSwitchedAlone) {
  const json::value now =
      document("POST", "/v2/logging", R"({"log_info":false,"log_warning":false,"log_error":true,
                                          "log_verbose_level":1,"log_format":"ISO8601"})");
  EXPECT_EQ(now.at("log_info"), json::value(false));
  EXPECT_EQ(now.at("log_verbose_level"), json::value(1));
  EXPECT_EQ(now.at("log_format"), json::value("ISO8601"));
  EXPECT_TRUE(log_enabled(LogLevel::kDebug));
  EXPECT_FALSE(log_enabled(LogLevel::kTrace));
  EXPECT_FALSE(log_enabled(LogLevel::kInfo));
  EXPECT_FALSE(log_enabled(LogLevel::kWarn));
  EXPECT_TRUE(log_enabled(LogLevel::kError));
  EXPECT_EQ(document("POST", "/v2/logging", R"({"log_error":false,"log_verbose_level":7})")
                .at("log_verbose_level"),
            json::value(7));
  EXPECT_FALSE(log_enabled(LogLevel::kError));
  EXPECT_TRUE(log_enabled(LogLevel::kTrace));
  EXPECT_EQ(ask("POST", "/v2/logging", R"({"log_format":"xml"})").status, 400);
  (void)document("POST", "/v2/logging", R"({"log_format":"default","log_verbose_level":0})");
  set_log_level(LogLevel::kWarn);
  EXPECT_EQ(document("GET", "/v2/logging").at("log_info"), json::value(false));
}

TEST_F(HttpRoutesTest, ConfigurationsNameFieldsThatHaveTheirDefaults) {
  const json::value config = document("GET", "/v2/models/net/config");
  const json::value& input = config.at("input").at(0);
  for (const char* field : {"optional", "is_shape_tensor", "allow_ragged_batch"}) {
    EXPECT_EQ(input.at(field), json::value(false)) << field;
  }
  EXPECT_EQ(config.at("output").at(0).at("label_filename"), json::value(""));
  EXPECT_EQ(config.at("dynamic_batching").at("preferred_batch_size"), json::array());
  EXPECT_EQ(config.at("instance_group").at(0).at("gpus"), json::array());
  EXPECT_EQ(config.at("metric_tags"), json::object());
}

TEST_F(HttpRoutesTest, ClientsMayBeKeptFromLoading) {
  KserveService closed{KserveOptions{.models = models.access(), .model_control = false,
                                     .trace = {}, .log = {}}};
  router = {};
  add_kserve_routes(router, closed);
  EXPECT_EQ(ask("POST", "/v2/repository/models/net/load").status, 403);
  EXPECT_EQ(ask("POST", "/v2/repository/models/net/unload").status, 403);
  EXPECT_EQ(ask("GET", "/v2/trace/setting").status, 501);
  EXPECT_EQ(ask("GET", "/v2/logging").status, 501);
  EXPECT_EQ(document("GET", "/v2").at("extensions").as_array().size(), 6U);
  EXPECT_TRUE(models.asked().empty());
}

}  // namespace
}  // namespace shoal
