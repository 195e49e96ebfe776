// Goal: who may be connected to the gRPC door, how many calls and bytes strangers may have there,
// and that none of it delays the end. Method: the real server on a free port, plain sockets and a
// C++ client.
#include "service/kserve/grpc_door.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <thread>

#include "service/http/http_for_test.h"
#include "service/kserve/fake_models_for_test.h"
#include "service/kserve/grpc_server.h"
#include "service/kserve/health.grpc.pb.h"
#include "service/kserve/inference.grpc.pb.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clients = std::vector<std::unique_ptr<RawClient>>;
namespace health = grpc::health::v1;

class GrpcDoorTest : public testing::Test {
 protected:
  void start(GrpcOptions options) {
    options.port = 0;
    auto made = GrpcServer::create(options, service);
    ASSERT_TRUE(made) << made.error().message;
    server = std::move(*made);
  }
  [[nodiscard]] std::shared_ptr<grpc::Channel> connect() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
    arguments.SetMaxSendMessageSize(-1);
    return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server->port()),
                                     grpc::InsecureChannelCredentials(), arguments);
  }
  [[nodiscard]] bool lives(const std::shared_ptr<grpc::Channel>& channel) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + seconds(20));
    context.set_wait_for_ready(true);
    inference::ServerLiveResponse response;
    return inference::GRPCInferenceService::NewStub(channel)
        ->ServerLive(&context, {}, &response).ok();
  }
  template <typename Condition>
  static bool until(Condition condition) {
    for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::sleep_for(milliseconds(10));
    return condition();
  }

  FakeModels models;
  KserveService service{KserveOptions{.models = models.access(), .trace = {}, .log = {}}};
  std::unique_ptr<GrpcServer> server;
};

TEST_F(GrpcDoorTest, SilentConnectionsAreBoundedAndMakeRoom) {
  GrpcOptions options;
  options.connections_max = 8;
  start(options);
  Clients silent;
  for (int i = 0; i < 60; ++i) {
    const std::string address = "127.0.2." + std::to_string(i % 12 + 1);
    silent.push_back(std::make_unique<RawClient>(server->port(), address.c_str()));
  }
  EXPECT_TRUE(lives(connect()));
  EXPECT_TRUE(until([&] { return server->connections() <= 8; }));
  EXPECT_TRUE(silent.front()->is_closed());
}

TEST_F(GrpcDoorTest, ConnectionsWithACallAreNotCutForNewOnes) {
  GrpcOptions options;
  options.connections_max = 2;
  start(options);
  models.host->hold(true);
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([this] {
      inference::ModelInferRequest request;
      request.set_model_name("net");
      auto* input = request.add_inputs();
      input->set_name("images");
      input->set_datatype("FP32");
      for (const int axis : {1, 2, 3}) input->add_shape(axis);
      request.add_raw_input_contents(std::string(24, '\0'));
      grpc::ClientContext context;
      inference::ModelInferResponse response;
      EXPECT_TRUE(inference::GRPCInferenceService::NewStub(connect())
                      ->ModelInfer(&context, request, &response).ok());
    });
  }
  ASSERT_TRUE(models.host->wait_for_calls(2));
  RawClient third(server->port());
  EXPECT_TRUE(third.is_closed());
  EXPECT_GE(server->connections_refused(), 1U);
  models.host->hold(false);
  for (std::thread& caller : callers) caller.join();
}

TEST_F(GrpcDoorTest, OneAddressHasItsShare) {
  GrpcOptions options;
  options.connections_per_client = 4;
  start(options);
  RawClient other(server->port(), "127.0.2.9");
  Clients silent;
  for (int i = 0; i < 30; ++i) silent.push_back(std::make_unique<RawClient>(server->port()));
  EXPECT_TRUE(until([&] { return server->connections() <= 5; }));
  EXPECT_TRUE(silent.front()->is_closed());
  EXPECT_TRUE(other.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
}

TEST_F(GrpcDoorTest, SilentAndIdleConnectionsAreClosedInTime) {
  GrpcOptions options;
  options.header_timeout = milliseconds(300);
  options.idle_timeout = milliseconds(500);
  start(options);
  RawClient silent(server->port());
  EXPECT_TRUE(silent.is_closed());
  const auto channel = connect();
  EXPECT_TRUE(lives(channel));
  EXPECT_TRUE(until([&] { return server->connections() == 0; }));
  EXPECT_TRUE(lives(channel));  // its client connects again
}

TEST_F(GrpcDoorTest, ASilentConnectionDoesNotDelayTheEnd) {
  start({});
  RawClient silent(server->port());
  RawClient greets(server->port());
  greets.send(std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33));
  ASSERT_TRUE(until([&] { return server->connections() == 2; }));
  const TimePoint begin = Clock::now();
  server->drain(seconds(300));
  EXPECT_LT(Clock::now() - begin, seconds(100));
}

TEST_F(GrpcDoorTest, HealthKeepsNoLongNames) {
  start({});
  const auto channel = connect();
  const auto stub = health::Health::NewStub(channel);
  health::HealthCheckRequest request;
  request.set_service(std::string(600, 'A'));
  health::HealthCheckResponse response;
  grpc::ClientContext check;
  EXPECT_EQ(stub->Check(&check, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  grpc::ClientContext watch;
  const auto reader = stub->Watch(&watch, request);
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(GrpcDoorTest, WithoutAKeyLittleIsTaken) {
  GrpcOptions options;
  options.allows_key = [](std::string_view key) { return key == "sesame"; };
  start(options);
  const auto stub = health::Health::NewStub(connect());
  health::HealthCheckRequest request;
  request.set_service(std::string(std::size_t{60} << 20, 'A'));
  for (int i = 0; i < 3; ++i) {
    grpc::ClientContext context;
    const auto reader = stub->Watch(&context, request);
    health::HealthCheckResponse response;
    EXPECT_FALSE(reader->Read(&response));
    const auto code = reader->Finish().error_code();  // cut, or refused where all came at once
    EXPECT_TRUE(code == grpc::StatusCode::UNAVAILABLE ||
                code == grpc::StatusCode::RESOURCE_EXHAUSTED) << code;
  }
  EXPECT_TRUE(lives(connect()));
}

TEST_F(GrpcDoorTest, CallsWithoutAKeyAreBounded) {
  GrpcOptions options;
  options.allows_key = [](std::string_view key) { return key == "sesame"; };
  start(options);
  const auto stub = health::Health::NewStub(connect());
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<health::HealthCheckResponse>>> watches;
  int open = 0;
  for (int i = 0; i < 80; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    watches.push_back(stub->Watch(contexts.back().get(), {}));
    health::HealthCheckResponse response;
    if (watches.back()->Read(&response)) {
      ++open;
    } else {
      EXPECT_EQ(watches.back()->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    }
  }
  EXPECT_EQ(open, 64);
  grpc::ClientContext keyed;
  keyed.AddMetadata("x-api-key", "sesame");
  const auto watch = stub->Watch(&keyed, {});
  health::HealthCheckResponse response;
  EXPECT_TRUE(watch->Read(&response));
  keyed.TryCancel();
  for (const auto& context : contexts) context->TryCancel();
}

TEST_F(GrpcDoorTest, AMessageThatDoesNotArriveEndsItsCall) {
  GrpcOptions options;
  options.stall_timeout = milliseconds(300);
  start(options);
  const auto field = [](std::string_view name, std::string_view value) {
    std::string text(1, '\0');
    text += static_cast<char>(name.size());
    text += name;
    text += static_cast<char>(value.size());
    return text += value;
  };
  const std::string head = field(":method", "POST") + field(":scheme", "http") +
                           field(":path", "/inference.GRPCInferenceService/ModelInfer") +
                           field(":authority", "localhost") + field("te", "trailers") +
                           field("content-type", "application/grpc");
  std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  bytes += std::string("\0\0\0\4\0\0\0\0\0", 9);                   // SETTINGS
  bytes += std::string("\0\0", 2) + static_cast<char>(head.size());    // HEADERS of stream 1
  bytes += std::string("\1\4\0\0\0\1", 6) + head;
  RawClient client(server->port());
  client.send(bytes);
  std::string got;  // the trailers say why
  while (got.find("stall_timeout") == std::string::npos) {
    const std::string byte = client.receive(1);
    if (byte.empty()) break;
    got += byte;
  }
  EXPECT_NE(got.find("stall_timeout"), std::string::npos);
}

TEST(GrpcPeer, IsAnAddress) {
  EXPECT_EQ(address_of_peer("ipv4:127.0.0.1:4711"), "127.0.0.1");
  EXPECT_EQ(address_of_peer("ipv6:%5B::1%5D:4711"), "::1");
  EXPECT_EQ(address_of_peer("ipv6:[::1]:4711"), "::1");
  EXPECT_EQ(address_of_peer("ipv6:%5Bfe80::1%25eth0%5D:4711"), "fe80::1");
}

}  // namespace
}  // namespace shoal
