#include "pipeline/camera_reader.h"

#include <pthread.h>

#include <utility>

#include "core/log.h"
#include "source/backoff.h"
#include "source/file_names.h"

namespace shoal {
namespace {

constexpr auto kFeedRetry = std::chrono::milliseconds(500);

WallTime wall_time_of(TimePoint time) {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(
      std::chrono::system_clock::now() - (Clock::now() - time));
}

// What comes back by itself when it is there again; a file that is through is through.
bool reconnects(const std::string& url) { return is_url(url) || is_device(url); }

SourceOptions source_options(const CameraConfig& config) {
  SourceOptions options;
  options.pace = config.live ? Pace::kLive : Pace::kFast;
  options.connect_timeout = config.connect_timeout;
  options.read_timeout = config.read_timeout;
  options.loop = config.loop;
  options.open_later = true;  // so that a stop ends a connection that is being made, too
  options.transport = config.transport == "udp" ? RtspTransport::kUdp : RtspTransport::kTcp;
  return options;
}

MotionGateOptions gate_options(const MotionGateConfig& config) {
  return {.threshold = config.threshold, .refresh = config.refresh};
}

}  // namespace

CameraReader::CameraReader(Parts parts)
    : parts_(std::move(parts)),
      thinner_(parts_.config.fps_max),
      random_(std::random_device{}()),
      paused_(parts_.config.paused) {
  if (parts_.config.motion_gate.enabled) gate_.emplace(gate_options(parts_.config.motion_gate));
  enter(paused_ ? CameraState::kPaused : CameraState::kConnecting);
}

CameraReader::~CameraReader() {
  request_stop();
  join();
}

void CameraReader::start() {
  thread_ = std::thread([this] {
    const std::string name = "cam-" + parts_.config.name;
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    run();
    const std::lock_guard lock(mutex_);
    over_ = true;
  });
}

void CameraReader::request_stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (source_) source_->request_stop();
    wake_.notify_all();
  }
  parts_.slot->request_stop();
}

void CameraReader::join() {
  if (thread_.joinable()) thread_.join();
}

bool CameraReader::ended() const {
  const std::lock_guard lock(mutex_);
  return over_;
}

void CameraReader::set_paused(bool paused) {
  const std::lock_guard lock(mutex_);
  if (paused_ == paused) return;
  paused_ = paused;
  if (paused && source_) source_->request_stop();
  wake_.notify_all();
}

bool CameraReader::interrupted() const {
  const std::lock_guard lock(mutex_);
  return stop_ || paused_;
}

void CameraReader::enter(CameraState state, std::string error) {
  const std::lock_guard lock(mutex_);
  // Said once, not at every attempt.
  if (!error.empty() && error != told_) {
    log(LogLevel::kWarn, "camera", "{}: {}", parts_.config.name, error);
    told_ = error;
  }
  if (state == CameraState::kRunning) told_.clear();
  // Attempts between two failures do not begin a new time of being away.
  const auto away = [](CameraState one) {
    return one == CameraState::kConnecting || one == CameraState::kWaiting;
  };
  const bool same = state == state_ || (away(state) && away(state_));
  if (!same || since_ == WallTime{}) since_ = wall_time_of(Clock::now());
  state_ = state;
  error_ = std::move(error);
  retry_at_.reset();
  if (state == CameraState::kRunning) attempts_ = 0;
}

void CameraReader::fill(CameraStatus& status) const {
  const std::lock_guard lock(mutex_);
  status.state = state_;
  status.error = error_;
  status.since = since_;
  status.retry_at = retry_at_;
  status.attempts = attempts_;
  status.size = size_;
  status.codec = codec_;
  status.config.paused = paused_;
}

void CameraReader::run() {
  while (wait_while_paused()) {
    enter(CameraState::kConnecting);
    renew_feed();
    const Over over = connect_and_read();
    parts_.slot->lost();
    if (parts_.tap != nullptr) parts_.tap->ended();
    switch (over) {
      case Over::kStopped: return;
      case Over::kPaused: break;
      case Over::kEnded: enter(CameraState::kEnded); return;
      case Over::kFailed: wait_before_retry(); break;
    }
  }
}

// False: stopped.
bool CameraReader::wait_while_paused() {
  if (bool paused; [&] { const std::lock_guard lock(mutex_); return paused = paused_; }()) {
    enter(CameraState::kPaused);
  }
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stop_ || !paused_; });
  return !stop_;
}

void CameraReader::wait_before_retry() {
  std::unique_lock lock(mutex_);
  ++attempts_;
  const auto wait = backoff({.min = parts_.config.retry_min, .max = parts_.config.retry_max},
                            attempts_, random_());
  retry_at_ = wall_time_of(Clock::now() + wait);
  wake_.wait_for(lock, wait, [this] { return stop_ || paused_; });
}

CameraReader::Over CameraReader::connect_and_read() {
  auto opened = open_source(parts_.config.url, source_options(parts_.config));
  if (!opened) {
    if (interrupted()) return Over::kPaused;
    enter(CameraState::kWaiting, opened.error().message);
    return Over::kFailed;
  }
  const std::shared_ptr<Source> source = std::move(*opened);
  {
    const std::lock_guard lock(mutex_);
    source_ = source;
    if (stop_ || paused_) source_->request_stop();
  }
  decoder_ = std::make_unique<StreamDecoder>(parts_.config.name);
  counted_ = {};
  clock_.restart();
  thinner_.restart();
  if (gate_) gate_->restart();
  const Over over = read_all(*source);
  const std::lock_guard lock(mutex_);
  source_.reset();
  return stop_ ? Over::kStopped : paused_ ? Over::kPaused : over;
}

CameraReader::Over CameraReader::read_all(Source& source) {
  Packet packet;
  for (;;) {
    const auto more = source.next(packet);
    if (interrupted()) return Over::kPaused;
    if (!more) {
      enter(CameraState::kWaiting, more.error().message);
      return reconnects(parts_.config.url) ? Over::kFailed : Over::kEnded;
    }
    if (!*more) {
      if (!reconnects(parts_.config.url)) return Over::kEnded;
      enter(CameraState::kWaiting, parts_.config.name + ": the stream ended");
      return Over::kFailed;
    }
    if (!take_packet(packet)) return Over::kFailed;
  }
}

// False: this connection gives nothing that can be used.
bool CameraReader::take_packet(const Packet& packet) {
  const TimePoint now = Clock::now();
  parts_.counters->packet(packet.bytes.size());
  clock_.arrived(packet.media_time, now);
  if (parts_.tap != nullptr) parts_.tap->packet(packet, clock_.captured(packet.media_time, now));
  Result<void> sent = decoder_->send(packet);
  while (sent) {
    auto frame = decoder_->next();
    if (!frame) {
      sent = std::move(frame).error();
    } else if (!*frame) {
      break;
    } else if (!take_frame(**frame, now)) {
      return true;
    }
  }
  count_decoder();
  if (sent) return true;
  enter(CameraState::kWaiting, sent.error().message);
  return false;
}

// False: stopped.
bool CameraReader::take_frame(const StreamFrame& frame, TimePoint begun) {
  const TimePoint now = Clock::now();
  const TimePoint captured = clock_.captured(frame.media_time, begun);
  CameraCounters& counters = *parts_.counters;
  counters.decoded(now);
  {
    const std::lock_guard lock(mutex_);
    if (state_ != CameraState::kRunning) counters.connected();
    size_ = frame.size;
    if (codec_.empty()) codec_ = decoder_->codec();
  }
  enter(CameraState::kRunning);
  if (parts_.slot->needs_feed() || !host_) renew_feed();
  const std::uint64_t number = frames_++;
  const Duration age = now - captured;
  if (parts_.config.live) {
    // What cannot be decoded in time is not worth more of it.
    decoder_->skip_unreferenced(age > parts_.config.age_max / 2);
    if (age > parts_.config.age_max) {
      counters.drop(FrameDrop::kStale);
      return true;
    }
  }
  if (!thinner_.passes(captured)) {
    counters.drop(FrameDrop::kRate);
    return true;
  }
  if (const auto converted = decoder_->convert(work_.pixels, parts_.config.side_max); !converted) {
    counters.drop(converted.error().code == ErrorCode::kOutOfMemory ? FrameDrop::kMemory
                                                                    : FrameDrop::kDamaged);
    return true;
  }
  work_.number = number;
  work_.captured = captured;
  work_.captured_at = wall_time_of(captured);
  work_.media_time = frame.media_time;
  work_.decode_begun = begun;
  work_.ready = Clock::now();
  if (parts_.tap != nullptr) parts_.tap->frame(work_.pixels, captured);
  if (gate_ && !gate_->passes(work_.pixels.view(), work_.ready)) {
    parts_.slot->carry(work_);
    return true;
  }
  return parts_.slot->put(work_);
}

void CameraReader::count_decoder() {
  const StreamDecoderCounts now = decoder_->counts();
  parts_.counters->drop(FrameDrop::kNoKey, now.before_key - counted_.before_key);
  parts_.counters->drop(FrameDrop::kDamaged, now.damaged - counted_.damaged);
  counted_ = now;
}

// The model may still be loading, be reloaded or be gone: then frames are dropped meanwhile.
void CameraReader::renew_feed() {
  const TimePoint now = Clock::now();
  if (now - feed_tried_ < kFeedRetry) return;
  feed_tried_ = now;
  parts_.slot->set_feed(nullptr);
  host_.reset();
  const CameraConfig& config = parts_.config;
  auto host = config.model.empty() ? parts_.models->find_default()
                                   : parts_.models->find(config.model);
  if (!host) return;
  auto feed = (*host)->feed(*parts_.slot, {.priority = config.priority,
                                           .source = parts_.number,
                                           .name = config.name,
                                           .confidence = config.confidence});
  if (!feed) {
    log(LogLevel::kWarn, "camera", "{}: {}", config.name, feed.error().message);
    return;
  }
  host_ = std::move(*host);
  parts_.slot->set_feed(std::move(*feed));
}

}  // namespace shoal
