// Which requests go to the trace file in Triton's form, by the settings of its trace extension:
// for all models, and for single ones where those have their own.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/result.h"
#include "telemetry/model_index.h"

namespace shoal {

struct TraceSettings {
  bool timestamps = false;     // trace_level TIMESTAMPS, or OFF
  std::uint32_t rate = 1000;   // trace_rate: one of so many requests
  std::int64_t count = -1;     // trace_count: as many to come; -1: without end
  std::uint32_t frequency = 0;  // log_frequency: traces a file FILE.0, FILE.1, ...; 0: one file
  std::string file{};           // trace_file; set by who starts the service, never by a client
};

// As the extension has them: name of the setting to its values. trace_level may have several.
using TraceSettingValues = std::map<std::string, std::vector<std::string>>;

// Threads  all methods may be called from any thread.
class TraceSampler {
 public:
  explicit TraceSampler(TraceSettings global);

  // For every model once, before sample() is called with its number.
  void add_model(int model, const std::string& name);

  // Is this request to be traced? Its number, from 1, or 0.
  //
  // Cost     two loads while nothing is traced; else some atomic increments.
  [[nodiscard]] std::uint64_t sample(int model) noexcept;

  // The settings of a model, or the global ones for "". trace_count says how many are left.
  [[nodiscard]] TraceSettingValues get(const std::string& model) const;

  // Changes the settings that are named; an empty list of values takes a model's setting back to
  // the global one, or a global one to what the service was started with. A change for a model
  // without any setting takes back all of that model's. All or nothing; returns get().
  //
  // Errors   invalid_argument: an unknown setting, a value it cannot have, trace_file (a client
  //          must not name files to write), TIMESTAMPS where no trace_file was given at start.
  [[nodiscard]] Result<TraceSettingValues> change(const std::string& model,
                                                  const TraceSettingValues& values);

  // The global ones; what the file's writer reads.
  [[nodiscard]] std::string file() const { return start_.file; }
  [[nodiscard]] std::uint32_t frequency() const {
    return frequency_.load(std::memory_order_relaxed);
  }

 private:
  // What sample() reads; the models without settings of their own share the global one.
  struct Rule {
    std::atomic<bool> on{false};
    std::atomic<std::uint32_t> rate{1000};
    std::atomic<std::int64_t> left{-1};
    std::atomic<std::uint64_t> seen{0};
  };
  // Settings that were changed; the others are inherited.
  struct Changes {
    std::optional<bool> timestamps;
    std::optional<std::uint32_t> rate;
    std::optional<std::int64_t> count;
  };
  [[nodiscard]] Result<void> apply(Changes& changes, const std::string& name,
                                   const std::vector<std::string>& values, bool global);
  void set_rules(bool global_count, const std::string& count_of);
  static void set(Rule& rule, const Changes& own, const Changes& global, const TraceSettings& start,
                  bool count_too);

  const TraceSettings start_;
  std::atomic<std::uint32_t> frequency_{0};
  std::atomic<std::uint64_t> last_id_{0};
  mutable std::mutex mutex_;  // guards what follows, but for the rules' insides
  Changes global_changes_;
  std::optional<std::uint32_t> frequency_change_;
  std::map<std::string, Changes> model_changes_;  // only models with some
  Rule global_;
  std::map<std::string, std::unique_ptr<Rule>> own_rules_;  // kept for good: sample() may look
  std::map<std::string, int> numbers_;
  std::array<std::atomic<Rule*>, ModelIndex::kModelsMax> rules_{};
};

}  // namespace shoal
