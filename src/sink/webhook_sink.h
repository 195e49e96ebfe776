// Alarms to a URL, by POST (docs/messages.md). Results are not sent.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "sink/camera_sink.h"

namespace shoal {

struct WebhookSinkOptions {
  std::string url = {};       // http:// or https://, without a user in it
  std::string user = {};      // "": no Basic authentication
  std::string password = {};
  std::string secret = {};    // key of the signature; "": none
  std::string ca_file = {};   // PEM; "": what the system trusts
  std::chrono::milliseconds timeout{5'000};  // of one delivery, from the name to the answer
};

// The body is append_alarm_message()'s; headers:
//
//   X-Shoal-Id, Idempotency-Key   the alarm's id: the same each time it is sent
//   X-Shoal-Signature             sha256=HEX, HMAC-SHA256 of the body with the secret as key
//
// Delivered is what is answered with 2xx. Redirects are followed within the same scheme, host and
// port, 307 and 308 only; a proxy in the environment is ignored.
//
// Errors   of create: kInvalidArgument: the URL.
//          of write: kUnavailable: no answer, 408, 429, 5xx, or a redirect to elsewhere;
//          kInvalidArgument: any other 4xx: the receiver will never take it.
[[nodiscard]] Result<std::unique_ptr<CameraSink>> create_webhook_sink(WebhookSinkOptions options);

}  // namespace shoal
