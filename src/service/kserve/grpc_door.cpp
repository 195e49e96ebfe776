// One thread that sleeps in epoll: for connections to accept and for those that end. Bytes of calls
// never wake it.
#include "service/kserve/grpc_door.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/log.h"
#include "service/http/door_files.h"

namespace shoal {
namespace {

constexpr std::uint64_t kListener = 0;
constexpr std::uint64_t kBell = 1;
constexpr std::chrono::milliseconds kSoon{20};
constexpr std::chrono::milliseconds kSeldom{1000};
constexpr std::chrono::milliseconds kQuiet{300};  // before a drain takes a connection for done
// Bytes that have to come in every stall_timeout while a message is awaited.
constexpr std::uint64_t kStallBytes = 4096;
// What a caller without a key may send while his message is awaited; those of health are tiny.
constexpr std::uint64_t kOpenBytes = std::uint64_t{256} << 10;
constexpr int kAcceptsAtOnce = 64;
constexpr std::string_view kRefused = "connections of the gRPC door above connections_max or "
                                      "connections_per_client are refused";

struct Peer {
  std::string address;
  std::uint16_t port = 0;
};

// An IPv4 address within IPv6 as the IPv4 address, as gRPC has it.
Peer peer_of(int descriptor) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return {text.data(), ntohs(v4.sin_port)};
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  }
  return {text.data(), ntohs(v6.sin6_port)};
}

std::string key_of(std::string_view address, std::string_view port) {
  return fmt::format("{}|{}", address, port);
}

bool watch(int events, int descriptor, std::uint32_t what, std::uint64_t id) {
  epoll_event event{};
  event.events = what;
  event.data.u64 = id;
  return epoll_ctl(events, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

}  // namespace

std::string address_of_peer(std::string_view peer) {
  const auto kind = peer.find(':');
  const auto port = peer.rfind(':');
  if (kind == std::string_view::npos || port <= kind) return std::string(peer);
  std::string_view address = peer.substr(kind + 1, port - kind - 1);
  for (const std::string_view open : {"%5B", "["}) {
    if (address.starts_with(open)) address.remove_prefix(open.size());
  }
  for (const std::string_view end : {"%5D", "]"}) {
    if (address.ends_with(end)) address.remove_suffix(end.size());
  }
  return std::string(address.substr(0, address.find('%')));  // without the interface
}

GrpcLink::GrpcLink(int descriptor, std::string client, ConnectionTable& table, std::uint64_t id)
    : descriptor_(descriptor),
      client_(std::move(client)),
      table_(table),
      id_(id),
      quiet_since_(Clock::now()) {}

GrpcLink::~GrpcLink() { ::close(descriptor_); }

void GrpcLink::kill() { (void)shutdown(descriptor_, SHUT_RDWR); }

void GrpcLink::close_if_idle() {
  const std::lock_guard lock(mutex_);
  if (calls_ == 0) kill();
}

void GrpcLink::begin_call() {
  const std::lock_guard lock(mutex_);
  served_ = true;
  if (calls_++ == 0) table_.set(id_, ConnectionState::kActive);
}

void GrpcLink::end_call() {
  const std::lock_guard lock(mutex_);
  if (--calls_ > 0) return;
  quiet_since_ = Clock::now();
  table_.set(id_, ConnectionState::kIdle);
}

std::uint64_t GrpcLink::bytes_received() const {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (getsockopt(descriptor_, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return 0;
  return info.tcpi_bytes_received;
}

void GrpcLink::begin_read(const std::weak_ptr<ReadingCall>& call, bool open) {
  const std::lock_guard lock(mutex_);
  if (awaited_++ == 0) {
    reads_since_ = Clock::now();
    reads_mark_ = bytes_received();
  }
  if (open && open_awaited_++ == 0) open_mark_ = bytes_received();
  std::erase_if(reads_, [](const auto& one) { return one.expired(); });
  reads_.push_back(call);
}

void GrpcLink::end_read(bool open) {
  const std::lock_guard lock(mutex_);
  if (open) --open_awaited_;
  if (--awaited_ == 0) reads_.clear();
}

std::vector<std::shared_ptr<ReadingCall>> GrpcLink::take_stalled(
    TimePoint now, std::chrono::milliseconds stall_timeout) {
  std::vector<std::shared_ptr<ReadingCall>> stalled;
  if (awaited_ == 0 || now - reads_since_ < stall_timeout) return stalled;
  const std::uint64_t received = bytes_received();
  if (received < reads_mark_ + kStallBytes) {
    for (const auto& one : reads_) {
      if (auto call = one.lock()) stalled.push_back(std::move(call));
    }
    reads_.clear();
  }
  reads_since_ = now;
  reads_mark_ = received;
  return stalled;
}

bool GrpcLink::inspect(TimePoint now, std::chrono::milliseconds stall_timeout) {
  std::vector<std::shared_ptr<ReadingCall>> stalled;
  bool soon = false;
  {
    const std::lock_guard lock(mutex_);
    stalled = take_stalled(now, stall_timeout);
    soon = open_awaited_ > 0 && !proven_;
    if (soon && bytes_received() > open_mark_ + kOpenBytes) kill();
  }
  for (const auto& call : stalled) call->stalled();
  return soon;
}

void GrpcLink::close_if_quiet(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (calls_ == 0 && (!served_ || now - quiet_since_ > kQuiet)) kill();
}

GrpcDoor::GrpcDoor(int listener, int events, int bell, std::uint16_t port,
                   const GrpcDoorOptions& options)
    : options_(options),
      listener_(listener),
      events_(events),
      bell_(bell),
      port_(port),
      table_(options.connections_max, options.connections_per_client) {}

GrpcDoor::~GrpcDoor() {
  stop();
  // Calls that still hold their connection are over: the server is gone before its door.
  for (const int descriptor : {listener_, events_, bell_}) ::close(descriptor);
}

Result<std::unique_ptr<GrpcDoor>> GrpcDoor::create(const std::string& address, std::uint16_t port,
                                                   const GrpcDoorOptions& options) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_in);
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  if (inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    storage.ss_family = AF_INET;
    v4.sin_port = htons(port);
  } else if (inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    storage.ss_family = AF_INET6;
    v6.sin6_port = htons(port);
    length = sizeof(sockaddr_in6);
  } else {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("gRPC: \"{}\" is no IP address", address)};
  }
  constexpr int kWays = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const int listener = socket(storage.ss_family, kWays, 0);
  const int yes = 1;
  (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  (void)setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);  // of its connections too
  const int events = epoll_create1(EPOLL_CLOEXEC);
  const int bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  auto* const to = reinterpret_cast<sockaddr*>(&storage);
  const bool listens = listener >= 0 && bind(listener, to, length) == 0 &&
                       listen(listener, SOMAXCONN) == 0 && getsockname(listener, to, &length) == 0;
  if (!listens || events < 0 || bell < 0 || !watch(events, listener, EPOLLIN, kListener) ||
      !watch(events, bell, EPOLLIN, kBell)) {
    const bool taken = errno == EADDRINUSE;
    const std::string why = taken ? "the port is taken; choose another, or 0 for any free one"
                                  : std::strerror(errno);
    for (const int descriptor : {listener, events, bell}) {
      if (descriptor >= 0) ::close(descriptor);
    }
    return Error{ErrorCode::kUnavailable,
                 fmt::format("gRPC: cannot listen on {} port {}: {}", address, port, why)};
  }
  const std::uint16_t got = ntohs(storage.ss_family == AF_INET ? v4.sin_port : v6.sin6_port);
  return std::unique_ptr<GrpcDoor>(new GrpcDoor(listener, events, bell, got, options));
}

void GrpcDoor::start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor) {
  acceptor_ = std::move(acceptor);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "grpc-door");
    run();
  });
}

void GrpcDoor::run() {
  std::array<epoll_event, 64> ready{};
  TimePoint next = Clock::now() + kSeldom;
  bool listening = true;
  while (!ended_) {
    if (draining_ && std::exchange(listening, false)) {
      (void)epoll_ctl(events_, EPOLL_CTL_DEL, listener_, nullptr);
      (void)shutdown(listener_, SHUT_RDWR);  // who connects from now on is refused
    }
    if (draining_ || look_soon_.exchange(false)) next = std::min(next, Clock::now() + kSoon);
    const auto patience = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    const int count = epoll_wait(events_, ready.data(), ready.size(),
                                 static_cast<int>(std::max<std::int64_t>(patience.count(), 0)));
    for (int i = 0; i < count; ++i) {
      const std::uint64_t id = ready[static_cast<std::size_t>(i)].data.u64;
      if (id == kListener) {
        accept_all();
      } else if (id == kBell) {
        std::uint64_t rings = 0;
        (void)!read(bell_, &rings, sizeof rings);
      } else {
        forget(id);  // no other event is asked for than its end
      }
    }
    if (Clock::now() < next) continue;
    next = Clock::now() + (inspect_all() ? kSoon : kSeldom);
    if (listening && paused_) listen_for(EPOLLIN);
  }
}

void GrpcDoor::listen_for(std::uint32_t what) {
  epoll_event event{};
  event.events = what;
  event.data.u64 = kListener;
  (void)epoll_ctl(events_, EPOLL_CTL_MOD, listener_, &event);
  paused_ = what == 0;
}

void GrpcDoor::accept_all() {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
      if (errno == EMFILE || errno == ENFILE) {
        // The connection waits in the queue and would wake this thread at once again.
        table_.evict();
        listen_for(0);
        look_soon_ = true;
      }
      return;
    }
    admit(descriptor);
  }
}

void GrpcDoor::admit(int descriptor) {
  const Peer peer = peer_of(descriptor);
  const int second = peer.port == 0 || draining_ ? -1 : fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  const bool room = second >= 0 && !is_reserved_file(std::max(descriptor, second));
  const std::uint64_t id = ++last_id_;
  std::shared_ptr<GrpcLink> link;
  if (second >= 0) link = std::make_shared<GrpcLink>(second, peer.address, table_, id);
  if (!room && second >= 0) table_.evict();
  if (!room || table_.add(id, peer.address, link) != ConnectionTable::Admission::kAdmitted) {
    ::close(descriptor);
    if (refused_++ == 0) log(LogLevel::kWarn, "grpc", "{}", kRefused);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    std::string key = key_of(peer.address, std::to_string(peer.port));
    by_peer_[key] = link;
    peers_[id] = std::move(key);
    links_[id] = std::move(link);
  }
  // No events but errors and the end of both directions, which are always told.
  (void)watch(events_, second, 0, id);
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
  parameters.listener_fd = listener_;
  parameters.fd = descriptor;
  acceptor_->HandleNewConnection(&parameters);
}

void GrpcDoor::forget(std::uint64_t id) {
  std::shared_ptr<GrpcLink> last;  // goes outside the lock
  {
    const std::lock_guard lock(mutex_);
    const auto found = links_.find(id);
    if (found == links_.end()) return;
    last = std::move(found->second);
    links_.erase(found);
    const auto peer = peers_.find(id);
    const auto by_peer = by_peer_.find(peer->second);
    // The port may be in use again already.
    if (by_peer != by_peer_.end() && by_peer->second == last) by_peer_.erase(by_peer);
    peers_.erase(peer);
  }
  // A call may hold the link, and with it the descriptor, for a moment longer.
  (void)epoll_ctl(events_, EPOLL_CTL_DEL, last->descriptor(), nullptr);
  table_.remove(id);
}

bool GrpcDoor::inspect_all() {
  std::vector<std::shared_ptr<GrpcLink>> links;
  {
    const std::lock_guard lock(mutex_);
    links.reserve(links_.size());
    for (const auto& [id, link] : links_) links.push_back(link);
  }
  const TimePoint now = Clock::now();
  bool soon = false;
  for (const auto& link : links) {
    soon = link->inspect(now, options_.stall_timeout) || soon;
    if (draining_) link->close_if_quiet(now);
  }
  return soon;
}

std::shared_ptr<GrpcLink> GrpcDoor::find(std::string_view peer) const {
  const std::string key = key_of(address_of_peer(peer), peer.substr(peer.rfind(':') + 1));
  const std::lock_guard lock(mutex_);
  const auto found = by_peer_.find(key);
  return found == by_peer_.end() ? nullptr : found->second;
}

void GrpcDoor::ring() const {
  const std::uint64_t one = 1;
  (void)!write(bell_, &one, sizeof one);
}

void GrpcDoor::look_soon() {
  if (!look_soon_.exchange(true)) ring();
}

void GrpcDoor::drain() {
  if (!draining_.exchange(true)) ring();
}

void GrpcDoor::stop() {
  drain();
  ended_ = true;
  ring();
  if (thread_.joinable()) thread_.join();
}

}  // namespace shoal
