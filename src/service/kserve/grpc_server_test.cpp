// Goal: every rpc answers as clients expect, and calls that are cancelled, late, too many or too
// large end as the protocol says. Method: the real server on a free port, a C++ client, a fake
// host.
#include "service/kserve/grpc_server.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "service/kserve/fake_models_for_test.h"
#include "service/kserve/grpc_codec.h"
#include "service/kserve/grpc_door.h"
#include "service/kserve/health.grpc.pb.h"
#include "service/kserve/inference.grpc.pb.h"

namespace shoal {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using inference::ModelStreamInferResponse;

class GrpcServerTest : public testing::Test {
 protected:
  void SetUp() override { start({}); }
  void start(GrpcOptions options) {
    options.port = 0;
    auto made = GrpcServer::create(options, service);
    ASSERT_TRUE(made) << made.error().message;
    server = std::move(*made);
    channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(server->port()),
                                  grpc::InsecureChannelCredentials());
    stub = inference::GRPCInferenceService::NewStub(channel);
  }

  static ModelInferRequest raw_request(const std::vector<float>& values) {
    ModelInferRequest request;
    request.set_model_name("net");
    auto* input = request.add_inputs();
    input->set_name("images");
    input->set_datatype("FP32");
    for (const std::int64_t axis : {std::int64_t(values.size() / 6), std::int64_t{2},
                                    std::int64_t{3}}) {
      input->add_shape(axis);
    }
    request.add_raw_input_contents(reinterpret_cast<const char*>(values.data()),
                                   values.size() * sizeof(float));
    return request;
  }
  grpc::Status infer(const ModelInferRequest& request, ModelInferResponse& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    return stub->ModelInfer(&context, request, &response);
  }

  FakeModels models;
  KserveService service{KserveOptions{.models = models.access(), .trace = {}, .log = log_hooks()}};
  std::unique_ptr<GrpcServer> server;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<inference::GRPCInferenceService::Stub> stub;
};

std::vector<float> floats_of(const std::string& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

TEST(PeerTest, AnAddressIsTheSameAtEveryDoor) {
  EXPECT_EQ(address_of_peer("ipv4:192.0.2.1:5432"), "192.0.2.1");
  EXPECT_EQ(address_of_peer("ipv6:%5B2001:db8::1%5D:5432"), "2001:db8::1");
  EXPECT_EQ(address_of_peer("ipv6:[::1]:5432"), "::1");
  EXPECT_EQ(client_source("::ffff:192.0.2.1"), client_source("192.0.2.1"));
  EXPECT_NE(client_source("192.0.2.2"), client_source("192.0.2.1"));
  EXPECT_NE(client_source("192.0.2.1"), camera_source(client_source("192.0.2.1").id));
}

TEST_F(GrpcServerTest, InfersRawContents) {
  ModelInferRequest request = raw_request({1, 2, 3, 4, 5, 6});
  request.set_id("a");
  (*request.mutable_parameters())["priority"].set_uint64_param(2);
  ModelInferResponse response;
  const grpc::Status status = infer(request, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.id(), "a");
  EXPECT_EQ(response.model_version(), "3");
  EXPECT_EQ(response.outputs(1).name(), "twice");
  EXPECT_EQ(floats_of(response.raw_output_contents(1)),
            (std::vector<float>{2, 4, 6, 8, 10, 12}));
  const CallOptions options = models.host->last_options();
  EXPECT_EQ(options.priority, Priority::kHigh);
  EXPECT_EQ(options.door, "grpc");
  EXPECT_EQ(options.source_name, "127.0.0.1");
  EXPECT_EQ(options.source, client_source("127.0.0.1")) << "whatever its port, as over HTTP";
  ASSERT_TRUE(options.deadline);
  EXPECT_GT(*options.deadline, Clock::now());
  EXPECT_LT(*options.deadline, Clock::now() + std::chrono::seconds(11));
}

TEST_F(GrpcServerTest, InfersTypedContents) {
  ModelInferRequest request = raw_request({1, 2, 3, 4, 5, 6});
  request.clear_raw_input_contents();
  for (const float value : {1.F, 2.F, 3.F, 4.F, 5.F, 7.F}) {
    request.mutable_inputs(0)->mutable_contents()->add_fp32_contents(value);
  }
  ModelInferResponse response;
  ASSERT_TRUE(infer(request, response).ok());
  EXPECT_EQ(floats_of(response.raw_output_contents(0)), (std::vector<float>{22}));

  request.set_model_name("net_boxes");
  auto* input = request.mutable_inputs(0);
  input->clear_contents();
  input->set_name("image");
  input->set_datatype("BYTES");
  input->clear_shape();
  input->add_shape(2);
  input->mutable_contents()->add_bytes_contents("\2");
  input->mutable_contents()->add_bytes_contents("\xFF");
  ASSERT_TRUE(infer(request, response).ok());
  EXPECT_EQ(response.raw_output_contents(0), std::string("\2\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(response.parameters().at("failed_items").int64_param(), 1);
}

TEST_F(GrpcServerTest, ErrorsHaveTheirStatus) {
  ModelInferResponse response;
  ModelInferRequest request = raw_request({1, 2, 3, 4, 5, 6});
  request.set_model_name("nothing");
  EXPECT_EQ(infer(request, response).error_code(), grpc::StatusCode::NOT_FOUND);
  request = raw_request({1, 2, 3, 4, 5, 6});
  request.mutable_inputs(0)->set_shape(0, 2);
  EXPECT_EQ(infer(request, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request = raw_request({1, 2, 3, 4, 5, 6});
  models.host->fail_items(Error{ErrorCode::kDeadlineExceeded, "late"});
  EXPECT_EQ(infer(request, response).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  models.host->refuse(Error{ErrorCode::kQueueFull, "full"});
  grpc::ClientContext context;
  const grpc::Status full = stub->ModelInfer(&context, request, &response);
  EXPECT_EQ(full.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(full.error_message(), "full");
  const auto& trailers = context.GetServerTrailingMetadata();
  ASSERT_TRUE(trailers.contains("retry-after"));
  EXPECT_EQ(trailers.find("retry-after")->second, "7");
}

TEST_F(GrpcServerTest, MessagesThatDisagreeWithThemselvesAreRefused) {
  const auto refused = [](const ModelInferRequest& request) {
    const auto call = read_infer_request(request);
    return call ? std::string("read") : call.error().message;
  };
  const ModelInferRequest good = raw_request({1, 2, 3, 4, 5, 6});
  EXPECT_EQ(refused(good), "read");
  ModelInferRequest request = good;
  request.mutable_inputs(0)->set_shape(1, -2);
  EXPECT_NE(refused(request).find("axis of -2"), std::string::npos);
  request.mutable_inputs(0)->set_shape(1, std::int64_t{1} << 60);
  EXPECT_NE(refused(request).find("2^40"), std::string::npos);
  request = good;
  request.add_raw_input_contents("x");
  EXPECT_NE(refused(request).find("2 raw contents for 1 inputs"), std::string::npos);
  request = good;
  request.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
  EXPECT_NE(refused(request).find("both"), std::string::npos);
  request = good;
  *request.add_inputs() = good.inputs(0);
  request.add_raw_input_contents("x");
  EXPECT_NE(refused(request).find("twice"), std::string::npos);
  request = good;
  request.mutable_inputs(0)->set_datatype("UINT8");
  request.clear_raw_input_contents();
  request.mutable_inputs(0)->mutable_contents()->add_uint_contents(256);
  EXPECT_NE(refused(request).find("256 is no UINT8"), std::string::npos);
  request.mutable_inputs(0)->set_datatype("float");
  EXPECT_NE(refused(request).find("unknown datatype"), std::string::npos);
  request = good;
  (*request.mutable_inputs(0)->mutable_parameters())["shared_memory_region"].set_string_param("r");
  EXPECT_NE(refused(request).find("shared memory"), std::string::npos);
}

TEST_F(GrpcServerTest, ACancelledCallIsWithdrawn) {
  models.host->hold(true);
  grpc::ClientContext context;
  std::thread client([&] {
    ModelInferResponse response;
    const auto status = stub->ModelInfer(&context, raw_request({1, 2, 3, 4, 5, 6}), &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
  });
  ASSERT_TRUE(models.host->wait_for_calls(1));
  context.TryCancel();
  EXPECT_TRUE(models.host->wait_for_cancelled(1));
  client.join();
}

TEST_F(GrpcServerTest, ACallWhoseDeadlinePassesIsWithdrawn) {
  models.host->hold(true);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  ModelInferResponse response;
  const auto status = stub->ModelInfer(&context, raw_request({1, 2, 3, 4, 5, 6}), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(models.host->wait_for_cancelled(1));
}

TEST_F(GrpcServerTest, AStreamAnswersInOrderAndGoesOnAfterErrors) {
  grpc::ClientContext context;
  const auto stream = stub->ModelStreamInfer(&context);
  constexpr int kRequests = 100;  // more than the window
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) {
      ModelInferRequest request = raw_request({static_cast<float>(i), 0, 0, 0, 0, 0});
      request.set_id(std::to_string(i));
      if (i % 10 == 3) request.set_model_name("nothing");
      ASSERT_TRUE(stream->Write(request));
    }
    stream->WritesDone();
  });
  ModelStreamInferResponse response;
  int count = 0;
  for (; stream->Read(&response); ++count) {
    EXPECT_EQ(response.infer_response().id(), std::to_string(count));
    if (count % 10 == 3) {
      EXPECT_NE(response.error_message().find("nothing"), std::string::npos);
    } else {
      ASSERT_EQ(response.error_message(), "");
      EXPECT_EQ(floats_of(response.infer_response().raw_output_contents(0)),
                (std::vector<float>{static_cast<float>(count)}));
    }
  }
  writer.join();
  EXPECT_EQ(count, kRequests);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(GrpcServerTest, ACancelledStreamWithdrawsWhatItAskedFor) {
  models.host->hold(true);
  grpc::ClientContext context;
  const auto stream = stub->ModelStreamInfer(&context);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(stream->Write(raw_request({1, 2, 3, 4, 5, 6})));
  ASSERT_TRUE(models.host->wait_for_calls(3));
  context.TryCancel();
  EXPECT_TRUE(models.host->wait_for_cancelled(3));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(GrpcServerTest, AStreamReadsNoMoreThanItsWindow) {
  GrpcOptions options;
  options.stream_window = 4;
  start(options);
  models.host->hold(true);
  grpc::ClientContext context;
  const auto stream = stub->ModelStreamInfer(&context);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(stream->Write(raw_request({1, 2, 3, 4, 5, 6})));
  ASSERT_TRUE(models.host->wait_for_calls(4));
  stream->WritesDone();
  models.host->hold(false);
  ModelStreamInferResponse response;
  int count = 0;
  while (stream->Read(&response)) ++count;
  EXPECT_EQ(count, 8);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(GrpcServerTest, DescribesTheServerAndItsModels) {
  {
    grpc::ClientContext context;
    inference::ServerMetadataResponse response;
    ASSERT_TRUE(stub->ServerMetadata(&context, {}, &response).ok());
    EXPECT_EQ(response.name(), "shoal");
    EXPECT_EQ(response.extensions_size(), 8);
  }
  {
    grpc::ClientContext context;
    inference::ModelMetadataRequest request;
    request.set_name("net_boxes");
    inference::ModelMetadataResponse response;
    ASSERT_TRUE(stub->ModelMetadata(&context, request, &response).ok());
    EXPECT_EQ(response.inputs(0).datatype(), "BYTES");
    EXPECT_EQ(response.outputs_size(), 7);
  }
  {
    grpc::ClientContext context;
    inference::ModelConfigRequest request;
    request.set_name("net");
    inference::ModelConfigResponse response;
    ASSERT_TRUE(stub->ModelConfig(&context, request, &response).ok());
    EXPECT_EQ(response.config().input(0).data_type(), inference::TYPE_FP32);
    EXPECT_TRUE(response.config().parameters().contains("metadata"));
  }
  {
    grpc::ClientContext context;
    inference::ModelStatisticsResponse response;
    ASSERT_TRUE(stub->ModelStatistics(&context, {}, &response).ok());
    EXPECT_EQ(response.model_stats_size(), 2);
    EXPECT_EQ(response.model_stats(0).batch_stats(0).compute_infer().ns(), 7U);
  }
  grpc::ClientContext context;
  inference::SystemSharedMemoryStatusResponse response;
  EXPECT_EQ(stub->SystemSharedMemoryStatus(&context, {}, &response).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(GrpcServerTest, LoadsUnloadsAndSetsTheLog) {
  const auto load = [&](const inference::RepositoryModelLoadRequest& request) {
    grpc::ClientContext context;
    inference::RepositoryModelLoadResponse response;
    return stub->RepositoryModelLoad(&context, request, &response).error_code();
  };
  inference::RepositoryModelLoadRequest request;
  request.set_model_name("net");
  EXPECT_EQ(load(request), grpc::StatusCode::OK);
  (*request.mutable_parameters())["config"].set_string_param(R"({"max_batch_size": 5})");
  EXPECT_EQ(load(request), grpc::StatusCode::OK);
  EXPECT_EQ(models.changed()->batch_max, 5);
  (*request.mutable_parameters())["file:1/model.onnx"].set_bytes_param("x");
  EXPECT_EQ(load(request), grpc::StatusCode::UNIMPLEMENTED);
  request.Clear();
  request.set_model_name("../net");
  EXPECT_EQ(load(request), grpc::StatusCode::NOT_FOUND);
  grpc::ClientContext context;
  inference::LogSettingsResponse log;
  ASSERT_TRUE(stub->LogSettings(&context, {}, &log).ok());
  EXPECT_TRUE(log.settings().at("log_warning").bool_param());
  EXPECT_EQ(models.asked(), (std::vector<std::string>{"load net", "change net"}));
}

TEST_F(GrpcServerTest, HealthIsCheckedAndWatched) {
  const auto health = grpc::health::v1::Health::NewStub(channel);
  const auto check = [&](const std::string& name, grpc::health::v1::HealthCheckResponse& response) {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(name);
    return health->Check(&context, request, &response).error_code();
  };
  grpc::health::v1::HealthCheckResponse response;
  EXPECT_EQ(check("", response), grpc::StatusCode::OK);
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  EXPECT_EQ(check("net_boxes", response), grpc::StatusCode::OK);
  EXPECT_EQ(check("nothing", response), grpc::StatusCode::NOT_FOUND);
  grpc::ClientContext context;
  const auto watch = health->Watch(&context, {});
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  models.ready = false;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  server->drain(std::chrono::seconds(5));
  EXPECT_FALSE(watch->Read(&response));
}

TEST_F(GrpcServerTest, WithoutAKeyOnlyHealthIsAnswered) {
  GrpcOptions options;
  options.allows_key = [](std::string_view key) { return key == "sesame"; };
  start(options);
  ModelInferResponse response;
  EXPECT_EQ(infer(raw_request({1, 2, 3, 4, 5, 6}), response).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  const std::pair<const char*, const char*> headers[] = {{"authorization", "Bearer sesame"},
                                                         {"x-api-key", "sesame"}};
  for (const auto& [name, value] : headers) {
    grpc::ClientContext context;
    context.AddMetadata(name, value);
    EXPECT_TRUE(stub->ModelInfer(&context, raw_request({1, 2, 3, 4, 5, 6}), &response).ok());
  }
  grpc::ClientContext stranger;
  const auto stream = stub->ModelStreamInfer(&stranger);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  grpc::ClientContext live;
  inference::ServerLiveResponse alive;
  EXPECT_TRUE(stub->ServerLive(&live, {}, &alive).ok());
  EXPECT_TRUE(alive.live());
}

TEST_F(GrpcServerTest, AMessageOverTheLimitIsRefused) {
  GrpcOptions options;
  options.message_max = 1000;
  start(options);
  ModelInferResponse response;
  const std::vector<float> large(6000, 1);
  const grpc::Status status = infer(raw_request(large), response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(status.error_message().find("service.body_max_mib"), std::string::npos);
  grpc::ClientContext context;
  const auto stream = stub->ModelStreamInfer(&context);
  ASSERT_TRUE(stream->Write(raw_request(large)));
  ModelStreamInferResponse refused;
  ASSERT_TRUE(stream->Read(&refused));
  EXPECT_NE(refused.error_message().find("service.body_max_mib"), std::string::npos);
  EXPECT_TRUE(infer(raw_request({1, 2, 3, 4, 5, 6}), response).ok());
}

TEST_F(GrpcServerTest, RequestsThatWaitAreBoundedInBytes) {
  GrpcOptions options;
  options.memory_max = 100'000;
  start(options);
  models.host->hold(true);
  const std::vector<float> large(15'000, 1);  // 60 kB
  std::thread client([&] {
    ModelInferResponse first;
    EXPECT_TRUE(infer(raw_request(large), first).ok());
  });
  ASSERT_TRUE(models.host->wait_for_calls(1));
  ModelInferResponse response;
  EXPECT_EQ(infer(raw_request(large), response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  grpc::ClientContext context;
  const auto stream = stub->ModelStreamInfer(&context);
  ASSERT_TRUE(stream->Write(raw_request(large)));
  ModelStreamInferResponse refused;
  ASSERT_TRUE(stream->Read(&refused));
  EXPECT_NE(refused.error_message().find("too many bytes"), std::string::npos);
  models.host->hold(false);
  client.join();
  EXPECT_TRUE(infer(raw_request(large), response).ok());
  ASSERT_TRUE(stream->Write(raw_request(large)));
  ASSERT_TRUE(stream->Read(&refused));
  EXPECT_EQ(refused.error_message(), "");
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(GrpcServerTest, DrainAnswersWhatWasAcceptedAndEndsIdleStreams) {
  models.host->hold(true);
  grpc::ClientContext idle;
  const auto stream = stub->ModelStreamInfer(&idle);
  std::thread client([&] {
    ModelInferResponse response;
    const auto status = infer(raw_request({1, 2, 3, 4, 5, 6}), response);
    EXPECT_TRUE(status.ok()) << status.error_message();
  });
  ASSERT_TRUE(models.host->wait_for_calls(1));
  std::thread drain([&] { server->drain(std::chrono::seconds(20)); });
  const auto status = stream->Finish();  // while the other call is still held
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  models.host->hold(false);
  client.join();
  drain.join();
}

TEST_F(GrpcServerTest, RefusesAddressesThatAreOpenToAllOrTaken) {
  GrpcOptions options;
  options.address = "0.0.0.0";
  options.port = 0;
  EXPECT_EQ(GrpcServer::create(options, service).error().code, ErrorCode::kInvalidArgument);
  options.allows_key = [](std::string_view) { return false; };
  EXPECT_TRUE(GrpcServer::create(options, service));
  options.address = "nowhere";
  EXPECT_EQ(GrpcServer::create(options, service).error().code, ErrorCode::kInvalidArgument);
  options.address = "127.0.0.1";
  options.port = server->port();
  EXPECT_EQ(GrpcServer::create(options, service).error().code, ErrorCode::kUnavailable);
  options.port = 0;
  options.tls = {.certificate = "/nowhere.pem", .key = "/nowhere.key", .client_ca = ""};
  EXPECT_EQ(GrpcServer::create(options, service).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace shoal
