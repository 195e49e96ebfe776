// One connection to a NATS server: cnats, without its own reconnecting and buffering, so that
// nothing is sent later behind our back.
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

struct NatsLinkOptions {
  BrokerAddress address;
  std::string user = {};  // "": anonymous
  std::string password = {};
  std::string ca_file = {};  // PEM, for TLS; "": what the system trusts
  std::chrono::milliseconds timeout{5'000};
};

// Threads  one caller at a time. cnats reads and writes in threads of its own.
class NatsLink {
 public:
  explicit NatsLink(NatsLinkOptions options);
  ~NatsLink();
  NatsLink(const NatsLink&) = delete;
  NatsLink& operator=(const NatsLink&) = delete;

  // Connects where it is not connected and an attempt is due.
  // Errors   kUnavailable: not connected, and why.
  // Cost     nothing to mention when connected or not due; else at most the timeout, plus what
  //          resolving the host's name takes.
  [[nodiscard]] Result<void> keep_up(TimePoint now);

  // Core NATS, without waiting.
  // Errors   kUnavailable; kInvalidArgument: larger than the server allows.
  [[nodiscard]] Result<void> publish(const std::string& subject, std::string_view payload);

  // Returns when a stream has acknowledged it, or, where no stream takes the subject, the server.
  // Errors   as publish(); kUnavailable also where a stream is there but does not answer.
  [[nodiscard]] Result<void> deliver(const std::string& subject, std::string_view payload,
                                     const std::string& id);

  // Most bytes of a payload; 0 while not connected.
  [[nodiscard]] std::size_t payload_max() const;

  // Sends what is buffered and ends the connection.
  void disconnect();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal
