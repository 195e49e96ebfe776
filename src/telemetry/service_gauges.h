// What only hosts, pools and doors know at the moment of a scrape: they fill it in when asked.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/pool.h"

namespace shoal {

struct ModelGauges {
  std::string model;
  std::int64_t waiting = 0;    // accepted, not yet taken by a lane
  std::int64_t in_flight = 0;  // accepted, not yet answered: waiting or running
  std::int64_t batch_max = 0;
  std::int64_t lanes = 0;
  std::int64_t idle_lanes = -1;  // -1: not known, and not exported
};

struct PoolGauges {
  std::string model;  // "" where it belongs to the process
  PoolGauge gauge;
};

// A family of its own, for doors: connections, refused bodies. `name` begins with shoal_, that of
// a counter ends in _total.
struct NamedValue {
  std::string name;
  std::string help;
  bool counter = false;  // or a gauge
  std::vector<std::pair<std::string, std::string>> labels{};
  double value = 0;
};

struct ServiceGauges {
  std::vector<ModelGauges> models;
  std::vector<PoolGauges> pools;
  std::vector<NamedValue> values;
};

// Called now and then by the evidence's own thread and by scrapes, never at the same time.
using GaugeSource = std::function<void(ServiceGauges&)>;

}  // namespace shoal
