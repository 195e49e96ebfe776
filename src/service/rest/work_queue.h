// One thread for what would hold up a thread of the server or a lane: large bodies, drawing.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace shoal {

// Bounded by jobs and by the bytes that they keep alive; what does not fit is refused.
//
// Threads  post() by any; the work runs on the queue's own thread, in order.
class WorkQueue {
 public:
  // `name` is the thread's, at most 15 characters.
  WorkQueue(std::string name, std::size_t jobs_max, std::size_t bytes_max);
  ~WorkQueue();  // does what is queued, then ends
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // False where it is full; `work` is not kept then. A job larger than the bound gets in alone.
  [[nodiscard]] bool post(std::size_t bytes, std::function<void()> work);

 private:
  struct Job {
    std::size_t bytes = 0;
    std::function<void()> work;
  };
  void run();

  const std::size_t jobs_max_;
  const std::size_t bytes_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;     // waiting
  std::size_t pending_ = 0;  // waiting or running
  std::size_t bytes_ = 0;    // of these
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace shoal
