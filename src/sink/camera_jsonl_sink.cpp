// The jsonl sink of cameras: lines, rotation, and a file that goes on where it ended.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "core/alarm_json.h"
#include "core/json_text.h"
#include "sink/camera_json.h"
#include "sink/file_camera_sinks.h"
#include "sink/output_file.h"

namespace shoal {
namespace {

bool ends_in_a_line(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file || file.tellg() <= 0) return true;
  file.seekg(-1, std::ios::end);
  return file.get() == '\n';
}

class JsonlCameraSink final : public CameraSink {
 public:
  JsonlCameraSink(CameraJsonlOptions options, OutputFile file)
      : options_(std::move(options)), file_(std::move(file)) {}

  std::string name() const override { return file_.path(); }

  Result<void> write(const CameraResult& result) override {
    line_.clear();
    append_camera_json(line_, result, label_);
    return write_line();
  }

  Result<void> write(const Alarm& alarm) override {
    line_.clear();
    append_text(line_, R"({"alarm":)");
    append_alarm_json(line_, alarm, false, false);
    line_.push_back('}');
    return write_line();
  }

  Result<void> finish() override { return file_.close(); }

  std::string written() const override {
    return fmt::format("{} {}", lines_, lines_ == 1 ? "line" : "lines");
  }

 private:
  Result<void> write_line() {
    line_.push_back('\n');
    if (!file_.is_open()) SHOAL_TRY(reopen());
    const auto length = static_cast<std::int64_t>(line_.size());
    if (options_.rotate_bytes > 0 && file_.seekable() && file_.size() > 0 &&
        file_.size() + length > options_.rotate_bytes) {
      SHOAL_TRY(rotate());
    }
    SHOAL_TRY(file_.append(view_of(line_)));
    ++lines_;
    return {};
  }

  Result<void> reopen() {
    file_ = SHOAL_TRY(OutputFile::open(options_.path, OutputFile::Mode::kAppend));
    return {};
  }

  // FILE -> FILE.1 -> FILE.2 ...; the last one goes. A name that cannot be given is no reason to
  // lose lines: the file then grows on.
  Result<void> rotate() {
    SHOAL_TRY(file_.close());
    const auto old = [this](int number) { return fmt::format("{}.{}", options_.path, number); };
    if (options_.old_files < 1) (void)std::remove(options_.path.c_str());
    for (int number = options_.old_files; number >= 1; --number) {
      const std::string from = number == 1 ? options_.path : old(number - 1);
      (void)std::rename(from.c_str(), old(number).c_str());
    }
    return reopen();
  }

  CameraJsonlOptions options_;
  OutputFile file_;
  fmt::memory_buffer line_;
  std::string label_;
  std::int64_t lines_ = 0;
};

}  // namespace

Result<std::unique_ptr<CameraSink>> create_camera_jsonl_sink(const CameraJsonlOptions& options) {
  const bool whole = options.path == "-" || ends_in_a_line(options.path);
  OutputFile file = SHOAL_TRY(OutputFile::open(options.path, OutputFile::Mode::kAppend));
  if (!whole && file.seekable()) SHOAL_TRY(file.append("\n"));
  return std::unique_ptr<CameraSink>(
      std::make_unique<JsonlCameraSink>(options, std::move(file)));
}

}  // namespace shoal
