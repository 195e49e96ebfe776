#include "pipeline/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

#include "pipeline/lane_pool.h"
#include "pipeline/run.h"
#include "source/board.h"

namespace shoal {
namespace {

constexpr int kPictures = 16;
using Pixels = std::vector<std::uint8_t>;   // one network input, u8 [h, w, 3]
using Outputs = std::vector<std::vector<float>>;  // one a tensor

Pixels plain(Size size, std::uint8_t level) {
  return Pixels(static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height) * 3,
                level);
}

Pixels noise(Size size, unsigned seed) {
  Pixels pixels = plain(size, 0);
  std::mt19937 random(seed);
  for (auto& value : pixels) value = static_cast<std::uint8_t>(random());
  return pixels;
}

Pixels board(Size size, std::uint64_t seed) {
  return draw_board({.width = size.width, .height = size.height, .seed = seed}).rgb;
}

// Boards, with a plain and a noisy picture among them.
std::vector<Pixels> generated_pictures(Size size) {
  std::vector<Pixels> pictures;
  for (int i = 0; i < kPictures; ++i) {
    if (i % 8 == 1) {
      pictures.push_back(plain(size, 114));
    } else if (i % 8 == 5) {
      pictures.push_back(noise(size, static_cast<unsigned>(i)));
    } else {
      pictures.push_back(board(size, static_cast<std::uint64_t>(i) + 1));
    }
  }
  return pictures;
}

void fill(InferLane& lane, std::size_t bucket, int slot, const Pixels& pixels) {
  std::copy(pixels.begin(), pixels.end(), lane.input(bucket, slot).begin());
}

Outputs copy_outputs(const InferLane& lane, std::size_t bucket, int slot) {
  Outputs outputs;
  for (const TensorView& tensor : lane.outputs(bucket, slot)) {
    outputs.emplace_back(tensor.data, tensor.data + tensor.shape.element_count());
  }
  return outputs;
}

bool bit_equal(const Outputs& a, const InferLane& lane, std::size_t bucket, int slot) {
  const HeadView b = lane.outputs(bucket, slot);
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(a[i].data(), b[i].data, a[i].size() * sizeof(float)) != 0) return false;
  }
  return true;
}

// What the network says of each picture when it is alone.
Result<std::vector<Outputs>> run_alone(InferLane& lane, std::size_t bucket,
                                       const std::vector<Pixels>& pictures) {
  std::vector<Outputs> outputs;
  for (const Pixels& pixels : pictures) {
    fill(lane, bucket, 0, pixels);
    SHOAL_TRY(lane.run(bucket, 1));
    outputs.push_back(copy_outputs(lane, bucket, 0));
  }
  return outputs;
}

// Where a picture's outputs first depend on its batch; empty where they never do.
Result<std::string> first_difference(InferLane& lane, std::size_t bucket, int batch,
                                     const std::vector<Pixels>& pictures,
                                     const std::vector<Outputs>& alone) {
  // Shifting the start by one puts every picture at every position, with an odd last batch.
  for (int shift = 0; shift < batch; ++shift) {
    for (int begin = shift; begin < kPictures; begin += batch) {
      const int count = std::min(batch, kPictures - begin);
      for (int slot = 0; slot < count; ++slot) {
        fill(lane, bucket, slot, pictures[static_cast<std::size_t>(begin + slot)]);
      }
      SHOAL_TRY(lane.run(bucket, count));
      for (int slot = 0; slot < count; ++slot) {
        const int picture = begin + slot;
        if (!bit_equal(alone[static_cast<std::size_t>(picture)], lane, bucket, slot)) {
          return fmt::format("picture {} at position {} of a batch of {} (batch_max {}) differs "
                             "from the same picture alone", picture, slot, count, batch);
        }
      }
    }
  }
  return std::string();
}

std::string engine_label(const Engine& engine, const EngineOptions& options) {
  const std::string name = options.name == "auto" ? "openvino" : options.name;
  return fmt::format("{} {}", name, to_string(engine.precision()));
}

}  // namespace

Result<Check> check_batch_invariance(const ModelSource& source, const EngineOptions& options,
                                     const std::vector<int>& batches) {
  Check check{.name = "batch_invariance", .model = {}, .engine = {},
              .outcome = CheckOutcome::kOk, .detail = {}};
  std::vector<std::vector<Pixels>> pictures;  // [buckets]
  std::vector<std::vector<Outputs>> alone;    // [buckets]
  std::string sizes;
  for (const int batch : batches) {
    EngineOptions sized = options;
    sized.batch_max = batch;
    const auto engine = SHOAL_TRY(load_engine(source, sized));
    const auto lane = SHOAL_TRY(engine->create_lane());
    check.model = engine->model().name;
    check.engine = engine_label(*engine, options);
    sizes += fmt::format(" {}", batch);
    for (std::size_t bucket = 0; bucket < engine->buckets().size(); ++bucket) {
      if (pictures.size() <= bucket) {
        pictures.push_back(generated_pictures(engine->buckets()[bucket]));
        alone.push_back(SHOAL_TRY(run_alone(*lane, bucket, pictures[bucket])));
      }
      const std::string difference = SHOAL_TRY(
          first_difference(*lane, bucket, batch, pictures[bucket], alone[bucket]));
      if (!difference.empty()) {
        check.outcome = CheckOutcome::kFailed;
        check.detail = difference;
        return check;
      }
    }
  }
  check.detail = fmt::format("batch{} at every position, odd last batches, plain and noisy "
                             "neighbours: bit-equal", sizes);
  return check;
}

namespace {

constexpr int kBoards = 24;  // with some defects each that a model of boards finds

struct Found {
  std::string model;
  std::string engine;
  std::vector<PictureBoxes> pictures;
  std::int64_t failed = 0;  // pictures that could not be read
  std::string failure;      // of the first of them
};

// Boards of the network's own size, on one lane.
Result<void> detect_boards(Found& found, Engine& engine, const PostprocessOptions& boxes) {
  const auto lane = SHOAL_TRY(engine.create_lane());
  auto postprocess = SHOAL_TRY(Postprocess::create(engine.model().head, boxes));
  const Size size = engine.buckets().front();
  const Letterbox whole = Letterbox::fit(size, size, engine.model().input.placement);
  for (int i = 0; i < kBoards; ++i) {
    fill(*lane, 0, 0, board(size, static_cast<std::uint64_t>(i) + 1));
    SHOAL_TRY(lane->run(0, 1));
    const HeadView head = lane->outputs(0, 0);
    Detections& detections = found.pictures.emplace_back().boxes;
    SHOAL_TRY(postprocess.run({&detections, 1}, {&head, 1}, {&whole, 1}));
  }
  return {};
}

float network_scale(const Engine& engine, Size picture) {
  const Placement placement = engine.model().input.placement;
  const Size bucket = engine.buckets()[choose_bucket(picture, engine.buckets(), placement)];
  const Size content = Letterbox::fit(picture, bucket, placement).content;
  return std::max(static_cast<float>(content.width) / static_cast<float>(picture.width),
                  static_cast<float>(content.height) / static_cast<float>(picture.height));
}

Result<void> detect_inputs(Found& found, std::unique_ptr<Engine> engine,
                           const PostprocessOptions& boxes, const AgreementPictures& pictures) {
  const auto lanes = SHOAL_TRY(LanePool::create(std::move(engine), {.postprocess = boxes}));
  RunOptions options;
  options.reader.inputs = pictures.inputs;
  options.decode_threads = pictures.decode_threads;
  options.on_outcome = [&](const Outcome& outcome) {
    PictureBoxes& picture = found.pictures.emplace_back();
    if (outcome.error) return;
    picture.boxes = outcome.detections;
    picture.network_scale = network_scale(lanes->engine(), outcome.size);
  };
  const RunSummary summary = run_inputs(*lanes, options);
  found.failed = summary.failed;
  if (!summary.failures.empty()) found.failure = summary.failures.front();
  if (summary.failed < summary.pictures) return {};
  return Error{ErrorCode::kNotFound,
               found.failure.empty() ? "there are no pictures to compare" : found.failure};
}

Result<Found> detect_all(const ModelSource& source, const EngineOptions& options,
                         const PostprocessOptions& boxes, const AgreementPictures& pictures) {
  auto engine = SHOAL_TRY(load_engine(source, options));
  Found found;
  found.model = engine->model().name;
  found.engine = engine_label(*engine, options);
  if (pictures.inputs.empty()) {
    SHOAL_TRY(detect_boards(found, *engine, boxes));
  } else {
    SHOAL_TRY(detect_inputs(found, std::move(engine), boxes, pictures));
  }
  return found;
}

}  // namespace

Result<Check> check_precision_agreement(const ModelSource& source, const EngineOptions& options,
                                        const PostprocessOptions& boxes,
                                        const AgreementPictures& pictures, Precision precision) {
  PostprocessOptions lower = boxes;
  lower.confidence = std::max(0.0F, boxes.confidence - kThresholdSlack);
  EngineOptions single = options;
  single.batch_max = 1;
  single.precision = Precision::kFp32;
  const Found reference = SHOAL_TRY(detect_all(source, single, lower, pictures));
  single.precision = precision;
  const Found other = SHOAL_TRY(detect_all(source, single, lower, pictures));
  if (reference.pictures.size() != other.pictures.size()) {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("the inputs gave {} pictures, and {} when they were read again",
                             reference.pictures.size(), other.pictures.size())};
  }
  const Agreement agreement =
      compare_boxes(reference.pictures, other.pictures, boxes.confidence);
  Check check{.name = "precision_agreement", .model = reference.model, .engine = other.engine,
              .outcome = judge(agreement), .detail = {}};
  check.detail = fmt::format("fp32 against {}: {}", to_string(precision),
                             agreement_text(agreement));
  if (reference.failed > 0) {
    check.detail += fmt::format("; {} pictures could not be read, the first: {}", reference.failed,
                                reference.failure);
  }
  return check;
}

}  // namespace shoal
