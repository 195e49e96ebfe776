// Time of postprocessing on one thread: decoding and NMS of a [84, 8400] head as evaluation runs
// it (confidence 0.001, every class above it) and as detection does (0.25), from a generator that
// imitates a busy street: clusters of anchors round objects, tails of low scores elsewhere.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "postprocess/box_decode.h"
#include "postprocess/nms.h"
#include "postprocess/postprocess.h"

namespace shoal {
namespace {

constexpr int kClasses = 80;
constexpr Size kNetwork{640, 640};

struct Street {
  std::vector<float> values;  // [84, 8400]
  TensorView tensor;
};

// `objects` boxes of random size; anchors near one see it with a score that falls with distance,
// and its class's relatives with less. The floor of all other scores is lognormal about 2e-5, so
// that a fraction passes 0.001, as in real heads.
Street make_street(int objects, double floor_sigma) {
  std::mt19937 random(20260105);
  const auto uniform = [&] { return static_cast<double>(random()) / 4294967296.0; };
  std::normal_distribution<double> normal;
  constexpr std::size_t kAnchors = 8400;
  Street street;
  street.values.resize((4 + kClasses) * kAnchors);
  struct Object {
    double x, y, w, h;
    std::size_t class_id;
  };
  std::vector<Object> all;
  for (int i = 0; i < objects; ++i) {
    all.push_back({uniform() * 640, uniform() * 640, 15 + 120 * uniform() * uniform(),
                   15 + 160 * uniform() * uniform(), random() % 3 * 2});
  }
  std::size_t anchor = 0;
  for (const int stride : {8, 16, 32}) {
    for (int row = 0; row < 640 / stride; ++row) {
      for (int column = 0; column < 640 / stride; ++column, ++anchor) {
        const double x = (column + 0.5) * stride;
        const double y = (row + 0.5) * stride;
        const Object* nearest = &all[0];
        double best = 1e9;
        for (const Object& object : all) {
          const double distance = std::hypot((x - object.x) / object.w, (y - object.y) / object.h);
          if (distance < best) {
            best = distance;
            nearest = &object;
          }
        }
        const double jitter = 0.04 * normal(random);
        const double box[4] = {nearest->x + jitter * nearest->w, nearest->y + jitter * nearest->h,
                               nearest->w * (1 + jitter), nearest->h * (1 - jitter)};
        for (std::size_t i = 0; i < 4; ++i) {
          street.values[i * kAnchors + anchor] = static_cast<float>(box[i]);
        }
        const double seen = 0.9 * std::exp(-6 * best * best);
        for (std::size_t c = 0; c < kClasses; ++c) {
          double score = 2e-5 * std::exp(floor_sigma * normal(random));
          if (c == nearest->class_id) score += seen * uniform();
          if (c / 8 == nearest->class_id / 8) score += 0.02 * seen * uniform();
          street.values[(4 + c) * kAnchors + anchor] = static_cast<float>(std::min(score, 1.0));
        }
      }
    }
  }
  street.tensor.data = street.values.data();
  street.tensor.shape.rank = 2;
  street.tensor.shape.dims[0] = 4 + kClasses;
  street.tensor.shape.dims[1] = kAnchors;
  return street;
}

const Street& busy_street() {
  static const Street kStreet = make_street(60, 1.2);
  return kStreet;
}
const Street& noisy_street() {  // more candidates than max_candidates
  static const Street kStreet = make_street(120, 2.4);
  return kStreet;
}

HeadDescription head() {
  HeadDescription description;
  description.class_count = kClasses;
  description.levels = {{.stride = 0, .boxes = 0, .scores = 0}};
  return description;
}

struct Setting {
  float confidence = 0.25F;
  bool multi_label = false;
  bool agnostic = false;
  InstructionSet instructions = InstructionSet::kScalar;
};

void decode_and_suppress(benchmark::State& state, const Street& street, Setting setting) {
  const HeadDescription description = head();
  const std::vector<TensorView> outputs{street.tensor};
  const BoxDecodeOptions decode_options{.confidence = setting.confidence,
                                        .multi_label = setting.multi_label,
                                        .instructions = setting.instructions};
  const NmsOptions nms_options{.agnostic = setting.agnostic, .instructions = setting.instructions};
  Candidates candidates;
  Kept kept;
  BoxDecodeScratch decode_scratch;
  NmsScratch nms_scratch;
  for (auto _ : state) {
    if (!decode_boxes(candidates, outputs, description, kNetwork, decode_options,
                      decode_scratch)) {
      state.SkipWithError("decoding failed");
    }
    nms(kept, candidates, nms_options, nms_scratch);
    benchmark::DoNotOptimize(kept.indices.data());
  }
  state.counters["candidates"] = static_cast<double>(candidates.size());
  state.counters["kept"] = static_cast<double>(kept.indices.size());
}

void decode_alone(benchmark::State& state, const Street& street, Setting setting) {
  const HeadDescription description = head();
  const std::vector<TensorView> outputs{street.tensor};
  const BoxDecodeOptions options{.confidence = setting.confidence,
                                 .multi_label = setting.multi_label,
                                 .instructions = setting.instructions};
  Candidates candidates;
  BoxDecodeScratch scratch;
  for (auto _ : state) {
    if (!decode_boxes(candidates, outputs, description, kNetwork, options, scratch)) {
      state.SkipWithError("decoding failed");
    }
    benchmark::DoNotOptimize(candidates.score.data());
  }
  state.counters["candidates"] = static_cast<double>(candidates.size());
}

void register_all() {
  for (const auto set : {InstructionSet::kScalar, InstructionSet::kAvx2, InstructionSet::kAvx512}) {
    if (set > best_instruction_set()) continue;
    const std::string name(to_string(set));
    const auto add = [&](const std::string& what, auto function, const Street& (*street)(),
                         Setting setting) {
      setting.instructions = set;
      benchmark::RegisterBenchmark(
          (what + "/" + name).c_str(),
          [=](benchmark::State& state) { function(state, street(), setting); })
          ->Unit(benchmark::kMillisecond);
    };
    const Setting evaluation{.confidence = 0.001F, .multi_label = true};
    add("decode/evaluation", decode_alone, busy_street, evaluation);
    add("decode_nms/evaluation", decode_and_suppress, busy_street, evaluation);
    add("decode_nms/evaluation_cut_at_30000", decode_and_suppress, noisy_street, evaluation);
    add("decode_nms/evaluation_agnostic", decode_and_suppress, busy_street,
        {.confidence = 0.001F, .multi_label = true, .agnostic = true});
    add("decode_nms/best_class", decode_and_suppress, busy_street, {.confidence = 0.001F});
    add("decode_nms/detection", decode_and_suppress, busy_street, {.confidence = 0.25F});
  }
}

const bool registered = (register_all(), true);

}  // namespace
}  // namespace shoal
