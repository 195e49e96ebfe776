#include "service/http/connection_table.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace shoal {

ConnectionTable::ConnectionTable(int most, int most_per_client)
    : most_(most),
      per_client_(most_per_client),
      present_max_(static_cast<std::size_t>(most + std::max(most / 16, 16))) {}

void ConnectionTable::list(std::uint64_t id, Entry& entry) {
  Ids& of_client = clients_[entry.client].idle;
  const bool first = entry.state == ConnectionState::kClosing;
  entry.idle = idle_.insert(first ? idle_.begin() : idle_.end(), id);
  entry.idle_of_client = of_client.insert(first ? of_client.begin() : of_client.end(), id);
  entry.listed = true;
}

void ConnectionTable::unlist(Entry& entry) {
  if (!entry.listed) return;
  idle_.erase(entry.idle);
  clients_.find(entry.client)->second.idle.erase(entry.idle_of_client);
  entry.listed = false;
}

void ConnectionTable::count_in(Entry& entry) {
  entry.counted = true;
  ++counted_;
  ++clients_[entry.client].counted;
  if (entry.state != ConnectionState::kClosing) ++busy_;
}

// Also takes it off the lists: one that does not count makes no room by closing.
void ConnectionTable::count_out(Entry& entry) {
  unlist(entry);
  if (!entry.counted) return;
  entry.counted = false;
  --counted_;
  const auto client = clients_.find(entry.client);
  if (--client->second.counted == 0) clients_.erase(client);
  if (entry.state != ConnectionState::kClosing) --busy_;
}

ConnectionTable::Admission ConnectionTable::add(std::uint64_t id, const std::string& client,
                                                std::weak_ptr<Closable> connection) {
  std::shared_ptr<Closable> oldest;
  {
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= present_max_) return Admission::kTooMany;
    const auto of_client = clients_.find(client);
    if (of_client != clients_.end() && of_client->second.counted >= per_client_) {
      oldest = take_oldest(of_client->second.idle);
      if (oldest == nullptr) return Admission::kTooManyOfClient;
    } else if (counted_ >= most_) {
      oldest = take_oldest(idle_);
      if (oldest == nullptr) return Admission::kTooMany;
    }
    Entry& entry = entries_[id];
    entry.client = client;
    entry.connection = std::move(connection);
    count_in(entry);
    list(id, entry);
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
  entry.state = state;
  // A request that came in just before it was to close is served: it counts again.
  if (counted || state == ConnectionState::kActive) count_in(entry);
  if (entry.counted && state != ConnectionState::kActive) list(id, entry);
  if (busy_ == 0) changed_.notify_all();
}

void ConnectionTable::remove(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  count_out(found->second);
  entries_.erase(found);
  if (busy_ == 0) changed_.notify_all();
}

// `idle` is idle_ or a client's, and may be gone with its client when this returns.
std::shared_ptr<Closable> ConnectionTable::take_oldest(Ids& idle) {
  if (idle.empty()) return nullptr;
  Entry& entry = entries_.find(idle.front())->second;
  count_out(entry);
  ++evicted_;
  return entry.connection.lock();
}

bool ConnectionTable::evict() {
  std::shared_ptr<Closable> oldest;
  {
    const std::lock_guard lock(mutex_);
    oldest = take_oldest(idle_);
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
