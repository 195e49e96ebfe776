// What a user means by a word: a URL, a device, a glob. Lists names; opens nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/file_listing.h"
#include "shoal/result.h"

namespace shoal {

// "rtsp://...", "http://...": what FFmpeg opens over a network.
[[nodiscard]] bool is_url(std::string_view spec);

// "/dev/video0" or "v4l2:...": a camera of this machine.
[[nodiscard]] bool is_device(std::string_view spec);

// Holds *, ? or [.
[[nodiscard]] bool is_glob(std::string_view spec);

// The pictures and videos that match, in natural order. *, ? and [a-z] stay within one name, a
// component ** stands for any number of folders; hidden names only match a pattern that begins
// with a dot.
//
// Errors   not_found: nothing matches, or only files that are neither picture nor video.
[[nodiscard]] Result<std::vector<std::string>> expand_glob(const std::string& pattern);

}  // namespace shoal
