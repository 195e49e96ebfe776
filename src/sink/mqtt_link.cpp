// libmosquitto without its thread. After a failure the client is thrown away: what it had not
// delivered is the spool's (alarms) or lost and counted (results), never sent again unseen.
#include "sink/mqtt_link.h"

#include <fmt/format.h>
#include <mosquitto.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "core/log.h"

namespace shoal {
namespace {

constexpr int kQos = 1;
constexpr int kKeepAliveSeconds = 30;
constexpr std::size_t kUnacknowledgedMax = 128;

void start_mosquitto() {
  static const int started = mosquitto_lib_init();
  (void)started;
}

std::string mosquitto_text(int code) {
  if (code == MOSQ_ERR_ERRNO) return std::generic_category().message(errno);
  return mosquitto_strerror(code);
}

int milliseconds_until(TimePoint deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

struct FreeClient {
  void operator()(mosquitto* client) const { mosquitto_destroy(client); }
};

}  // namespace

class MqttLink::State {
 public:
  explicit State(MqttLinkOptions options) : options_(std::move(options)) { start_mosquitto(); }

  Result<void> keep_up(TimePoint now);
  Result<void> publish(const std::string& topic, std::string_view payload, bool retain, bool wait);
  void disconnect();
  bool connected() const { return connected_; }
  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t lost() const { return lost_; }

 private:
  static void on_connect(mosquitto*, void* self, int code) {
    static_cast<State*>(self)->answer_ = code;
  }
  static void on_publish(mosquitto*, void* self, int message) {
    static_cast<State*>(self)->acknowledge(message);
  }
  void acknowledge(int message);
  Result<void> connect();
  Result<void> open_client();
  Result<void> run_for(int milliseconds);
  Result<void> wait_until_unacknowledged(std::size_t most);
  Error give_up(std::string_view why);
  Error unavailable(std::string_view why) const;

  const MqttLinkOptions options_;
  std::unique_ptr<mosquitto, FreeClient> client_;
  bool connected_ = false;
  std::optional<int> answer_;  // the broker's, to our wish to connect
  std::vector<int> unacknowledged_;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t lost_ = 0;
  ConnectPace pace_;
  std::string why_ = "not connected yet";
};

void MqttLink::State::acknowledge(int message) {
  const auto found = std::find(unacknowledged_.begin(), unacknowledged_.end(), message);
  if (found == unacknowledged_.end()) return;
  unacknowledged_.erase(found);
  ++acknowledged_;
}

Error MqttLink::State::unavailable(std::string_view why) const {
  return {ErrorCode::kUnavailable, fmt::format("mqtt {}:{}: {}", options_.address.host,
                                               options_.address.port, why)};
}

Error MqttLink::State::give_up(std::string_view why) {
  why_ = why;
  lost_ += unacknowledged_.size();
  unacknowledged_.clear();
  client_.reset();
  connected_ = false;
  return unavailable(why);
}

// Reads and writes what is there, waiting for at most so long.
Result<void> MqttLink::State::run_for(int milliseconds) {
  const int code = mosquitto_loop(client_.get(), milliseconds, 1);
  if (code == MOSQ_ERR_SUCCESS) return {};
  return give_up(mosquitto_text(code));
}

Result<void> MqttLink::State::open_client() {
  client_.reset(mosquitto_new(options_.client_id.c_str(), false, this));
  if (!client_) return give_up("no memory for a client");
  mosquitto* client = client_.get();
  mosquitto_connect_callback_set(client, on_connect);
  mosquitto_publish_callback_set(client, on_publish);
  mosquitto_max_inflight_messages_set(client, 0);  // bounded by kUnacknowledgedMax
  int code = mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
  if (code == MOSQ_ERR_SUCCESS && !options_.available_topic.empty()) {
    constexpr std::string_view kOffline = "offline";
    code = mosquitto_will_set(client, options_.available_topic.c_str(),
                              static_cast<int>(kOffline.size()), kOffline.data(), kQos, true);
  }
  if (code == MOSQ_ERR_SUCCESS && !options_.user.empty()) {
    code = mosquitto_username_pw_set(client, options_.user.c_str(), options_.password.c_str());
  }
  if (code == MOSQ_ERR_SUCCESS && options_.address.tls) {
    code = options_.ca_file.empty()
               ? mosquitto_int_option(client, MOSQ_OPT_TLS_USE_OS_CERTS, 1)
               : mosquitto_tls_set(client, options_.ca_file.c_str(), nullptr, nullptr, nullptr,
                                   nullptr);
  }
  if (code != MOSQ_ERR_SUCCESS) return give_up(mosquitto_text(code));
  return {};
}

Result<void> MqttLink::State::connect() {
  SHOAL_TRY(open_client());
  const TimePoint deadline = Clock::now() + options_.timeout;
  answer_.reset();
  const int code = mosquitto_connect_async(client_.get(), options_.address.host.c_str(),
                                           options_.address.port, kKeepAliveSeconds);
  if (code != MOSQ_ERR_SUCCESS && code != MOSQ_ERR_CONN_PENDING) {
    return give_up(mosquitto_text(code));
  }
  while (!answer_) {
    const int left = milliseconds_until(deadline);
    if (left == 0) return give_up("does not answer");
    auto ran = run_for(left);
    if (!ran && !answer_) return ran;  // with an answer that is no, the answer says more
  }
  if (*answer_ != 0) return give_up(mosquitto_connack_string(*answer_));
  connected_ = true;
  if (options_.available_topic.empty()) return {};
  return publish(options_.available_topic, "online", true, true);
}

Result<void> MqttLink::State::keep_up(TimePoint now) {
  if (connected_) return run_for(0);
  if (!pace_.is_due(now)) return unavailable(why_);
  const TimePoint start = Clock::now();
  auto done = connect();
  const TimePoint end = Clock::now();
  if (!done) {
    pace_.failed(now + (end - start), end - start);
    return done;
  }
  log(LogLevel::kInfo, "mqtt", "connected to {}:{}", options_.address.host, options_.address.port);
  return {};
}

Result<void> MqttLink::State::wait_until_unacknowledged(std::size_t most) {
  const TimePoint deadline = Clock::now() + options_.timeout;
  while (unacknowledged_.size() > most) {
    const int left = milliseconds_until(deadline);
    if (left == 0) return give_up("does not acknowledge");
    SHOAL_TRY(run_for(left));
  }
  return {};
}

Result<void> MqttLink::State::publish(const std::string& topic, std::string_view payload,
                                      bool retain, bool wait) {
  if (!connected_) return unavailable(why_);
  int message = 0;
  const int code = mosquitto_publish(client_.get(), &message, topic.c_str(),
                                     static_cast<int>(payload.size()), payload.data(), kQos,
                                     retain);
  if (code == MOSQ_ERR_INVAL || code == MOSQ_ERR_PAYLOAD_SIZE ||
      code == MOSQ_ERR_MALFORMED_UTF8 || code == MOSQ_ERR_OVERSIZE_PACKET) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("mqtt {}:{}: topic \"{}\" with {} bytes: {}", options_.address.host,
                             options_.address.port, topic, payload.size(), mosquitto_text(code))};
  }
  if (code != MOSQ_ERR_SUCCESS) return give_up(mosquitto_text(code));
  unacknowledged_.push_back(message);
  if (wait) return wait_until_unacknowledged(0);
  SHOAL_TRY(run_for(0));
  return wait_until_unacknowledged(kUnacknowledgedMax);
}

void MqttLink::State::disconnect() {
  if (!connected_) return;
  if (!options_.available_topic.empty() &&
      !publish(options_.available_topic, "offline", true, true)) {
    return;
  }
  if (!wait_until_unacknowledged(0)) return;
  mosquitto_disconnect(client_.get());
  // Until the broker has closed its end, or the packet is out and it is slow to.
  const TimePoint deadline = Clock::now() + std::min(options_.timeout,
                                                     std::chrono::milliseconds(500));
  while (client_ && milliseconds_until(deadline) > 0) {
    if (mosquitto_loop(client_.get(), milliseconds_until(deadline), 1) != MOSQ_ERR_SUCCESS) break;
  }
  why_ = "disconnected";
  client_.reset();
  connected_ = false;
}

MqttLink::MqttLink(MqttLinkOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
MqttLink::~MqttLink() = default;

Result<void> MqttLink::keep_up(TimePoint now) { return state_->keep_up(now); }
Result<void> MqttLink::publish(const std::string& topic, std::string_view payload, bool retain) {
  return state_->publish(topic, payload, retain, false);
}
Result<void> MqttLink::publish_and_wait(const std::string& topic, std::string_view payload,
                                        bool retain) {
  return state_->publish(topic, payload, retain, true);
}
void MqttLink::disconnect() { state_->disconnect(); }
bool MqttLink::connected() const { return state_->connected(); }
std::uint64_t MqttLink::acknowledged() const { return state_->acknowledged(); }
std::uint64_t MqttLink::lost() const { return state_->lost(); }

}  // namespace shoal
