// One connection to an MQTT broker: libmosquitto, driven by the caller's thread, so that nothing
// happens between two calls and every call is bounded in time. QoS 1: the broker acknowledges.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "shoal/result.h"
#include "sink/broker_address.h"

namespace shoal {

struct MqttLinkOptions {
  BrokerAddress address;
  std::string user = {};  // "": anonymous
  std::string password = {};
  std::string ca_file = {};    // PEM, for TLS; "": what the system trusts
  std::string client_id = {};  // the same in each run: the broker tells old from new by it
  // Retained "online" while connected; the broker itself says "offline" when the connection dies.
  std::string available_topic = {};
  std::chrono::milliseconds timeout{5'000};  // of connecting, and of an acknowledgement
};

// Threads  one caller at a time.
class MqttLink {
 public:
  explicit MqttLink(MqttLinkOptions options);
  ~MqttLink();
  MqttLink(const MqttLink&) = delete;
  MqttLink& operator=(const MqttLink&) = delete;

  // Connects where it is not connected and an attempt is due. Also does what is to be done between
  // messages: acknowledgements, keep-alive. Call it once a second, and before publishing.
  //
  // Errors   kUnavailable: not connected, and why.
  // Cost     nothing to mention when connected or not due; else at most the timeout, plus what
  //          resolving the host's name takes.
  [[nodiscard]] Result<void> keep_up(TimePoint now);

  // Hands over without waiting for the acknowledgement; where 128 are missing, waits for one.
  //
  // Errors   kUnavailable: not connected, or no acknowledgement within the timeout: the connection
  //          is given up, with all that was not acknowledged. kInvalidArgument: the topic or the
  //          payload can never be sent.
  [[nodiscard]] Result<void> publish(const std::string& topic, std::string_view payload,
                                     bool retain);

  // Returns when the broker has the message: everything published before has arrived as well.
  // Errors   as publish().
  [[nodiscard]] Result<void> publish_and_wait(const std::string& topic, std::string_view payload,
                                              bool retain);

  // Says "offline" and ends the connection in order; nothing where there is none.
  void disconnect();

  [[nodiscard]] bool connected() const;
  [[nodiscard]] std::uint64_t acknowledged() const;  // messages, since the start
  [[nodiscard]] std::uint64_t lost() const;  // handed over, not acknowledged when a connection died

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal
