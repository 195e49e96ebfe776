// Measuring a loaded model, in MLPerf's scenarios: offline (as many pictures as it takes) and
// single_stream (the next picture starts when the last is answered).
// Source of the scenarios: MLPerf Inference rules, "Scenarios".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "pipeline/lane_pool.h"
#include "shoal/result.h"

namespace shoal {

enum class Scenario : std::uint8_t { kOffline, kSingleStream };

// Where a picture's way begins.
enum class BenchFrom : std::uint8_t {
  kDisk,    // picture files: read, decode, letterbox, network, boxes
  kHost,    // decoded pictures in memory: letterbox, network, boxes
  kDevice,  // the network's input is filled already: the network only
};

struct BenchPicture {
  std::string name;
  std::vector<std::uint8_t> bytes;  // of the file
};

struct BenchOptions {
  Scenario scenario = Scenario::kOffline;
  BenchFrom from = BenchFrom::kHost;
  double seconds = 5;             // measured, after a warm-up of a fifth of it
  std::vector<BenchPicture> files;  // for kDisk, used in turn
  Size picture{1280, 720};         // size of the generated pictures for kHost
  int decode_threads = 2;
};

struct BenchRun {
  int batch = 1;
  int lanes = 1;
  double images_per_second = 0;
  double p50_ms = 0;  // of one picture from its start to its answer; of one call for kDevice
  double p90_ms = 0;
  double p99_ms = 0;
  std::int64_t memory_bytes = 0;  // resident
  std::int64_t failed = 0;        // answered with an error; their time does not count
};

// Picture files, and those of folders.
// Errors   not_found: none are given, or there; those of file_bytes (core/read_file.h).
[[nodiscard]] Result<std::vector<BenchPicture>> read_bench_pictures(
    const std::vector<std::string>& paths);

// kDevice: runs batches of batch_max on every lane the engine plans (one for single_stream).
// Errors   those of the engine.
[[nodiscard]] Result<BenchRun> bench_network(Engine& engine, const BenchOptions& options);

// kHost, kDisk: pictures through the whole path.
// Errors   not_found where kDisk has no files.
[[nodiscard]] Result<BenchRun> bench_pictures(LanePool& lanes, const BenchOptions& options);

}  // namespace shoal
