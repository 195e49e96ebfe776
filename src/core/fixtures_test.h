// For tests that need files: a folder that goes away, whole-file reads and writes, the interpreter
// for reference scripts, the zoo.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace shoal {

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = testing::TempDir() + "shoal_test_XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

[[nodiscard]] inline std::vector<std::uint8_t> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_file(const std::string& path, std::span<const std::uint8_t> bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

inline void write_file(const std::string& path, const std::string& text) {
  write_file(path, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

[[nodiscard]] inline std::string environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

[[nodiscard]] inline std::string source_folder() { return environment("SHOAL_SOURCE_DIR", "."); }

[[nodiscard]] inline std::string zoo_folder() {
  return environment("SHOAL_ZOO", source_folder() + "/../shared/zoo");
}

// Runs a script of the repository with the interpreter that has the reference packages; its output
// goes to the test's. Answers the exit status.
[[nodiscard]] inline int run_python(const std::string& script, const std::string& arguments) {
  // Sanitizer runtimes of the test must not be forced upon the interpreter's own libraries.
  const std::string command = "LD_PRELOAD= '" +
                              environment("PYTHON", source_folder() + "/.venv/bin/python3") +
                              "' '" + source_folder() + "/" + script + "' " + arguments;
  return std::system(command.c_str());
}

}  // namespace shoal

// Skips the running test, saying so, where the zoo (or this file of it) is absent.
#define SHOAL_NEED_ZOO(file)                                                        \
  if (!std::filesystem::exists(::shoal::zoo_folder() + "/" + (file))) {             \
    GTEST_SKIP() << "no " << ::shoal::zoo_folder() << "/" << (file)                 \
                 << " (set SHOAL_ZOO to the folder of test models and pictures)"; \
  }
