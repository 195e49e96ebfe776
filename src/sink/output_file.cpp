// POSIX files behind OutputFile. Unbuffered on purpose: a line costs one system call, and a full
// disk is noticed at the line that did not fit.
#include "sink/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace shoal {
namespace {

std::string system_message(int error_number) {
  return std::generic_category().message(error_number);
}

// 1234567 -> "1,234,567", whatever the locale.
std::string with_thousands(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

// The first part of the path that exists and is no folder, or empty.
std::filesystem::path file_in_the_way(const std::filesystem::path& path) {
  std::filesystem::path part;
  for (const auto& step : path) {
    part /= step;
    std::error_code ignored;
    const auto status = std::filesystem::status(part, ignored);
    if (std::filesystem::exists(status) && !std::filesystem::is_directory(status)) return part;
  }
  return {};
}

// 0, or errno. Writes at the descriptor's own position.
int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

}  // namespace

Error write_error(const std::string& path, std::int64_t after, int error_number) {
  const bool full = error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG;
  return {ErrorCode::kUnavailable,
          fmt::format("{}: writing failed after {} bytes: {}; expected {}", path,
                      with_thousands(after), system_message(error_number),
                      full ? "room for more: free some space or choose another disk"
                           : "a file that stays writable")};
}

Result<void> make_folder(const std::string& path) {
  if (path.empty()) {
    return Error{ErrorCode::kInvalidArgument, "the output folder's name is empty"};
  }
  std::error_code error;
  // Without the trailing slash: create_directories reports "x/" oddly.
  std::filesystem::path folder(path);
  if (!folder.has_filename() && folder.has_parent_path()) folder = folder.parent_path();
  std::filesystem::create_directories(folder, error);
  if (error) {
    const auto obstacle = file_in_the_way(folder);
    if (!obstacle.empty()) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{}: cannot be made, because {} is a file; expected a folder",
                               path, obstacle.string())};
    }
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{}: the folder cannot be made: {}; expected a place that can be "
                             "written to", path, error.message())};
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{}: {}; expected a folder that can be written to", path,
                             system_message(errno))};
  }
  return {};
}

Result<OutputFile> OutputFile::open(const std::string& path, Mode mode) {
  OutputFile file;
  if (path == "-") {
    file.path_ = "standard output";
    file.descriptor_ = STDOUT_FILENO;
    return file;
  }
  if (path.empty()) {
    return Error{ErrorCode::kInvalidArgument, "the output file's name is empty"};
  }
  std::error_code ignored;
  if (path.back() == '/' || std::filesystem::is_directory(path, ignored)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: is a folder; expected the name of a file", path)};
  }
  const auto parent = std::filesystem::path(path).parent_path();
  // Only what is missing is made: the folder of an existing file (or device) need not be writable.
  if (!parent.empty() && !std::filesystem::is_directory(parent, ignored)) {
    SHOAL_TRY(make_folder(parent.string()));
  }
  const int how = mode == Mode::kAppend ? O_APPEND
                  : mode == Mode::kNew  ? O_EXCL | O_NOFOLLOW
                                        : O_TRUNC;
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | how;
  if (mode == Mode::kNew) ::unlink(path.c_str());
  file.descriptor_ = ::open(path.c_str(), flags, 0666);
  if (file.descriptor_ < 0) {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{}: cannot be opened: {}; expected a file that can be written to",
                             path, system_message(errno))};
  }
  file.owned_ = true;
  file.path_ = path;
  struct stat status = {};
  file.seekable_ = ::fstat(file.descriptor_, &status) == 0 && S_ISREG(status.st_mode);
  if (file.seekable_) file.size_ = status.st_size;
  return file;
}

OutputFile::~OutputFile() {
  if (owned_ && descriptor_ >= 0) ::close(descriptor_);
}

void OutputFile::swap(OutputFile& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(owned_, other.owned_);
  std::swap(seekable_, other.seekable_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
}

Result<void> OutputFile::append(std::string_view bytes) {
  const int error_number = write_all(descriptor_, bytes);
  if (error_number != 0) {
    if (seekable_ && ::ftruncate(descriptor_, size_) == 0) {
      ::lseek(descriptor_, size_, SEEK_SET);
    }
    return write_error(path_, size_, error_number);
  }
  size_ += static_cast<std::int64_t>(bytes.size());
  return {};
}

Result<void> OutputFile::replace_from(std::int64_t offset, std::string_view bytes) {
  if (::lseek(descriptor_, offset, SEEK_SET) < 0) return write_error(path_, size_, errno);
  size_ = offset;
  return append(bytes);
}

Result<void> OutputFile::close() {
  const int descriptor = std::exchange(descriptor_, -1);
  if (!std::exchange(owned_, false) || descriptor < 0) return {};
  // Not repeated after EINTR: Linux has released the descriptor by then.
  if (::close(descriptor) != 0 && errno != EINTR) return write_error(path_, size_, errno);
  return {};
}

Result<void> make_new_file(const std::string& path) {
  OutputFile file = SHOAL_TRY(OutputFile::open(path, OutputFile::Mode::kNew));
  return file.close();
}

Result<void> write_file(const std::string& path, std::span<const std::uint8_t> bytes,
                        OutputFile::Mode mode) {
  OutputFile file = SHOAL_TRY(OutputFile::open(path, mode));
  auto written = file.append({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (written) written = file.close();
  if (!written && file.seekable()) ::unlink(path.c_str());
  return written;
}

}  // namespace shoal
