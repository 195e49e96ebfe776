#include "pipeline/lane.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/memory_guard.h"

namespace shoal {
namespace {

// A frame of 4K fits.
constexpr std::size_t kFrameKept = std::size_t{32} << 20;  // bytes

// The answer's highest scores come first: what is below the caller's own threshold is a tail.
void drop_below(Detections& detections, float confidence) {
  auto& items = detections.items;
  while (!items.empty() && items.back().confidence <= confidence) items.pop_back();
}

}  // namespace

Lane::Lane(const Engine& engine, std::unique_ptr<InferLane> infer,
           std::optional<Postprocess> postprocess, Batcher& batcher, MemoryCeilings& ceilings,
           const LaneOptions& options)
    : engine_(engine),
      infer_(std::move(infer)),
      postprocess_(std::move(postprocess)),
      batcher_(batcher),
      ceilings_(ceilings),
      options_(options) {
  const auto batch_max = static_cast<std::size_t>(options.batch_max);
  batch_.requests.reserve(batch_max);
  failed_.reserve(batch_max);
  letterboxes_.resize(batch_max);
  heads_.resize(batch_max);
  detections_.resize(batch_max);
  errors_.resize(batch_max);
  if (postprocess_) {
    const auto det_max = static_cast<std::size_t>(postprocess_->options().max_det);
    for (Detections& one : detections_) one.items.reserve(det_max);
  }
  counts_.sizes.resize(batch_max + 1);
}

void Lane::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), ("lane-" + std::to_string(options_.index)).c_str());
    while (batcher_.next(batch_, options_.kind)) {
      answer_dropped();
      if (!batch_.requests.empty()) serve();
    }
  });
}

void Lane::join() {
  if (thread_.joinable()) thread_.join();
}

void Lane::add_to(LaneStats& stats) const {
  const std::lock_guard lock(mutex_);
  stats.merge(counts_);
}

// Those that nobody waits for any more.
void Lane::answer_dropped() {
  for (Dropped& dropped : batch_.dropped) {
    const TimePoint now = Clock::now();
    dropped.request->outcome.times.queue = now - dropped.request->queued;
    dropped.request->outcome.times.total = now - dropped.request->started;
    if (dropped.reason == DropReason::kExpired) {
      answer(std::move(dropped.request), {ErrorCode::kDeadlineExceeded,
                                          "its deadline passed while it waited for a lane"});
    } else {
      answer(std::move(dropped.request), {ErrorCode::kCancelled, "the caller went away"});
    }
  }
  batch_.dropped.clear();
}

// Runs batch_ and answers every request of it.
void Lane::serve() {
  Times times;
  times.launched = Clock::now();
  parts_ = retries_ = 0;
  prepare(times);
  times.letterboxed = times.done = Clock::now();
  if (!batch_.requests.empty()) {
    run_in_parts(times);
    times.done = Clock::now();
    const int count = static_cast<int>(batch_.requests.size());
    if (parts_ == 1 && retries_ == 0 && !errors_.front()) {
      batcher_.learn(batch_.bucket, count, times.done - times.launched, options_.kind);
    }
    count_batch(times);
  }
  answer_all(times);
  shed_large_buffers();
}

void Lane::answer_all(const Times& times) {
  for (auto& request : failed_) {
    fill_outcome(*request, times);
    request->outcome.times.total = Clock::now() - request->started;
    answer(std::move(request));
  }
  failed_.clear();
  for (std::size_t i = 0; i < batch_.requests.size(); ++i) {
    auto request = std::move(batch_.requests[i]);
    fill_outcome(*request, times);
    if (errors_[i]) {
      answer(std::move(request), *std::exchange(errors_[i], std::nullopt));
      continue;
    }
    if (postprocess_) {
      std::swap(request->outcome.detections, detections_[i]);
      if (request->confidence) drop_below(request->outcome.detections, *request->confidence);
    }
    answer(std::move(request));
  }
  batch_.requests.clear();
}

void Lane::fill_outcome(Request& request, const Times& times) const {
  Outcome& outcome = request.outcome;
  outcome.batch_size = static_cast<int>(batch_.requests.size());
  outcome.batch.id = batch_.id;
  outcome.batch.lane = options_.index;
  outcome.batch.close_reason = to_string(batch_.reason);
  outcome.batch.bucket = engine_.buckets()[batch_.bucket];
  outcome.batch.chunks = std::max(1, parts_);
  outcome.batch.retries = retries_;
  if (request.work != Work::kTensor) outcome.padding = request.geometry.padding();
  outcome.times.queue = times.launched - request.queued;
  if (request.work == Work::kEncoded) outcome.times.decode = times.decode;
  outcome.times.preprocess = times.preprocess();
  outcome.times.inference = times.inference();
  outcome.times.postprocess = times.postprocess;
  outcome.times.total = times.done - request.started;
}

// Fills the network's input; requests that fail here leave the batch.
void Lane::prepare(Times& times) {
  auto& requests = batch_.requests;
  std::size_t live = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto attempt = [&] {
      return guarding_memory("preparing a picture", [&] {
        return prepare_one(*requests[i], static_cast<int>(live), times.decode);
      });
    };
    Result<void> ready = attempt();
    if (!ready && ready.error().code == ErrorCode::kOutOfMemory) {
      // Others may have given memory back by now; what this lane can spare goes first.
      ++retries_;
      drop_buffers();
      ready = attempt();
    }
    if (!ready) {
      requests[i]->outcome.detections.items.clear();
      requests[i]->outcome.error = std::move(ready).error();
      failed_.push_back(std::move(requests[i]));
      continue;
    }
    letterboxes_[live] = requests[i]->geometry;
    if (live != i) requests[live] = std::move(requests[i]);
    ++live;
  }
  requests.resize(live);
}

Result<void> Lane::prepare_one(Request& request, int slot, Duration& decode) {
  if (request.is_cancelled()) return Error{ErrorCode::kCancelled, "the caller went away"};
  const std::span<std::uint8_t> input = infer_->input(batch_.bucket, slot);
  if (request.work == Work::kTensor) {
    SHOAL_CHECK(request.borrowed.size() == input.size(), "the door checked the tensor's length");
    std::memcpy(input.data(), request.borrowed.data(), input.size());
    return {};
  }
  Frame* frame = &request.outcome.pixels;
  if (request.work == Work::kNewest) SHOAL_TRY(fetch(request));
  if (request.work == Work::kEncoded) {
    if (!request.keep_pixels) frame = &frame_;
    SHOAL_TRY(decode_into(*frame, request, decode));
  }
  const LetterboxOptions options{.output_format = engine_.model().input.channels};
  return letterbox(input, frame->view(), request.geometry, options, scratch_);
}

// The newest picture, which need not have the size that the bucket was chosen by.
Result<void> Lane::fetch(Request& request) const {
  if (!request.supply->supply(request)) return Error{ErrorCode::kCancelled, "no picture any more"};
  const Size size = request.outcome.pixels.source_size;
  request.outcome.size = size;
  request.geometry = Letterbox::fit(size, engine_.buckets()[batch_.bucket],
                                    engine_.model().input.placement);
  return {};
}

Result<void> Lane::decode_into(Frame& frame, Request& request, Duration& decode) {
  const TimePoint begun = Clock::now();
  auto report = decoder_.decode(frame, request.borrowed, request.packet.name,
                                {.limits = options_.limits, .buckets = {}});
  decode += Clock::now() - begun;
  if (!report) return std::move(report).error();
  request.outcome.damaged = std::move(report->damaged);
  request.outcome.size = frame.source_size;
  request.geometry = Letterbox::fit(frame.source_size, engine_.buckets()[batch_.bucket],
                                    engine_.model().input.placement);
  return {};
}

// The whole batch in one run where memory allows it. A run that fails for want of memory is tried
// again in halves, down to single pictures; what then still fails is that picture's error.
void Lane::run_in_parts(Times& times) {
  const int count = static_cast<int>(batch_.requests.size());
  int size = std::min(count, ceilings_.allowed(batch_.bucket, times.letterboxed));
  bool again = false;  // the picture at `first` has failed alone once
  for (int first = 0; first < count;) {
    const int part = std::min(size, count - first);
    const Result<void> result =
        guarding_memory("running a batch", [&] { return run(first, part, times); });
    if (!result && result.error().code == ErrorCode::kOutOfMemory) {
      ++retries_;
      ceilings_.failed(batch_.bucket, part, Clock::now());
      if (part > 1 || !again) {
        again = part == 1;
        // Another lane may have learned more meanwhile.
        size = std::clamp(part / 2, 1, ceilings_.allowed(batch_.bucket, Clock::now()));
        continue;
      }
    }
    ++parts_;
    if (!result) fail_slots(first, part, result.error());
    again = false;
    first += part;
  }
}

Result<void> Lane::run(int first, int count, Times& times) {
  SHOAL_TRY(infer_->run_slots(batch_.bucket, first, count));
  const TimePoint inferred = Clock::now();
  const auto begin = static_cast<std::size_t>(first);
  const auto part = static_cast<std::size_t>(count);
  Result<void> result;
  if (!postprocess_) {
    for (std::size_t i = begin; i < begin + part; ++i) {
      copy_tensors(*batch_.requests[i], static_cast<int>(i));
    }
  } else {
    for (std::size_t i = begin; i < begin + part; ++i) {
      heads_[i] = infer_->outputs(batch_.bucket, static_cast<int>(i));
    }
    result = postprocess_->run(std::span(detections_).subspan(begin, part),
                               std::span(heads_).subspan(begin, part),
                               std::span(letterboxes_).subspan(begin, part));
  }
  times.postprocess += Clock::now() - inferred;
  return result;
}

void Lane::fail_slots(int first, int count, const Error& error) {
  for (int i = first; i < first + count; ++i) {
    std::optional<Error>& slot = errors_[static_cast<std::size_t>(i)];
    try {
      slot = error;
    } catch (const std::bad_alloc&) {
      slot = Error{error.code, "out of memory"};
    }
  }
}

// Buffers that grow with the pictures, and are cheap to get again.
void Lane::drop_buffers() {
  frame_.pixels = PixelBuffer();
  scratch_ = LetterboxScratch();
}

// One enormous picture must not stay as memory that nobody uses.
void Lane::shed_large_buffers() {
  if (frame_.pixels.capacity() > kFrameKept) drop_buffers();
}

void Lane::copy_tensors(Request& request, int slot) const {
  const HeadView outputs = infer_->outputs(batch_.bucket, slot);
  request.tensor_out.resize(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    request.tensor_out[i].shape = outputs[i].shape;
    request.tensor_out[i].values.assign(
        outputs[i].data, outputs[i].data + outputs[i].shape.element_count());
  }
}

void Lane::count_batch(const Times& times) {
  const std::lock_guard lock(mutex_);
  for (const auto& request : batch_.requests) counts_.queue.add(times.launched - request->queued);
  LaneStats::BySize& size = counts_.sizes[batch_.requests.size()];
  ++size.batches;
  ++counts_.close_reasons[static_cast<std::size_t>(batch_.reason)];
  counts_.parts += parts_;
  counts_.memory_failures += retries_;
  std::int64_t ran = 0;
  for (std::size_t i = 0; i < batch_.requests.size(); ++i) ran += errors_[i] ? 0 : 1;
  counts_.pictures += ran;
  if (ran == 0) return;
  if (times.decode > Duration::zero()) counts_.decode.add(times.decode);
  counts_.preprocess.add(times.preprocess());
  counts_.inference.add(times.inference());
  counts_.postprocess.add(times.postprocess);
  size.preprocess += times.preprocess();
  size.inference += times.inference();
  size.postprocess += times.postprocess;
}

}  // namespace shoal
