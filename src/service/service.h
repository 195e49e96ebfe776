// The service: models, doors and evidence of one process, from a configuration. What each door
// says stands in the folders below.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pipeline/camera_control.h"
#include "pipeline/config.h"
#include "pipeline/model_host.h"
#include "shoal/result.h"

namespace shoal {

struct ServiceOptions {
  Config config;                   // config.models: what is loaded at start
  std::string plan_cache;          // as EngineOptions
  Execution execution = Execution::kAuto;
  bool with_cameras = false;       // config.site: cameras, sinks and their page beside the doors
};

// Where it listens, with the ports it got; "" where a door is off.
struct ServiceAddresses {
  std::string http;
  std::string grpc;
  std::string metrics;
};

// Threads  methods by one thread.
class Service {
 public:
  // Listens, loads the models (a few seconds each; /v2/health/live answers meanwhile, ready does
  // not), then serves.
  // Errors   those of the doors (an address in use, files of keys and certificates), and of the
  //          models that were asked for by name: all or nothing at start.
  [[nodiscard]] static Result<std::unique_ptr<Service>> start(const ServiceOptions& options);
  // Drains.
  virtual ~Service() = default;

  [[nodiscard]] virtual const ServiceAddresses& addresses() const = 0;
  // One line a model for people: name and how it runs.
  [[nodiscard]] virtual std::vector<std::string> models() const = 0;

  // nullptr without cameras.
  [[nodiscard]] virtual CameraControl* cameras() = 0;
  // There were cameras, and all were files that have ended.
  [[nodiscard]] virtual bool cameras_ended() const = 0;

  // Takes over what can change while serving: models ([model.NAME] added, removed, changed), keys,
  // the request log's file. Returns a line for each thing that changed or cannot change.
  [[nodiscard]] virtual std::vector<std::string> reload(const Config& config) = 0;

  // No new connections or calls; answers what was accepted, at the latest after the configured
  // time; closes. Idempotent.
  virtual void drain() = 0;
  // After drain(): threads of cameras hang and cannot be waited for. Everything is written and
  // closed; the process may end, and this object must not.
  [[nodiscard]] virtual bool is_stuck() const = 0;
};

}  // namespace shoal
