// One call on its way through a host: feeds its items to the lanes through a few pooled requests,
// collects their answers in order, and says when all are there.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "pipeline/model_host.h"
#include "pipeline/request_pool.h"

namespace shoal {

// What a call needs of its host.
class CallRunner {
 public:
  virtual ~CallRunner() = default;
  // Starts an item on its way; answers it where that cannot be. Never throws, like what follows.
  virtual void launch(std::unique_ptr<Request> request) = 0;
  // An item was answered: count it, log it.
  virtual void record(const Request& request, const CallOptions& options, TimePoint answered) = 0;
  virtual RequestPool& requests() = 0;
  // Of a feed, which has no calls: a round begins (false: no more do, the model is closing), and
  // has ended, which is the last thing it does.
  [[nodiscard]] virtual bool enter() = 0;
  virtual void left() = 0;
  // The call was answered; the last thing it does. `requests` is how many it started with.
  virtual void finished(SourceKey source, std::size_t requests) = 0;
};

// Lives until it is answered: requests in flight point to it, and it holds itself.
//
// Threads  start() once; the rest is called by lanes, at the same time.
// Memory   all that is needed to answer is allocated when it is made: where an allocation fails
//          later, an item's answer is that error, and every item still has one.
class Call final : public Completion, public std::enable_shared_from_this<Call> {
 public:
  // Sets an item's fields of a request: input and work.
  using Load = std::function<void(Request& request, std::size_t item)>;

  struct Parts {
    CallRunner* runner = nullptr;
    std::size_t count = 0;               // items
    Load load;
    std::shared_ptr<const void> owner;   // of the items' bytes
    CallOptions options;
    Duration timeout{};                  // of an item, where the call has no deadline
    CallDone done;
  };
  explicit Call(Parts parts);

  // With the requests it starts with, at least one; the more, the more of its items are under way
  // at the same time.
  void start(std::vector<std::unique_ptr<Request>> requests);

  void complete(std::unique_ptr<Request> request) noexcept override;

  [[nodiscard]] std::shared_ptr<std::atomic<bool>> cancelled() const { return cancelled_; }

 private:
  void collect(Request& request);
  void feed(std::unique_ptr<Request> request);
  void begin(std::unique_ptr<Request> request, std::size_t item) noexcept;
  void leave();

  Parts parts_;
  const std::shared_ptr<std::atomic<bool>> cancelled_;
  CallItems items_;
  std::shared_ptr<Call> self_;  // from start() to the answer
  std::mutex mutex_;
  std::vector<std::unique_ptr<Request>> idle_;  // answered, to be used for the next items
  std::size_t requests_ = 0;  // that it started with
  std::size_t next_ = 0;      // item
  std::size_t left_ = 0;      // start() and the completions that are through: count + 1 in the end
  bool feeding_ = false;      // a thread is in feed(): others leave their request in idle_
};

}  // namespace shoal
