// A queue under a mutex: answers come some thousands of times a second at most.
#include "service/kserve/worker_pool.h"

#include <pthread.h>

#include <exception>
#include <new>
#include <utility>

#include "core/log.h"

namespace shoal {
namespace {

void do_work(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    log(LogLevel::kError, "kserve", "a piece of work was given up: {}", error.what());
  }
}

}  // namespace

WorkerPool::WorkerPool(const std::string& name, int threads) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name] {
      pthread_setname_np(pthread_self(), name.c_str());
      run();
    });
  }
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::post(std::function<void()> work) {
  try {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    changed_.notify_one();
    return;
  } catch (const std::bad_alloc&) {  // then it still is where it was
  }
  do_work(work);
}

void WorkerPool::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closed_ || !work_.empty(); });
    if (work_.empty()) return;
    const std::function<void()> work = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    do_work(work);
    lock.lock();
  }
}

}  // namespace shoal
