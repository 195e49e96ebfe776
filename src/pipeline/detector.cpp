// The façade over the lanes: a pool of requests, a decode pool, and callbacks by request slot.
#include "shoal/detector.h"

#include <algorithm>
#include <utility>

#include "core/memory_guard.h"
#include "core/read_file.h"
#include "pipeline/decode_pool.h"
#include "pipeline/loading.h"
#include "pipeline/request_pool.h"

namespace shoal {

struct Detector::State final : Completion {
  State(const DetectorOptions& given, std::unique_ptr<LanePool> loaded)
      : when_full(given.when_full),
        requests(static_cast<std::size_t>(given.requests_max),
                 static_cast<std::size_t>(given.max_det)),
        callbacks(static_cast<std::size_t>(given.requests_max)),
        lanes(std::move(loaded)),
        decoders(*lanes, {.threads = 2,
                          .queue_limit = static_cast<std::size_t>(given.requests_max),
                          .limits = {}}) {}

  // Takes a request for `done`, which is answered from here on, or tells it why there is none.
  std::unique_ptr<Request> begin(Callback& done) {
    auto request = when_full == WhenFull::kWait ? requests.acquire() : requests.try_acquire();
    if (!request) {
      done(Error{ErrorCode::kQueueFull,
                 "all " + std::to_string(requests.size()) + " requests are in flight"});
      return nullptr;
    }
    callbacks[request->slot] = std::move(done);
    request->completion = this;
    request->started = Clock::now();
    return request;
  }

  void complete(std::unique_ptr<Request> request) noexcept override {
    const Callback done = std::exchange(callbacks[request->slot], nullptr);
    Result<Detections> result =
        guarding_memory("keeping an answer", [&]() -> Result<Detections> {
          if (request->outcome.error) return std::move(*request->outcome.error);
          return request->outcome.detections;  // a copy: the request keeps its capacity
        });
    if (!result) result = try_again_later(std::move(result).error());
    requests.release(std::move(request));
    done(std::move(result));
  }

  const WhenFull when_full;
  RequestPool requests;
  std::vector<Callback> callbacks;  // [requests], by slot
  std::unique_ptr<LanePool> lanes;
  DecodePool decoders;
};

namespace {

// A callback and the future that it fills.
std::pair<Callback, std::future<Result<Detections>>> promised() {
  auto promise = std::make_shared<std::promise<Result<Detections>>>();
  auto future = promise->get_future();
  return {[promise](Result<Detections> result) { promise->set_value(std::move(result)); },
          std::move(future)};
}

}  // namespace

Detector::Detector(std::unique_ptr<State> state) : state_(std::move(state)) {}

Detector::~Detector() { close(); }

Result<std::unique_ptr<Detector>> Detector::load(const DetectorOptions& options) {
  const EngineOptions engine = SHOAL_TRY(engine_options(options));
  auto lanes = SHOAL_TRY(load_lanes(options, engine));
  auto state = std::make_unique<State>(options, std::move(lanes));
  return std::unique_ptr<Detector>(new Detector(std::move(state)));
}

void Detector::submit(const ImageView& picture, Callback done) {
  if (picture.data == nullptr || picture.size.width <= 0 || picture.size.height <= 0) {
    return done(Error{ErrorCode::kInvalidArgument,
                      "submit: expected a picture with pixels, got " +
                          std::to_string(picture.size.width) + "x" +
                          std::to_string(picture.size.height)});
  }
  auto request = state_->begin(done);
  if (!request) return;
  const Result<void> copied = guarding_memory("submit", [&] {
    return copy_pixels(request->outcome.pixels, picture);
  });
  if (!copied) return answer(std::move(request), try_again_later(copied.error()));
  state_->lanes->submit(std::move(request), Overflow::kBlock);
}

void Detector::submit_encoded(std::span<const std::uint8_t> bytes, Callback done) {
  auto request = state_->begin(done);
  if (!request) return;
  const Result<void> copied = guarding_memory("submit", [&]() -> Result<void> {
    request->packet.bytes.assign(bytes.begin(), bytes.end());
    request->packet.name = "picture";
    return {};
  });
  if (!copied) return answer(std::move(request), try_again_later(copied.error()));
  state_->decoders.submit(std::move(request));
}

std::future<Result<Detections>> Detector::submit(const ImageView& picture) {
  auto [done, future] = promised();
  submit(picture, std::move(done));
  return std::move(future);
}

std::future<Result<Detections>> Detector::submit_encoded(std::span<const std::uint8_t> bytes) {
  auto [done, future] = promised();
  submit_encoded(bytes, std::move(done));
  return std::move(future);
}

Result<Detections> Detector::detect_file(const std::string& path) {
  const std::vector<std::uint8_t> bytes =
      SHOAL_TRY(file_bytes(path, {.bytes_max = kPictureFileBytesMax, .expected = "a picture"}));
  Result<Detections> result = submit_encoded(bytes).get();
  if (!result) return Error{result.error().code, path + ": " + result.error().message};
  return result;
}

std::span<const std::string> Detector::class_names() const {
  return state_->lanes->engine().model().class_names;
}

std::string Detector::summary() const { return state_->lanes->engine().summary(); }

void Detector::close() {
  state_->decoders.close();
  state_->lanes->close();
}

}  // namespace shoal
