#include "core/private_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace shoal {

Result<void> check_private_file(std::string_view what, const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return {};
  constexpr mode_t kOthers = S_IROTH | S_IWOTH;
  if ((facts.st_mode & kOthers) == 0) return {};
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("{}: every user of this machine can {} '{}' (mode {:04o}); expected a "
                           "file for its owner, or its group: chmod 600 '{}'",
                           what, (facts.st_mode & S_IROTH) != 0 ? "read" : "change", path,
                           facts.st_mode & 07777U, path)};
}

}  // namespace shoal
