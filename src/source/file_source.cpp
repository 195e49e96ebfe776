// Pictures are read whole with plain reads; videos and URLs are VideoReader's.
#include "source/file_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "core/url_secrets.h"
#include "source/file_names.h"
#include "source/local_file.h"

namespace shoal {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{4} << 20;  // a stop is seen between chunks

constexpr std::chrono::milliseconds kPicturePeriod{40};

bool is_video(const std::string& place) {
  return is_url(place) || is_device(place) || file_kind(place) == FileKind::kVideo;
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const& { return number_; }

 private:
  int number_;
};

Error system_error(const std::string& path, int number) {
  const ErrorCode code = number == ENOENT || number == ENOTDIR ? ErrorCode::kNotFound
                                                               : ErrorCode::kUnavailable;
  if (code == ErrorCode::kNotFound) return {code, path + ": no such file"};
  return {code, path + ": cannot be read: " + std::strerror(number)};
}

std::string mebibytes(std::size_t bytes) {
  return std::to_string(bytes >> 20) + "." + std::to_string((bytes >> 10) % 1024 * 10 / 1024) +
         " MiB";
}

Result<void> read_whole(std::vector<std::uint8_t>& bytes, const std::string& path,
                        std::size_t bytes_max, const StopSignal& stop) {
  bytes.clear();
  const std::uint64_t size = SHOAL_TRY(check_regular_file(path));
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return system_error(path, errno);
  if (size > bytes_max) {
    return Error{ErrorCode::kOutOfMemory, path + ": a file of " + mebibytes(size) +
                                              "; expected at most " + mebibytes(bytes_max) +
                                              " (file_bytes_max)"};
  }
  try {
    bytes.resize(size);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory,
                 path + ": no memory for a file of " + mebibytes(size)};
  }
  std::size_t done = 0;
  while (done < size) {
    if (stop.requested()) return Error{ErrorCode::kCancelled, path + ": stopped"};
    const ssize_t count =
        ::read(file.get(), bytes.data() + done, std::min(size - done, kChunkBytes));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(path, errno);
    if (count == 0) break;  // it shrank while it was read; the decoder sees what is left
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return {};
}

}  // namespace

FileSource::FileSource(std::string name, std::vector<std::string> places,
                       const SourceOptions& options)
    : name_(std::move(name)),
      places_(std::move(places)),
      options_(options),
      all_pictures_(std::none_of(places_.begin(), places_.end(), is_video)) {}

Result<void> FileSource::open_first() {
  if (places_.empty() || !is_video(places_.front())) return {};
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
  ++pictures_;
  auto read = read_whole(packet.bytes, place, options_.file_bytes_max, stop_);
  if (read) ++round_;
  go_on();
  if (!read) return std::move(read).error();
  return true;
}

Result<bool> FileSource::next(Packet& packet) {
  while (next_ < places_.size()) {
    packet.name = without_secrets(places_[next_]);
    if (stop_.requested()) return Error{ErrorCode::kCancelled, packet.name + ": stopped"};
    if (!is_video(places_[next_])) return read_picture(packet);
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
