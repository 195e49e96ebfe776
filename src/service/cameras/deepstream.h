// DeepStream's REST forms for adding, removing and listing streams: its clients keep working.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "pipeline/camera_control.h"
#include "shoal/result.h"

namespace shoal {

struct DeepStreamChange {
  std::string id;    // camera_id
  std::string name;  // camera_name: what people call it; may be ""
  std::string url;   // camera_url; of an addition
};

// {"key":"sensor","value":{"camera_id":...,"camera_name":...,"camera_url":...,
//  "change":"camera_add"|"camera_remove","metadata":{...}},"headers":{...}}
// or with "event" instead of "value". Any "change" will do that contains "add" or "streaming", or
// "remove". What else it holds is not looked at.
// Errors   corrupt_input (not JSON), invalid_argument (what, expected, got).
[[nodiscard]] Result<DeepStreamChange> read_stream_change(std::string_view body, bool add);

// The name that a camera has here whose camera_id is `id`: the same, where it can stand in URLs,
// topics and file names; else its letters that can, and a number made of the whole.
[[nodiscard]] std::string camera_name_of(std::string_view id);

// What DeepStream's clients called the cameras that they added, while this runs.
//
// Threads  all methods may be called from any thread.
class DeepStreamNames {
 public:
  void add(const DeepStreamChange& change);
  void remove(std::string_view id);
  // {"camera_id":...,"camera_name":...,"source_id":...}; of a camera that came another way, its
  // name twice.
  void append(fmt::memory_buffer& out, const CameraStatus& camera) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, DeepStreamChange, std::less<>> added_;  // by the camera's name here
};

// What is answered.
[[nodiscard]] std::string stream_changed_text(bool added);
[[nodiscard]] std::string stream_info_text(std::span<const CameraStatus> cameras,
                                           const DeepStreamNames& names);
[[nodiscard]] std::string ready_text(bool ready);
// {"reason":"STREAM_ADD_FAIL, ...","status":"HTTP/1.1 400 Bad Request"}
[[nodiscard]] std::string stream_failed_text(bool added, const Error& error, int status);

}  // namespace shoal
