// Models for the tests of this folder: tiny ones that the build made (make_models.py), and the
// zoo where it is present.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine_load.h"

namespace shoal::testing_models {

inline std::string tiny(const std::string& name) { return SHOAL_TINY_MODELS "/" + name; }

inline std::string variable(const char* name, const std::string& fallback) {
  const char* value = std::getenv(name);
  return value == nullptr ? fallback : value;
}

// The folder of zoo models, or "" where there is none.
inline std::string zoo_models() {
  const std::string zoo =
      variable("SHOAL_ZOO", variable("SHOAL_SOURCE_DIR", ".") + "/../shared/zoo");
  return std::filesystem::is_directory(zoo + "/models") ? zoo + "/models/" : std::string();
}

inline Result<std::unique_ptr<Engine>> load(const std::string& path, EngineOptions options = {}) {
  return load_engine({.path = path, .embedded = {}, .name = ""}, options);
}

// Pictures of seeded noise in slots 0 .. count-1; slot k gets seed first_seed + k.
inline void fill(InferLane& lane, std::size_t bucket, int count, std::uint32_t first_seed) {
  for (int slot = 0; slot < count; ++slot) {
    std::uint32_t state = (first_seed + static_cast<std::uint32_t>(slot)) * 2654435761U + 1U;
    for (auto& value : lane.input(bucket, slot)) {
      state = state * 1664525U + 1013904223U;
      value = static_cast<std::uint8_t>(state >> 24U);
    }
  }
}

// All outputs of a slot, one after the other.
inline std::vector<float> outputs_of(const InferLane& lane, std::size_t bucket, int slot) {
  std::vector<float> values;
  for (const TensorView& view : lane.outputs(bucket, slot)) {
    values.insert(values.end(), view.data, view.data + view.shape.element_count());
  }
  return values;
}

// A file of its own for this process, removed at the end.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = ::testing::TempDir() + "shoal_engine_XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(file(name), std::ios::binary) << content;
    return file(name);
  }

 private:
  std::string path_;
};

}  // namespace shoal::testing_models
