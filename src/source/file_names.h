// Which files a user means: suffixes, natural order, folders, globs. Lists names; opens nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shoal/result.h"

namespace shoal {

enum class FileKind { kPicture, kVideo, kUnknown };

// By the suffix, whatever its case.
[[nodiscard]] FileKind file_kind(std::string_view path);

// "img2.jpg" before "img10.jpg"; folders before what sorts behind them; a total order.
[[nodiscard]] bool natural_less(std::string_view a, std::string_view b);

// "rtsp://...", "http://...": what FFmpeg opens over a network.
[[nodiscard]] bool is_url(std::string_view spec);

// "/dev/video0" or "v4l2:...": a camera of this machine.
[[nodiscard]] bool is_device(std::string_view spec);

// Holds *, ? or [.
[[nodiscard]] bool is_glob(std::string_view spec);

// The pictures and videos of a folder, without hidden files, in natural order.
//
// Errors   not_found: it holds none; unavailable: it cannot be read.
// Cost     about 1 us a file. Symbolic links to folders are not followed.
[[nodiscard]] Result<std::vector<std::string>> list_directory(const std::string& path,
                                                              bool recursive);

// The pictures and videos that match, in natural order. *, ? and [a-z] stay within one name, a
// component ** stands for any number of folders; hidden names only match a pattern that begins
// with a dot.
//
// Errors   not_found: nothing matches, or only files that are neither picture nor video.
[[nodiscard]] Result<std::vector<std::string>> expand_glob(const std::string& pattern);

}  // namespace shoal
