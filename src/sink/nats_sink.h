// Results and alarms to NATS (docs/messages.md).
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "sink/camera_sink.h"

namespace shoal {

struct NatsSinkOptions {
  std::string url = {};      // nats://HOST:PORT (4222), tls://HOST:PORT
  std::string subject = {};  // prefix of all subjects; "": "shoal"
  std::string user = {};     // "": anonymous
  std::string password = {};
  std::string ca_file = {};  // PEM; "": what the system trusts
  std::chrono::milliseconds timeout{5'000};  // of connecting, and of one delivery
  bool alarms_only = false;
};

// Connects later, with the first message or tick, and again by itself whenever the server was away.
//
//   SUBJECT.results.CAMERA   a line of camera_json.h, core NATS: whoever listens gets it
//   SUBJECT.alarms.CAMERA    append_alarm_message()
//
// An alarm goes to JetStream where a stream takes its subject, with the alarm's id as Nats-Msg-Id,
// by which the stream itself drops repetitions (within its duplicate window); write() returns when
// the stream has acknowledged it. Without a stream write() returns when the server has it, which
// passes it on to whoever listens just then: at least once needs a stream.
//
// In subjects the dots of a camera's name become '_': a dot begins a new token.
//
// Errors   kInvalidArgument: the address, or a subject with a wildcard or a space.
[[nodiscard]] Result<std::unique_ptr<CameraSink>> create_nats_sink(NatsSinkOptions options);

}  // namespace shoal
