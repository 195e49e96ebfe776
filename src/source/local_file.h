// Files of this machine: what may be opened without waiting for somebody.
#pragma once

#include <string>

#include "core/ffmpeg.h"
#include "shoal/result.h"

namespace shoal {

// Asked before a file is opened, because opening a pipe waits for its writer, and no stop ends
// that.
//
// Errors   begin with the path: not_found; invalid_argument: a folder; unsupported: a pipe, socket
//          or device; unavailable: cannot be asked.
// Returns  its size in bytes.
[[nodiscard]] Result<std::uint64_t> check_regular_file(const std::string& path);

// Makes FFmpeg ask the same of every file that a container of ours names: playlists do.
void open_regular_files_only(AVFormatContext& input);

}  // namespace shoal
