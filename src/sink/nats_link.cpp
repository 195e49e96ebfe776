// cnats' handles are freed by unique_ptr; its status codes become errors here.
#include "sink/nats_link.h"

#include <fmt/format.h>
#include <nats/nats.h>

#include <map>
#include <utility>

#include "core/json_text.h"
#include "core/log.h"

namespace shoal {
namespace {

struct FreeOptions {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
};
struct FreeConnection {
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
};
struct FreeStreams {
  void operator()(jsCtx* streams) const { jsCtx_Destroy(streams); }
};
struct FreeMessage {
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};
using Options = std::unique_ptr<natsOptions, FreeOptions>;

constexpr std::chrono::seconds kAskAgain{30};

// cnats prints what nobody handles.
void ignore_error(natsConnection*, natsSubscription*, natsStatus, void*) {}

}  // namespace

class NatsLink::State {
 public:
  explicit State(NatsLinkOptions options) : options_(std::move(options)) {}

  Result<void> keep_up(TimePoint now);
  Result<void> publish(const std::string& subject, std::string_view payload);
  Result<void> deliver(const std::string& subject, std::string_view payload,
                       const std::string& id);
  std::size_t payload_max() const;
  void disconnect();

 private:
  enum class Stream : std::uint8_t { kThere, kNone, kUnknown };
  struct Known {
    Stream stream = Stream::kUnknown;
    TimePoint asked{};
  };

  Result<void> connect();
  natsStatus configure(natsOptions* options) const;
  Result<void> deliver_to_stream(const std::string& subject, std::string_view payload,
                                 const std::string& id);
  Result<void> deliver_to_server(const std::string& subject, std::string_view payload,
                                 const std::string& id);
  Stream stream_of(const std::string& subject);
  Stream ask_for_stream(const std::string& subject);
  Error failure(natsStatus status, std::string_view doing) const;
  Error unavailable(std::string_view why) const;
  void drop();

  const NatsLinkOptions options_;
  std::unique_ptr<natsConnection, FreeConnection> connection_;
  std::unique_ptr<jsCtx, FreeStreams> streams_;  // goes before its connection
  std::map<std::string, Known> known_;          // by subject, of this connection
  ConnectPace pace_;
  std::string why_ = "not connected yet";
};

Error NatsLink::State::unavailable(std::string_view why) const {
  return {ErrorCode::kUnavailable, fmt::format("nats {}:{}: {}", options_.address.host,
                                               options_.address.port, why)};
}

Error NatsLink::State::failure(natsStatus status, std::string_view doing) const {
  Error error = unavailable(fmt::format("{}: {}", doing, natsStatus_GetText(status)));
  if (status == NATS_MAX_PAYLOAD || status == NATS_INVALID_ARG || status == NATS_INVALID_SUBJECT) {
    error.code = ErrorCode::kInvalidArgument;
  }
  return error;
}

void NatsLink::State::drop() {
  known_.clear();
  streams_.reset();
  connection_.reset();
}

natsStatus NatsLink::State::configure(natsOptions* options) const {
  const bool v6 = options_.address.host.find(':') != std::string::npos;
  const std::string url = fmt::format("nats://{}{}{}:{}", v6 ? "[" : "", options_.address.host,
                                      v6 ? "]" : "", options_.address.port);
  natsStatus status = natsOptions_SetURL(options, url.c_str());
  const auto also = [&](natsStatus next) {
    if (status == NATS_OK) status = next;
  };
  also(natsOptions_SetTimeout(options, options_.timeout.count()));
  also(natsOptions_SetWriteDeadline(options, options_.timeout.count()));
  also(natsOptions_SetAllowReconnect(options, false));
  also(natsOptions_SetName(options, "shoal"));
  also(natsOptions_SetPingInterval(options, 10'000));
  also(natsOptions_SetErrorHandler(options, ignore_error, nullptr));
  if (!options_.user.empty()) {
    also(natsOptions_SetUserInfo(options, options_.user.c_str(), options_.password.c_str()));
  }
  if (options_.address.tls) {
    also(natsOptions_SetSecure(options, true));
    also(natsOptions_SetExpectedHostname(options, options_.address.host.c_str()));
    if (!options_.ca_file.empty()) {
      also(natsOptions_LoadCATrustedCertificates(options, options_.ca_file.c_str()));
    }
  }
  return status;
}

Result<void> NatsLink::State::connect() {
  natsOptions* made = nullptr;
  natsStatus status = natsOptions_Create(&made);
  const Options options(made);
  if (status == NATS_OK) status = configure(options.get());
  if (status != NATS_OK) return failure(status, "options");
  natsConnection* connection = nullptr;
  status = natsConnection_Connect(&connection, options.get());
  connection_.reset(connection);
  if (status != NATS_OK) return failure(status, "connecting");
  jsCtx* streams = nullptr;
  status = natsConnection_JetStream(&streams, connection_.get(), nullptr);
  streams_.reset(streams);
  if (status != NATS_OK) return failure(status, "JetStream");
  return {};
}

Result<void> NatsLink::State::keep_up(TimePoint now) {
  if (connection_) {
    if (natsConnection_Status(connection_.get()) == NATS_CONN_STATUS_CONNECTED) return {};
    why_ = "the connection was lost";
    drop();
  }
  if (!pace_.is_due(now)) return unavailable(why_);
  const TimePoint start = Clock::now();
  auto done = connect();
  const TimePoint end = Clock::now();
  if (!done) {
    drop();
    pace_.failed(now + (end - start), end - start);
    Error error = std::move(done).error();
    error.code = ErrorCode::kUnavailable;  // whatever it was, the message is not at fault
    why_ = error.message;
    return error;
  }
  log(LogLevel::kInfo, "nats", "connected to {}:{}", options_.address.host, options_.address.port);
  return {};
}

Result<void> NatsLink::State::publish(const std::string& subject, std::string_view payload) {
  if (!connection_) return unavailable(why_);
  const natsStatus status = natsConnection_Publish(connection_.get(), subject.c_str(),
                                                   payload.data(),
                                                   static_cast<int>(payload.size()));
  if (status == NATS_OK) return {};
  return failure(status, "publishing");
}

// The server answers a ping after all that came before it. A stream that was made a moment ago
// knows the message by its id as well.
Result<void> NatsLink::State::deliver_to_server(const std::string& subject,
                                                std::string_view payload,
                                                const std::string& id) {
  natsMsg* made = nullptr;
  natsStatus status = natsMsg_Create(&made, subject.c_str(), nullptr, payload.data(),
                                     static_cast<int>(payload.size()));
  const std::unique_ptr<natsMsg, FreeMessage> message(made);
  if (status == NATS_OK && natsConnection_HasHeaderSupport(connection_.get())) {
    status = natsMsgHeader_Set(message.get(), "Nats-Msg-Id", id.c_str());
  }
  if (status == NATS_OK) status = natsConnection_PublishMsg(connection_.get(), message.get());
  if (status != NATS_OK) return failure(status, "publishing");
  status = natsConnection_FlushTimeout(connection_.get(), options_.timeout.count());
  if (status == NATS_OK) return {};
  return failure(status, "flushing");
}

// Asks JetStream's API which stream takes a subject.
NatsLink::State::Stream NatsLink::State::ask_for_stream(const std::string& subject) {
  fmt::memory_buffer question;
  append_text(question, R"({"subject":)");
  append_json_string(question, subject);
  question.push_back('}');
  natsMsg* answer = nullptr;
  const natsStatus status =
      natsConnection_Request(&answer, connection_.get(), "$JS.API.STREAM.NAMES", question.data(),
                             static_cast<int>(question.size()), options_.timeout.count());
  const std::unique_ptr<natsMsg, FreeMessage> owned(answer);
  if (status == NATS_NO_RESPONDERS) return Stream::kNone;  // no JetStream at all
  if (status != NATS_OK) return Stream::kUnknown;
  const std::string_view text(natsMsg_GetData(answer),
                              static_cast<std::size_t>(natsMsg_GetDataLength(answer)));
  if (text.find(R"("error")") != std::string_view::npos) {
    // JetStream is there but not for this account (10039) or switched off (10076).
    return text.find("10039") != std::string_view::npos ||
                   text.find("10076") != std::string_view::npos
               ? Stream::kNone
               : Stream::kUnknown;
  }
  return text.find(R"("total":0)") != std::string_view::npos ? Stream::kNone : Stream::kThere;
}

// A stream stays until it does not answer; where there is none, one may be made at any time.
NatsLink::State::Stream NatsLink::State::stream_of(const std::string& subject) {
  Known& known = known_[subject];
  const TimePoint now = Clock::now();
  if (known.stream == Stream::kUnknown ||
      (known.stream == Stream::kNone && now - known.asked > kAskAgain)) {
    known = {ask_for_stream(subject), now};
  }
  return known.stream;
}

Result<void> NatsLink::State::deliver_to_stream(const std::string& subject,
                                                std::string_view payload, const std::string& id) {
  jsPubOptions options;
  jsPubOptions_Init(&options);
  options.MsgId = id.c_str();
  options.MaxWait = options_.timeout.count();
  jsPubAck* acknowledged = nullptr;
  jsErrCode code{};
  const natsStatus status =
      js_Publish(&acknowledged, streams_.get(), subject.c_str(), payload.data(),
                 static_cast<int>(payload.size()), &options, &code);
  jsPubAck_Destroy(acknowledged);
  if (status == NATS_OK) return {};
  known_.erase(subject);
  return failure(status, "publishing to JetStream");
}

// Publishing alone does not tell: where somebody listens but no stream does, nobody answers.
Result<void> NatsLink::State::deliver(const std::string& subject, std::string_view payload,
                                      const std::string& id) {
  if (!connection_) return unavailable(why_);
  switch (stream_of(subject)) {
    case Stream::kThere: return deliver_to_stream(subject, payload, id);
    case Stream::kNone: return deliver_to_server(subject, payload, id);
    case Stream::kUnknown: break;
  }
  return unavailable("JetStream does not say whether a stream takes the alarm");
}

std::size_t NatsLink::State::payload_max() const {
  if (!connection_) return 0;
  const std::int64_t bytes = natsConnection_GetMaxPayload(connection_.get());
  return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

void NatsLink::State::disconnect() {
  if (!connection_) return;
  (void)natsConnection_FlushTimeout(connection_.get(), options_.timeout.count());
  natsConnection_Close(connection_.get());
  why_ = "disconnected";
  drop();
}

NatsLink::NatsLink(NatsLinkOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
NatsLink::~NatsLink() = default;

Result<void> NatsLink::keep_up(TimePoint now) { return state_->keep_up(now); }
Result<void> NatsLink::publish(const std::string& subject, std::string_view payload) {
  return state_->publish(subject, payload);
}
Result<void> NatsLink::deliver(const std::string& subject, std::string_view payload,
                               const std::string& id) {
  return state_->deliver(subject, payload, id);
}
std::size_t NatsLink::payload_max() const { return state_->payload_max(); }
void NatsLink::disconnect() { state_->disconnect(); }

}  // namespace shoal
