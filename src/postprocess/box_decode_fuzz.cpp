// Any bytes as a head's outputs, shape and options: nothing is read outside the tensors, and what
// comes out is finite, clipped, sorted, capped, and the same by every instruction set.
// Input: 10 bytes of choices (see choices_of), then values, repeated as often as the head needs.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "core/check.h"
#include "postprocess/box_decode.h"
#include "postprocess/nms.h"
#include "postprocess/postprocess.h"

namespace {

using namespace shoal;  // NOLINT: a program of one file

constexpr std::size_t kChoices = 10;

struct Input {
  HeadDescription head;
  Size network;
  PostprocessOptions options;
  int shape_error = 0;  // added to one dimension
};

Input choices_of(const std::uint8_t* data) {
  Input input;
  input.head.encoding = static_cast<BoxEncoding>(data[0] % 6);
  input.head.class_count = 1 + data[1] % 40;
  input.network = {8 * (1 + data[2] % 24), 8 * (1 + data[3] % 24)};
  input.head.scores_are_logits = (data[4] & 1U) != 0;
  input.options.multi_label = (data[4] & 2U) != 0;
  input.options.agnostic = (data[4] & 4U) != 0;
  if ((data[4] & 8U) != 0) input.options.classes = {0, input.head.class_count - 1};
  input.shape_error = (data[4] & 16U) != 0 ? static_cast<int>(data[9] % 7) - 3 : 0;
  input.head.cell_offset = (data[4] & 32U) != 0 ? 0.0F : 0.5F;
  input.options.confidence = static_cast<float>(data[5]) / 255.0F;
  input.options.iou = static_cast<float>(data[6]) / 255.0F;
  input.options.max_det = 1 + data[7];
  input.options.max_candidates = 1 + data[8] * 16;
  return input;
}

// Tensors in buffers of exactly their size.
class Outputs {
 public:
  Outputs(Input& input, const std::uint8_t* values, std::size_t bytes)
      : values_(values), bytes_(bytes) {
    const int classes = input.head.class_count;
    const int error = input.shape_error;
    const auto cells = [&](int stride, int extra) {
      return (input.network.width + extra) / stride * ((input.network.height + extra) / stride);
    };
    input.head.strides = {8, 16, 32};
    input.head.bins = 5;
    input.head.levels = {{.stride = 0, .boxes = 0, .scores = 0}};
    const int rows = cells(8, 0) + cells(16, 0) + cells(32, 0);
    switch (input.head.encoding) {
      case BoxEncoding::kXywhScores: add(4 + classes + error, rows); break;
      case BoxEncoding::kXywhObjectnessScores: add(rows, 5 + classes + error); break;
      case BoxEncoding::kYoloxGrid: add(rows + error, 5 + classes); break;
      case BoxEncoding::kEndToEnd: add(rows, 6 + error); break;
      case BoxEncoding::kGflDistances:
      case BoxEncoding::kGflBins: {
        const int columns = input.head.encoding == BoxEncoding::kGflBins ? 20 : 4;
        input.head.levels = {{.stride = 8, .boxes = 1, .scores = 0},
                             {.stride = 16, .boxes = 3, .scores = 2}};
        add(cells(8, 7) + error, classes);
        add(cells(8, 7), columns);
        add(cells(16, 15), classes);
        add(cells(16, 15), columns - error);
      }
    }
  }
  [[nodiscard]] HeadView view() const { return tensors_; }

 private:
  void add(int rows, int columns) {
    rows = std::max(rows, 0);
    columns = std::max(columns, 0);
    const auto count = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
    auto& buffer = buffers_.emplace_back(std::make_unique<float[]>(count));
    for (std::size_t i = 0; i < count; ++i, position_ += sizeof(float)) {
      if (position_ + sizeof(float) > bytes_) position_ = 0;
      if (bytes_ >= sizeof(float)) std::memcpy(&buffer[i], values_ + position_, sizeof(float));
    }
    Shape shape;
    shape.rank = 2;
    shape.dims[0] = rows;
    shape.dims[1] = columns;
    tensors_.push_back({buffer.get(), shape});
  }

  const std::uint8_t* values_;
  std::size_t bytes_;
  std::size_t position_ = 0;
  std::vector<std::unique_ptr<float[]>> buffers_;
  std::vector<TensorView> tensors_;
};

void check_detections(const Detections& out, const Input& input, Size source) {
  SHOAL_CHECK(out.items.size() <= static_cast<std::size_t>(input.options.max_det), "capped");
  float last = 1;
  for (const Detection& one : out.items) {
    const auto& box = one.box;
    SHOAL_CHECK(0 <= box.x1 && box.x1 <= box.x2 && box.x2 <= static_cast<float>(source.width),
                "clipped in x");
    SHOAL_CHECK(0 <= box.y1 && box.y1 <= box.y2 && box.y2 <= static_cast<float>(source.height),
                "clipped in y");
    SHOAL_CHECK(one.confidence > input.options.confidence && one.confidence <= last, "sorted");
    SHOAL_CHECK(one.class_id >= 0 && one.class_id < input.head.class_count, "a class");
    last = one.confidence;
  }
}

void check_instruction_sets(const Input& input, HeadView view) {
  std::array<Candidates, 3> candidates;
  std::array<Kept, 3> kept;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(best_instruction_set()); ++i) {
    BoxDecodeScratch scratch;
    NmsScratch nms_scratch;
    const auto set = static_cast<InstructionSet>(i);
    const BoxDecodeOptions options{.confidence = input.options.confidence,
                                   .multi_label = input.options.multi_label,
                                   .classes = input.options.classes,
                                   .max_candidates = input.options.max_candidates,
                                   .instructions = set};
    const auto result = decode_boxes(candidates[i], view, input.head, input.network, options,
                                     scratch);
    SHOAL_CHECK(result.has_value(), "decodes as before");
    nms(kept[i], candidates[i],
        {.iou = input.options.iou, .agnostic = input.options.agnostic, .instructions = set},
        nms_scratch);
    SHOAL_CHECK(candidates[i].x1 == candidates[0].x1 && candidates[i].score == candidates[0].score,
                "the same candidates");
    SHOAL_CHECK(kept[i].indices == kept[0].indices, "the same kept");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kChoices) return 0;
  Input input = choices_of(data);
  const Outputs outputs(input, data + kChoices, size - kChoices);
  auto postprocess = Postprocess::create(input.head, input.options);
  SHOAL_CHECK(postprocess.has_value(), "the options are in range");
  const Size source{100 + data[9], 77};
  std::array<Detections, 1> out;
  const std::array views{outputs.view()};
  const std::array boxes{Letterbox::fit(source, input.network, Placement::kCentred)};
  if (!postprocess->run(out, views, boxes)) {
    SHOAL_CHECK(input.shape_error != 0, "refused without a reason");
    return 0;
  }
  check_detections(out[0], input, source);
  check_instruction_sets(input, outputs.view());
  return 0;
}
