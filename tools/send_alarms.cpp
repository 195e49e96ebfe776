// Sends made-up alarms and results through the spool, workers and sinks that `shoal run` uses, for
// tests with real brokers: it can be killed at any time and started again. Prints "accepted ID"
// when an alarm is on disk, and a line for each sink at the end. See --help.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/sink_worker.h"
#include "sink/alarm_for_test.h"
#include "sink/alarm_spool.h"
#include "sink/mqtt_sink.h"
#include "sink/nats_sink.h"
#include "sink/webhook_sink.h"

namespace {

using shoal::Result;
using Sink = std::unique_ptr<shoal::CameraSink>;
using Arguments = std::map<std::string, std::string>;

constexpr const char* kUsage =
    "send_alarms --spool DIR [--mqtt URL] [--frigate URL] [--nats URL] [--webhook URL]\n"
    "            [--first N] [--count N] [--every MS] [--results N] [--bytes N] [--linger MS]\n"
    "            [--topic T] [--user U] [--password P] [--ca FILE] [--secret S] [--timeout MS]\n"
    "            [--retry-max MS] [--patience MS]\n"
    "Alarms N, N + 1, ... of which each has --results frames before it and a picture of --bytes;\n"
    "then waits until the spool is empty, at most --patience (60,000), and --linger longer.\n";

volatile std::sig_atomic_t stopped = 0;

Arguments parse(int argc, char** argv) {
  Arguments arguments = {{"first", "1"},      {"count", "10"},       {"every", "0"},
                         {"results", "0"},    {"bytes", "40"},       {"linger", "0"},
                         {"timeout", "1000"}, {"retry-max", "1000"}, {"patience", "60000"}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name.rfind("--", 0) == 0) arguments[name.substr(2)] = argv[i + 1];
  }
  return arguments;
}

std::string text(const Arguments& arguments, const std::string& name) {
  const auto found = arguments.find(name);
  return found == arguments.end() ? std::string() : found->second;
}
std::uint64_t number(const Arguments& arguments, const std::string& name) {
  return std::stoull(text(arguments, name));
}
std::chrono::milliseconds time_of(const Arguments& arguments, const std::string& name) {
  return std::chrono::milliseconds(number(arguments, name));
}

Result<Sink> make_mqtt(const Arguments& a, shoal::MqttFormat format, const std::string& url) {
  return shoal::create_mqtt_sink({.url = url, .format = format, .topic = text(a, "topic"),
                                  .user = text(a, "user"), .password = text(a, "password"),
                                  .ca_file = text(a, "ca"), .timeout = time_of(a, "timeout")});
}

Result<Sink> make_sink(const Arguments& a, const std::string& type) {
  const std::string url = text(a, type);
  if (type == "mqtt") return make_mqtt(a, shoal::MqttFormat::kShoal, url);
  if (type == "frigate") return make_mqtt(a, shoal::MqttFormat::kFrigate, url);
  if (type == "nats") {
    return shoal::create_nats_sink({.url = url, .subject = text(a, "topic"),
                                    .user = text(a, "user"), .password = text(a, "password"),
                                    .ca_file = text(a, "ca"), .timeout = time_of(a, "timeout")});
  }
  return shoal::create_webhook_sink({.url = url, .user = text(a, "user"),
                                     .password = text(a, "password"),
                                     .secret = text(a, "secret"), .ca_file = text(a, "ca"),
                                     .timeout = time_of(a, "timeout")});
}

void wait(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (stopped == 0 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::min(time, std::chrono::milliseconds(5)));
  }
}

using Workers = std::vector<std::unique_ptr<shoal::SinkWorker>>;

void send(const Arguments& arguments, shoal::AlarmSpool& spool, Workers& workers) {
  shoal::CameraResultPool pool(4);
  std::vector<std::string> names;
  for (const auto& worker : workers) names.push_back(worker->name());
  const std::uint64_t first = number(arguments, "first");
  std::uint64_t frame = first * number(arguments, "results");
  for (std::uint64_t i = first; i < first + number(arguments, "count") && stopped == 0; ++i) {
    for (std::uint64_t k = 0; k < number(arguments, "results"); ++k) {
      shoal::CameraResultLease result = pool.try_acquire();
      shoal::fill_result_for_test(result.write(), frame++);
      for (const auto& worker : workers) worker->offer(result);
    }
    const shoal::Alarm alarm = shoal::alarm_for_test(i, number(arguments, "bytes"));
    if (const auto kept = spool.append(alarm, names); !kept) {
      std::fprintf(stderr, "send_alarms: %s\n", kept.error().message.c_str());
    } else {
      std::printf("accepted %s\n", alarm.id.c_str());
      std::fflush(stdout);
    }
    for (const auto& worker : workers) worker->notify_alarm();
    wait(time_of(arguments, "every"));
  }
}

int run(const Arguments& arguments) {
  auto spool = shoal::AlarmSpool::open(text(arguments, "spool"), {});
  if (!spool) {
    std::fprintf(stderr, "send_alarms: %s\n", spool.error().message.c_str());
    return 3;
  }
  Workers workers;
  for (const char* type : {"mqtt", "frigate", "nats", "webhook"}) {
    if (text(arguments, type).empty()) continue;
    auto sink = make_sink(arguments, type);
    if (!sink) {
      std::fprintf(stderr, "send_alarms: %s\n", sink.error().message.c_str());
      return 3;
    }
    shoal::SinkWorkerOptions options;
    options.name = type;
    options.uses_spool = true;
    options.retry = {std::chrono::milliseconds(50), time_of(arguments, "retry-max")};
    workers.push_back(
        std::make_unique<shoal::SinkWorker>(std::move(*sink), std::move(options), spool->get()));
  }
  send(arguments, **spool, workers);
  const auto until = std::chrono::steady_clock::now() + time_of(arguments, "patience");
  while ((*spool)->counts().waiting > 0 && stopped == 0 &&
         std::chrono::steady_clock::now() < until) {
    wait(std::chrono::milliseconds(5));
  }
  wait(time_of(arguments, "linger"));
  for (const auto& worker : workers) {
    const shoal::SinkStatus status = worker->status();  // before it says "offline"
    (void)worker->close(std::chrono::seconds(5));
    const shoal::SinkWorkerCounts counts = worker->counts();
    std::printf("%s: %s; delivered %llu, refused %llu, retries %llu, spooled %llu, dropped %llu, "
                "error \"%s\"\n",
                worker->name().c_str(), worker->status().written.c_str(),
                static_cast<unsigned long long>(counts.alarms_delivered),
                static_cast<unsigned long long>(counts.alarms_refused),
                static_cast<unsigned long long>(counts.alarm_retries),
                static_cast<unsigned long long>(worker->status().spooled),
                static_cast<unsigned long long>(worker->status().dropped), status.error.c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  if (text(arguments, "spool").empty()) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  std::signal(SIGTERM, [](int) { stopped = 1; });
  return run(arguments);
}
