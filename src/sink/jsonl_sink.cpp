// The lines of `--json`.
#include "sink/jsonl_sink.h"

#include <fmt/format.h>

#include <chrono>
#include <iterator>
#include <utility>

#include "core/json_text.h"
#include "sink/output_file.h"
#include "sink/source_name.h"

namespace shoal {
namespace {

class JsonlSink final : public Sink {
 public:
  JsonlSink(OutputFile file, std::vector<std::string> class_names)
      : file_(std::move(file)), class_names_(std::move(class_names)) {}

  std::string name() const override { return file_.path(); }

  Result<void> write(const Outcome& outcome) override {
    line_.clear();
    append_text(line_, R"({"source":)");
    append_json_string(line_, outcome.source);
    fmt::format_to(std::back_inserter(line_), R"(,"frame":{},)",
                   static_cast<std::uint64_t>(outcome.frame));
    if (outcome.error) {
      append_error(*outcome.error);
    } else {
      append_answer(outcome);
    }
    append_text(line_, "}\n");
    SHOAL_TRY(file_.append(view_of(line_)));
    ++lines_;
    return {};
  }

  Result<void> finish() override { return file_.close(); }

  std::string written() const override {
    return fmt::format("{} {}", lines_, lines_ == 1 ? "line" : "lines");
  }

 private:
  void append_error(const Error& error) {
    append_text(line_, R"("error":{"code":)");
    append_json_string(line_, to_string(error.code));
    append_text(line_, R"(,"message":)");
    append_json_string(line_, error.message);
    line_.push_back('}');
  }

  void append_answer(const Outcome& outcome) {
    append_text(line_, R"("time":)");
    if (outcome.media_time) {
      append_json_number(line_, std::chrono::duration<double>(*outcome.media_time).count(), 6);
    } else {
      append_text(line_, "null");
    }
    fmt::format_to(std::back_inserter(line_), R"(,"width":{},"height":{},"detections":[)",
                   outcome.size.width, outcome.size.height);
    bool first = true;
    for (const Detection& detection : outcome.detections.items) {
      if (!first) line_.push_back(',');
      first = false;
      append_detection(detection);
    }
    append_text(line_, outcome.detections.truncated ? R"(],"truncated":true)"
                                                    : R"(],"truncated":false)");
    if (outcome.damaged) {
      append_text(line_, R"(,"damaged":)");
      append_json_string(line_, *outcome.damaged);
    }
    fmt::format_to(std::back_inserter(line_), R"(,"batch_size":{},"timing_ms":)",
                   outcome.batch_size);
    append_times(outcome.times);
  }

  void append_detection(const Detection& detection) {
    append_text(line_, R"({"name":)");
    label_.clear();
    append_class_name(label_, class_names_, detection.class_id);
    append_json_string(line_, label_);
    fmt::format_to(std::back_inserter(line_), R"(,"class":{},"confidence":)", detection.class_id);
    append_json_number(line_, detection.confidence, 4);
    append_text(line_, R"(,"box":{"x1":)");
    append_json_number(line_, detection.box.x1, 2);
    append_text(line_, R"(,"y1":)");
    append_json_number(line_, detection.box.y1, 2);
    append_text(line_, R"(,"x2":)");
    append_json_number(line_, detection.box.x2, 2);
    append_text(line_, R"(,"y2":)");
    append_json_number(line_, detection.box.y2, 2);
    line_.push_back('}');
    if (detection.track_id) {
      fmt::format_to(std::back_inserter(line_), R"(,"track_id":{})",
                     static_cast<std::uint32_t>(*detection.track_id));
    }
    line_.push_back('}');
  }

  void append_times(const StageTimes& times) {
    const std::pair<std::string_view, Duration> stages[] = {
        {R"({"decode":)", times.decode},           {R"(,"queue":)", times.queue},
        {R"(,"preprocess":)", times.preprocess},   {R"(,"inference":)", times.inference},
        {R"(,"postprocess":)", times.postprocess}, {R"(,"total":)", times.total}};
    for (const auto& [key, time] : stages) {
      append_text(line_, key);
      append_json_number(line_, to_milliseconds(time), 3);
    }
    line_.push_back('}');
  }

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
