// Two entries of one model: boxes, whose lanes are there from the start, and raw tensors, whose
// network is compiled when somebody first asks for it.
#include "pipeline/model_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "core/memory_guard.h"
#include "pipeline/call.h"
#include "pipeline/decode_pool.h"
#include "pipeline/host_feed.h"
#include "pipeline/host_tally.h"
#include "pipeline/lane_pool.h"
#include "pipeline/loading.h"

namespace shoal {
namespace {

// Larger pictures are decoded beside the lanes, so that they do not hold up their batch.
constexpr std::int64_t kLanePixels = 4'000'000;

class LoadedModel final : public ModelHost {
 public:
  LoadedModel(std::string name, const DetectorOptions& detector, const HostOptions& options,
              std::unique_ptr<LanePool> lanes)
      : name_(std::move(name)),
        detector_(detector),
        options_(options),
        requests_(static_cast<std::size_t>(options.queue_limit),
                  static_cast<std::size_t>(std::min(detector.max_det, 1000))),
        boxes_(*this, name_ + "_boxes", std::move(lanes)),
        raw_(*this, name_, nullptr) {
    // Each of them holds at least one request.
    waiting_.reserve(requests_.size());
    answering_.reserve(requests_.size());
    const ModelDescription& model = boxes_.lanes->engine().model();
    tensor_input_ = {model.declared_input.name, model.declared_input.shape};
    for (const OutputDescription& output : model.declared_outputs) {
      tensor_outputs_.push_back({output.name, output.shape});
    }
    // Never full: no more requests are in flight than it holds.
    decoders_ = std::make_unique<DecodePool>(
        *boxes_.lanes,
        DecodePoolOptions{.threads = 1,
                          .queue_limit = static_cast<std::size_t>(options.queue_limit),
                          .limits = options.limits});
  }
  ~LoadedModel() override { close(); }

  const std::string& name() const override { return name_; }
  const ModelDescription& model() const override { return boxes_.lanes->engine().model(); }
  const DetectorOptions& detector_options() const override { return detector_; }
  std::string summary() const override { return boxes_.lanes->engine().summary(); }
  const TensorDescription& tensor_input() const override { return tensor_input_; }
  std::span<const TensorDescription> tensor_outputs() const override { return tensor_outputs_; }

  Result<CallHandle> detect(DetectCall call, CallDone done) override;
  Result<CallHandle> infer(TensorCall call, CallDone done) override;
  Result<std::unique_ptr<HostFeed>> feed(FeedClient& client, FeedOptions options) override;
  int retry_after_s() const override;
  std::vector<PoolGauge> pools() const override;
  HostStatistics statistics(bool raw) const override;
  void close() override;

 private:
  // One of the two ways into the model.
  struct Entry final : CallRunner {
    Entry(LoadedModel& model_host, std::string shown, std::unique_ptr<LanePool> pool)
        : host(model_host), name(std::move(shown)), lanes(std::move(pool)) {}
    void launch(std::unique_ptr<Request> request) override {
      host.launch(*this, std::move(request));
    }
    void record(const Request& request, const CallOptions& options, TimePoint answered) override {
      host.record(*this, request, options, answered);
    }
    RequestPool& requests() override { return host.requests_; }
    void finished(SourceKey source, std::size_t count) override { host.leave(source, count); }
    bool enter() override { return host.enter(); }
    void left() override { host.left(); }

    LoadedModel& host;
    const std::string name;
    std::unique_ptr<LanePool> lanes;  // of the raw entry: null until compiled
    Tally tally;
  };
  struct WaitingCall {
    std::shared_ptr<Call> call;
    std::vector<std::unique_ptr<Request>> requests;
  };

  using Requests = std::vector<std::unique_ptr<Request>>;
  // `first` holds the input of the first item.
  Result<void> check(const Entry& entry, std::size_t items, Request& first, CallOptions& options);
  Result<Requests> take(std::size_t items, SourceKey source);
  Result<CallHandle> start_detect(DetectCall call, CallDone done);
  Result<CallHandle> start_infer(TensorCall call, CallDone done);
  Result<CallHandle> counting_refusals(const Entry& entry, std::size_t items,
                                       Result<CallHandle> started) const;
  [[nodiscard]] Result<void> check_confidence(std::optional<float> confidence) const;
  void launch(Entry& entry, std::unique_ptr<Request> request);
  void record(Entry& entry, const Request& request, const CallOptions& options,
              TimePoint answered);
  Result<void> begin_raw_loader();
  void load_raw_when_asked();
  void leave(SourceKey source, std::size_t requests);
  bool enter();
  void left();
  // The raw entry's appear under the lock, and stay; nullptr before.
  [[nodiscard]] const LanePool* lanes_of(const Entry& entry) const {
    const std::lock_guard lock(mutex_);
    return entry.lanes.get();
  }

  const std::string name_;
  const DetectorOptions detector_;
  const HostOptions options_;
  RequestPool requests_;
  Entry boxes_;
  Entry raw_;
  std::unique_ptr<DecodePool> decoders_;
  TensorDescription tensor_input_;
  std::vector<TensorDescription> tensor_outputs_;

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t calls_ = 0;            // accepted, not yet answered
  std::map<SourceKey, std::size_t> held_;  // requests by source
  bool closing_ = false;
  enum class Raw : std::uint8_t { kAbsent, kLoading, kReady } raw_state_ = Raw::kAbsent;
  std::vector<WaitingCall> waiting_;  // for the raw network
  std::condition_variable raw_wanted_;
  bool raw_loader_ends_ = false;
  // From the first call for raw tensors to close(). Joined by close() alone, without the lock: it
  // takes the lock to answer those who waited, also after a load that failed.
  std::thread raw_loader_;
  // The loader's own.
  std::vector<WaitingCall> answering_;
  std::optional<Error> raw_error_;
};

Result<void> LoadedModel::check(const Entry& entry, std::size_t items, Request& first,
                                CallOptions& options) {
  if (items == 0) return Error{ErrorCode::kInvalidArgument, "a call without items"};
  const TimePoint now = Clock::now();
  if (options.arrived == TimePoint{}) options.arrived = now;
  const TimePoint latest = options.deadline.value_or(now + options_.timeout);
  if (latest <= now) {
    return Error{ErrorCode::kDeadlineExceeded, "the deadline had passed when the call came"};
  }
  const LanePool* lanes = lanes_of(entry);
  if (lanes == nullptr) return {};
  first.priority = options.priority;
  first.source = options.source;
  // A wait is bounded by the host's own timeout, the run behind it is not: a large model would
  // never be served.
  first.deadline = options.deadline;
  if (!options.deadline) first.start_by = latest;
  const Admission admission = lanes->admit(first, now);
  if (admission.accepted) return {};
  return Error{ErrorCode::kDeadlineExceeded,
               name_ + ": " + why_refused(admission, options.deadline, latest - now)};
}

// The requests a call starts with: a quarter of what is free at most, so that calls of thousands
// leave room for others. The last eighth of all is kept for sources that hold less than half.
Result<LoadedModel::Requests> LoadedModel::take(std::size_t items, SourceKey source) {
  const std::lock_guard lock(mutex_);
  if (closing_) return Error{ErrorCode::kCancelled, name_ + ": shutting down"};
  const std::size_t share = std::max<std::size_t>(1, requests_.free_count() / 4);
  Requests requests;
  requests.reserve(std::min(items, share));
  std::size_t& held = held_[source];
  while (requests.size() < std::min(items, share)) {
    const bool greedy = held + requests.size() >= requests_.size() / 2;
    if (greedy && requests_.free_count() <= requests_.size() / 8) break;
    auto request = requests_.try_acquire();
    if (!request) break;
    requests.push_back(std::move(request));
  }
  held += requests.size();
  if (held == 0) held_.erase(source);
  if (requests.empty()) {
    return Error{ErrorCode::kQueueFull,
                 fmt::format("{}: the {} places of the queue are taken; try again later", name_,
                             requests_.size())};
  }
  ++calls_;
  return requests;
}

Result<void> LoadedModel::check_confidence(std::optional<float> confidence) const {
  const float least = detector_.confidence;
  if (!confidence || *confidence >= least) return {};
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("confidence {}: this model was loaded with {}; ask for at least that",
                           *confidence, least)};
}

Result<CallHandle> LoadedModel::counting_refusals(const Entry& entry, std::size_t items,
                                                  Result<CallHandle> started) const {
  if (!started && options_.observer != nullptr) {
    options_.observer->refused(entry.name, started.error().code, items);
  }
  return started;
}

Result<CallHandle> LoadedModel::detect(DetectCall call, CallDone done) {
  SHOAL_TRY(check_confidence(call.options.confidence));
  const std::size_t items = call.items.size();
  auto started = guarding_memory("starting a call", [&] {
    return start_detect(std::move(call), std::move(done));
  });
  if (!started) started = try_again_later(std::move(started).error());
  return counting_refusals(boxes_, items, std::move(started));
}

// Requests are taken last: what has them is answered, and nothing fails any more.
Result<CallHandle> LoadedModel::start_detect(DetectCall call, CallDone done) {
  Request first;
  if (!call.items.empty()) {
    first.work = call.items.front().pixels.data == nullptr ? Work::kEncoded : Work::kPixels;
    first.borrowed = call.items.front().encoded;
    first.outcome.pixels.source_size = call.items.front().pixels.size;
  }
  SHOAL_TRY(check(boxes_, call.items.size(), first, call.options));
  auto items = std::make_shared<std::vector<PictureItem>>(std::move(call.items));
  const auto load = [items](Request& request, std::size_t index) {
    const PictureItem& item = (*items)[index];
    if (!item.name.empty()) request.packet.name = item.name;
    if (item.pixels.data == nullptr) {
      request.work = Work::kEncoded;
      request.borrowed = item.encoded;
      return;
    }
    request.work = Work::kPixels;
    // launch() answers where memory is short.
    Frame& frame = request.outcome.pixels;
    if (Result<void> copied = copy_pixels(frame, item.pixels); !copied) {
      request.outcome.error = try_again_later(copied.error());
    }
  };
  const SourceKey source = call.options.source;
  auto started = std::make_shared<Call>(Call::Parts{.runner = &boxes_,
                                                    .count = items->size(),
                                                    .load = load,
                                                    .owner = std::move(call.owner),
                                                    .options = std::move(call.options),
                                                    .timeout = options_.timeout,
                                                    .done = std::move(done)});
  CallHandle handle(started->cancelled());
  auto requests = SHOAL_TRY(take(items->size(), source));
  started->start(std::move(requests));
  return handle;
}

Result<CallHandle> LoadedModel::infer(TensorCall call, CallDone done) {
  const auto length = static_cast<std::size_t>(tensor_input_.shape.element_count());
  for (const auto& item : call.items) {
    if (item.size() == length) continue;
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: a tensor of {} values; expected {}", name_, item.size(), length)};
  }
  const std::size_t items = call.items.size();
  auto started = guarding_memory("starting a call", [&] {
    return start_infer(std::move(call), std::move(done));
  });
  if (!started) started = try_again_later(std::move(started).error());
  return counting_refusals(raw_, items, std::move(started));
}

// As start_detect().
Result<CallHandle> LoadedModel::start_infer(TensorCall call, CallDone done) {
  Request first;
  first.work = Work::kTensor;
  SHOAL_TRY(check(raw_, call.items.size(), first, call.options));
  auto items = std::make_shared<std::vector<std::span<const float>>>(std::move(call.items));
  const auto load = [items](Request& request, std::size_t index) {
    const std::span<const float> item = (*items)[index];
    request.work = Work::kTensor;
    request.borrowed = {reinterpret_cast<const std::uint8_t*>(item.data()), item.size_bytes()};
  };
  const SourceKey source = call.options.source;
  auto started = std::make_shared<Call>(Call::Parts{.runner = &raw_,
                                                    .count = items->size(),
                                                    .load = load,
                                                    .owner = std::move(call.owner),
                                                    .options = std::move(call.options),
                                                    .timeout = options_.timeout,
                                                    .done = std::move(done)});
  CallHandle handle(started->cancelled());
  SHOAL_TRY(begin_raw_loader());
  auto requests = SHOAL_TRY(take(items->size(), source));
  {
    const std::lock_guard lock(mutex_);
    if (raw_state_ != Raw::kReady) {
      waiting_.push_back({std::move(started), std::move(requests)});
      if (std::exchange(raw_state_, Raw::kLoading) == Raw::kAbsent) raw_wanted_.notify_one();
      return handle;
    }
  }
  started->start(std::move(requests));
  return handle;
}

Result<void> LoadedModel::begin_raw_loader() {
  const std::lock_guard lock(mutex_);
  if (closing_) return Error{ErrorCode::kCancelled, name_ + ": shutting down"};
  if (raw_loader_.joinable()) return {};
  try {
    raw_loader_ = std::thread([this] { load_raw_when_asked(); });
  } catch (const std::system_error& error) {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{}: no thread to load its raw network: {}", name_, error.what())};
  }
  return {};
}

void LoadedModel::load_raw_when_asked() {
  std::unique_lock lock(mutex_);
  for (;;) {
    raw_wanted_.wait(lock, [this] { return raw_state_ == Raw::kLoading || raw_loader_ends_; });
    if (raw_state_ != Raw::kLoading) return;
    lock.unlock();
    auto lanes = guarding_memory("loading the raw network", [this] {
      return load_raw_lanes(detector_, options_.load, options_.queue_limit);
    });
    lock.lock();
    if (lanes) {
      raw_.lanes = std::move(*lanes);
      raw_state_ = Raw::kReady;
    } else {
      raw_error_ = try_again_later(std::move(lanes).error());
      raw_state_ = Raw::kAbsent;  // the next call tries again
    }
    answering_.swap(waiting_);
    lock.unlock();
    for (WaitingCall& one : answering_) one.call->start(std::move(one.requests));
    answering_.clear();
    lock.lock();
  }
}

void LoadedModel::launch(Entry& entry, std::unique_ptr<Request> request) {
  if (request->outcome.error) {
    Error error = std::move(*request->outcome.error);
    return answer(std::move(request), std::move(error));
  }
  if (!entry.lanes) {  // on the loader's thread
    return answer(std::move(request), error_or_short(raw_error_->code, raw_error_->message));
  }
  if (request->work == Work::kEncoded) {
    const auto size = guarding_memory("probing", [&] {
      return PictureDecoder::probe(request->borrowed);
    });
    if (size && std::int64_t{size->width} * size->height > kLanePixels) {
      request->work = Work::kPixels;
      return decoders_->submit(std::move(request));
    }
  }
  // The queue has room for every request of the pool.
  entry.lanes->submit(std::move(request), Overflow::kReject);
}

void LoadedModel::record(Entry& entry, const Request& request, const CallOptions& options,
                         TimePoint answered) {
  entry.tally.count(request);
  if (options_.observer == nullptr) return;
  const Outcome& outcome = request.outcome;
  RequestRecord record{.request_id = options.request_id,
                       .model = entry.name,
                       .door = options.door,
                       .source = options.source_name,
                       .camera = options.camera(),
                       .unix_ns = unix_nanoseconds() - static_cast<std::int64_t>(
                                                          whole_nanoseconds(answered -
                                                                            request.started)),
                       .arrived = request.started,
                       .answered = answered,
                       .input = outcome.size,
                       .priority = request.priority,
                       .work = request.work,
                       .batch = outcome.batch,
                       .batch_size = outcome.batch_size,
                       .batch_max = entry.lanes ? entry.lanes->engine().batch_max()
                                                : detector_.batch_max,
                       .pad_waste = outcome.padding,
                       .times = outcome.times,
                       .device = "cpu",
                       .error = {},
                       .detections = static_cast<std::int64_t>(outcome.detections.items.size()),
                       .truncated = outcome.detections.truncated};
  if (outcome.error) record.error = outcome.error->code;
  options_.observer->observe(record);
}

int LoadedModel::retry_after_s() const {
  const double wait_ms = to_milliseconds(boxes_.lanes->expected_wait(Clock::now()));
  return std::clamp(static_cast<int>(wait_ms / 1000 + 1), 1, 60);
}

std::vector<PoolGauge> LoadedModel::pools() const {
  PoolGauge lanes = boxes_.lanes->memory();
  if (const LanePool* raw = lanes_of(raw_)) lanes.add(raw->memory());
  return {requests_.gauge(), lanes};
}

HostStatistics LoadedModel::statistics(bool raw) const {
  const Entry& entry = raw ? raw_ : boxes_;
  const LanePool* lanes = lanes_of(entry);
  HostStatistics all = entry.tally.with(lanes == nullptr ? LaneStats() : lanes->stats());
  if (lanes != nullptr) {
    all.waiting = lanes->waiting();
    all.lanes = lanes->lane_count();
    all.batch_max = lanes->engine().batch_max();
    all.idle_lanes = lanes->idle_lanes();
  }
  all.pending = requests_.size() - requests_.free_count();
  return all;
}

void LoadedModel::leave(SourceKey source, std::size_t requests) {
  const std::lock_guard lock(mutex_);
  const auto held = held_.find(source);
  held->second -= requests;
  if (held->second == 0) held_.erase(held);
  if (--calls_ == 0) idle_.notify_all();
}

bool LoadedModel::enter() {
  const std::lock_guard lock(mutex_);
  if (!closing_) ++calls_;
  return !closing_;
}

void LoadedModel::left() {
  const std::lock_guard lock(mutex_);
  if (--calls_ == 0) idle_.notify_all();
}

Result<std::unique_ptr<HostFeed>> LoadedModel::feed(FeedClient& client, FeedOptions options) {
  SHOAL_TRY(check_confidence(options.confidence));
  auto request = requests_.try_acquire();
  if (!request) {
    return Error{ErrorCode::kQueueFull,
                 fmt::format("{}: the {} places of the queue are taken (scheduler.queue_limit)",
                             name_, requests_.size())};
  }
  return std::make_unique<HostFeed>(boxes_, *boxes_.lanes, client, std::move(options),
                                    std::move(request));
}

void LoadedModel::close() {
  {
    std::unique_lock lock(mutex_);
    closing_ = true;
    idle_.wait(lock, [this] { return calls_ == 0; });
    raw_loader_ends_ = true;
    raw_wanted_.notify_one();
  }
  if (raw_loader_.joinable()) raw_loader_.join();
  decoders_->close();
  boxes_.lanes->close();
  if (raw_.lanes) raw_.lanes->close();
}

}  // namespace

Result<std::shared_ptr<ModelHost>> ModelHost::load(std::string name,
                                                   const DetectorOptions& detector,
                                                   const HostOptions& options) {
  EngineOptions engine = SHOAL_TRY(engine_options(detector));
  engine.wide_lane = options.bypass_lane;
  engine.plan_cache = options.plan_cache;
  engine.load = options.load;
  engine.execution = options.execution;
  const TimePoint begun = Clock::now();
  DetectorOptions roomy = detector;  // the lanes' queue has room for every request of the host
  roomy.requests_max = options.queue_limit;
  auto lanes = SHOAL_TRY(load_lanes(roomy, engine, options.limits, options.priority_ageing));
  auto host = std::make_shared<LoadedModel>(std::move(name), roomy, options, std::move(lanes));
  if (options.observer != nullptr) {
    const Duration taken = Clock::now() - begun;
    options.observer->model_loaded(host->name() + "_boxes", taken);
    options.observer->model_loaded(host->name(), taken);
  }
  return std::shared_ptr<ModelHost>(std::move(host));
}

}  // namespace shoal
