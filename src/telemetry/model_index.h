// Small numbers for model names, so that counters are arrays: a name is looked up once a record,
// without a lock or an allocation once it is known.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace shoal {

// Threads  all methods may be called from any thread.
class ModelIndex {
 public:
  static constexpr int kModelsMax = 256;
  // What names beyond the maximum are counted as.
  static constexpr std::string_view kOthers = "(others)";

  // Called under a lock for every new model, before anybody sees its number.
  using Added = std::function<void(int model, const std::string& name)>;
  explicit ModelIndex(Added added);

  // The model's number, from 0; a new one for a new name.
  //
  // Cost     a few ns a known model; a new one allocates.
  [[nodiscard]] int resolve(std::string_view name);

  // The number, or -1; adds nothing.
  [[nodiscard]] int find(std::string_view name) const;
  [[nodiscard]] int count() const { return count_.load(std::memory_order_acquire); }
  [[nodiscard]] const std::string& name(int model) const {
    return *names_[static_cast<std::size_t>(model)];
  }

 private:
  const Added added_;
  std::mutex adding_;
  std::atomic<int> count_{0};
  std::array<std::unique_ptr<const std::string>, kModelsMax> names_;  // [count_], then constant
};

}  // namespace shoal
