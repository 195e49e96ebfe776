// A list of places (picture files, video files, URLs) as one source, read in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/http_pictures.h"
#include "source/source.h"
#include "source/stop_signal.h"
#include "source/video_reader.h"

namespace shoal {

class FileSource final : public Source {
 public:
  // `name` is what the user typed. Nothing is opened; see open_first.
  FileSource(std::string name, std::vector<std::string> places, const SourceOptions& options);

  // Opens the first place if it is a video, so that its errors and its format are known at once.
  [[nodiscard]] Result<void> open_first();

  [[nodiscard]] Result<bool> next(Packet& packet) override;
  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] bool is_live() const override { return live_; }
  [[nodiscard]] std::optional<std::uint64_t> item_count() const override;
  [[nodiscard]] std::optional<VideoFormat> video_format() const override;
  void request_stop() noexcept override { stop_.request(); }

 private:
  Result<void> open_video();
  void close_video();
  void go_on();
  [[nodiscard]] bool is_film();  // places_[next_]
  Result<bool> read_picture(Packet& packet);  // false: it is a film

  std::string name_;
  std::vector<std::string> places_;
  SourceOptions options_;
  bool all_pictures_;
  bool live_ = false;           // a place that is a camera has been opened
  std::size_t next_ = 0;        // into places_; stays on a video until its end
  std::optional<bool> is_film_;  // of places_[next_], once it was asked
  std::uint64_t pictures_ = 0;  // read so far
  std::uint64_t round_ = 0;     // items of this round of a loop
  std::chrono::nanoseconds offset_{};  // media time at which the next video of a loop begins
  StopSignal stop_;
  Pacer pacer_{stop_};
  std::unique_ptr<VideoReader> video_;
  std::unique_ptr<HttpPictures> http_;  // one of the two
  std::optional<std::uint64_t> video_count_;  // of the only video
};

}  // namespace shoal
