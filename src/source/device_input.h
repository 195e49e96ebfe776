// Cameras of this machine: what a user types for one, and libavdevice's input for it.
#pragma once

#include <string>
#include <string_view>

#include "core/ffmpeg.h"
#include "shoal/geometry.h"
#include "shoal/result.h"

namespace shoal {

struct DeviceSpec {
  std::string path{};            // "/dev/video0"
  Size size{};                   // {}: the driver's choice
  double frames_per_second = 0;  // 0: the driver's choice
  std::string format{};          // "mjpeg", "h264", "yuyv422", ...; "": the driver's choice
  friend bool operator==(const DeviceSpec&, const DeviceSpec&) = default;
};

// "/dev/video0", "v4l2:/dev/video0?size=1280x720&fps=25&format=mjpeg".
// Errors   invalid_argument: no path, an unknown key (with a suggestion), a value out of range.
[[nodiscard]] Result<DeviceSpec> parse_device(std::string_view spec);

// Opens the camera. Packets come without waiting: av_read_frame answers EAGAIN where there is none
// yet, because libavdevice's own wait cannot be interrupted.
//
// libavdevice is loaded at the first call and stays: linked, it would bring sound, window and CD
// libraries, some 60 of them, into every start of the program.
//
// Errors   begin with the path: not_found: no such device; invalid_argument: a file or folder;
//          unsupported: a device that is no camera, or refuses size or format; unavailable: busy,
//          not permitted, libavdevice is not installed; out_of_memory.
[[nodiscard]] Result<AvInput> open_device(const DeviceSpec& device,
                                          const AVIOInterruptCB& interrupt);

}  // namespace shoal
