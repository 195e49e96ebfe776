#include "service/rest/work_queue.h"

#include <pthread.h>

#include <exception>
#include <utility>

#include "core/log.h"

namespace shoal {

WorkQueue::WorkQueue(std::string name, std::size_t jobs_max, std::size_t bytes_max)
    : jobs_max_(jobs_max), bytes_max_(bytes_max), thread_([this, name = std::move(name)] {
        pthread_setname_np(pthread_self(), name.c_str());
        run();
      }) {}

WorkQueue::~WorkQueue() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

bool WorkQueue::post(std::size_t bytes, std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  const bool fits = pending_ < jobs_max_ && bytes <= bytes_max_ && bytes_ <= bytes_max_ - bytes;
  if (closed_ || !(fits || pending_ == 0)) return false;
  jobs_.push_back({bytes, std::move(work)});  // first: it may throw
  ++pending_;
  bytes_ += bytes;
  changed_.notify_all();
  return true;
}

void WorkQueue::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    try {
      job.work();
    } catch (const std::exception& error) {  // its client hears that it was dropped
      log(LogLevel::kError, "rest", "a piece of work was given up: {}", error.what());
    }
    job.work = nullptr;  // what it keeps alive goes before its bytes are free for others
    lock.lock();
    --pending_;
    bytes_ -= job.bytes;
  }
}

}  // namespace shoal
