// The array of `--coco`, complete after every picture.
#include "sink/coco_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "core/log.h"
#include "core/json_text.h"
#include "sink/output_file.h"
#include "sink/source_name.h"

namespace shoal {
namespace {

constexpr std::string_view kArrayEnd = "\n]\n";
constexpr int kCocoClasses = 80;
constexpr int kMaxWarnings = 5;
// COCO's dataset numbers its categories 1 to 90 and has none for these.
constexpr std::array kCocoGaps = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83};

// Python's int(stem) would take them all; beyond 18 digits readers lose the last ones.
bool is_number(std::string_view stem) {
  return !stem.empty() && stem.size() <= 18 &&
         stem.find_first_not_of("0123456789") == std::string_view::npos;
}

class CocoSink final : public Sink {
 public:
  CocoSink(OutputFile file, bool names_are_coco)
      : file_(std::move(file)), names_are_coco_(names_are_coco) {}

  Result<void> start() {
    end_ = 1;
    return file_.seekable() ? file_.append("[\n]\n") : file_.append("[");
  }

  std::string name() const override { return file_.path(); }

  Result<void> write(const Outcome& outcome) override {
    if (outcome.error) return {};
    make_image_id(outcome);
    entries_.clear();
    bool first = count_ == 0;
    for (const Detection& detection : outcome.detections.items) {
      append_text(entries_, first ? "\n" : ",\n");
      first = false;
      append_entry(detection);
    }
    if (entries_.size() == 0) return {};
    const auto length = static_cast<std::int64_t>(entries_.size());
    if (!file_.seekable()) {
      SHOAL_TRY(file_.append(view_of(entries_)));
    } else {
      append_text(entries_, kArrayEnd);
      auto written = file_.replace_from(end_, view_of(entries_));
      if (!written) {
        // The bracket fits where it stood before. Should even that fail, the first error says so.
        (void)file_.replace_from(end_, kArrayEnd);
        return written;
      }
    }
    end_ += length;
    count_ += static_cast<std::int64_t>(outcome.detections.items.size());
    return {};
  }

  Result<void> finish() override {
    if (!file_.is_open()) return {};
    if (!file_.seekable()) SHOAL_TRY(file_.append(kArrayEnd));
    return file_.close();
  }

  std::string written() const override {
    return fmt::format("{} {}", count_, count_ == 1 ? "detection" : "detections");
  }

 private:
  void make_image_id(const Outcome& outcome) {
    const bool video = is_video_frame(outcome);
    std::string stem = source_stem(outcome.source);
    image_id_.clear();
    if (video) {
      warn_if_shared(outcome.source, stem + "/", true);
      stem += fmt::format("_{}", frame_number(outcome));
      append_json_string(image_id_, stem);
    } else if (is_number(stem)) {
      const auto digits = std::string_view(stem).substr(
          std::min(stem.find_first_not_of('0'), stem.size() - 1));
      append_text(image_id_, digits);
    } else {
      append_json_string(image_id_, stem);
    }
    // By the id: "0001.png" and "1.png" are both picture 1.
    if (!video) warn_if_shared(outcome.source, std::string(view_of(image_id_)), false);
  }

  // `key` tells pictures and videos of one stem apart: their ids differ.
  void warn_if_shared(const std::string& source, const std::string& key, bool video) {
    const std::hash<std::string> hash;
    if (video && !videos_.insert(hash(source)).second) return;
    if (keys_.insert(hash(key)).second || ++shared_ > kMaxWarnings) return;
    log(LogLevel::kWarn, "sink",
        "{}: another source has this image_id too; in {} their boxes are in one picture{}",
        source, file_.path(), shared_ == kMaxWarnings ? " (further ones are not reported)" : "");
  }

  void append_entry(const Detection& detection) {
    append_text(entries_, R"({"image_id":)");
    append_text(entries_, view_of(image_id_));
    fmt::format_to(std::back_inserter(entries_), R"(,"category_id":{},"bbox":[)",
                   coco_category(detection.class_id, names_are_coco_));
    append_json_number(entries_, detection.box.x1, 3);
    entries_.push_back(',');
    append_json_number(entries_, detection.box.y1, 3);
    entries_.push_back(',');
    append_json_number(entries_, detection.box.width(), 3);
    entries_.push_back(',');
    append_json_number(entries_, detection.box.height(), 3);
    append_text(entries_, R"(],"score":)");
    append_json_number(entries_, detection.confidence, 5);
    entries_.push_back('}');
  }

  OutputFile file_;
  bool names_are_coco_;
  std::int64_t end_ = 0;  // of the last entry: the closing bracket follows
  std::int64_t count_ = 0;
  fmt::memory_buffer entries_;
  fmt::memory_buffer image_id_;
  std::unordered_set<std::size_t> videos_;  // hashes of sources
  std::unordered_set<std::size_t> keys_;    // hashes of stems
  int shared_ = 0;
};

}  // namespace

int coco_category(int class_id, bool names_are_coco) {
  int category = class_id + 1;
  if (!names_are_coco || class_id >= kCocoClasses) return category;
  for (const int gap : kCocoGaps) {
    if (category >= gap) ++category;
  }
  return category;
}

bool are_coco_names(const std::vector<std::string>& class_names) {
  return class_names.size() == kCocoClasses && class_names[0] == "person" &&
         class_names[5] == "bus" && class_names[15] == "cat" && class_names[39] == "bottle" &&
         class_names[74] == "clock" && class_names[79] == "toothbrush";
}

Result<std::unique_ptr<Sink>> create_coco_sink(CocoOptions options) {
  OutputFile file = SHOAL_TRY(OutputFile::open(options.path));
  auto sink = std::make_unique<CocoSink>(std::move(file), are_coco_names(options.class_names));
  SHOAL_TRY(sink->start());
  return std::unique_ptr<Sink>(std::move(sink));
}

}  // namespace shoal
