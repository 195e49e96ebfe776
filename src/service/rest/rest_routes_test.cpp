// The door with a model that answers what it is told to: what reaches the model, and what is said.
#include "service/rest/rest_routes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "service/rest/embedded_files.h"
#include "service/rest/fakes_for_test.h"

namespace shoal {
namespace {

namespace json = boost::json;

class RestRoutesTest : public ::testing::Test {
 protected:
  void SetUp() override { open({}); }
  // Held calls hold their host, which holds them.
  void TearDown() override { host_->held.clear(); }

  void open(DeepStackOptions deepstack) {
    RestOptions options;
    options.models.find = [this](std::string_view name) -> Result<std::shared_ptr<ModelHost>> {
      if (name.empty() || name == "fake") return std::shared_ptr<ModelHost>(host_);
      if (name == "slow") return Error{ErrorCode::kUnavailable, "slow: loading"};
      return Error{ErrorCode::kNotFound, "no such model"};
    };
    options.models.index = [] {
      return std::vector<ModelStatus>{{"fake", ModelState::kReady, ""},
                                      {"lost", ModelState::kUnavailable, "no file"}};
    };
    options.models.all_ready = [this] { return ready_; };
    options.pictures_max = 4;
    options.deepstack = std::move(deepstack);
    router_ = std::make_unique<HttpRouter>();
    add_rest_routes(*router_, std::move(options));
  }

  // Sends it, and forgets the exchange as a server does that waits for the answer.
  std::shared_ptr<Answered> send(std::string_view method, const std::string& target,
                                 std::string_view type, std::string body) {
    HttpRequest request;
    request.method = method;
    const auto mark = target.find('?');
    request.path = target.substr(0, mark);
    for (std::string rest = mark == std::string::npos ? "" : target.substr(mark + 1);
         !rest.empty();) {
      const auto end = std::min(rest.find('&'), rest.size());
      const auto equals = rest.find('=');
      request.query.emplace_back(rest.substr(0, equals), rest.substr(equals + 1, end - equals - 1));
      rest = end == rest.size() ? "" : rest.substr(end + 1);
    }
    if (!type.empty()) request.headers.emplace_back("content-type", type);
    request.headers.emplace_back("x-request-id", "id-7");
    request.body = std::move(body);
    request.client = "192.0.2.1";
    request.connection = 5;
    request.first_byte = Clock::now();
    const auto match = router_->match(method, request.path);
    auto answered = std::make_shared<Answered>();
    if (match.handler == nullptr) {
      ADD_FAILURE() << "no route for " << target;
      return answered;
    }
    (*match.handler)(std::make_shared<FakeExchange>(std::move(request), match.parts, answered));
    return answered;
  }

  // The one answer; large bodies and pictures take another thread.
  static HttpResponse only(const std::shared_ptr<Answered>& answered) {
    for (int i = 0; i < 20'000; ++i) {
      {
        const std::lock_guard lock(answered->mutex);
        EXPECT_LE(answered->responses.size(), 1U);
        if (!answered->responses.empty()) return answered->responses.front();
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ADD_FAILURE() << "no answer";
    return {};
  }

  HttpResponse post(const std::string& target, std::string_view type, std::string body) {
    return only(send("POST", target, type, std::move(body)));
  }
  HttpResponse get(const std::string& target) { return only(send("GET", target, "", "")); }

  static std::string form(const std::vector<std::pair<std::string, std::string>>& parts) {
    std::string body;
    for (const auto& [header, content] : parts) {
      body += "--b\r\nContent-Disposition: form-data; " + header + "\r\n\r\n" + content + "\r\n";
    }
    return body + "--b--\r\n";
  }
  static std::string header(const HttpResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }
  static std::string code_of(const HttpResponse& response) {
    const json::value document = json::parse(response.body);
    return json::value_to<std::string>(document.at("error").at("code"));
  }

  static constexpr std::string_view kForm = "multipart/form-data; boundary=b";
  static constexpr std::string_view kJson = "application/json";
  std::shared_ptr<FakeHost> host_ = std::make_shared<FakeHost>();
  bool ready_ = true;
  std::unique_ptr<HttpRouter> router_;
};

TEST_F(RestRoutesTest, APictureAsItIsIsAnsweredWithItsObject) {
  const auto response = post("/v1/detect", "image/jpeg", "x");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body,
            R"({"source":"body","frame":0,"time":null,"width":64,"height":48,"detections":[)"
            R"({"name":"open","class":0,"confidence":0.9,"box":{"x1":0.4,"y1":1.6,"x2":10.5,)"
            R"("y2":48.0}}],"truncated":false,"batch_size":1,"timing_ms":{"decode":0.0,)"
            R"("queue":0.0,"preprocess":0.0,"inference":0.0,"postprocess":0.0,"total":0.0}})");
}

TEST_F(RestRoutesTest, EveryKindOfRawBodyIsAPicture) {
  for (const char* type : {"", "image/png", "IMAGE/webp; q=1", "application/octet-stream"}) {
    EXPECT_EQ(post("/v1/detect", type, "x").status, 200) << type;
  }
  const char* curl = "application/x-www-form-urlencoded";
  EXPECT_EQ(post("/v1/detect", curl, "\xFF\xD8\xFF").status, 200) << "curl --data-binary";
  EXPECT_EQ(post("/v1/detect", curl, "image=x").status, 415);
  EXPECT_EQ(post("/v1/detect", "text/plain", "x").status, 415);
}

TEST_F(RestRoutesTest, PicturesOfBodiesAndFormsAreNotCopied) {
  host_->hold = true;
  const std::string big(1000, 'p');
  const auto answered = send("POST", "/v1/detect", kForm, form({{"name=a; filename=a.jpg", big}}));
  ASSERT_EQ(host_->pictures.size(), 1U);
  EXPECT_EQ(host_->pictures[0].size(), big.size());
  // The exchange is alive only through the call, and the bytes are as they were sent.
  EXPECT_EQ(std::memcmp(host_->pictures[0].data(), big.data(), big.size()), 0);
  host_->held[0]();
  EXPECT_EQ(only(answered).status, 200);
}

TEST_F(RestRoutesTest, FormsAnswerOnePictureOrAList) {
  const auto one = post("/v1/detect", kForm, form({{"name=x; filename=\"b.jpg\"", "p"}}));
  EXPECT_EQ(json::parse(one.body).at("source").as_string(), "b.jpg");
  const auto many = post("/v1/detect", kForm,
                         form({{"name=x; filename=\"b.jpg\"", "p"},
                               {"name=conf", "0.5"},
                               {"name=y; filename=\"\"", "bad"},
                               {"name=z; filename=\"c.jpg\"", "pp"}}));
  EXPECT_EQ(many.status, 200);
  const json::value document = json::parse(many.body);
  const auto& results = document.at("results").as_array();
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0].at("source").as_string(), "b.jpg");
  EXPECT_EQ(results[1].at("source").as_string(), "y");
  EXPECT_EQ(results[1].at("error").at("code").as_string(), "corrupt_input");
  EXPECT_EQ(results[1].at("error").at("message").as_string(), "y: as it was told");
  EXPECT_EQ(results[2].at("detections").as_array().size(), 2U);
  EXPECT_EQ(host_->calls.back().confidence, 0.5F);
  EXPECT_EQ(post("/v1/detect", kForm, form({{"name=x", "p"}})).status, 400);
  EXPECT_EQ(post("/v1/detect", kForm, form({{"name=conf", "0.5"}})).status, 400);
  EXPECT_EQ(post("/v1/detect", "multipart/form-data", form({})).status, 400);
}

TEST_F(RestRoutesTest, JsonAnswersOnePictureOrAList) {
  EXPECT_EQ(json::parse(post("/v1/detect", kJson, R"({"image":"eHg="})").body)
                .at("detections").as_array().size(), 2U);
  const auto list = post("/v1/detect", kJson, R"({"images":["eA==","not base64","YmFk","eHh4"]})");
  EXPECT_EQ(list.status, 200);
  const json::value document = json::parse(list.body);
  const auto& results = document.at("results").as_array();
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(results[0].at("detections").as_array().size(), 1U);
  EXPECT_EQ(results[1].at("error").at("message").as_string(),
            "images[1]: base64: byte 0x20 is not of the alphabet at character 3");
  EXPECT_EQ(results[2].at("error").at("message").as_string(), "images[2]: as it was told");
  EXPECT_EQ(results[3].at("detections").as_array().size(), 3U);
  EXPECT_EQ(host_->pictures.size(), 2U + 3U - 1U) << "the unreadable one never got there";
  EXPECT_EQ(post("/v1/detect", kJson, R"({"image":"?"})").status, 400);
  EXPECT_EQ(post("/v1/detect", kJson, "{").status, 400);
  EXPECT_EQ(post("/v1/detect", kJson, R"({"images":["eA==","eA==","eA==","eA==","eA=="]})").status,
            413);
}

TEST_F(RestRoutesTest, LargeBodiesAreReadByAnotherThread) {
  std::string text = R"({"image":")" + std::string(1 << 20, 'A') + R"("})";
  const auto response = post("/v1/detect?classes=1", kJson, text);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(host_->pictures[0].size(), std::size_t{3} << 18);
}

TEST_F(RestRoutesTest, OptionsReachTheModel) {
  const std::string query = "?conf=0.5&priority=high&timeout_ms=1500";
  const auto answered = send("POST", "/v1/models/fake/detect" + query, "image/jpeg", "x");
  EXPECT_EQ(only(answered).status, 200);
  const CallOptions& options = host_->calls.at(0);
  EXPECT_EQ(options.confidence, 0.5F);
  EXPECT_EQ(options.priority, Priority::kHigh);
  ASSERT_TRUE(options.deadline);
  EXPECT_EQ(*options.deadline - options.arrived, std::chrono::milliseconds(1500));
  EXPECT_EQ(options.source, client_source("192.0.2.1")) << "not its connection";
  EXPECT_EQ(options.source_name, "192.0.2.1");
  EXPECT_EQ(options.request_id, "id-7");
  EXPECT_EQ(options.door, "rest");
  EXPECT_FALSE(options.keep_pixels);
  EXPECT_EQ(post("/v1/detect?format=json", "image/jpeg", "x").status, 200);
  EXPECT_FALSE(host_->calls.at(1).deadline);
  EXPECT_EQ(host_->calls.at(1).priority, Priority::kNormal);
}

TEST_F(RestRoutesTest, ClassesAreKeptByNumberAndName) {
  const auto names = [&](const std::string& query) {
    std::string all;
    const json::value document = json::parse(post("/v1/detect" + query, "", "xxxxxx").body);
    for (const auto& one : document.at("detections").as_array()) {
      all += std::string(one.at("name").as_string()) + " ";
    }
    return all;
  };
  EXPECT_EQ(names(""), "open short spur open short spur ");
  EXPECT_EQ(names("?classes=2,0"), "open spur open spur ");
  EXPECT_EQ(names("?classes=short"), "short short ");
  EXPECT_EQ(names("?classes=short&classes=0"), "open short open short ");
}

TEST_F(RestRoutesTest, OptionsThatCannotBeAreRefused) {
  for (const char* query :
       {"conf=2", "conf=1.0000000000000002", "conf=-0.1", "conf=nan", "conf=", "conf=0.5x",
        "conf=+0.5", "classes=3", "classes=-1", "classes=opne", "classes=", "classes=0,",
        "format=png", "priority=urgent", "timeout_ms=0", "timeout_ms=-1", "timeout_ms=1.5",
        "timeout_ms=86400001", "timeout_ms=99999999999999999999", "cnof=0.5", "=", "conf"}) {
    const auto response = post(std::string("/v1/detect?") + query, "", "x");
    EXPECT_EQ(response.status, 400) << query;
    EXPECT_EQ(code_of(response), "invalid_argument") << query;
  }
  EXPECT_NE(post("/v1/detect?cnof=0.5", "", "x").body.find("did you mean 'conf'"),
            std::string::npos);
  EXPECT_TRUE(host_->calls.empty());
}

TEST_F(RestRoutesTest, APictureThatFailsHasTheStatusOfItsError) {
  const std::pair<const char*, int> pictures[] = {
      {"bad", 400}, {"", 400}, {"huge", 413}, {"odd", 415}, {"late", 504},
      {"short", 503}};
  for (const auto& [bytes, status] : pictures) {
    const auto response = post("/v1/detect", "image/jpeg", bytes);
    EXPECT_EQ(response.status, status) << bytes;
    EXPECT_EQ(json::parse(response.body).at("source").as_string(), "body") << bytes;
    EXPECT_FALSE(code_of(response).empty());
    const bool again = std::ranges::any_of(
        response.headers, [](const auto& header) { return header.first == "Retry-After"; });
    EXPECT_EQ(again, status == 503) << bytes;
  }
}

TEST_F(RestRoutesTest, AnAnswerThatComesTooLateIsAnError) {
  host_->hold = true;
  const auto late = send("POST", "/v1/detect?timeout_ms=5", "image/jpeg", "x");
  const auto timely = send("POST", "/v1/detect?timeout_ms=60000", "image/jpeg", "x");
  std::this_thread::sleep_for(std::chrono::milliseconds(6));
  host_->held[0]();
  host_->held[1]();
  EXPECT_EQ(only(late).status, 504);
  EXPECT_EQ(code_of(only(late)), "deadline_exceeded");
  EXPECT_EQ(only(timely).status, 200);
}

TEST_F(RestRoutesTest, AListThatCouldNotBeRunFailsAsAWhole) {
  const auto late = post("/v1/detect", kJson, R"({"images":["bGF0ZQ==","bGF0ZQ=="]})");
  EXPECT_EQ(late.status, 504);
  EXPECT_EQ(code_of(late), "deadline_exceeded");
  EXPECT_EQ(post("/v1/detect", kJson, R"({"images":["bGF0ZQ==","eA=="]})").status, 200);
  EXPECT_EQ(post("/v1/detect", kJson, R"({"images":["YmFk","YmFk"]})").status, 200);
}

TEST_F(RestRoutesTest, RefusalsSayWhenToTryAgain) {
  const std::pair<ErrorCode, int> refusals[] = {{ErrorCode::kQueueFull, 503},
                                                {ErrorCode::kDeadlineExceeded, 503},
                                                {ErrorCode::kUnavailable, 503},
                                                {ErrorCode::kCancelled, 503},
                                                {ErrorCode::kInvalidArgument, 400},
                                                {ErrorCode::kInternal, 500}};
  for (const auto& [code, status] : refusals) {
    host_->refuse = Error{code, "no"};
    const auto response = post("/v1/detect", "image/jpeg", "x");
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(header(response, "Retry-After"), status == 503 ? "7" : "");
    EXPECT_EQ(code_of(response), to_string(code));
  }
  EXPECT_EQ(post("/v1/models/none/detect", "", "x").status, 404);
  const auto loading = post("/v1/models/slow/detect", "", "x");
  EXPECT_EQ(loading.status, 503);
  EXPECT_NE(header(loading, "Retry-After"), "");
}

TEST_F(RestRoutesTest, AClientThatGoesAwayWithdrawsItsCall) {
  host_->hold = true;
  const auto answered = send("POST", "/v1/detect", "image/jpeg", "x");
  ASSERT_TRUE(answered->aborted);
  EXPECT_FALSE(host_->flags[0]->load());
  answered->aborted();
  EXPECT_TRUE(host_->flags[0]->load());
  host_->held[0]();
}

TEST_F(RestRoutesTest, AnAnsweredCallHoldsNothing) {
  host_->hold = true;
  const auto answered = send("POST", "/v1/detect", "image/jpeg", "x");
  const auto users = host_.use_count();
  host_->held[0]();
  host_->held.clear();
  EXPECT_LT(host_.use_count(), users) << "the model is let go of before the answer returns";
  EXPECT_EQ(only(answered).status, 200);
}

TEST_F(RestRoutesTest, FormatImageAnswersADrawnJpeg) {
  const auto response = post("/v1/detect?format=image", "image/jpeg", "xx");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "image/jpeg");
  EXPECT_TRUE(response.body.starts_with("\xFF\xD8\xFF"));
  EXPECT_TRUE(host_->calls[0].keep_pixels);
  EXPECT_EQ(post("/v1/detect?format=image", "image/jpeg", "bad").status, 400);
  EXPECT_EQ(post("/v1/detect?format=image", kJson, R"({"images":["eA=="]})").status, 400);
}

TEST_F(RestRoutesTest, DeepStackAnswersWholePixelsMostConfidentFirst) {
  const auto response =
      post("/v1/vision/detection", kForm,
           form({{"name=\"api_key\"", ""}, {"name=\"image\"; filename=\"image\"", "xx"}}));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body,
            R"({"success":true,"predictions":[{"confidence":0.9,"label":"open","x_min":0,)"
            R"("y_min":2,"x_max":11,"y_max":48},{"confidence":0.89,"label":"short","x_min":1,)"
            R"("y_min":2,"x_max":12,"y_max":48}],"count":2})");
  EXPECT_EQ(host_->calls[0].door, "deepstack");
}

TEST_F(RestRoutesTest, DeepStackNeverAnswersMoreThanFrigateHasRoomFor) {
  const auto response = post("/v1/vision/custom/fake", kForm,
                             form({{"name=image; filename=i", std::string(21, 'x')}}));
  const json::value document = json::parse(response.body);
  EXPECT_EQ(document.at("predictions").as_array().size(), 20U);
  EXPECT_EQ(document.at("count").as_int64(), 20);
  EXPECT_TRUE(document.at("truncated").as_bool());
}

TEST_F(RestRoutesTest, DeepStackSaysNoInItsOwnWords) {
  const auto no = [&](const std::string& target, std::string_view type, std::string body) {
    const auto response = post(target, type, std::move(body));
    EXPECT_FALSE(json::parse(response.body).at("success").as_bool());
    EXPECT_TRUE(json::parse(response.body).at("error").is_string());
    return response.status;
  };
  const std::string path = "/v1/vision/detection";
  EXPECT_EQ(no(path, "image/jpeg", "x"), 400);
  EXPECT_EQ(no(path, kForm, form({{"name=picture; filename=i", "x"}})), 400);
  EXPECT_EQ(no(path, kForm, form({{"name=image; filename=i", "bad"}})), 400);
  EXPECT_EQ(no(path, kForm, form({{"name=image; filename=i", ""}})), 400);
  EXPECT_EQ(no(path, kForm, form({{"name=image", "x"}, {"name=min_confidence", "much"}})), 400);
  EXPECT_EQ(no("/v1/vision/custom/none", kForm, form({{"name=image; filename=i", "x"}})), 404);
  host_->refuse = Error{ErrorCode::kQueueFull, "full"};
  EXPECT_EQ(no(path, kForm, form({{"name=image; filename=i", "x"}})), 503);
}

TEST_F(RestRoutesTest, DeepStackChecksKeysWhereThereAreSome) {
  DeepStackOptions options;
  options.check_key = [](std::string_view key) { return key == "right"; };
  open(options);
  const auto status = [&](const char* key) {
    return post("/v1/vision/detection", kForm,
                form({{"name=api_key", key}, {"name=image; filename=i", "x"}})).status;
  };
  EXPECT_EQ(status("right"), 200);
  EXPECT_EQ(status("wrong"), 401);
  EXPECT_EQ(post("/v1/vision/detection", kForm, form({{"name=image; filename=i", "x"}})).status,
            401);
  EXPECT_EQ(host_->calls.size(), 1U);
}

TEST_F(RestRoutesTest, ModelsAreListedWithTheirClasses) {
  EXPECT_EQ(get("/v1/models").body,
            R"({"models":[{"name":"fake","state":"ready","default":true,"family":"yolo11",)"
            R"("input":{"width":64,"height":48},"confidence":0.25,"classes":["open","short",)"
            R"("spur"]},{"name":"lost","state":"unavailable","reason":"no file",)"
            R"("default":false}]})");
}

TEST_F(RestRoutesTest, HealthIsReadiness) {
  EXPECT_EQ(get("/healthz").status, 200);
  ready_ = false;
  EXPECT_EQ(get("/healthz").status, 503);
}

TEST_F(RestRoutesTest, ThePageNeedsNothingFromElsewhere) {
  const auto response = get("/");
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.body.starts_with("<!doctype html>"));
  EXPECT_EQ(response.body.find("http://"), std::string::npos);
  EXPECT_EQ(response.body.find("https://"), std::string::npos);
  EXPECT_NE(header(response, "Content-Security-Policy").find("default-src 'none'"),
            std::string::npos);
  EXPECT_TRUE(get("/example.jpg").body.starts_with("\xFF\xD8\xFF"));
}

TEST_F(RestRoutesTest, OpenApiDescribesEveryRouteThereIsAndNoOther) {
  const json::value document = json::parse(get("/openapi.json").body);
  EXPECT_EQ(document.at("openapi").as_string(), "3.1.0");
  std::set<std::string> described;
  for (const auto& [path, methods] : document.at("paths").as_object()) {
    for (const auto& [method, operation] : methods.as_object()) {
      EXPECT_TRUE(operation.at("responses").as_object().contains("200")) << path;
      std::string upper(method);
      for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
      described.insert(upper + " " + std::string(path));
      EXPECT_NE(router_->match(upper, std::string(path)).handler, nullptr) << path;
    }
  }
  EXPECT_EQ(described.size(), 9U) << "the routes of add_rest_routes";
}

}  // namespace
}  // namespace shoal
