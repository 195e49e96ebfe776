// Decode, drop what lies in the padding, suppress, map to the picture: for each picture alone.
#include "postprocess/postprocess.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

namespace shoal {
namespace {

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, "postprocess: " + std::move(message)};
}

Result<void> validate(const HeadDescription& head, const PostprocessOptions& options) {
  const auto in_unit = [](float value) { return value >= 0 && value <= 1; };  // false for NaN
  if (!in_unit(options.confidence)) {
    return invalid("confidence is " + std::to_string(options.confidence) + "; expected 0 to 1");
  }
  if (!in_unit(options.iou)) {
    return invalid("iou is " + std::to_string(options.iou) + "; expected 0 to 1");
  }
  constexpr std::int32_t kMost = 1 << 20;
  if (options.max_det < 1 || options.max_det > kMost) {
    return invalid("max_det is " + std::to_string(options.max_det) + "; expected 1 to 2^20");
  }
  if (options.max_candidates < 1 || options.max_candidates > kMost) {
    return invalid("max_candidates is " + std::to_string(options.max_candidates) +
                   "; expected 1 to 2^20");
  }
  if (head.class_count < 1 || head.levels.empty()) {
    return invalid("the head has " + std::to_string(head.class_count) + " classes and " +
                   std::to_string(head.levels.size()) + " levels");
  }
  for (const std::int32_t id : options.classes) {
    if (id < 0 || id >= head.class_count) {
      return invalid("class " + std::to_string(id) + " is not one of the model's " +
                     std::to_string(head.class_count));
    }
  }
  return {};
}

Error out_of_memory() {
  return Error{ErrorCode::kOutOfMemory, "postprocess: no memory for candidates"};
}

// Keeps what overlaps the content's rectangle, in order.
void drop_padding(Candidates& candidates, const Letterbox& letterbox) {
  const auto left = static_cast<float>(letterbox.left);
  const auto top = static_cast<float>(letterbox.top);
  const auto right = static_cast<float>(letterbox.left + letterbox.content.width);
  const auto bottom = static_cast<float>(letterbox.top + letterbox.content.height);
  std::size_t count = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates.x2[i] <= left || candidates.x1[i] >= right || candidates.y2[i] <= top ||
        candidates.y1[i] >= bottom) {
      continue;
    }
    if (count != i) {
      for (auto* column : {&candidates.x1, &candidates.y1, &candidates.x2, &candidates.y2,
                           &candidates.score}) {
        (*column)[count] = (*column)[i];
      }
      candidates.class_id[count] = candidates.class_id[i];
      candidates.anchor[count] = candidates.anchor[i];
    }
    ++count;
  }
  candidates.resize(count);
}

}  // namespace

Result<void> Postprocess::check(const HeadDescription& head, const PostprocessOptions& options) {
  return validate(head, options);
}

Result<Postprocess> Postprocess::create(HeadDescription head, PostprocessOptions options) {
  SHOAL_TRY(validate(head, options));
  try {
    Postprocess postprocess(std::move(head), std::move(options));
    postprocess.prepare(1);
    return postprocess;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Postprocess::Postprocess(HeadDescription head, PostprocessOptions options)
    : head_(std::move(head)), options_(std::move(options)) {
  decode_options_ = {.confidence = options_.confidence,
                     .multi_label = options_.multi_label,
                     .classes = options_.classes,
                     .max_candidates = options_.max_candidates};
  nms_options_ = {
      .iou = options_.iou, .max_det = options_.max_det, .agnostic = options_.agnostic};
}

// Reserves for the worst picture; pages that are never written cost no memory.
void Postprocess::prepare(std::size_t batch_size) {
  const auto candidates = static_cast<std::size_t>(options_.max_candidates);
  const std::size_t kept = std::min(candidates, static_cast<std::size_t>(options_.max_det));
  nms_scratch_.reserve(candidates, static_cast<std::size_t>(head_.class_count), kept);
  if (batch_size <= prepared_) return;
  candidates_.resize(batch_size);
  kept_.resize(batch_size);
  for (Candidates& one : candidates_) one.reserve(candidates);
  for (Kept& one : kept_) one.indices.reserve(kept);
  prepared_ = batch_size;  // last: what threw on the way is done again
}

Result<void> Postprocess::run(std::span<Detections> out, std::span<const HeadView> heads,
                              std::span<const Letterbox> letterboxes) {
  for (Detections& one : out) {
    one.items.clear();
    one.truncated = false;
  }
  const std::size_t count = out.size();
  if (heads.size() != count || letterboxes.size() != count) {
    return invalid(std::to_string(heads.size()) + " heads and " +
                   std::to_string(letterboxes.size()) + " letterboxes for " +
                   std::to_string(count) + " pictures");
  }
  try {
    prepare(count);
    for (std::size_t i = 0; i < count; ++i) {
      SHOAL_TRY(decode_boxes(candidates_[i], heads[i], head_, letterboxes[i].network,
                             decode_options_, decode_scratch_));
      drop_padding(candidates_[i], letterboxes[i]);
    }
    if (head_.needs_nms()) {
      nms(std::span(kept_).first(count), std::span(candidates_).first(count), nms_options_,
          nms_scratch_);
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        keep_best(kept_[i], candidates_[i], options_.max_det, nms_scratch_);
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      write(out[i], candidates_[i], kept_[i], letterboxes[i]);
    }
  } catch (const std::bad_alloc&) {
    for (Detections& one : out) one.items.clear();
    return out_of_memory();
  }
  return {};
}

void Postprocess::write(Detections& out, const Candidates& candidates, const Kept& kept,
                        const Letterbox& letterbox) const {
  // One allocation in the life of `out` for the usual max_det.
  constexpr std::size_t kUsual = 300;
  if (out.items.capacity() < kept.indices.size()) {
    out.items.reserve(std::max(
        kept.indices.size(), std::min(kUsual, static_cast<std::size_t>(options_.max_det))));
  }
  for (const std::uint32_t i : kept.indices) {
    const Box<NetworkSpace> box{candidates.x1[i], candidates.y1[i], candidates.x2[i],
                                candidates.y2[i]};
    out.items.push_back({.box = letterbox.to_source(box),
                         .confidence = candidates.score[i],
                         .class_id = candidates.class_id[i],
                         .track_id = std::nullopt});
  }
  out.truncated = candidates.truncated || kept.truncated;
}

}  // namespace shoal
