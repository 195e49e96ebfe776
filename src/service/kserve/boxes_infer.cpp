// The boxes entry: pictures in, padded arrays of boxes out.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/json_text.h"
#include "core/invalid.h"
#include "pipeline/answer_text.h"
#include "service/kserve/infer.h"
#include "service/rest/base64.h"

namespace shoal {
namespace {

constexpr std::int64_t kSideMax = 65'535;  // as PictureLimits

Error wrong_shape(const InputTensor& input, std::size_t items_max) {
  return invalid(fmt::format("input image: {} [{}]; expected BYTES [n] or [n, 1] with picture "
                             "files, or UINT8 [n, height, width, 3] or [height, width, 3] with RGB "
                             "pixels, 1 <= n <= {}, sides of 1 to {}",
                             to_string(input.type), fmt::join(input.shape, ", "), items_max,
                             kSideMax));
}

// JSON carries a picture file as base64. Decodes all elements into one piece of memory.
Result<void> decode_text(InputTensor& input) {
  std::vector<std::uint8_t> bytes;
  std::vector<std::size_t> ends;
  for (const auto& element : input.elements) {
    Base64Decoder decoder;
    const std::string_view text(reinterpret_cast<const char*>(element.data()), element.size());
    auto read = decoder.feed(text, bytes);
    if (read) read = decoder.finish(bytes);
    if (!read) {
      return invalid(fmt::format("input image: element {}: in JSON a picture file is base64: {}",
                                 ends.size(), read.error().message));
    }
    ends.push_back(bytes.size());
  }
  input.own = std::move(bytes);
  input.origin = BytesOrigin::kBinary;
  std::size_t start = 0;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    input.elements[i] = std::span<const std::uint8_t>(input.own).subspan(start, ends[i] - start);
    start = ends[i];
  }
  return {};
}

Result<void> add_files(DetectCall& started, InputTensor& input, std::size_t items_max) {
  const auto& shape = input.shape;
  const bool fits = (shape.size() == 1 || (shape.size() == 2 && shape[1] == 1)) && shape[0] >= 1 &&
                    shape[0] <= static_cast<std::int64_t>(items_max);
  if (!fits) return wrong_shape(input, items_max);
  if (input.origin == BytesOrigin::kText) SHOAL_TRY(decode_text(input));
  for (const auto& element : input.elements) {
    started.items.push_back({.encoded = element, .pixels = {}});
  }
  return {};
}

Result<void> add_pixels(DetectCall& started, const InputTensor& input, std::size_t items_max) {
  std::span<const std::int64_t> shape(input.shape);
  std::int64_t count = 1;
  if (shape.size() == 4) {
    count = shape[0];
    shape = shape.subspan(1);
  }
  const bool fits = shape.size() == 3 && count >= 1 &&
                    count <= static_cast<std::int64_t>(items_max) && shape[0] >= 1 &&
                    shape[0] <= kSideMax && shape[1] >= 1 && shape[1] <= kSideMax && shape[2] == 3;
  if (!fits) return wrong_shape(input, items_max);
  const Size size{.width = static_cast<int>(shape[1]), .height = static_cast<int>(shape[0])};
  const std::ptrdiff_t pitch = std::ptrdiff_t{3} * size.width;
  const std::ptrdiff_t each = pitch * size.height;
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    PictureItem item;
    item.pixels = {.data = input.data.data() + i * each, .size = size, .pitch_bytes = pitch};
    started.items.push_back(item);
  }
  return {};
}

template <typename T>
void put(std::string& bytes, std::size_t index, T value) {
  std::memcpy(bytes.data() + index * sizeof(T), &value, sizeof(T));
}

template <typename T>
std::string filled(std::size_t count, T value) {
  std::string bytes(count * sizeof(T), '\0');
  for (std::size_t i = 0; i < count; ++i) put(bytes, i, value);
  return bytes;
}

// Where the client is not to blame: what the protocol's status says, an item's error cannot.
bool is_of_server(const CallItem& item) {
  if (!item.outcome.error) return false;
  switch (item.outcome.error->code) {
    case ErrorCode::kQueueFull:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kCancelled:
    case ErrorCode::kUnavailable:
    case ErrorCode::kDeviceLost:
    case ErrorCode::kInternal: return true;
    default: return false;
  }
}

// Writes single tensors of the answer to `items`.
class Writer {
 public:
  Writer(const Entry& entry, CallItems& items) : entry_(entry), items_(items) {
    for (const CallItem& item : items) {
      most_ = std::max(most_, item.outcome.detections.items.size());
    }
  }

  // REQUIRES: `name` is one of the entry's outputs.
  void write(OutputTensor& tensor) const {
    namespace t = boxes_tensor;
    const auto n = static_cast<std::int64_t>(items_.size());
    const auto most = static_cast<std::int64_t>(most_);
    tensor.shape = {n};
    tensor.type = WireType::kBytes;
    if (tensor.name == t::kCount) {
      tensor.type = WireType::kInt32;
      tensor.shape = {n, 1};
      counts(tensor.bytes);
    } else if (tensor.name == t::kBoxes) {
      tensor.type = WireType::kFp32;
      tensor.shape = {n, most, 4};
      boxes(tensor.bytes);
    } else if (tensor.name == t::kScores) {
      tensor.type = WireType::kFp32;
      tensor.shape = {n, most};
      scores(tensor.bytes);
    } else if (tensor.name == t::kClasses) {
      tensor.type = WireType::kInt32;
      tensor.shape = {n, most};
      classes(tensor.bytes);
    } else if (tensor.name == t::kTruncated) {
      tensor.type = WireType::kBool;
      for (const CallItem& item : items_) {
        tensor.bytes.push_back(item.outcome.detections.truncated ? '\1' : '\0');
      }
    } else if (tensor.name == t::kError) {
      for (const CallItem& item : items_) append_element(tensor.bytes, error_text(item));
    } else {
      json(tensor.bytes);
    }
  }

  // The scores as text: "score:class:name", as a classification is "value:index:label".
  void write_classification(OutputTensor& tensor, int count) const {
    const std::size_t best = std::min(most_, static_cast<std::size_t>(count));
    tensor.type = WireType::kBytes;
    tensor.shape = {static_cast<std::int64_t>(items_.size()), static_cast<std::int64_t>(best)};
    for (const CallItem& item : items_) {
      const auto& found = item.outcome.detections.items;
      for (std::size_t i = 0; i < best; ++i) {
        append_element(tensor.bytes,
                       i < found.size()
                           ? fmt::format("{:f}:{}:{}", found[i].confidence, found[i].class_id,
                                         class_label(names(), found[i].class_id))
                           : std::string());
      }
    }
  }

 private:
  [[nodiscard]] const std::vector<std::string>& names() const {
    return entry_.host->model().class_names;
  }
  static std::string error_text(const CallItem& item) {
    return item.outcome.error ? fmt::format("{}: {}", to_string(item.outcome.error->code),
                                            item.outcome.error->message)
                              : std::string();
  }
  template <typename Put>
  void each(Put put_one) const {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const auto& found = items_[i].outcome.detections.items;
      for (std::size_t j = 0; j < found.size(); ++j) put_one(i * most_ + j, found[j]);
    }
  }
  void counts(std::string& bytes) const {
    bytes = filled<std::int32_t>(items_.size(), 0);
    for (std::size_t i = 0; i < items_.size(); ++i) {
      put(bytes, i, static_cast<std::int32_t>(items_[i].outcome.detections.items.size()));
    }
  }
  void boxes(std::string& bytes) const {
    bytes = filled<float>(items_.size() * most_ * 4, 0.0F);
    each([&](std::size_t at, const Detection& one) {
      put(bytes, at * 4, one.box.x1);
      put(bytes, at * 4 + 1, one.box.y1);
      put(bytes, at * 4 + 2, one.box.x2);
      put(bytes, at * 4 + 3, one.box.y2);
    });
  }
  void scores(std::string& bytes) const {
    bytes = filled<float>(items_.size() * most_, 0.0F);
    each([&](std::size_t at, const Detection& one) { put(bytes, at, one.confidence); });
  }
  void classes(std::string& bytes) const {
    bytes = filled<std::int32_t>(items_.size() * most_, -1);
    each([&](std::size_t at, const Detection& one) { put(bytes, at, one.class_id); });
  }
  void json(std::string& bytes) const {
    fmt::memory_buffer text;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      Outcome& outcome = items_[i].outcome;
      outcome.frame = static_cast<FrameId>(i);
      text.clear();
      append_answer_text(text, outcome, names());
      append_element(bytes, view_of(text));
    }
  }

  const Entry& entry_;
  CallItems& items_;
  std::size_t most_ = 1;  // a row at least, so that no axis is 0
};

}  // namespace

Result<DetectCall> detect_call(const std::shared_ptr<InferCall>& call) {
  if (call->inputs.size() != 1) {
    return invalid(fmt::format("a detector has one input, image; the call has {}",
                               call->inputs.size()));
  }
  InputTensor& input = call->inputs.front();
  DetectCall started;
  started.owner = call;
  if (call->nameless) {
    started.items.push_back({.encoded = input.data, .pixels = {}});
    return started;
  }
  if (input.name != boxes_tensor::kImage) {
    return invalid(fmt::format("there is no input \"{}\"; it is called image",
                               input.name.substr(0, 100)));
  }
  switch (input.type) {
    case WireType::kBytes: SHOAL_TRY(add_files(started, input, call->items_max)); return started;
    case WireType::kUint8: SHOAL_TRY(add_pixels(started, input, call->items_max)); return started;
    default: return wrong_shape(input, call->items_max);
  }
}

Result<InferAnswer> boxes_answer(const Entry& entry, const InferCall& call, CallItems& items) {
  const auto failed = std::ranges::count_if(items, [](const CallItem& item) {
    return item.outcome.error.has_value();
  });
  if (items.size() == 1 ? failed == 1 : std::ranges::all_of(items, is_of_server)) {
    return *items.front().outcome.error;
  }
  InferAnswer answer{entry.name, entry.version, call.id, {}, {}};
  const auto damaged = std::ranges::count_if(items, [](const CallItem& item) {
    return item.outcome.damaged.has_value();
  });
  if (failed > 0) answer.parameters["failed_items"] = std::int64_t{failed};
  if (damaged > 0) answer.parameters["damaged_items"] = std::int64_t{damaged};
  const Writer writer(entry, items);
  for (const RequestedOutput& wanted : call.outputs) {
    OutputTensor tensor{.name = wanted.name, .shape = {}, .bytes = {}, .binary = wanted.binary};
    if (wanted.classification > 0 && wanted.name == boxes_tensor::kScores) {
      writer.write_classification(tensor, wanted.classification);
    } else {
      writer.write(tensor);
      SHOAL_TRY(classify(tensor, wanted.classification, {}));
    }
    answer.outputs.push_back(std::move(tensor));
  }
  return answer;
}

}  // namespace shoal
