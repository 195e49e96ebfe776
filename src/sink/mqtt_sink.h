// Results and alarms to an MQTT broker, in Shoal's own form or in Frigate's (docs/messages.md).
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "sink/camera_sink.h"

namespace shoal {

enum class MqttFormat : std::uint8_t { kShoal, kFrigate };

struct MqttSinkOptions {
  std::string url = {};           // mqtt://HOST:PORT (1883), mqtts://HOST:PORT (8883, TLS)
  MqttFormat format = MqttFormat::kShoal;
  std::string topic = {};         // prefix of all topics; "": "shoal" or "frigate"
  std::string user = {};          // "": anonymous
  std::string password = {};
  std::string ca_file = {};       // PEM; "": what the system trusts
  // Of the sink. The client id is made of this machine's name, the prefix and this.
  std::string name = {};
  std::chrono::milliseconds timeout{5'000};  // of connecting, and of one acknowledgement
  bool alarms_only = false;
};

// Connects later, with the first message or tick, and again by itself whenever the broker was away.
//
//   own form      PREFIX/CAMERA/results, PREFIX/alarms
//   Frigate's     PREFIX/events, PREFIX/stats, PREFIX/CAMERA/LABEL, ...; alarms, which Frigate
//                 does not have, on PREFIX/alarms in the own form
//   both          PREFIX/available: "online" or "offline", retained, kept true by the broker
//
// All with QoS 1. write(alarm) returns when the broker has acknowledged it. Results are handed
// over without waiting; those that a dying connection had not acknowledged are lost, and said in
// written().
//
// Errors   kInvalidArgument: the address, or a prefix with a wildcard.
[[nodiscard]] Result<std::unique_ptr<CameraSink>> create_mqtt_sink(MqttSinkOptions options);

}  // namespace shoal
