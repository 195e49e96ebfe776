// Files of this machine: what may be opened without waiting for somebody.
#pragma once

#include "core/ffmpeg.h"

namespace shoal {

// Makes FFmpeg refuse what is no regular file where a container of ours names files, as playlists
// do: opening a pipe waits for its writer, and no stop ends that.
void open_regular_files_only(AVFormatContext& input);

}  // namespace shoal
