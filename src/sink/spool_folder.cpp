// POSIX: write, fsync, rename, fsync of the folder; flock's lock ends with the process.
#include "sink/spool_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "sink/output_file.h"

namespace shoal {
namespace {

constexpr std::string_view kUnfinished = ".unfinished";
// Nothing of ours is a link, or a pipe that waits for somebody.
constexpr int kOurs = O_NOFOLLOW | O_NONBLOCK;
constexpr const char* kLockName = "lock";

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return value_; }
  [[nodiscard]] bool is_open() const { return value_ >= 0; }

 private:
  int value_;
};

bool write_whole(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool read_whole(int file, std::string& bytes) {
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t count = ::read(file, bytes.data() + got, bytes.size() - got);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    if (count == 0) break;  // shorter than it was a moment ago
    got += static_cast<std::size_t>(count);
  }
  bytes.resize(got);
  return true;
}

}  // namespace

Error SpoolFolder::failure(std::string_view doing, const std::string& name) const {
  const int number = errno;
  return {number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
          fmt::format("{}/{}: {} failed: {}", path_, name, doing,
                      std::generic_category().message(number))};
}

Result<SpoolFolder> SpoolFolder::open(const std::string& path) {
  SHOAL_TRY(make_folder(path));
  SpoolFolder folder;
  folder.path_ = path;
  folder.folder_ = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder.folder_ < 0) return folder.failure("opening the folder", ".");
  folder.lock_ = ::openat(folder.folder_, kLockName, O_RDWR | O_CREAT | O_CLOEXEC | kOurs, 0600);
  if (folder.lock_ < 0) return folder.failure("opening", kLockName);
  if (::flock(folder.lock_, LOCK_EX | LOCK_NB) != 0) {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{}: another process uses this spool; expected one process a folder",
                             path)};
  }
  for (const std::string& name : SHOAL_TRY(folder.names())) {
    if (name.ends_with(kUnfinished)) SHOAL_TRY(folder.remove(name));
  }
  return folder;
}

SpoolFolder::~SpoolFolder() {
  if (lock_ >= 0) ::close(lock_);
  if (folder_ >= 0) ::close(folder_);
}

Result<std::vector<std::string>> SpoolFolder::names() const {
  const int again = ::openat(folder_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (again < 0) return failure("listing", ".");
  const auto close = [](DIR* open) { ::closedir(open); };
  const std::unique_ptr<DIR, decltype(close)> listing(::fdopendir(again), close);
  if (!listing) {
    ::close(again);
    return failure("listing", ".");
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && name != kLockName) names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return failure("listing", ".");
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> SpoolFolder::read(const std::string& name, std::size_t bytes_max) const {
  // Without waiting, should the name be a pipe's.
  const Descriptor file(::openat(folder_, name.c_str(), O_RDONLY | O_CLOEXEC | kOurs));
  if (!file.is_open()) return failure("opening", name);
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) return failure("reading", name);
  if (!S_ISREG(status.st_mode) || static_cast<std::uintmax_t>(status.st_size) > bytes_max) {
    return Error{ErrorCode::kCorruptInput,
                 fmt::format("{}/{}: {} bytes; expected a file of at most {}", path_, name,
                             status.st_size, bytes_max)};
  }
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  if (!read_whole(file.get(), bytes)) return failure("reading", name);
  return bytes;
}

Result<void> SpoolFolder::create(const std::string& name, std::string_view bytes) {
  const std::string unfinished = name + std::string(kUnfinished);
  const Descriptor file(::openat(folder_, unfinished.c_str(),
                                 O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | kOurs, 0600));
  if (!file.is_open()) return failure("making", unfinished);
  if (write_whole(file.get(), bytes) && ::fsync(file.get()) == 0 &&
      ::renameat(folder_, unfinished.c_str(), folder_, name.c_str()) == 0) {
    const auto synced = sync();
    if (!synced) (void)::unlinkat(folder_, name.c_str(), 0);
    return synced;
  }
  const Error error = failure("writing", name);
  (void)::unlinkat(folder_, unfinished.c_str(), 0);
  return error;
}

Result<void> SpoolFolder::append(const std::string& name, std::size_t size,
                                 std::string_view bytes) {
  const Descriptor file(::openat(folder_, name.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | kOurs));
  if (!file.is_open()) return failure("opening", name);
  if (write_whole(file.get(), bytes) && ::fsync(file.get()) == 0) return {};
  const Error error = failure("writing", name);
  (void)!::ftruncate(file.get(), static_cast<off_t>(size));
  return error;
}

Result<void> SpoolFolder::cut(const std::string& name, std::size_t size) {
  const Descriptor file(::openat(folder_, name.c_str(), O_WRONLY | O_CLOEXEC | kOurs));
  if (!file.is_open()) return failure("opening", name);
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0 || ::fsync(file.get()) != 0) {
    return failure("cutting", name);
  }
  return {};
}

Result<void> SpoolFolder::rename(const std::string& name, const std::string& to) {
  if (::renameat(folder_, name.c_str(), folder_, to.c_str()) != 0) {
    return failure("renaming", name);
  }
  return sync();
}

Result<void> SpoolFolder::remove(const std::string& name) {
  if (::unlinkat(folder_, name.c_str(), 0) != 0 && errno != ENOENT) {
    return failure("removing", name);
  }
  return sync();
}

Result<void> SpoolFolder::sync() const {
  if (::fsync(folder_) != 0) return failure("syncing the folder", ".");
  return {};
}

}  // namespace shoal
