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

Error error_of(DropReason reason) {
  switch (reason) {
    case DropReason::kExpired:
      return error_or_short(ErrorCode::kDeadlineExceeded,
                            "its deadline passed while it waited for a lane");
    case DropReason::kHopeless:
      return error_or_short(ErrorCode::kDeadlineExceeded,
                            "it waits for a lane and can no longer be answered by its deadline; "
                            "try again later");
    case DropReason::kCancelled: break;
  }
  return error_or_short(ErrorCode::kCancelled, "the caller went away");
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
  batch_.dropped.reserve(kDroppedAtOnce);
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
    answer(std::move(dropped.request), error_of(dropped.reason));
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
    count_batch(times);
  }
  const int count = static_cast<int>(batch_.requests.size());
  const bool typical = count > 0 && parts_ == 1 && retries_ == 0 && !errors_.front();
  answer_all(times);
  // The answers belong to it: those who wait for the lane wait for them too.
  if (typical) {
    batcher_.learn(batch_.bucket, count, Clock::now() - times.launched, options_.kind);
  }
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

// A camera's frame may have been ready only after the launch that it was fetched for.
Duration Lane::queue_time(const Request& request, const Times& times) {
  return std::max(times.launched - request.queued, Duration::zero());
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
  outcome.times.queue = queue_time(request, times);
  if (request.work == Work::kEncoded) outcome.times.decode = times.decode;
  outcome.times.preprocess = times.preprocess();
  outcome.times.inference = times.inference();
  outcome.times.postprocess = times.postprocess;
  outcome.times.total = times.done - request.started;
}

// Fills the network's input; requests that fail here leave the batch. A picture is fetched and
// decoded once, whatever becomes of it: a camera's frame that was fetched is gone from its slot.
// Only the letterbox, which reads what is there, is tried again where memory was short.
void Lane::prepare(Times& times) {
  auto& requests = batch_.requests;
  std::size_t live = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Request& request = *requests[i];
    Result<void> ready = guarding_memory("fetching a picture", [&] {
      return fetch(request, times.decode);
    });
    if (ready) {
      const auto attempt = [&] {
        return guarding_memory("preparing a picture", [&] {
          return fill_input(request, static_cast<int>(live));
        });
      };
      ready = attempt();
      if (!ready && ready.error().code == ErrorCode::kOutOfMemory) {
        // Others may have given memory back by now; what this lane can spare goes first.
        ++retries_;
        scratch_ = LetterboxScratch();
        ready = attempt();
      }
    }
    if (!ready) {
      Error error = std::move(ready).error();
      const bool in_size =
          error.code == ErrorCode::kOutOfMemory &&
          !(request.work == Work::kEncoded &&
            PictureDecoder::is_too_large(request.borrowed, options_.limits));
      if (in_size) error = try_again_later(std::move(error));
      request.outcome.detections.items.clear();
      request.outcome.error = std::move(error);
      failed_.push_back(std::move(requests[i]));
      continue;
    }
    letterboxes_[live] = requests[i]->geometry;
    if (live != i) requests[live] = std::move(requests[i]);
    ++live;
  }
  requests.resize(live);
}

// The picture as pixels, where it does not come as such.
Result<void> Lane::fetch(Request& request, Duration& decode) {
  if (request.is_cancelled()) return Error{ErrorCode::kCancelled, "the caller went away"};
  if (request.work == Work::kNewest) return fetch_newest(request);
  if (request.work == Work::kEncoded) return decode_into(pixels_of(request), request, decode);
  return {};
}

Frame& Lane::pixels_of(Request& request) {
  return request.work == Work::kEncoded && !request.keep_pixels ? frame_
                                                                : request.outcome.pixels;
}

Result<void> Lane::fill_input(Request& request, int slot) {
  const std::span<std::uint8_t> input = infer_->input(batch_.bucket, slot);
  if (request.work == Work::kTensor) {
    SHOAL_CHECK(request.borrowed.size() == input.size(), "the door checked the tensor's length");
    std::memcpy(input.data(), request.borrowed.data(), input.size());
    return {};
  }
  const LetterboxOptions options{.output_format = engine_.model().input.channels};
  return letterbox(input, pixels_of(request).view(), request.geometry, options, scratch_);
}

// The newest picture, which need not have the size that the bucket was chosen by.
Result<void> Lane::fetch_newest(Request& request) const {
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
    errors_[static_cast<std::size_t>(i)] =
        try_again_later(error_or_short(error.code, error.message));
  }
}

// One enormous picture must not stay as memory that nobody uses.
void Lane::shed_large_buffers() {
  if (frame_.pixels.capacity() <= kFrameKept) return;
  frame_.pixels = PixelBuffer();
  scratch_ = LetterboxScratch();
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
  for (const auto& request : batch_.requests) counts_.queue.add(queue_time(*request, times));
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
