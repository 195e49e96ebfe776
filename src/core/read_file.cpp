#include "core/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "core/memory_guard.h"

namespace shoal {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{4} << 20;

Error system_error(const std::string& path, int number) {
  if (number == ENOENT || number == ENOTDIR) {
    return {ErrorCode::kNotFound, path + ": no such file"};
  }
  return {ErrorCode::kUnavailable,
          path + ": cannot be read: " + std::generic_category().message(number)};
}

Error too_large(const std::string& path, std::uint64_t bytes, std::size_t bytes_max) {
  const auto in_words = [](std::uint64_t count) {
    if (count < 1U << 20) return std::to_string(count) + " bytes";
    return std::to_string(count >> 20) + "." + std::to_string((count >> 10) % 1024 * 10 / 1024) +
           " MiB";
  };
  return {ErrorCode::kOutOfMemory, path + ": a file of " + in_words(bytes) +
                                       "; expected at most " + in_words(bytes_max)};
}

Result<std::uint64_t> size_of(const struct stat& status, const std::string& path,
                              std::string_view expected) {
  const auto is_not = [&](ErrorCode code, const char* what) {
    return Error{code, path + ": " + what + "; expected " + std::string(expected)};
  };
  if (S_ISDIR(status.st_mode)) return is_not(ErrorCode::kInvalidArgument, "a folder");
  if (!S_ISREG(status.st_mode)) return is_not(ErrorCode::kUnsupported, "a pipe or device");
  return static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0));
}

class Descriptor {
 public:
  explicit Descriptor(const std::string& path, bool follow_link = true)
      : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY |
                                         (follow_link ? 0 : O_NOFOLLOW))) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

// Up to the end that reading finds: files below /proc say that they have 0 bytes, and others grow
// or shrink meanwhile.
template <typename Bytes>
Result<void> read_all(Bytes& bytes, const std::string& path, const FileLimits& limits) {
  bytes.clear();
  SHOAL_TRY(regular_file_size(path, limits.expected));
  const Descriptor file(path, limits.follow_link);
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return system_error(path, errno);
  const std::uint64_t size = SHOAL_TRY(size_of(status, path, limits.expected));
  if (size > limits.bytes_max) return too_large(path, size, limits.bytes_max);
  bytes.resize(static_cast<std::size_t>(size));
  std::size_t done = 0;
  for (;;) {
    if (limits.stopped && limits.stopped()) {
      return Error{ErrorCode::kCancelled, path + ": stopped"};
    }
    // One byte more than expected: the end is seen without another buffer.
    char beyond = 0;
    const bool full = done == bytes.size();
    void* to = full ? static_cast<void*>(&beyond) : static_cast<void*>(bytes.data() + done);
    const std::size_t room = full ? 1 : std::min(bytes.size() - done, kChunkBytes);
    const ssize_t count = ::read(file.get(), to, room);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(path, errno);
    if (count == 0) break;
    if (full) {
      if (done >= limits.bytes_max) return too_large(path, done + 1, limits.bytes_max);
      bytes.resize(std::min(std::max<std::size_t>(done * 2, 4096), limits.bytes_max));
      bytes[done] = static_cast<typename Bytes::value_type>(beyond);
    }
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return {};
}

template <typename Bytes>
Result<Bytes> read_whole(const std::string& path, const FileLimits& limits) {
  return guarding_memory(path, [&]() -> Result<Bytes> {
    Bytes bytes;
    SHOAL_TRY(read_all(bytes, path, limits));
    return bytes;
  });
}

}  // namespace

Result<std::uint64_t> regular_file_size(const std::string& path, std::string_view expected) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return system_error(path, errno);
  return size_of(status, path, expected);
}

Result<std::string> file_text(const std::string& path, const FileLimits& limits) {
  return read_whole<std::string>(path, limits);
}

Result<std::vector<std::uint8_t>> file_bytes(const std::string& path, const FileLimits& limits) {
  return read_whole<std::vector<std::uint8_t>>(path, limits);
}

Result<void> read_file_into(std::vector<std::uint8_t>& bytes, const std::string& path,
                            const FileLimits& limits) {
  return guarding_memory(path, [&] { return read_all(bytes, path, limits); });
}

Result<std::vector<std::uint8_t>> file_head(const std::string& path, std::size_t count) {
  return guarding_memory(path, [&]() -> Result<std::vector<std::uint8_t>> {
    SHOAL_TRY(regular_file_size(path));
    const Descriptor file(path);
    if (file.get() < 0) return system_error(path, errno);
    std::vector<std::uint8_t> bytes(count);
    std::size_t done = 0;
    while (done < count) {
      const ssize_t got = ::read(file.get(), bytes.data() + done, count - done);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error(path, errno);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
  });
}

}  // namespace shoal
