#include "pipeline/host_feed.h"

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

namespace shoal {

class HostFeed::Round final : public Completion, public PictureSupply {
 public:
  Round(CallRunner& runner, LanePool& lanes, FeedClient& client, FeedOptions options,
        std::unique_ptr<Request> request)
      : runner_(runner), lanes_(lanes), client_(client), request_(std::move(request)) {
    facts_.priority = options.priority;
    facts_.source = options.source;
    facts_.source_name = std::move(options.name);
    facts_.confidence = options.confidence;
    facts_.door = "camera";
  }
  ~Round() override {
    std::unique_lock lock(mutex_);
    landed_.wait(lock, [this] { return request_ != nullptr && landing_ == 0; });
    runner_.requests().release(std::move(request_));
  }

  Offered offer(Size size) {
    Offered offered = Offered::kInFlight;
    auto request = begin(size, offered);
    if (request) lanes_.submit(std::move(request), Overflow::kReject);
    return offered;
  }

  // The request of a new round, for the caller to submit; nullptr where there is none to begin.
  std::unique_ptr<Request> begin(Size size, Offered& offered) {
    std::unique_ptr<Request> request;
    {
      const std::lock_guard lock(mutex_);
      offered = Offered::kInFlight;
      if (!request_) return nullptr;
      offered = Offered::kClosed;
      if (!runner_.enter()) return nullptr;
      offered = Offered::kAccepted;
      request = std::move(request_);
    }
    RequestPool::renew(*request);
    request->work = Work::kNewest;
    request->supply = this;
    request->priority = facts_.priority;
    request->source = facts_.source;
    request->confidence = facts_.confidence;
    request->outcome.size = size;
    request->completion = this;
    request->started = Clock::now();
    return request;
  }
  [[nodiscard]] LanePool& lanes() { return lanes_; }

  bool supply(Request& request) noexcept override {
    asked_ = true;
    supplied_ = client_.supply(request);
    return supplied_;
  }

  void complete(std::unique_ptr<Request> request) noexcept override {
    CallRunner& runner = runner_;
    const Landed how = !asked_ ? Landed::kRefused : supplied_ ? Landed::kAnswered : Landed::kEmpty;
    asked_ = supplied_ = false;
    if (how == Landed::kAnswered) {
      runner.record(*request, facts_, Clock::now());
      client_.collect(request->outcome);
    }
    {
      const std::lock_guard lock(mutex_);
      request_ = std::move(request);
      ++landing_;
    }
    client_.landed(how);
    {
      // Notified under the lock: the feed may be gone right after it.
      const std::lock_guard lock(mutex_);
      --landing_;
      landed_.notify_all();
    }
    runner.left();
  }

 private:
  CallRunner& runner_;
  LanePool& lanes_;
  FeedClient& client_;
  CallOptions facts_;
  // The lane's own, from supply() to complete().
  bool asked_ = false;
  bool supplied_ = false;
  std::mutex mutex_;
  std::condition_variable landed_;
  std::unique_ptr<Request> request_;  // null: in flight
  int landing_ = 0;                   // threads in landed()
};

HostFeed::HostFeed(CallRunner& runner, LanePool& lanes, FeedClient& client, FeedOptions options,
                   std::unique_ptr<Request> request)
    : round_(std::make_unique<Round>(runner, lanes, client, std::move(options),
                                     std::move(request))) {}

HostFeed::~HostFeed() = default;

Offered HostFeed::offer(Size size) { return round_->offer(size); }

void HostFeed::offer_together(std::span<Joint> feeds, std::uint64_t group) {
  // Most sites have one model: one pass over them.
  std::vector<std::unique_ptr<Request>> requests;
  std::vector<bool> done(feeds.size(), false);
  for (std::size_t first = 0; first < feeds.size(); ++first) {
    if (done[first]) continue;
    LanePool& lanes = feeds[first].feed->round_->lanes();
    requests.clear();
    for (std::size_t i = first; i < feeds.size(); ++i) {
      if (&feeds[i].feed->round_->lanes() != &lanes) continue;
      done[i] = true;
      auto request = feeds[i].feed->round_->begin(feeds[i].size, feeds[i].offered);
      if (!request) continue;
      request->group = group;
      requests.push_back(std::move(request));
    }
    lanes.submit_together(requests);
  }
}

}  // namespace shoal
