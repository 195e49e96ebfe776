// The adapter of libavdevice's Video4Linux2 input.
#include "source/device_input.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

extern "C" {
#include <libavdevice/version.h>
#include <libavutil/dict.h>
}

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "core/suggest.h"

namespace shoal {
namespace {

constexpr unsigned kVideoMajor = 81;  // of all V4L2 devices, by the kernel's devices.txt
constexpr std::string_view kScheme = "v4l2:";
constexpr std::array<std::string_view, 3> kKeys = {"size", "fps", "format"};
constexpr const char* kLibrary = "libavdevice.so." AV_STRINGIFY(LIBAVDEVICE_VERSION_MAJOR);

template <typename Number>
std::optional<Number> number_in(std::string_view text, Number low, Number high) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!(value >= low && value <= high)) return std::nullopt;  // also refuses NaN
  return value;
}

bool is_format_name(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// One key=value into `out`. Answers what was expected, or "" where all is well.
std::string_view apply(DeviceSpec& out, std::string_view key, std::string_view value) {
  if (key == "size") {
    const std::size_t cross = value.find('x');
    const auto width = number_in(value.substr(0, cross), 16, 16'384);
    const auto height = cross == std::string_view::npos
                            ? std::nullopt
                            : number_in(value.substr(cross + 1), 16, 16'384);
    if (!width || !height) return "WIDTHxHEIGHT, each 16 to 16384, such as 1280x720";
    out.size = {*width, *height};
  } else if (key == "fps") {
    const auto fps = number_in(value, 0.1, 1000.0);
    if (!fps) return "a number from 0.1 to 1000";
    out.frames_per_second = *fps;
  } else {
    if (!is_format_name(value)) return "a name of small letters, such as mjpeg, h264 or yuyv422";
    out.format = value;
  }
  return "";
}

Error wrong(std::string_view spec, const std::string& message) {
  return {ErrorCode::kInvalidArgument, std::string(spec) + ": " + message};
}

Result<const AVInputFormat*> device_input_format(const std::string& path) {
  // Once for the process; a function-local static is safe from any thread.
  static void* const library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  static const bool registered = [] {
    if (library == nullptr) return false;
    void* const symbol = dlsym(library, "avdevice_register_all");
    if (symbol == nullptr) return false;
    reinterpret_cast<void (*)()>(symbol)();
    return true;
  }();
  const AVInputFormat* format = registered ? av_find_input_format("video4linux2") : nullptr;
  if (format == nullptr) {
    return Error{ErrorCode::kUnavailable, path + ": cameras of this machine need " + kLibrary +
                                              ", which cannot be loaded"};
  }
  return format;
}

Result<void> check_device(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return Error{ErrorCode::kNotFound, path + ": no such camera device"};
    }
    return Error{ErrorCode::kUnavailable, path + ": " + std::strerror(errno)};
  }
  if (!S_ISCHR(status.st_mode)) {
    return Error{ErrorCode::kInvalidArgument, path + ": expected a camera device; got a " +
                                                  (S_ISDIR(status.st_mode) ? "folder" : "file")};
  }
  // Opening a device can do something: ring a modem, arm a watchdog, wait for ever.
  if (major(status.st_rdev) != kVideoMajor) {
    return Error{ErrorCode::kUnsupported, path + ": not a camera, but another device"};
  }
  return {};
}

Error open_error(const DeviceSpec& device, int code) {
  const auto error = [&](ErrorCode kind, const std::string& message) {
    return Error{kind, device.path + ": " + message};
  };
  switch (code) {
    case AVERROR(ENOMEM): return error(ErrorCode::kOutOfMemory, "no memory for the camera");
    case AVERROR(ENOENT): return error(ErrorCode::kNotFound, "no such camera device");
    case AVERROR(EBUSY): return error(ErrorCode::kUnavailable, "the camera is in use");
    case AVERROR(EACCES):
    case AVERROR(EPERM): return error(ErrorCode::kUnavailable, "not permitted to use the camera");
    case AVERROR(EIO):
    case AVERROR(ENXIO): return error(ErrorCode::kUnavailable, describe_ffmpeg(code));
    default: return error(ErrorCode::kUnsupported, "not a camera, or not one for this size, rate "
                                                   "and format: " + describe_ffmpeg(code));
  }
}

}  // namespace

Result<DeviceSpec> parse_device(std::string_view spec) {
  std::string_view rest = spec;
  if (rest.starts_with(kScheme)) rest.remove_prefix(kScheme.size());
  DeviceSpec out;
  out.path = rest.substr(0, rest.find('?'));
  if (!out.path.starts_with('/') || out.path.find('\0') != std::string::npos) {
    return wrong(spec, "expected a device such as v4l2:/dev/video0?size=1280x720&fps=25");
  }
  rest.remove_prefix(std::min(rest.size(), out.path.size() + 1));
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
      return wrong(spec, "unknown key '" + std::string(key) + "'; expected size, fps or format" +
                             suggestion(key, kKeys));
    }
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    const std::string_view expected = apply(out, key, value);
    if (!expected.empty()) {
      return wrong(spec, std::string(key) + ": expected " + std::string(expected) + "; got '" +
                             std::string(value) + "'");
    }
  }
  return out;
}

Result<AvInput> open_device(const DeviceSpec& device, const AVIOInterruptCB& interrupt) {
  quiet_ffmpeg();
  SHOAL_TRY(check_device(device.path));
  const AVInputFormat* format = SHOAL_TRY(device_input_format(device.path));
  AVFormatContext* input = avformat_alloc_context();
  if (input == nullptr) {
    return Error{ErrorCode::kOutOfMemory, device.path + ": no memory for a reader"};
  }
  input->interrupt_callback = interrupt;
  input->flags |= AVFMT_FLAG_NONBLOCK;
  AVDictionary* settings = nullptr;
  if (device.size != Size{}) {
    const std::string size =
        std::to_string(device.size.width) + "x" + std::to_string(device.size.height);
    av_dict_set(&settings, "video_size", size.c_str(), 0);
  }
  if (device.frames_per_second > 0) {
    av_dict_set(&settings, "framerate", std::to_string(device.frames_per_second).c_str(), 0);
  }
  if (!device.format.empty()) av_dict_set(&settings, "input_format", device.format.c_str(), 0);
  forget_ffmpeg_line();
  const int code = avformat_open_input(&input, device.path.c_str(), format, &settings);
  av_dict_free(&settings);
  if (code < 0) return open_error(device, code);  // FFmpeg has freed the context
  return AvInput(input);
}

}  // namespace shoal
