// The forms are alarm_message.h's, camera_json.h's and frigate_form.h's, the connection
// mqtt_link.h's.
#include "sink/mqtt_sink.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <utility>

#include "core/json_text.h"
#include "sink/alarm_message.h"
#include "sink/broker_address.h"
#include "sink/camera_json.h"
#include "sink/frigate_form.h"
#include "sink/message_batch.h"
#include "sink/mqtt_link.h"

namespace shoal {
namespace {

constexpr std::array<BrokerScheme, 2> kMqttSchemes{{{"mqtt", 1883, false}, {"mqtts", 8883, true}}};

std::string client_id_of(const MqttSinkOptions& options) {
  std::array<char, 256> host{};
  (void)::gethostname(host.data(), host.size() - 1);
  return fmt::format("shoal-{}-{}-{}", host.data(), options.topic, options.name);
}

class MqttSink final : public CameraSink {
 public:
  MqttSink(const MqttSinkOptions& options, MqttLinkOptions link)
      : name_(options.url),
        prefix_(options.topic),
        alarms_only_(options.alarms_only),
        link_(std::move(link)) {
    if (options.format == MqttFormat::kFrigate) frigate_.emplace(prefix_, Clock::now());
  }

  std::string name() const override { return name_; }
  bool wants_results() const override { return !alarms_only_; }
  bool wants_track_pictures() const override { return frigate_.has_value() && !alarms_only_; }

  Result<void> write(const CameraResult& result) override {
    batch_.clear();
    // Counts are kept up also while nobody can be told.
    if (frigate_) frigate_->add_result(batch_, result);
    const auto sent = send_result(result);
    if (!sent && frigate_) frigate_->tell_again();
    if (sent) ++results_;
    return sent;
  }

  Result<void> write(const Alarm& alarm) override {
    SHOAL_TRY(link_.keep_up(Clock::now()));
    text_.clear();
    append_alarm_message(text_, alarm, Picture::kWith);
    SHOAL_TRY(link_.publish_and_wait(prefix_ + "/alarms", view_of(text_), false));
    ++alarms_;
    if (frigate_ && !alarms_only_) {
      batch_.clear();
      frigate_->add_alarm(batch_, alarm);
      (void)send();  // the alarm is delivered; what the link lost, it counts
    }
    return {};
  }

  void tick(TimePoint now) override {
    if (!link_.keep_up(now)) return;
    if (!frigate_ || alarms_only_) return;
    batch_.clear();
    frigate_->add_stats(batch_, now, std::chrono::system_clock::now());
    (void)send();  // what fails here, the next call of keep_up() says
  }

  Result<void> finish() override {
    link_.disconnect();
    return {};
  }

  std::string written() const override {
    std::string text = fmt::format("{} alarms", alarms_);
    if (!alarms_only_) text = fmt::format("{} results, {}", results_, text);
    if (link_.lost() > 0) text += fmt::format(", {} messages not acknowledged", link_.lost());
    return text;
  }

 private:
  Result<void> send_result(const CameraResult& result) {
    SHOAL_TRY(link_.keep_up(Clock::now()));
    if (!frigate_) add_result(result);
    return send();
  }

  void add_result(const CameraResult& result) {
    text_.clear();
    append_camera_json(text_, result, label_);
    Message& message = batch_.add();
    message.topic.append(prefix_).append("/").append(result.camera->name).append("/results");
    message.payload = view_of(text_);
  }

  Result<void> send() {
    for (const Message& message : batch_.view()) {
      SHOAL_TRY(link_.publish(message.topic, message.payload, message.retain));
    }
    return {};
  }

  const std::string name_;
  const std::string prefix_;
  const bool alarms_only_;
  MqttLink link_;
  std::optional<FrigateForm> frigate_;
  MessageBatch batch_;
  fmt::memory_buffer text_;
  std::string label_;
  std::uint64_t results_ = 0;
  std::uint64_t alarms_ = 0;
};

}  // namespace

Result<std::unique_ptr<CameraSink>> create_mqtt_sink(MqttSinkOptions options) {
  MqttLinkOptions link;
  link.address = SHOAL_TRY(parse_broker_address(options.url, kMqttSchemes));
  if (options.topic.empty()) {
    options.topic = options.format == MqttFormat::kFrigate ? "frigate" : "shoal";
  }
  if (options.topic.find_first_of("+#") != std::string::npos || options.topic.front() == '$') {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("mqtt topic \"{}\": a prefix has no wildcards and no $ in front",
                             options.topic)};
  }
  link.user = options.user;
  link.password = options.password;
  link.ca_file = options.ca_file;
  link.client_id = client_id_of(options);
  link.available_topic = options.topic + "/available";
  link.timeout = options.timeout;
  return std::unique_ptr<CameraSink>(std::make_unique<MqttSink>(options, std::move(link)));
}

}  // namespace shoal
