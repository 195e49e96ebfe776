// Pictures are read whole with plain reads; videos and URLs are VideoReader's.
#include "source/file_source.h"

#include <algorithm>
#include <utility>

#include "core/picture_pages.h"
#include "core/read_file.h"
#include "core/url_secrets.h"
#include "source/file_names.h"

namespace shoal {
namespace {

constexpr std::size_t kHeadBytes = 512;

constexpr std::chrono::milliseconds kPicturePeriod{40};

bool is_video(const std::string& place) {
  return is_url(place) || is_device(place) || file_kind(place) == FileKind::kVideo;
}

}  // namespace

FileSource::FileSource(std::string name, std::vector<std::string> places,
                       const SourceOptions& options)
    : name_(std::move(name)),
      places_(std::move(places)),
      options_(options),
      all_pictures_(std::none_of(places_.begin(), places_.end(), is_video)) {}

Result<void> FileSource::open_first() {
  if (places_.empty() || !is_film()) return {};
  all_pictures_ = false;
  return open_video();
}

Result<void> FileSource::open_video() {
  if (may_give_pictures(places_[next_])) {
    http_ = SHOAL_TRY(HttpPictures::open(places_[next_], options_, stop_));
    if (http_ != nullptr) {
      live_ = live_ || http_->is_live();
      return {};
    }
  }
  if (!options_.loop) pacer_.restart();  // its times begin at 0 again
  video_ = SHOAL_TRY(VideoReader::open(
      places_[next_], options_,
      {.stop = stop_,
       .pacer = pacer_,
       .begins_at = options_.loop ? offset_ : std::chrono::nanoseconds(0)}));
  live_ = live_ || video_->is_live();
  if (places_.size() == 1 && !options_.loop) video_count_ = video_->packet_count();
  return {};
}

void FileSource::close_video() {
  if (options_.loop && video_ != nullptr) offset_ = video_->ends_at();
  video_.reset();
  http_.reset();
}

// To the next place; in a loop, to the first again. A round that gave nothing is the last.
void FileSource::go_on() {
  is_film_.reset();
  ++next_;
  if (next_ < places_.size() || !options_.loop || round_ == 0) return;
  next_ = 0;
  round_ = 0;
}

std::optional<std::uint64_t> FileSource::item_count() const {
  if (options_.loop) return std::nullopt;
  return all_pictures_ ? std::optional<std::uint64_t>(places_.size()) : video_count_;
}

std::optional<VideoFormat> FileSource::video_format() const {
  if (http_ != nullptr) return http_->format();
  return video_ == nullptr ? std::nullopt : std::optional(video_->format());
}

Result<bool> FileSource::read_picture(Packet& packet) {
  packet.kind = PacketKind::kPicture;
  packet.stream = options_.stream;
  packet.frame = FrameId{pictures_};
  packet.size = {};
  packet.key_frame = true;
  packet.hidden = false;
  packet.damaged = false;
  packet.orientation = 1;
  packet.media_time.reset();
  packet.stream_parameters.reset();
  const std::string& place = places_[next_];
  if (options_.pace == Pace::kLive) {
    if (!pacer_.wait_for(offset_)) return Error{ErrorCode::kCancelled, place + ": stopped"};
    offset_ += kPicturePeriod;
  }
  auto read = read_file_into(packet.bytes, place,
                             {.bytes_max = options_.file_bytes_max,
                              .expected = "a file",
                              .stopped = [this] { return stop_.requested(); }});
  if (read && options_.films && is_animation(packet.bytes)) {
    is_film_ = true;  // and is opened as one by whoever asked
    return false;
  }
  ++pictures_;
  if (read) ++round_;
  go_on();
  if (!read) return std::move(read).error();
  return true;
}

// What is no film by its name may be one by its first bytes.
bool FileSource::is_film() {
  if (!is_film_) {
    const std::string& place = places_[next_];
    is_film_ = is_video(place);
    if (!*is_film_ && options_.films) {
      const auto head = file_head(place, kHeadBytes);
      is_film_ = head && begins_as_film(*head);
    }
  }
  return *is_film_;
}

Result<bool> FileSource::next(Packet& packet) {
  while (next_ < places_.size()) {
    packet.name = without_secrets(places_[next_]);
    if (stop_.requested()) return Error{ErrorCode::kCancelled, packet.name + ": stopped"};
    if (!is_film()) {
      const auto read = read_picture(packet);
      if (read && !*read) continue;
      return read;
    }
    if (video_ == nullptr && http_ == nullptr) {
      if (auto opened = open_video(); !opened) {
        if (!stop_.requested()) go_on();
        return std::move(opened).error();
      }
    }
    auto read = http_ != nullptr ? http_->next(packet) : video_->next(packet);
    if (read && *read) {
      ++round_;
      return true;
    }
    if (!stop_.requested()) {
      close_video();
      go_on();
    }
    if (!read) return read;
  }
  return false;
}

}  // namespace shoal
