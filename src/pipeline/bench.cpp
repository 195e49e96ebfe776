#include "pipeline/bench.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "core/read_file.h"
#include "pipeline/decode_pool.h"
#include "pipeline/request_pool.h"
#include "source/board.h"
#include "source/file_names.h"
#include "telemetry/histogram.h"
#include "telemetry/process.h"

namespace shoal {
namespace {

struct Window {
  TimePoint begin;  // the warm-up is over
  TimePoint end;

  explicit Window(double seconds) {
    const auto span = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
    begin = Clock::now() + span / 5;
    end = begin + span;
  }
};

BenchRun summarise(const Histogram& times, std::int64_t pictures, const Window& window) {
  const double seconds = std::chrono::duration<double>(window.end - window.begin).count();
  return {.batch = 1, .lanes = 1,
          .images_per_second = static_cast<double>(pictures) / seconds,
          .p50_ms = times.quantile_ms(0.5), .p90_ms = times.quantile_ms(0.9),
          .p99_ms = times.quantile_ms(0.99),
          .memory_bytes = process_memory().resident_bytes, .failed = 0};
}

// Bytes that are not all alike: some kernels are faster on zeros.
void fill_noise(std::span<std::uint8_t> bytes, std::uint32_t seed) {
  for (std::uint8_t& byte : bytes) {
    seed = seed * 1664525U + 1013904223U;  // Numerical Recipes' linear congruence
    byte = static_cast<std::uint8_t>(seed >> 24U);
  }
}

struct LaneWork {
  std::unique_ptr<InferLane> lane;
  Histogram times;
  double pictures = 0;  // within the window; a call that straddles an edge counts by its share
  Result<void> result;
};

void run_lane(LaneWork& work, int batch, const Window& window) {
  for (TimePoint start = Clock::now(); start < window.end;) {
    work.result = work.lane->run(0, batch);
    if (!work.result) return;
    const TimePoint done = Clock::now();
    const Duration inside = std::min(done, window.end) - std::max(start, window.begin);
    if (inside > Duration::zero()) {
      work.pictures += batch * std::chrono::duration<double>(inside).count() /
                       std::chrono::duration<double>(done - start).count();
      work.times.add(done - start);
    }
    start = done;
  }
}

}  // namespace

Result<BenchRun> bench_network(Engine& engine, const BenchOptions& options) {
  const int batch = engine.batch_max();
  const int lane_count = options.scenario == Scenario::kOffline ? engine.lane_count() : 1;
  std::vector<LaneWork> lanes(static_cast<std::size_t>(lane_count));
  for (LaneWork& work : lanes) {
    work.lane = SHOAL_TRY(engine.create_lane());
    for (int slot = 0; slot < batch; ++slot) {
      fill_noise(work.lane->input(0, slot), static_cast<std::uint32_t>(slot + 1));
    }
  }
  const Window window(options.seconds);
  std::vector<std::thread> threads;
  for (LaneWork& work : lanes) threads.emplace_back([&] { run_lane(work, batch, window); });
  for (auto& thread : threads) thread.join();
  Histogram times;
  double pictures = 0;
  for (const LaneWork& work : lanes) {
    if (!work.result) return work.result.error();
    times.merge(work.times);
    pictures += work.pictures;
  }
  BenchRun run = summarise(times, static_cast<std::int64_t>(pictures), window);
  run.batch = batch;
  run.lanes = lane_count;
  return run;
}

namespace {

// Keeps a number of pictures in flight until the window ends.
class ClosedLoop final : public Completion {
 public:
  ClosedLoop(std::size_t in_flight, int max_det, const Window& window)
      : pool_(in_flight, static_cast<std::size_t>(max_det)), window_(window) {}

  // `start` sends a request on its way.
  template <typename Start>
  void run(Start start) {
    while (Clock::now() < window_.end) {
      auto request = pool_.acquire();
      request->completion = this;
      request->started = Clock::now();
      start(std::move(request));
    }
    // Everything is answered once the pool is whole again.
    std::vector<std::unique_ptr<Request>> all;
    while (all.size() < pool_.size()) all.push_back(pool_.acquire());
  }

  void complete(std::unique_ptr<Request> request) noexcept override {
    const TimePoint now = Clock::now();
    if (now >= window_.begin && now < window_.end) {
      const std::lock_guard lock(mutex_);
      if (request->outcome.error) {
        ++failed_;
      } else {
        ++pictures_;
        times_.add(now - request->started);
      }
    }
    pool_.release(std::move(request));
  }

  [[nodiscard]] BenchRun result() const {
    BenchRun run = summarise(times_, pictures_, window_);
    run.failed = failed_;
    return run;
  }

 private:
  RequestPool pool_;
  const Window window_;
  std::mutex mutex_;
  Histogram times_;
  std::int64_t pictures_ = 0;
  std::int64_t failed_ = 0;
};

}  // namespace

Result<std::vector<BenchPicture>> read_bench_pictures(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(path, ignored)) {
      files.push_back(path);
      continue;
    }
    for (std::string& file : SHOAL_TRY(list_directory(path, false))) {
      if (file_kind(file) == FileKind::kPicture) files.push_back(std::move(file));
    }
  }
  if (files.empty()) {
    return Error{ErrorCode::kNotFound, "bench --from disk: expected pictures, got none"};
  }
  std::vector<BenchPicture> pictures;
  for (std::string& file : files) {
    auto bytes =
        SHOAL_TRY(file_bytes(file, {.bytes_max = kPictureFileBytesMax, .expected = "a picture"}));
    pictures.push_back({std::move(file), std::move(bytes)});
  }
  return pictures;
}

Result<BenchRun> bench_pictures(LanePool& lanes, const BenchOptions& options) {
  const int batch = lanes.engine().batch_max();
  const auto in_flight = options.scenario == Scenario::kOffline
                             ? static_cast<std::size_t>((lanes.lane_count() + 1) * batch * 2)
                             : 1;
  BenchRun run;
  if (options.from == BenchFrom::kDisk) {
    const auto& files = options.files;
    if (files.empty()) return Error{ErrorCode::kNotFound, "bench: no pictures to read"};
    ClosedLoop loop(in_flight, 300, Window(options.seconds));
    DecodePool decoders(lanes, {.threads = options.decode_threads, .queue_limit = in_flight,
                                .limits = {}});
    std::size_t next = 0;
    loop.run([&](std::unique_ptr<Request> request) {
      request->packet.bytes = files[next].bytes;
      request->packet.name = files[next].name;
      next = (next + 1) % files.size();
      decoders.submit(std::move(request));
    });
    run = loop.result();
  } else {
    const BoardPicture board =
        draw_board({.width = options.picture.width, .height = options.picture.height});
    ClosedLoop loop(in_flight, 300, Window(options.seconds));
    loop.run([&](std::unique_ptr<Request> request) {
      Frame& pixels = request->outcome.pixels;
      if (pixels.size != options.picture) {
        std::uint8_t* copy = pixels.pixels.reserve(board.rgb.size());
        std::copy(board.rgb.begin(), board.rgb.end(), copy);
        pixels.size = pixels.source_size = options.picture;
        pixels.pitch_bytes = options.picture.width * 3;
        pixels.format = PixelFormat::kRgb8;
      }
      lanes.submit(std::move(request), Overflow::kBlock);
    });
    run = loop.result();
  }
  run.batch = batch;
  run.lanes = lanes.lane_count();
  return run;
}

}  // namespace shoal
