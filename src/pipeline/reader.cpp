#include "pipeline/reader.h"

#include <pthread.h>

#include <utility>

#include "core/log.h"
#include "core/picture_pages.h"
#include "decode/raw_pixels.h"

namespace shoal {
namespace {

constexpr std::size_t kNotesKept = 10;

bool may_never_end(const std::string& input) {
  return input.find("://") != std::string::npos;
}

}  // namespace

Reader::Reader(const ReaderOptions& options, RequestPool& requests, DecodePool& decoders,
               LanePool& lanes, Sequencer& sequencer)
    : options_(options),
      requests_(requests),
      decoders_(decoders),
      lanes_(lanes),
      sequencer_(sequencer),
      thread_([this] {
        pthread_setname_np(pthread_self(), "reader");
        read_all();
      }) {}

Reader::~Reader() {
  request_stop();
  join();
}

void Reader::join() {
  if (thread_.joinable()) thread_.join();
}

std::optional<std::uint64_t> Reader::total() const {
  const std::lock_guard lock(mutex_);
  return total_;
}

void Reader::request_stop() {
  stop_ = true;
  const std::lock_guard lock(mutex_);
  if (source_ != nullptr) source_->request_stop();
}

// Opens every input once to ask for its number of items; keeps none open, so that a thousand
// videos do not need a thousand open files.
void Reader::count_items() {
  std::uint64_t sum = 0;
  for (const std::string& input : options_.inputs) {
    if (stop_ || may_never_end(input)) return;
    const auto source = open_source(input, options_.source);
    const auto count = source ? (*source)->item_count() : std::optional<std::uint64_t>(1);
    if (!count) return;
    sum += *count;
  }
  const std::lock_guard lock(mutex_);
  total_ = sum;
}

void Reader::read_all() {
  count_items();
  for (const std::string& input : options_.inputs) {
    if (stop_) break;
    SourceOptions options = options_.source;
    options.stream = StreamId{stream_++};
    auto source = open_source(input, options);
    if (!source) {
      fail(input, std::move(source).error());
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      source_ = source->get();
    }
    if (stop_) (*source)->request_stop();
    read(**source);
    const std::lock_guard lock(mutex_);
    source_ = nullptr;
  }
  sequencer_.end_at(sequence_);
}

void Reader::read(Source& source) {
  Packet packet;
  while (!stop_) {
    const Result<bool> more = source.next(packet);
    if (!more) {
      if (more.error().code == ErrorCode::kCancelled) break;
      if (video_ && packet.name == video_name_) finish_video(source);
      fail(packet.name, more.error());
      continue;
    }
    if (!*more) break;
    if (packet.kind == PacketKind::kVideo) {
      decode_video(source, &packet);
    } else {
      if (video_) finish_video(source);
      read_picture(source, packet);
    }
  }
  if (video_) finish_video(source);
}

void Reader::read_picture(Source& source, Packet& packet) {
  saw_video_ = saw_video_ || source.video_format().has_value();
  auto request = begin(packet.name);
  request->outcome.stream = packet.stream;
  request->outcome.frame = packet.frame;
  request->outcome.media_time = packet.media_time;
  if (packet.kind == PacketKind::kPicture) {
    const int pages = picture_pages(packet.bytes);
    if (pages > 1) {
      note(packet.name, std::to_string(pages) + " pictures in one file; the first is analysed");
    }
    std::swap(request->packet, packet);
    decoders_.submit(std::move(request));
    return;
  }
  const TimePoint start = Clock::now();
  const Result<void> copied = copy_pixels(request->outcome.pixels, packet);
  request->outcome.times.decode = Clock::now() - start;
  if (!copied) return answer(std::move(request), copied.error());
  decode_times_.add(request->outcome.times.decode);
  lanes_.submit(std::move(request), Overflow::kBlock);
}

// Another video begins with this packet.
void Reader::open_video(Source& source, const Packet& packet) {
  if (video_) finish_video(source);
  auto decoder = VideoDecoder::create(packet.stream_parameters, packet.name,
                                      {.pixels_max = options_.limits.pixels_max});
  video_parameters_ = packet.stream_parameters;
  video_name_ = packet.name;
  if (!decoder) return fail(packet.name, std::move(decoder).error());
  video_ = std::move(*decoder);
  const VideoFormat format = source.video_format().value_or(VideoFormat{});
  clock_fault_noted_ = false;
  video_clock_ = FilmClock(
      {.frames_per_second = format.frames_per_second, .pause_max = format.pause_max});
}

void Reader::decode_video(Source& source, const Packet* packet) {
  saw_video_ = true;
  if (packet != nullptr && packet->stream_parameters != video_parameters_) {
    open_video(source, *packet);
  }
  if (!video_) return;  // it could not be opened; that has been said
  const TimePoint sent = Clock::now();
  const Result<void> taken = packet != nullptr ? video_->send(*packet) : video_->flush();
  if (!taken) return fail(video_name_, taken.error());
  Duration send_time = Clock::now() - sent;
  for (;;) {
    auto request = begin(video_name_);
    const Result<bool> got = video_->receive(request->outcome.pixels);
    if (!got) {
      answer(std::move(request), got.error());
      continue;
    }
    if (!*got) {  // nothing came out: give the request and its number back
      --sequence_;
      return requests_.release(std::move(request));
    }
    Outcome& outcome = request->outcome;
    outcome.stream = outcome.pixels.stream;
    outcome.frame = outcome.pixels.id;
    outcome.media_time = outcome.pixels.media_time = video_clock_.next(outcome.pixels.media_time);
    if (video_clock_.fault() && !std::exchange(clock_fault_noted_, true)) {
      note(video_name_, describe(*video_clock_.fault()));
    }
    outcome.times.decode = Clock::now() - request->started + std::exchange(send_time, {});
    decode_times_.add(outcome.times.decode);
    lanes_.submit(std::move(request), Overflow::kBlock);
  }
}

void Reader::finish_video(Source& source) {
  decode_video(source, nullptr);
  if (video_ && video_->skipped() > 0) {
    fail(video_name_, {ErrorCode::kCorruptInput,
                       video_name_ + ": " + std::to_string(video_->skipped()) +
                           " damaged packets or frames were skipped; " +
                           std::to_string(video_->delivered()) + " frames are good"});
  }
  video_.reset();
  video_parameters_.reset();
}

void Reader::note(const std::string& name, const std::string& what) {
  if (notes_.size() == kNotesKept) return;
  notes_.push_back(name + ": " + what);
  log(LogLevel::kWarn, "read", "{}{}", notes_.back(),
      notes_.size() == kNotesKept ? " (further warnings of this kind are not written)" : "");
}

std::unique_ptr<Request> Reader::begin(const std::string& name) {
  auto request = requests_.acquire();
  request->sequence = sequence_++;
  request->completion = &sequencer_;
  request->started = Clock::now();
  request->outcome.source = name;
  request->outcome.stream = StreamId{};
  request->outcome.frame = FrameId{};
  return request;
}

void Reader::fail(const std::string& name, Error error) {
  answer(begin(name), std::move(error));
}

}  // namespace shoal
