#include "pipeline/lane.h"

#include <pthread.h>

#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "core/check.h"

namespace shoal {
namespace {

// The answer's highest scores come first: what is below the caller's own threshold is a tail.
void drop_below(Detections& detections, float confidence) {
  auto& items = detections.items;
  while (!items.empty() && items.back().confidence <= confidence) items.pop_back();
}

}  // namespace

Lane::Lane(const Engine& engine, std::unique_ptr<InferLane> infer,
           std::optional<Postprocess> postprocess, Batcher& batcher, const LaneOptions& options)
    : engine_(engine),
      infer_(std::move(infer)),
      postprocess_(std::move(postprocess)),
      batcher_(batcher),
      options_(options) {
  const auto batch_max = static_cast<std::size_t>(options.batch_max);
  batch_.requests.reserve(batch_max);
  failed_.reserve(batch_max);
  letterboxes_.resize(batch_max);
  heads_.resize(batch_max);
  detections_.resize(batch_max);
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
  prepare(times);
  times.letterboxed = times.inferred = times.done = Clock::now();
  Result<void> result;
  if (!batch_.requests.empty()) {
    result = run(times);
    times.done = Clock::now();
    if (result) {
      batcher_.learn(batch_.bucket, static_cast<int>(batch_.requests.size()),
                     times.done - times.launched, options_.kind);
    }
    count_batch(times, result.has_value());
  }
  answer_all(times, result);
}

void Lane::answer_all(const Times& times, const Result<void>& result) {
  for (auto& request : failed_) {
    fill_outcome(*request, times);
    request->outcome.times.total = Clock::now() - request->started;
    answer(std::move(request));
  }
  failed_.clear();
  for (std::size_t i = 0; i < batch_.requests.size(); ++i) {
    auto request = std::move(batch_.requests[i]);
    fill_outcome(*request, times);
    if (!result) {
      answer(std::move(request), result.error());
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
  if (request.work != Work::kTensor) outcome.padding = request.geometry.padding();
  outcome.times.queue = times.launched - request.queued;
  if (request.work == Work::kEncoded) outcome.times.decode = times.decode;
  outcome.times.preprocess = times.letterboxed - times.launched - times.decode;
  outcome.times.inference = times.inferred - times.letterboxed;
  outcome.times.postprocess = times.done - times.inferred;
  outcome.times.total = times.done - request.started;
}

// Fills the network's input; requests that fail here leave the batch.
void Lane::prepare(Times& times) {
  auto& requests = batch_.requests;
  std::size_t live = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Result<void> ready = prepare_one(*requests[i], static_cast<int>(live), times.decode);
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
  if (request.work == Work::kEncoded) {
    if (!request.keep_pixels) frame = &frame_;
    SHOAL_TRY(decode_into(*frame, request, decode));
  }
  const LetterboxOptions options{.output_format = engine_.model().input.channels};
  return letterbox(input, frame->view(), request.geometry, options, scratch_);
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

Result<void> Lane::run(Times& times) {
  const std::size_t count = batch_.requests.size();
  SHOAL_TRY(infer_->run(batch_.bucket, static_cast<int>(count)));
  times.inferred = Clock::now();
  if (!postprocess_) {
    for (std::size_t i = 0; i < count; ++i) copy_tensors(*batch_.requests[i], static_cast<int>(i));
    return {};
  }
  for (std::size_t i = 0; i < count; ++i) {
    heads_[i] = infer_->outputs(batch_.bucket, static_cast<int>(i));
  }
  return postprocess_->run(std::span(detections_).first(count), std::span(heads_).first(count),
                           std::span(letterboxes_).first(count));
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

void Lane::count_batch(const Times& times, bool ran) {
  const std::lock_guard lock(mutex_);
  for (const auto& request : batch_.requests) counts_.queue.add(times.launched - request->queued);
  LaneStats::BySize& size = counts_.sizes[batch_.requests.size()];
  ++size.batches;
  ++counts_.close_reasons[static_cast<std::size_t>(batch_.reason)];
  if (!ran) return;
  counts_.pictures += static_cast<std::int64_t>(batch_.requests.size());
  const Duration preprocess = times.letterboxed - times.launched - times.decode;
  if (times.decode > Duration::zero()) counts_.decode.add(times.decode);
  counts_.preprocess.add(preprocess);
  counts_.inference.add(times.inferred - times.letterboxed);
  counts_.postprocess.add(times.done - times.inferred);
  size.preprocess += preprocess;
  size.inference += times.inferred - times.letterboxed;
  size.postprocess += times.done - times.inferred;
}

}  // namespace shoal
