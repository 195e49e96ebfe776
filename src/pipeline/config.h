// shoal.toml: the file's sections and keys to options. The only place that knows the format.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/load_limits.h"
#include "pipeline/site_config.h"
#include "shoal/options.h"
#include "shoal/result.h"

namespace shoal {

// A model of the service: the keys of [model.NAME] over those of [model].
struct NamedModel {
  std::string name;
  DetectorOptions detector;
};

// What `shoal serve` reads besides models.
// Addresses are "host:port"; port 0: any free one; "": none.
struct ServiceConfig {
  std::string http = "127.0.0.1:8000";
  std::string grpc = "127.0.0.1:8001";
  std::string metrics = "127.0.0.1:8002";
  std::string repository;      // a folder laid out as for Triton
  std::string api_keys_file;
  std::string tls_certificate;
  std::string tls_key;
  std::string tls_client_ca;
  std::vector<std::string> host_names;     // by which clients call a service without keys
  std::vector<std::string> allow_origins;  // whose pages may call
  bool model_control = true;               // clients may load and unload models
  int body_max_mib = 64;
  int bodies_max_mib = 256;
  int connections_max = 1024;
  int connections_per_client = 256;
  int pixels_max_mp = 50;      // of a picture, before it is decoded
  int items_max = 4096;        // pictures of one request
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds stall_timeout{10'000};
  std::chrono::milliseconds idle_timeout{75'000};
  std::chrono::milliseconds drain_timeout{30'000};
  std::string request_log;     // file; "": none
  int request_log_mib = 64;
  int request_log_files = 5;
  // KServe's parameter `timeout` of a request is its deadline; else it is ignored, as in Triton.
  bool allow_timeout_override = false;
  std::string trace_file;      // where Triton's traces go; "": nowhere
  std::string trace_level = "OFF";  // at start: OFF or TIMESTAMPS; clients change it
  int trace_rate = 1000;

  friend bool operator==(const ServiceConfig&, const ServiceConfig&) = default;
};

struct Config {
  DetectorOptions detector;
  LoadLimits load;
  std::vector<NamedModel> models;  // of [model.NAME], by name
  ServiceConfig service;
  SiteConfig site;
  // Of the service's queues.
  int queue_limit = 256;
  std::chrono::milliseconds timeout{1000};
  std::chrono::milliseconds priority_ageing{100};
  bool bypass_lane = true;
  int decode_threads = 0;     // of pictures; videos are decoded by their reader. 0: by the cores
  bool scaled_decode = false;  // JPEGs only as large as the network needs
};

// Reads a configuration; what it does not name keeps its default. `name` begins every message.
//
// Errors   corrupt_input: not TOML (with line and column); invalid_argument: an unknown section or
//          key (with a suggestion), a value of the wrong type or out of its range.
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string_view name);

// Errors   as above, and not_found.
[[nodiscard]] Result<Config> load_config(const std::string& path);

// Sets one option by the name that it has in the file, "scheduler.queue_delay_ms", from text as it
// stands on the command line. The model's options have the section "model", those of a camera
// "camera.NAME".
// Errors   as parse_config.
[[nodiscard]] Result<void> set_option(Config& config, std::string_view name,
                                      std::string_view value);

// The effective configuration as a file that parse_config reads back to the same: every key of
// every section, camera, alarm and sink. Passwords in URLs are "***".
[[nodiscard]] std::string config_text(const Config& config);

}  // namespace shoal
