#include "pipeline/camera_reader.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/log.h"
#include "core/url_secrets.h"
#include "source/backoff.h"
#include "source/file_names.h"

namespace shoal {
namespace {

constexpr int kNiceness = 5;
constexpr auto kFeedRetry = std::chrono::milliseconds(500);
// Pictures of folders that are not live: 25 a second, as where they are.
constexpr auto kPicturePeriod = std::chrono::milliseconds(40);
// Of an address that gives one picture, where fps_max says nothing.
constexpr auto kSnapshotPeriod = std::chrono::milliseconds(1000);
// Cameras lock an account after five to seven wrong logins within minutes.
constexpr BackoffOptions kAfterRefusal{.min = std::chrono::minutes(10),
                                       .max = std::chrono::hours(2)};
// A connection that gave frames for so long was a good one: the next failure is a first one.
constexpr auto kGoodFor = std::chrono::seconds(5);

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
  options.poll = config.fps_max > 0 ? std::chrono::milliseconds(std::max<std::int64_t>(
                                          1, std::llround(1000 / config.fps_max)))
                                    : kSnapshotPeriod;
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
      catch_up_(parts_.config.age_max),
      watch_(parts_.config.read_timeout, parts_.config.age_max),
      account_(parts_.config.priority),
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
    // What is decoded already goes first: its results are due, and a lane that waits for a core
    // lets frames pass that were decoded for nothing. (On Linux a thread has its own.)
    (void)setpriority(PRIO_PROCESS, 0, kNiceness);
    run();
    parts_.slot->set_feeds({});  // what a lane has of it comes back before
    const std::lock_guard lock(mutex_);
    over_ = true;
    wake_.notify_all();
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

bool CameraReader::join_until(TimePoint latest) {
  if (!thread_.joinable()) return true;
  {
    std::unique_lock lock(mutex_);
    if (!wake_.wait_until(lock, latest, [this] { return over_; })) return false;
  }
  thread_.join();
  return true;
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

bool CameraReader::paused() const {
  const std::lock_guard lock(mutex_);
  return paused_;
}

bool CameraReader::interrupted() const {
  const std::lock_guard lock(mutex_);
  return stop_ || paused_;
}

void CameraReader::enter(CameraState state, std::string error) {
  error = text_without_secrets(error);  // a library's words may quote a URL
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
  status.error = error_.empty() && state_ == CameraState::kRunning ? warning_ : error_;
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
      case Over::kPaused: refusals_ = 0; break;
      case Over::kEnded: enter(CameraState::kEnded); return;
      case Over::kFailed:
      case Over::kRefused: wait_before_retry(over); break;
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

void CameraReader::wait_before_retry(Over why) {
  std::unique_lock lock(mutex_);
  if (running_since_ && Clock::now() - *running_since_ >= kGoodFor) failures_ = 0;
  ++failures_;
  ++attempts_;
  refusals_ = why == Over::kRefused ? refusals_ + 1 : 0;
  auto wait = backoff({.min = parts_.config.retry_min, .max = parts_.config.retry_max}, failures_,
                      random_());
  if (refusals_ > 0) wait = std::max(wait, backoff(kAfterRefusal, refusals_, random_()));
  retry_at_ = wall_time_of(Clock::now() + wait);
  wake_.wait_for(lock, wait, [this] { return stop_ || paused_; });
}

// Says why, and how soon it is worth trying again.
CameraReader::Over CameraReader::fail(const Error& error) {
  enter(CameraState::kWaiting, error.message);
  // Of a URL that is well-formed, what can never work is its login.
  const bool refused = error.code == ErrorCode::kInvalidArgument && is_url(parts_.config.url);
  return refused ? Over::kRefused : Over::kFailed;
}

CameraReader::Over CameraReader::connect_and_read() {
  auto opened = open_source(parts_.config.url, source_options(parts_.config));
  if (!opened) {
    if (interrupted()) return Over::kPaused;
    return fail(opened.error());
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
  origin_.reset();
  const VideoFormat format = source->video_format().value_or(VideoFormat{});
  film_clock_ = FilmClock(
      {.frames_per_second = format.frames_per_second, .pause_max = format.pause_max});
  thinner_.restart();
  catch_up_.restart();
  watch_.connected();
  running_since_.reset();
  if (gate_) gate_->restart();
  const Over over = read_all(*source);
  const std::lock_guard lock(mutex_);
  source_.reset();
  return stop_ ? Over::kStopped : paused_ ? Over::kPaused : over;
}

CameraReader::Over CameraReader::read_all(Source& source) {
  Packet packet;
  for (;;) {
    const TimePoint asked = Clock::now();
    const auto more = source.next(packet);
    if (interrupted()) return Over::kPaused;
    const TimePoint came = Clock::now();
    catch_up_.waited(came - asked, came);
    const bool comes_back = reconnects(parts_.config.url);
    if (!more && !comes_back) {  // of a file that one item is lost
      log(LogLevel::kWarn, "camera", "{}: {}", parts_.config.name, more.error().message);
      parts_.counters->drop(FrameDrop::kDamaged);
      continue;
    }
    if (!more) return fail(more.error());
    if (!*more && !comes_back) {
      finish();
      return Over::kEnded;
    }
    if (!*more) {
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
  const TimePoint captured = this->captured(packet.media_time, now);
  if (parts_.tap != nullptr) parts_.tap->packet(packet, captured);
  if (parts_.config.live && leave_out(packet, captured, now)) return true;
  // What is not analysed is not decoded where no other frame needs it. (Of a file every frame is
  // decoded: they are counted by that.)
  const bool unwanted = !thinner_.wants(captured);
  const bool behind = catch_up_.is_behind();
  const bool skip = parts_.config.live && (unwanted || behind || parts_.slot->is_waiting());
  decoder_->skip_unreferenced(skip);
  const StreamDecoderCounts before = decoder_->counts();
  Result<void> sent = [&] {
    const auto turn = parts_.turns->take(account_);
    return decoder_->send(packet);
  }();
  if (sent) {
    const auto taken = take_frames(now);
    if (!taken) sent = taken.error();
  }
  const StreamDecoderCounts after = decoder_->counts();
  const bool failed = after.damaged > before.damaged || after.before_key > before.before_key;
  if (after.frames == before.frames) {
    watch_.saw(skip && !failed ? PictureWatch::Gave::kUnwanted : PictureWatch::Gave::kNothing, now);
  }
  count_decoder(unwanted ? FrameDrop::kRate : behind ? FrameDrop::kStale : FrameDrop::kNewer, now);
  if (sent) return gives_pictures(now);
  enter(CameraState::kWaiting, sent.error().message);
  return false;
}

// False: packets have come for too long without a picture that is of use.
bool CameraReader::gives_pictures(TimePoint now) {
  const auto overdue = watch_.overdue(now);
  if (!overdue || !reconnects(parts_.config.url)) return true;
  const double seconds = std::chrono::duration<double>(overdue->time).count();
  enter(CameraState::kWaiting,
        overdue->old
            ? fmt::format("all pictures of the last {:.1f} s came later than age_max_ms, {} ms",
                          seconds, parts_.config.age_max.count())
            : fmt::format("packets come, but for {:.1f} s no picture could be made of them "
                          "(read_timeout_ms): the stream is encrypted, damaged, without key frames "
                          "or not {}, which it says it is",
                          seconds, decoder_->codec()));
  return false;
}

// Says once a connection that the camera's clock is not gone by.
void CameraReader::note_clock() {
  const auto rate = clock_.wrong_rate();
  const std::lock_guard lock(mutex_);
  if (!rate) {
    warning_.clear();
  } else if (warning_.empty()) {
    warning_ = fmt::format("the camera's clock runs at {:.2f} of the time; frames count as "
                           "captured when they arrive", *rate);
    log(LogLevel::kWarn, "camera", "{}: {}", parts_.config.name, warning_);
  }
}

// True: the packet need not be decoded at all.
bool CameraReader::leave_out(const Packet& packet, TimePoint captured, TimePoint now) {
  if (!catch_up_.wants(packet.key_frame, captured, now)) {
    parts_.counters->left_out(FrameDrop::kStale, 1, now);
    return true;
  }
  if (!decoder_->is_intra_only() || thinner_.wants(captured)) return false;
  parts_.counters->left_out(FrameDrop::kRate, 1, now);
  return true;
}

// Every frame that the decoder has. False: stopped.
Result<bool> CameraReader::take_frames(TimePoint begun) {
  for (;;) {
    const auto frame = SHOAL_TRY(decoder_->next());
    if (!frame) return true;
    if (!take_frame(*frame, begun)) return false;
  }
}

// A file is through: the frames that are still in the decoder, then until all are analysed.
void CameraReader::finish() {
  decoder_->finish();
  const TimePoint now = Clock::now();
  (void)take_frames(now);
  count_decoder(FrameDrop::kNewer, now);
  (void)wait_for_slot(FrameSlot::Until::kAll);
}

// A model that is reloaded meanwhile needs another feed. False: stopped or paused.
bool CameraReader::wait_for_slot(FrameSlot::Until until) {
  while (!parts_.slot->wait(until, kFeedRetry)) {
    if (interrupted()) return false;
    if (parts_.slot->needs_feed() || !host_) renew_feed();
    parts_.slot->offer();
  }
  return true;
}

// Where every frame is analysed, as fast as it goes, captured times are the file's own: how busy
// the machine is must not change what is tracked.
TimePoint CameraReader::captured(std::optional<std::chrono::nanoseconds> media_time,
                                 TimePoint now) {
  if (parts_.config.live) return clock_.captured(media_time, now);
  if (!origin_) origin_ = std::max(now, captured_ + kPicturePeriod);
  return media_time ? *origin_ + *media_time : std::max(*origin_, captured_ + kPicturePeriod);
}

// False: stopped.
bool CameraReader::take_frame(const StreamFrame& frame, TimePoint begun) {
  const TimePoint now = Clock::now();
  // By frames and not by packets: how long a decoder keeps frames to put them in order is part of
  // the stream's constant delay, and no sign of age. At one frame a second it is seconds.
  clock_.arrived(frame.media_time, begun, !catch_up_.lags());
  if (parts_.config.live) note_clock();
  const TimePoint captured = captured_ =
      parts_.config.live ? this->captured(frame.media_time, begun)
                         : origin_.value_or(begun) + film_clock_.next(frame.media_time);
  CameraCounters& counters = *parts_.counters;
  counters.decoded(now);
  {
    const std::lock_guard lock(mutex_);
    if (!running_since_) counters.connected();
    size_ = frame.size;
    if (codec_.empty()) codec_ = decoder_->codec();
  }
  if (!running_since_) running_since_ = now;
  if (parts_.slot->needs_feed() || !host_) renew_feed();
  if (host_) enter(CameraState::kRunning);
  work_.number = frames_++;
  const bool stale = parts_.config.live && is_stale(captured, now);
  watch_.saw(stale ? PictureWatch::Gave::kOldPicture : PictureWatch::Gave::kPicture, now);
  if (stale) {
    counters.drop(FrameDrop::kStale);
    return true;
  }
  if (!thinner_.passes(captured)) {
    counters.drop(FrameDrop::kRate);
    return true;
  }
  if (!convert(frame, captured, begun)) return true;
  const TimePoint gate_time = parts_.config.live ? work_.ready : captured;
  if (gate_ && !gate_->passes(work_.pixels.view(), gate_time)) {
    // Of a file every skipped frame is told, too.
    if (!parts_.config.live && !wait_for_slot(FrameSlot::Until::kAll)) return false;
    parts_.slot->carry(work_);
    return true;
  }
  if (!parts_.config.live && !wait_for_slot(FrameSlot::Until::kTurn)) return false;
  return parts_.slot->put(work_);
}

// The frame to work_. False: it could not be, and is counted.
bool CameraReader::convert(const StreamFrame& frame, TimePoint captured, TimePoint begun) {
  const auto turn = parts_.turns->go_on(account_);
  if (const auto converted = decoder_->convert(work_.pixels, parts_.config.side_max); !converted) {
    const bool memory = converted.error().code == ErrorCode::kOutOfMemory;
    parts_.counters->drop(memory ? FrameDrop::kMemory : FrameDrop::kDamaged);
    return false;
  }
  work_.captured = captured;
  work_.captured_at = wall_time_of(captured);
  work_.media_time = frame.media_time;
  work_.decode_begun = begun;
  work_.ready = Clock::now();
  if (parts_.tap != nullptr) parts_.tap->frame(work_.pixels, captured);
  return true;
}

// Whether a frame is too old to be analysed.
bool CameraReader::is_stale(TimePoint captured, TimePoint now) {
  const CatchUp::Verdict verdict = catch_up_.judge(captured, now);
  if (verdict == CatchUp::Verdict::kSkip) decoder_->restart();
  return verdict == CatchUp::Verdict::kStale || verdict == CatchUp::Verdict::kSkip;
}

// `left_out`: why frames that no other needs were not decoded.
void CameraReader::count_decoder(FrameDrop left_out, TimePoint now) {
  const StreamDecoderCounts counts = decoder_->counts();
  parts_.counters->drop(FrameDrop::kNoKey, counts.before_key - counted_.before_key);
  parts_.counters->drop(FrameDrop::kDamaged, counts.damaged - counted_.damaged);
  parts_.counters->left_out(left_out, counts.unreferenced - counted_.unreferenced, now);
  counted_ = counts;
}

// The model may still be loading, be reloaded or be gone: then frames are dropped meanwhile.
void CameraReader::renew_feed() {
  const TimePoint now = Clock::now();
  if (now - feed_tried_ < kFeedRetry) return;
  feed_tried_ = now;
  parts_.slot->set_feeds({});
  host_.reset();
  const CameraConfig& config = parts_.config;
  auto host = config.model.empty() ? parts_.models->find_default()
                                   : parts_.models->find(config.model);
  if (!host) {
    if (running_since_) {
      enter(CameraState::kWaiting, "pictures come, but the model is not loaded: " +
                                       host.error().message);
    }
    return;
  }
  std::optional<float> confidence = config.confidence;
  // Boxes below the model's own are never made.
  if (confidence) confidence = std::max(*confidence, (*host)->detector_options().confidence);
  std::vector<std::unique_ptr<HostFeed>> feeds;
  for (std::size_t i = 0; i < parts_.slot->client_count(); ++i) {
    auto feed = (*host)->feed(parts_.slot->client(i), {.priority = config.priority,
                                                       .source = camera_source(parts_.number),
                                                       .name = config.name,
                                                       .confidence = confidence});
    if (!feed) {
      if (running_since_) enter(CameraState::kWaiting, feed.error().message);
      return;
    }
    feeds.push_back(*std::move(feed));
  }
  host_ = std::move(*host);
  parts_.slot->set_feeds(std::move(feeds));
}

}  // namespace shoal
