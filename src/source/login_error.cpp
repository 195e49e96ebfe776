#include "source/login_error.h"

#include <algorithm>

#include "core/letters.h"

namespace shoal {
namespace {

// What stands behind algorithm=, without quotes, as it is written; "MD5" where it is absent.
std::string algorithm_of(std::string_view challenge) {
  const std::size_t key = lower(challenge).find("algorithm=");
  if (key == std::string::npos) return "MD5";
  std::string_view value = challenge.substr(key + std::string_view("algorithm=").size());
  if (value.starts_with('"')) value.remove_prefix(1);
  return std::string(value.substr(0, value.find_first_of("\", \t\r\n")));
}

}  // namespace

Error login_error(const std::string& name, bool sent_login, int status) {
  const std::string code = " (" + std::to_string(status) + ")";
  if (sent_login) {
    const char* what = status == 401 ? ": the camera refuses this user or password"
                                     : ": the camera refuses this user, who may be locked out";
    return {ErrorCode::kInvalidArgument, name + what + code};
  }
  return {ErrorCode::kUnavailable,
          name + ": the camera asks for a user and a password" + code +
              "; write them before the host, as in rtsp://USER:PASSWORD@HOST/"};
}

std::optional<std::string> unknown_to_ffmpeg(std::string_view challenges) {
  // Of Basic and Digest it takes Digest, and of several Digests the last.
  std::optional<std::string> algorithm;
  bool basic = false;
  std::string other;
  while (!challenges.empty()) {
    const std::size_t end = std::min(challenges.find('\n'), challenges.size());
    std::string_view line = challenges.substr(0, end);
    challenges.remove_prefix(std::min(end + 1, challenges.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    line.remove_prefix(std::min(line.find_first_not_of(" \t", colon + 1), line.size()));
    const std::string method = lower(line.substr(0, line.find(' ')));
    if (method == "digest") {
      algorithm = algorithm_of(line);
    } else if (method == "basic") {
      basic = true;
    } else {
      other = line.substr(0, line.find(' '));
    }
  }
  if (algorithm) {
    const std::string low = lower(*algorithm);
    if (low == "md5" || low == "md5-sess") return std::nullopt;
    return "Digest with " + *algorithm;
  }
  if (basic || other.empty()) return std::nullopt;
  return other;
}

}  // namespace shoal
