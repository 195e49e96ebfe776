#include "pipeline/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <utility>

#include "postprocess/postprocess.h"
#include "preprocess/letterbox.h"
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
  Check check{.name = "batch_invariance", .model = {}, .engine = {}, .ok = true, .detail = {}};
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
        check.ok = false;
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

struct Agreement {
  std::vector<float> pixels;  // largest difference of a matched box's four sides
  std::vector<float> scores;
  int unmatched = 0;
};

float overlap(const Box<SourceSpace>& a, const Box<SourceSpace>& b) {
  const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const float height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  const float common = std::max(0.0F, width) * std::max(0.0F, height);
  return common / std::max(1e-9F, a.area() + b.area() - common);
}

void compare(Agreement& agreement, const Detections& reference, const Detections& other) {
  for (const Detection& expected : reference.items) {
    const Detection* best = nullptr;
    for (const Detection& got : other.items) {
      if (got.class_id != expected.class_id) continue;
      if (best == nullptr || overlap(got.box, expected.box) > overlap(best->box, expected.box)) {
        best = &got;
      }
    }
    if (best == nullptr || overlap(best->box, expected.box) < 0.5F) {
      ++agreement.unmatched;
      continue;
    }
    agreement.pixels.push_back(std::max({std::abs(best->box.x1 - expected.box.x1),
                                         std::abs(best->box.y1 - expected.box.y1),
                                         std::abs(best->box.x2 - expected.box.x2),
                                         std::abs(best->box.y2 - expected.box.y2)}));
    agreement.scores.push_back(std::abs(best->confidence - expected.confidence));
  }
}

float median(std::vector<float> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Result<std::vector<Detections>> detect_all(const Engine& engine, InferLane& lane,
                                           const std::vector<Pixels>& pictures) {
  auto postprocess = SHOAL_TRY(Postprocess::create(engine.model().head, {}));
  const Size size = engine.buckets().front();
  const Letterbox whole = Letterbox::fit(size, size, engine.model().input.placement);
  std::vector<Detections> all(pictures.size());
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    fill(lane, 0, 0, pictures[i]);
    SHOAL_TRY(lane.run(0, 1));
    const HeadView head = lane.outputs(0, 0);
    SHOAL_TRY(postprocess.run({&all[i], 1}, {&head, 1}, {&whole, 1}));
  }
  return all;
}

}  // namespace

Result<Check> check_precision_agreement(const ModelSource& source, const EngineOptions& options,
                                        Precision precision) {
  EngineOptions single = options;
  single.batch_max = 1;
  single.precision = Precision::kFp32;
  const auto reference = SHOAL_TRY(load_engine(source, single));
  single.precision = precision;
  const auto other = SHOAL_TRY(load_engine(source, single));
  const auto pictures = generated_pictures(reference->buckets().front());
  const auto reference_lane = SHOAL_TRY(reference->create_lane());
  const auto other_lane = SHOAL_TRY(other->create_lane());
  const auto expected = SHOAL_TRY(detect_all(*reference, *reference_lane, pictures));
  const auto got = SHOAL_TRY(detect_all(*other, *other_lane, pictures));
  Agreement agreement;
  for (std::size_t i = 0; i < pictures.size(); ++i) compare(agreement, expected[i], got[i]);
  const float pixels = median(agreement.pixels);
  const float score = median(agreement.scores);
  Check check{.name = "precision_agreement", .model = reference->model().name,
              .engine = engine_label(*other, options), .ok = pixels <= 1 && score <= 0.02F,
              .detail = {}};
  check.detail = fmt::format(
      "fp32 against {}: {} boxes on {} pictures, median difference {:.2f} px and {:.4f} score, {} "
      "without a partner", to_string(precision), agreement.pixels.size(), kPictures, pixels, score,
      agreement.unmatched);
  return check;
}

}  // namespace shoal
