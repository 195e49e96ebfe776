// Files that sinks write: opened with useful messages, written whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "shoal/result.h"

namespace shoal {

// Makes the folder and its parents; success if it is there and can be written to.
//
// Errors   kInvalidArgument: empty, or a part of the path is a file; kUnavailable: the system
//          refuses (permission, read-only disk).
[[nodiscard]] Result<void> make_folder(const std::string& path);

// One file, written piece by piece without a buffer: what was written is in the file.
class OutputFile {
 public:
  enum class Mode : std::uint8_t {
    kTruncate,
    kAppend,
    kNew,  // what has this name goes, whatever it is: no link is followed, no pipe waited for
  };

  // Makes missing parent folders. "-" is standard output, which is not closed.
  // Errors   kInvalidArgument, kUnavailable, as make_folder.
  [[nodiscard]] static Result<OutputFile> open(const std::string& path,
                                               Mode mode = Mode::kTruncate);
  OutputFile() = default;
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept { swap(other); }
  OutputFile& operator=(OutputFile&& other) noexcept {
    swap(other);
    return *this;
  }

  // Errors   kUnavailable; a regular file then has its old length again.
  [[nodiscard]] Result<void> append(std::string_view bytes);

  // Overwrites the end of a regular file, from `offset` on, in one write: a kill finds the old end
  // or the new one. After an error the file ends at `offset`.
  // REQUIRES: seekable(); the new end is not shorter than the old one, size() - offset.
  [[nodiscard]] Result<void> replace_from(std::int64_t offset, std::string_view bytes);

  // Errors   kUnavailable, where the system only then says that bytes were lost. Idempotent.
  [[nodiscard]] Result<void> close();

  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
  [[nodiscard]] bool seekable() const { return seekable_; }
  [[nodiscard]] std::int64_t size() const { return size_; }  // bytes written here
  [[nodiscard]] const std::string& path() const { return path_; }  // "standard output" for "-"

 private:
  void swap(OutputFile& other) noexcept;
  int descriptor_ = -1;
  bool owned_ = false;
  bool seekable_ = false;
  std::int64_t size_ = 0;
  std::string path_;
};

// Replaces the file by these bytes. A failure leaves no part of a new file behind.
// Errors   as OutputFile.
[[nodiscard]] Result<void> write_file(const std::string& path, std::span<const std::uint8_t> bytes,
                                      OutputFile::Mode mode = OutputFile::Mode::kTruncate);

// An empty file of this name for a library that opens it by its name: made as by Mode::kNew.
[[nodiscard]] Result<void> make_new_file(const std::string& path);

// "out/x.mp4: 300 bytes could not be written after 1,024 bytes: No space left on device; ...".
[[nodiscard]] Error write_error(const std::string& path, std::int64_t after, int error_number);

}  // namespace shoal
