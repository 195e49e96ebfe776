#include "telemetry/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/log.h"

namespace shoal {

LogFile::LogFile(LogFileOptions options) : options_(std::move(options)) {}

LogFile::~LogFile() { close(); }

bool LogFile::append(std::string_view lines, TimePoint now) {
  if (failing_ && now < retry_at_) return false;
  if (descriptor_ < 0 && !open()) {
    fail(now, "cannot be opened", errno);
    return false;
  }
  const auto bytes = static_cast<off_t>(lines.size());
  if (regular_ && options_.rotate_bytes > 0 && size_ > 0 &&
      size_ + bytes > options_.rotate_bytes) {
    rotate();
    if (descriptor_ < 0 && !open()) {
      fail(now, "cannot be opened after its rotation", errno);
      return false;
    }
  }
  if (!write_all(lines)) {
    fail(now, "cannot be written", errno);
    return false;
  }
  size_ += bytes;
  if (failing_) {
    failing_ = false;
    log(LogLevel::kWarn, "log", "{}: is written again", options_.path);
  }
  return true;
}

void LogFile::reopen() {
  close();
  retry_at_ = {};
}

void LogFile::sync() {
  if (descriptor_ >= 0) fsync(descriptor_);
}

bool LogFile::open() {
  const auto folder = std::filesystem::path(options_.path).parent_path();
  std::error_code ignored;  // the open below says what is wrong
  if (!folder.empty()) std::filesystem::create_directories(folder, ignored);
  // Not blocking: a pipe nobody reads must not stop the writer.
  descriptor_ =
      ::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
  if (descriptor_ < 0) return false;
  struct stat status {};
  regular_ = fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
  size_ = regular_ ? status.st_size : 0;
  torn_ = false;
  if (regular_ && size_ > 0) {  // a crash may have left half a line
    char last = '\n';
    const int reader = ::open(options_.path.c_str(), O_RDONLY | O_CLOEXEC);
    if (reader >= 0) {
      torn_ = pread(reader, &last, 1, size_ - 1) == 1 && last != '\n';
      ::close(reader);
    }
  }
  return true;
}

void LogFile::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

// PATH.(n-2) -> PATH.(n-1), ..., PATH -> PATH.1. Where that cannot be done the file grows on:
// better a large log than none.
void LogFile::rotate() {
  const auto numbered = [this](int number) {
    return number == 0 ? options_.path : options_.path + '.' + std::to_string(number);
  };
  bool moved = true;
  if (options_.files_max <= 1) {
    moved = ftruncate(descriptor_, 0) == 0;
    if (moved) size_ = 0;
  } else {
    for (int number = options_.files_max - 1; number > 0; --number) {
      const int result =
          std::rename(numbered(number - 1).c_str(), numbered(number).c_str());
      if (number == 1) moved = result == 0;
    }
    if (moved) close();
  }
  if (moved) {
    ++rotations_;
  } else if (!rotation_failed_) {
    log(LogLevel::kWarn, "log", "{}: cannot be rotated ({}); it grows on", options_.path,
        std::strerror(errno));
  }
  rotation_failed_ = !moved;
}

bool LogFile::write_all(std::string_view lines) {
  if (torn_) {
    if (::write(descriptor_, "\n", 1) != 1) return false;
    torn_ = false;
    ++size_;
  }
  std::size_t written = 0;
  while (written < lines.size()) {
    const ssize_t count =
        ::write(descriptor_, lines.data() + written, lines.size() - written);
    if (count > 0) {
      written += static_cast<std::size_t>(count);
    } else if (count == 0 || errno != EINTR) {
      const int error = count == 0 ? ENOSPC : errno;
      if (written > 0) cut_off();
      errno = error;
      return false;
    }
  }
  return true;
}

void LogFile::cut_off() { torn_ = !regular_ || ftruncate(descriptor_, size_) != 0; }

void LogFile::fail(TimePoint now, std::string_view what, int error) {
  if (!failing_) {
    log(LogLevel::kError, "log", "{}: {} ({}); lines are lost and counted until it can",
        options_.path, what, std::strerror(error));
  }
  failing_ = true;
  retry_at_ = now + options_.retry;
  if (!torn_) close();  // a torn line is ended through the same descriptor
}

}  // namespace shoal
