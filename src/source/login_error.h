// What a camera's refusal of a login means, in words. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shoal/result.h"

namespace shoal {

// `status`: 401 or 403. `name` begins the message.
//
// Returns  invalid_argument where a login was sent: it is wrong, and trying it again locks
//          accounts; unavailable where there was none.
[[nodiscard]] Error login_error(const std::string& name, bool sent_login, int status);

// `challenges`: an answer's lines WWW-Authenticate:. The method that FFmpeg goes by and does not
// know, "Digest with SHA-256"; empty: it knows it, or there is none.
[[nodiscard]] std::optional<std::string> unknown_to_ffmpeg(std::string_view challenges);

}  // namespace shoal
