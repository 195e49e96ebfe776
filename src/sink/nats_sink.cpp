// The forms are alarm_message.h's and camera_json.h's, the connection nats_link.h's.
#include "sink/nats_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/json_text.h"
#include "sink/alarm_message.h"
#include "sink/broker_address.h"
#include "sink/camera_json.h"
#include "sink/nats_link.h"

namespace shoal {
namespace {

constexpr std::array<BrokerScheme, 2> kNatsSchemes{{{"nats", 4222, false}, {"tls", 4222, true}}};

class NatsSink final : public CameraSink {
 public:
  NatsSink(const NatsSinkOptions& options, NatsLinkOptions link)
      : name_(options.url),
        prefix_(options.subject),
        alarms_only_(options.alarms_only),
        link_(std::move(link)) {}

  std::string name() const override { return name_; }
  bool wants_results() const override { return !alarms_only_; }

  Result<void> write(const CameraResult& result) override {
    SHOAL_TRY(link_.keep_up(Clock::now()));
    text_.clear();
    append_camera_json(text_, result, label_);
    SHOAL_TRY(link_.publish(subject("results", result.camera->name), view_of(text_)));
    ++results_;
    return {};
  }

  Result<void> write(const Alarm& alarm) override {
    SHOAL_TRY(link_.keep_up(Clock::now()));
    text_.clear();
    append_alarm_message(text_, alarm, Picture::kWith);
    if (text_.size() > link_.payload_max()) {
      text_.clear();
      append_alarm_message(text_, alarm, Picture::kWithout);
    }
    SHOAL_TRY(link_.deliver(subject("alarms", alarm.camera), view_of(text_), alarm.id));
    ++alarms_;
    return {};
  }

  void tick(TimePoint now) override {
    (void)link_.keep_up(now);  // the next write says what is wrong
  }

  Result<void> finish() override {
    link_.disconnect();
    return {};
  }

  std::string written() const override {
    if (alarms_only_) return fmt::format("{} alarms", alarms_);
    return fmt::format("{} results, {} alarms", results_, alarms_);
  }

 private:
  const std::string& subject(std::string_view kind, std::string_view camera) {
    subject_.assign(prefix_).append(".").append(kind).append(".");
    for (const char c : camera) subject_.push_back(c == '.' ? '_' : c);
    return subject_;
  }

  const std::string name_;
  const std::string prefix_;
  const bool alarms_only_;
  NatsLink link_;
  std::string subject_;
  fmt::memory_buffer text_;
  std::string label_;
  std::uint64_t results_ = 0;
  std::uint64_t alarms_ = 0;
};

}  // namespace

Result<std::unique_ptr<CameraSink>> create_nats_sink(NatsSinkOptions options) {
  NatsLinkOptions link;
  link.address = SHOAL_TRY(parse_broker_address(options.url, kNatsSchemes));
  if (options.subject.empty()) options.subject = "shoal";
  const std::string& subject = options.subject;
  if (subject.find_first_of("*> \t\r\n") != std::string::npos || subject.front() == '.' ||
      subject.back() == '.' || subject.find("..") != std::string::npos) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("nats subject \"{}\": expected words with single dots between them, "
                             "without * and >", subject)};
  }
  link.user = options.user;
  link.password = options.password;
  link.ca_file = options.ca_file;
  link.timeout = options.timeout;
  return std::unique_ptr<CameraSink>(std::make_unique<NatsSink>(options, std::move(link)));
}

}  // namespace shoal
