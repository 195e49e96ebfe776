#include "engine/openvino/head_trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "engine/head_check.h"
#include "engine/openvino/trial.h"

namespace shoal {
namespace {

// Outputs of one picture, and the views that look at them.
struct Answer {
  std::vector<std::vector<float>> values;
  std::vector<TensorView> views;
};

Answer answer_to(ov::InferRequest& request, std::size_t outputs) {
  Answer answer;
  request.infer();
  for (std::size_t i = 0; i < outputs; ++i) {
    const ov::Tensor tensor = request.get_output_tensor(i);
    const float* begin = tensor.data<const float>();
    answer.values.emplace_back(begin, begin + tensor.get_size());
    TensorView view{.data = answer.values.back().data(), .shape = {}};
    const ov::Shape shape = tensor.get_shape();
    view.shape.rank = static_cast<int>(shape.size()) - 1;
    for (std::size_t axis = 1; axis < shape.size(); ++axis) {
      view.shape.dims[axis - 1] = static_cast<std::int64_t>(shape[axis]);
    }
    answer.views.push_back(view);
  }
  return answer;
}

// Moving an Answer keeps its values where they are, and so the views.
std::vector<Answer> answers(ov::CompiledModel& compiled, Size size) {
  constexpr std::uint8_t kGrey = 114;
  auto request = compiled.create_infer_request();
  ov::Tensor input = request.get_input_tensor();
  const std::span<std::uint8_t> pixels(input.data<std::uint8_t>(), input.get_byte_size());
  std::vector<Answer> found;
  fill_trial_picture(pixels, size, 1);
  found.push_back(answer_to(request, compiled.outputs().size()));
  std::fill(pixels.begin(), pixels.end(), kGrey);
  found.push_back(answer_to(request, compiled.outputs().size()));
  return found;
}

std::string text_of(const Contradiction& found, const std::string& path) {
  std::string text = found.what;
  if (!found.line.empty()) {
    text += fmt::format("; if that is how it is meant, write {} into {}.toml", found.line, path);
  }
  if (!found.advice.empty()) {
    text += (found.line.empty() ? "; " : ", or ") + found.advice;
  }
  return text;
}

}  // namespace

Result<void> try_head(ov::CompiledModel& compiled, ImportedModel& model, Size size) {
  ModelDescription& description = model.description;
  return catching(ErrorCode::kUnsupported, description.path, [&]() -> Result<void> {
    const std::vector<Answer> found = answers(compiled, size);
    // Until pictures come, nothing of the trial stays.
    compiled.release_memory();
    std::vector<std::vector<TensorView>> pictures;
    for (const Answer& answer : found) pictures.push_back(answer.views);
    std::string refused;
    for (const Contradiction& one :
         check_head(pictures, description.head, size, model.claims)) {
      const std::string text = text_of(one, description.path);
      if (one.refused) {
        refused += (refused.empty() ? "" : ". Also: ") + text;
      } else {
        description.warnings.push_back("a trial run contradicts what is believed: " + text);
      }
    }
    if (refused.empty()) return {};
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: taken for {} ({}), but a trial run contradicts it: {}",
                             description.path, description.family,
                             to_string(description.head.encoding), refused)};
  });
}

}  // namespace shoal
