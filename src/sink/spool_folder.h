// A folder of small files that survive a power cut: made whole or not at all, appended to, read,
// removed, each on disk when the call returns. What is in them is spool_file.h's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shoal/result.h"

namespace shoal {

// Threads  one caller at a time. Names are of files in the folder, without a slash.
class SpoolFolder {
 public:
  // Makes missing folders, locks the folder for this process, and removes files that an earlier
  // run had not finished making.
  // Errors   kInvalidArgument, kUnavailable; also where another process holds the lock.
  [[nodiscard]] static Result<SpoolFolder> open(const std::string& path);
  ~SpoolFolder();
  SpoolFolder(SpoolFolder&& other) noexcept { swap(other); }
  SpoolFolder& operator=(SpoolFolder&& other) noexcept {
    swap(other);
    return *this;
  }

  // Sorted. Errors  kUnavailable.
  [[nodiscard]] Result<std::vector<std::string>> names() const;

  // Errors   kNotFound; kUnavailable; kCorruptInput: longer than `bytes_max` or no regular file.
  [[nodiscard]] Result<std::string> read(const std::string& name, std::size_t bytes_max) const;

  // A new file. After an error, or a kill, there is none.
  // Errors   kUnavailable.
  [[nodiscard]] Result<void> create(const std::string& name, std::string_view bytes);

  // At the end of a file that is `size` bytes long. After an error it is that long again.
  // Errors   kUnavailable.
  [[nodiscard]] Result<void> append(const std::string& name, std::size_t size,
                                    std::string_view bytes);

  // Errors   kUnavailable.
  [[nodiscard]] Result<void> cut(const std::string& name, std::size_t size);
  [[nodiscard]] Result<void> rename(const std::string& name, const std::string& to);
  // A file that is not there is no error.
  [[nodiscard]] Result<void> remove(const std::string& name);

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  SpoolFolder() = default;
  void swap(SpoolFolder& other) noexcept {
    std::swap(folder_, other.folder_);
    std::swap(lock_, other.lock_);
    std::swap(path_, other.path_);
  }
  [[nodiscard]] Result<void> sync() const;
  [[nodiscard]] Error failure(std::string_view doing, const std::string& name) const;

  int folder_ = -1;
  int lock_ = -1;
  std::string path_;
};

}  // namespace shoal
