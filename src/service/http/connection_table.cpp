#include "service/http/connection_table.h"

#include <utility>
#include <vector>

namespace shoal {

void ConnectionTable::list(std::uint64_t id, Entry& entry,
                           std::list<std::uint64_t>::iterator before) {
  entry.idle = idle_.insert(before, id);
  entry.listed = true;
}

void ConnectionTable::unlist(Entry& entry) {
  if (entry.listed) idle_.erase(entry.idle);
  entry.listed = false;
}

void ConnectionTable::count_in(Entry& entry) {
  entry.counted = true;
  ++counted_;
  ++clients_[entry.client];
  if (entry.state != ConnectionState::kClosing) ++busy_;
}

void ConnectionTable::count_out(Entry& entry) {
  if (!entry.counted) return;
  entry.counted = false;
  --counted_;
  const auto client = clients_.find(entry.client);
  if (--client->second == 0) clients_.erase(client);
  if (entry.state != ConnectionState::kClosing) --busy_;
}

ConnectionTable::Admission ConnectionTable::add(std::uint64_t id, const std::string& client,
                                                std::weak_ptr<Closable> connection) {
  std::shared_ptr<Closable> oldest;
  {
    const std::lock_guard lock(mutex_);
    const auto of_client = clients_.find(client);
    if (of_client != clients_.end() && of_client->second >= per_client_) {
      return Admission::kTooManyOfClient;
    }
    if (counted_ >= most_) {
      oldest = take_oldest();
      if (oldest == nullptr) return Admission::kTooMany;
    }
    Entry& entry = entries_[id];
    entry.client = client;
    entry.connection = std::move(connection);
    list(id, entry, idle_.end());
    count_in(entry);
  }
  if (oldest != nullptr) oldest->close_if_idle();
  return Admission::kAdmitted;
}

void ConnectionTable::set(std::uint64_t id, ConnectionState state) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  const bool counted = entry.counted;
  if (entry.state == state && counted) return;
  count_out(entry);
  unlist(entry);
  entry.state = state;
  // A request that came in just before it was to close is served: it counts again.
  if (counted || state == ConnectionState::kActive) count_in(entry);
  // One that does not count makes no room by closing.
  if (entry.counted && state == ConnectionState::kIdle) list(id, entry, idle_.end());
  if (entry.counted && state == ConnectionState::kClosing) list(id, entry, idle_.begin());
  if (busy_ == 0) changed_.notify_all();
}

void ConnectionTable::remove(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  count_out(found->second);
  unlist(found->second);
  entries_.erase(found);
  if (busy_ == 0) changed_.notify_all();
}

std::shared_ptr<Closable> ConnectionTable::take_oldest() {
  while (!idle_.empty()) {
    Entry& entry = entries_.find(idle_.front())->second;
    count_out(entry);
    unlist(entry);
    ++evicted_;
    if (auto connection = entry.connection.lock()) return connection;
  }
  return nullptr;
}

bool ConnectionTable::evict() {
  std::shared_ptr<Closable> oldest;
  {
    const std::lock_guard lock(mutex_);
    oldest = take_oldest();
  }
  if (oldest != nullptr) oldest->close_if_idle();
  return oldest != nullptr;
}

void ConnectionTable::for_each(const std::function<void(Closable&)>& action) const {
  std::vector<std::shared_ptr<Closable>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) {
      if (auto connection = entry.connection.lock()) all.push_back(std::move(connection));
    }
  }
  for (const auto& connection : all) action(*connection);
}

std::size_t ConnectionTable::count() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::uint64_t ConnectionTable::evicted() const {
  const std::lock_guard lock(mutex_);
  return evicted_;
}

bool ConnectionTable::wait_until_quiet(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return busy_ == 0; });
}

bool ConnectionTable::wait_until_empty(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return entries_.empty(); });
}

}  // namespace shoal
