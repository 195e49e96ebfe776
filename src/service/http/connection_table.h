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
// received or answered. kClosing: the answers are out, or the request is refused; the first to
// make room.
enum class ConnectionState : std::uint8_t { kIdle, kActive, kClosing };

// Threads  all methods from any thread.
class ConnectionTable {
 public:
  ConnectionTable(int most, int most_per_client);

  enum class Admission : std::uint8_t { kAdmitted, kTooMany, kTooManyOfClient };
  // Counts the connection, as idle. Where the table, or the client's share of it, is full, its
  // longest idle connection is closed. That one makes room at once, but those which are asked to
  // close and are still there are bounded too.
  [[nodiscard]] Admission add(std::uint64_t id, const std::string& client,
                              std::weak_ptr<Closable> connection);
  void set(std::uint64_t id, ConnectionState state);
  void remove(std::uint64_t id);
  // Closes the longest idle connection, if any: the process is out of file descriptors.
  bool evict();
  void for_each(const std::function<void(Closable&)>& action) const;

  [[nodiscard]] std::size_t count() const;  // also those that are asked to close
  [[nodiscard]] std::uint64_t evicted() const;
  // Waits until every connection is kClosing or gone; false when `patience` is over first.
  [[nodiscard]] bool wait_until_quiet(std::chrono::milliseconds patience);
  [[nodiscard]] bool wait_until_empty(std::chrono::milliseconds patience);

 private:
  using Ids = std::list<std::uint64_t>;
  struct Client {
    int counted = 0;
    Ids idle;  // as idle_, those of this client
  };
  struct Entry {
    std::string client;
    std::weak_ptr<Closable> connection;
    ConnectionState state = ConnectionState::kIdle;
    bool counted = true;  // false: asked to close, to make room
    bool listed = false;
    Ids::iterator idle;            // where listed
    Ids::iterator idle_of_client;  // where listed
  };
  void list(std::uint64_t id, Entry& entry);
  void unlist(Entry& entry);
  void count_in(Entry& entry);
  void count_out(Entry& entry);
  [[nodiscard]] std::shared_ptr<Closable> take_oldest(Ids& idle);

  const int most_;
  const int per_client_;
  const std::size_t present_max_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::unordered_map<std::uint64_t, Entry> entries_;
  std::unordered_map<std::string, Client> clients_;  // with counted connections
  Ids idle_;  // the longest idle first; those closing before all
  int counted_ = 0;
  std::size_t busy_ = 0;  // counted ones that are not kClosing
  std::uint64_t evicted_ = 0;
};

}  // namespace shoal
