// The lines of `--json`.
#include "sink/jsonl_sink.h"

#include <fmt/format.h>

#include <utility>

#include "core/json_text.h"
#include "sink/answer_json.h"
#include "sink/output_file.h"

namespace shoal {
namespace {

class JsonlSink final : public Sink {
 public:
  JsonlSink(OutputFile file, std::vector<std::string> class_names)
      : file_(std::move(file)), class_names_(std::move(class_names)) {}

  std::string name() const override { return file_.path(); }

  Result<void> write(const Outcome& outcome) override {
    line_.clear();
    append_answer_json(line_, outcome, class_names_, label_);
    line_.push_back('\n');
    SHOAL_TRY(file_.append(view_of(line_)));
    ++lines_;
    return {};
  }

  Result<void> finish() override { return file_.close(); }

  std::string written() const override {
    return fmt::format("{} {}", lines_, lines_ == 1 ? "line" : "lines");
  }

 private:
  OutputFile file_;
  std::vector<std::string> class_names_;
  fmt::memory_buffer line_;
  std::string label_;
  std::int64_t lines_ = 0;
};

}  // namespace

Result<std::unique_ptr<Sink>> create_jsonl_sink(JsonlOptions options) {
  OutputFile file = SHOAL_TRY(OutputFile::open(options.path));
  return std::unique_ptr<Sink>(
      std::make_unique<JsonlSink>(std::move(file), std::move(options.class_names)));
}

}  // namespace shoal
