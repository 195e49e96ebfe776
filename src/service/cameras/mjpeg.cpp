#include "service/cameras/mjpeg.h"

#include <fmt/format.h>

#include <atomic>
#include <utility>

#include "service/rest/rest_answer.h"

namespace shoal {
namespace {

// A part is shown when the next boundary has come: it is sent with the part, not before the next.
constexpr std::string_view kBoundary = "\r\n--shoal-picture\r\n";
constexpr std::string_view kLastBoundary = "\r\n--shoal-picture--\r\n";

// Where the hub puts the newest picture; shared with it, as the stream may go at any moment.
class NewestPicture final : public Viewer {
 public:
  void picture(const std::shared_ptr<const LivePicture>& picture) override {
    std::shared_ptr<const LivePicture> older;
    std::function<void()> wake;
    {
      const std::lock_guard lock(mutex_);
      older = std::exchange(newest_, picture);
      wake = wake_;
    }
    if (wake) wake();
  }
  void gone(const std::string&) override {
    std::function<void()> wake;
    {
      const std::lock_guard lock(mutex_);
      gone_ = true;
      wake = wake_;
    }
    if (wake) wake();
  }

  void set_wake(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }
  [[nodiscard]] std::shared_ptr<const LivePicture> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(newest_, nullptr);
  }
  [[nodiscard]] bool is_gone() const {
    const std::lock_guard lock(mutex_);
    return gone_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const LivePicture> newest_;
  std::function<void()> wake_;
  bool gone_ = false;
};

class MjpegBody final : public BodySource {
 public:
  MjpegBody(LiveHub& hub, std::string camera, ViewWish wish)
      : hub_(hub), newest_(std::make_shared<NewestPicture>()), wish_(std::move(wish)) {
    wish_.all = false;
    wish_.cameras = {std::move(camera)};
  }
  ~MjpegBody() override { hub_.forget(newest_.get()); }
  MjpegBody(const MjpegBody&) = delete;
  MjpegBody& operator=(const MjpegBody&) = delete;

  void begin(std::function<void()> wake) override {
    newest_->set_wake(std::move(wake));
    hub_.watch(newest_, wish_);
  }
  Next next() override {
    if (ended_) return {Step::kEnd, {}};
    if (!begun_) {
      begun_ = true;
      return {Step::kPiece, kBoundary};
    }
    if (newest_->is_gone()) {
      ended_ = true;
      return {Step::kPiece, kLastBoundary};
    }
    const auto picture = newest_->take();
    if (picture == nullptr) return {Step::kWait, {}};
    const std::string_view jpeg = picture->jpeg();
    part_ = "Content-Type: image/jpeg\r\nContent-Length: ";
    part_ += std::to_string(jpeg.size());
    part_ += "\r\n\r\n";
    part_ += jpeg;
    part_ += kBoundary;
    return {Step::kPiece, part_};
  }

 private:
  LiveHub& hub_;
  const std::shared_ptr<NewestPicture> newest_;
  ViewWish wish_;
  std::string part_;
  bool begun_ = false;
  bool ended_ = false;
};

void refuse(HttpExchange& exchange, const Error& error) {
  HttpResponse response = rest_error(error, status_of(error.code, true));
  set_retry_after(response, 1);
  exchange.respond(std::move(response));
}

}  // namespace

std::shared_ptr<BodySource> make_mjpeg(LiveHub& hub, std::string camera, ViewWish wish) {
  return std::make_shared<MjpegBody>(hub, std::move(camera), std::move(wish));
}

class FrameRequests::Waiter final : public Viewer {
 public:
  Waiter(LiveHub& hub, std::shared_ptr<HttpExchange> exchange, std::string camera)
      : hub_(hub), exchange_(std::move(exchange)), camera_(std::move(camera)) {}

  void picture(const std::shared_ptr<const LivePicture>& picture) override {
    if (done_.exchange(true)) return;
    HttpResponse response;
    response.content_type = "image/jpeg";
    response.body = picture->jpeg();
    response.headers.emplace_back("Cache-Control", "no-store");
    exchange_->respond(std::move(response));
    hub_.forget(this);
  }
  void gone(const std::string&) override {
    fail({ErrorCode::kNotFound, fmt::format("camera '{}' was removed", camera_)});
  }
  void fail(const Error& error) {
    if (done_.exchange(true)) return;
    refuse(*exchange_, error);
    hub_.forget(this);
  }
  void abandon() {
    if (!done_.exchange(true)) hub_.forget(this);
  }
  // False: there is nothing left to wait for.
  [[nodiscard]] bool waits(TimePoint now) {
    if (!done_ && now >= until_) {
      fail({ErrorCode::kUnavailable,
            fmt::format("camera '{}' has given no picture for {} s", camera_,
                        kPatience.count())});
    }
    return !done_;
  }

 private:
  LiveHub& hub_;
  const std::shared_ptr<HttpExchange> exchange_;
  const std::string camera_;
  const TimePoint until_ = Clock::now() + kPatience;
  std::atomic<bool> done_ = false;
};

void FrameRequests::add(std::shared_ptr<HttpExchange> exchange, const std::string& camera,
                        ViewWish wish) {
  wish.all = false;
  wish.cameras = {camera};
  wish.fps = 0;
  auto waiter = std::make_shared<Waiter>(hub_, exchange, camera);
  {
    const std::lock_guard lock(mutex_);
    waiters_.push_back(waiter);
  }
  exchange->on_abort([leaving = std::weak_ptr<Waiter>(waiter)] {
    if (const auto alive = leaving.lock()) alive->abandon();
  });
  hub_.watch(waiter, std::move(wish));
}

void FrameRequests::beat(TimePoint now) {
  std::vector<std::shared_ptr<Waiter>> waiters;
  {
    const std::lock_guard lock(mutex_);
    waiters = waiters_;
  }
  for (const auto& waiter : waiters) (void)waiter->waits(now);
  const std::lock_guard lock(mutex_);
  std::erase_if(waiters_, [&](const auto& waiter) { return !waiter->waits(now); });
}

}  // namespace shoal
