// Who is connected: bounds on connections in all and per client, the oldest idle one that makes
// room for a new one, and the wait for those at work when the server drains.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace shoal {

// What the table asks of a connection. Threads: any; nothing has happened yet when these return.
class Closable {
 public:
  virtual ~Closable() = default;
  virtual void close_if_idle() = 0;
  virtual void drain() = 0;  // close when what is under way is answered
  virtual void kill() = 0;   // close now
};

// kIdle: no request has come in whole; may be closed to make room. kActive: a request is being
// received or answered. kClosing: the answers are out.
enum class ConnectionState : std::uint8_t { kIdle, kActive, kClosing };

// Threads  all methods from any thread.
class ConnectionTable {
 public:
  ConnectionTable(int most, int most_per_client) : most_(most), per_client_(most_per_client) {}

  enum class Admission : std::uint8_t { kAdmitted, kTooMany, kTooManyOfClient };
  // Counts the connection, as idle. Where the table is full the longest idle one is closed.
  [[nodiscard]] Admission add(std::uint64_t id, const std::string& client,
                              std::weak_ptr<Closable> connection);
  void set(std::uint64_t id, ConnectionState state);
  void remove(std::uint64_t id);
  // Closes the longest idle connection, if any: the process is out of file descriptors.
  bool evict();
  void for_each(const std::function<void(Closable&)>& action) const;

  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] std::uint64_t evicted() const;
  // Waits until every connection is kClosing or gone; false when `patience` is over first.
  [[nodiscard]] bool wait_until_quiet(std::chrono::milliseconds patience);
  [[nodiscard]] bool wait_until_empty(std::chrono::milliseconds patience);

 private:
  struct Entry {
    std::string client;
    std::weak_ptr<Closable> connection;
    ConnectionState state = ConnectionState::kIdle;
    bool counted = true;  // false: asked to close, to make room
    std::list<std::uint64_t>::iterator idle;  // where listed
    bool listed = false;
  };
  void list(std::uint64_t id, Entry& entry, std::list<std::uint64_t>::iterator before);
  void unlist(Entry& entry);
  void count_in(Entry& entry);
  void count_out(Entry& entry);
  [[nodiscard]] std::shared_ptr<Closable> take_oldest();

  const int most_;
  const int per_client_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<std::uint64_t, Entry> entries_;
  std::unordered_map<std::string, int> clients_;  // counted ones
  std::list<std::uint64_t> idle_;  // the longest idle first; those closing before all
  int counted_ = 0;
  std::size_t busy_ = 0;  // counted ones that are not kClosing
  std::uint64_t evicted_ = 0;
};

}  // namespace shoal
