// What `shoal run` reads besides models and the service: cameras, alarm rules, sinks, recordings.
// Values as the user wrote them, checked; times in their unit's type.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/request.h"
#include "shoal/result.h"

namespace shoal {

// Points in shares of the picture, 0 to 1, origin top left.
struct RelativePoint {
  double x = 0;
  double y = 0;
  friend bool operator==(const RelativePoint&, const RelativePoint&) = default;
};

struct ZoneConfig {
  std::string name;
  std::vector<RelativePoint> polygon;  // at least 3
  std::vector<std::string> classes;    // only these; empty: all
  std::chrono::milliseconds dwell{0};  // > 0: a dwell event after that long inside
  friend bool operator==(const ZoneConfig&, const ZoneConfig&) = default;
};

struct LineConfig {
  std::string name;
  RelativePoint from;
  RelativePoint to;
  std::vector<std::string> classes;
  friend bool operator==(const LineConfig&, const LineConfig&) = default;
};

struct MotionGateConfig {
  bool enabled = false;
  double threshold = 0.01;                    // share of the picture that has to change
  std::chrono::milliseconds refresh{2'000};   // inference at least this often all the same
  friend bool operator==(const MotionGateConfig&, const MotionGateConfig&) = default;
};

struct CameraConfig {
  std::string name;              // unique; letters, digits, '_', '-', '.'; at most 64
  std::string url;               // rtsp://, http://, file:, /dev/video0, synthetic:...
  std::string transport = "tcp"; // of RTSP: tcp | udp
  std::string model;             // name of a [model.NAME]; "": the default one
  Priority priority = Priority::kNormal;
  double fps_max = 0;            // 0: as many as come and fit
  std::chrono::milliseconds age_max{1'000};   // an older frame is not worth inference
  std::chrono::milliseconds align{0};         // 0: not aligned
  bool loop = false;             // files: from the start again
  bool live = true;              // files play at their own speed; false: as fast as it goes
  int side_max = 1920;           // larger frames are reduced to this longest side; 0: never
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds read_timeout{10'000};
  std::chrono::milliseconds retry_min{500};   // first wait before reconnecting; doubles up to
  std::chrono::milliseconds retry_max{30'000};
  std::optional<float> confidence;            // at least the model's own
  std::vector<std::string> classes;           // class names; empty: all
  std::vector<RelativePoint> region;          // of interest, a polygon; empty: the whole picture
  std::vector<std::vector<RelativePoint>> masks;  // boxes whose anchor is inside are dropped
  MotionGateConfig motion_gate;
  bool track = true;
  std::vector<ZoneConfig> zones;
  std::vector<LineConfig> lines;
  bool paused = false;
  friend bool operator==(const CameraConfig&, const CameraConfig&) = default;
};

struct AlarmConfig {
  std::string name;                        // "": the condition is its name
  std::string when;                        // see track/alarm_rule.h
  std::vector<std::string> cameras;        // empty: all
  std::chrono::milliseconds cooldown{10'000};
  std::chrono::milliseconds clip_before{0};  // both 0: no clip
  std::chrono::milliseconds clip_after{0};
  friend bool operator==(const AlarmConfig&, const AlarmConfig&) = default;
};

// One sink; keys that its type does not know are errors.
struct SinkConfig {
  std::string type;   // jsonl | coco | yolo | mot | video | sqlite | mqtt | webhook | nats
  std::string name;   // "": type, and its number where there are several
  std::string path;   // files and folders
  std::string url;    // mqtt://HOST:PORT, http(s)://..., nats://HOST:PORT
  std::string form = "shoal";            // mqtt: shoal | frigate
  std::string topic;                     // mqtt's prefix, nats' subject; "": the form's own
  std::string user;
  std::string password_file;             // first line; passwords never stand in the configuration
  std::string ca_file;                   // TLS: PEM of who signed the server; "": the system's
  std::string secret_file;               // webhook: key of the HMAC-SHA256 signature header
  std::vector<std::string> cameras;      // empty: all
  int queue = 256;                       // results that may wait; then the oldest is dropped
  std::chrono::seconds segment{60};      // video: length of a file
  std::chrono::hours keep{0};            // video, sqlite: older goes; 0: by size alone
  std::int64_t keep_bytes = std::int64_t{10} << 30;  // video, sqlite: most; the oldest goes first
  std::chrono::milliseconds timeout{5'000};          // webhook, mqtt, nats: of one delivery
  bool alarms_only = false;              // mqtt, nats, webhook (always)
  friend bool operator==(const SinkConfig&, const SinkConfig&) = default;
};

struct SiteConfig {
  std::vector<CameraConfig> cameras;
  std::vector<AlarmConfig> alarms;
  std::vector<SinkConfig> sinks;
  // [site]
  std::string state_file;                // cameras that were changed while running; "": not kept
  std::string recordings = "out/recordings";  // clips and thumbnails of alarms
  std::int64_t recordings_bytes = std::int64_t{10} << 30;  // most; the oldest go first
  std::string spool = "out/spool";       // alarms on their way to brokers
  std::int64_t spool_bytes = std::int64_t{256} << 20;      // most
  // What cameras that are added while running may use: see camera_reach.h.
  std::vector<std::string> allow_urls{"rtsp://*", "rtsps://*", "rtmp://*",
                                      "http://*", "https://*", "synthetic:*"};
  friend bool operator==(const SiteConfig&, const SiteConfig&) = default;
};

}  // namespace shoal
