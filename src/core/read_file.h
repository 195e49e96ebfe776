// Files read whole, with a limit: the one place where a file's bytes become a value or an Error.
// (Streams of the standard library throw where a folder is read through their buffers, and wait for
// ever where a pipe is opened.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/result.h"

namespace shoal {

// More than any picture's file.
inline constexpr std::size_t kPictureFileBytesMax = std::size_t{512} << 20;

struct FileLimits {
  std::size_t bytes_max = std::size_t{64} << 20;
  std::string_view expected = "a file";  // for messages: "a picture", "shoal.toml"
  std::function<bool()> stopped = {};    // asked between chunks of 4 MiB; true: cancelled
  bool follow_link = true;               // false: where the path itself is a link, unavailable
};

// The size of a regular file. Asked before a file is opened, because opening a pipe waits for its
// writer.
//
// Errors   begin with the path: not_found; invalid_argument: a folder; unsupported: a pipe, socket
//          or device; unavailable: cannot be asked.
[[nodiscard]] Result<std::uint64_t> regular_file_size(const std::string& path,
                                                      std::string_view expected = "a file");

// All bytes of a regular file, whatever they are: a byte order mark is the caller's.
//
// Errors   those of regular_file_size; unavailable: cannot be read; out_of_memory: above bytes_max,
//          or memory is short; cancelled.
[[nodiscard]] Result<std::string> file_text(const std::string& path, const FileLimits& limits = {});
[[nodiscard]] Result<std::vector<std::uint8_t>> file_bytes(const std::string& path,
                                                           const FileLimits& limits = {});
// The same into a buffer whose capacity is used again. After an error its contents are undefined.
[[nodiscard]] Result<void> read_file_into(std::vector<std::uint8_t>& bytes, const std::string& path,
                                          const FileLimits& limits = {});

// At most the first `count` bytes of a regular file of any size. Errors: those of file_bytes.
[[nodiscard]] Result<std::vector<std::uint8_t>> file_head(const std::string& path,
                                                          std::size_t count);

}  // namespace shoal
