// Threads for what would hold up a lane or a thread of a server: reading large bodies, writing
// answers, loading models.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace shoal {

// Not bounded by itself: whoever posts has been bounded before, by the host's queue limit or by the
// server's connections and bodies.
//
// Threads  post() by any. Where there is no memory to queue it, the work is done before post()
//          returns. Work that throws is given up and logged.
class WorkerPool {
 public:
  // `name` is the threads', at most 15 characters.
  WorkerPool(const std::string& name, int threads);
  ~WorkerPool();  // does what is queued, then ends
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void post(std::function<void()> work);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace shoal
