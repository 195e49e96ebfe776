// Thin: formatting is sink/answer_json's, drawing is sink/annotate's.
#include "pipeline/answer_text.h"

#include <optional>

#include "sink/annotate.h"
#include "sink/answer_json.h"
#include "sink/picture_encoder.h"
#include "sink/source_name.h"

namespace shoal {
namespace {

constexpr int kJpegQuality = 90;  // as --save

}  // namespace

void append_answer_text(fmt::memory_buffer& out, const Outcome& outcome,
                        const std::vector<std::string>& class_names) {
  std::string label;
  append_answer_json(out, outcome, class_names, label);
}

std::string class_label(const std::vector<std::string>& class_names, int class_id) {
  std::string label;
  append_class_name(label, class_names, class_id);
  return label;
}

struct AnswerPainter::State {
  std::vector<std::string> class_names;  // of `annotator`
  std::optional<Annotator> annotator;
  PictureEncoder encoder;
};

AnswerPainter::AnswerPainter() : state_(std::make_unique<State>()) {}
AnswerPainter::~AnswerPainter() = default;
AnswerPainter::AnswerPainter(AnswerPainter&&) noexcept = default;
AnswerPainter& AnswerPainter::operator=(AnswerPainter&&) noexcept = default;

Result<std::string> AnswerPainter::jpeg(Outcome& outcome,
                                        const std::vector<std::string>& class_names) {
  Frame& frame = outcome.pixels;
  if (frame.pixels.data() == nullptr || frame.size.width <= 0 || frame.size.height <= 0) {
    return Error{ErrorCode::kInternal,
                 fmt::format("{}: came without pixels to draw on", outcome.source)};
  }
  if (!state_->annotator || state_->class_names != class_names) {
    state_->class_names = class_names;
    state_->annotator.emplace(class_names);
  }
  const Canvas canvas = {frame.pixels.data(), frame.size, frame.pitch_bytes, frame.format};
  state_->annotator->draw(canvas, outcome.size, outcome.detections);
  const auto bytes = SHOAL_TRY(state_->encoder.jpeg(frame.view(), kJpegQuality));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace shoal
