// Boost.JSON's exceptions end here.
#include "service/cameras/live_socket.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <map>
#include <mutex>
#include <utility>

#include "core/json_text.h"
#include "core/suggest.h"
#include "service/cameras/view_limits.h"

namespace shoal {
namespace {

namespace json = boost::json;

constexpr std::size_t kNamesMax = 1024;
constexpr std::array<std::string_view, 4> kKeys = {"cameras", "fps", "type", "width"};

Error bad_watch(std::string message) {
  return {ErrorCode::kInvalidArgument, "watch: " + std::move(message)};
}

std::optional<double> number_of(const json::value& value) {
  if (value.is_int64()) return static_cast<double>(value.get_int64());
  if (value.is_uint64()) return static_cast<double>(value.get_uint64());
  if (value.is_double()) return value.get_double();
  return std::nullopt;
}

Result<void> read_cameras(ViewWish& wish, const json::value& value) {
  if (value.is_string() && value.get_string() == "*") {
    wish.all = true;
    return {};
  }
  if (!value.is_array()) return bad_watch("cameras: expected \"*\" or a list of names");
  if (value.get_array().size() > kNamesMax) {
    return bad_watch(fmt::format("cameras: at most {} names", kNamesMax));
  }
  for (const json::value& name : value.get_array()) {
    if (!name.is_string()) return bad_watch("cameras: expected \"*\" or a list of names");
    wish.cameras.emplace_back(name.get_string());
  }
  return {};
}

Result<void> read_member(ViewWish& wish, std::string_view key, const json::value& value) {
  if (key == "type") {
    if (value.is_string() && value.get_string() == "watch") return {};
    return Error{ErrorCode::kInvalidArgument, "type: expected \"watch\""};
  }
  if (key == "cameras") return read_cameras(wish, value);
  if (key == "width" || key == "fps") {
    const std::optional<double> number = number_of(value);
    const Result<void> set =
        key == "width" ? set_view_width(wish, number) : set_view_fps(wish, number);
    return set ? set : Result<void>(bad_watch(set.error().message));
  }
  return bad_watch(fmt::format("unknown key '{}'{}", key.substr(0, 64),
                             suggestion(key.substr(0, 64), kKeys)));
}

// Pictures for one socket. Lives as long as the hub or the socket wants it.
class SocketViewer final : public Viewer {
 public:
  explicit SocketViewer(std::shared_ptr<SocketPeer> peer) : peer_(std::move(peer)) {}

  void picture(const std::shared_ptr<const LivePicture>& picture) override {
    const std::lock_guard lock(mutex_);
    // A picture that was on its way when the client turned to other cameras.
    if (!wish_.all && std::ranges::count(wish_.cameras, picture->camera) == 0) return;
    const auto slot = slots_.try_emplace(picture->camera, slots_.size()).first->second;
    peer_->send_binary(slot, SocketPeer::Bytes(picture, &picture->message));
  }
  void gone(const std::string& camera) override { drop(camera); }

  void set(const ViewWish& wish) {
    const std::lock_guard lock(mutex_);
    wish_ = wish;
    if (wish_.all) return;
    for (const auto& [camera, slot] : slots_) {
      if (std::ranges::count(wish_.cameras, camera) == 0) peer_->drop_binary(slot);
    }
  }

 private:
  void drop(const std::string& camera) {
    const std::lock_guard lock(mutex_);
    if (const auto found = slots_.find(camera); found != slots_.end()) {
      peer_->drop_binary(found->second);
    }
  }

  const std::shared_ptr<SocketPeer> peer_;
  std::mutex mutex_;
  ViewWish wish_;
  std::map<std::string, std::uint64_t> slots_;
};

class LiveSocket final : public SocketHandler {
 public:
  LiveSocket(LiveHub& hub, LiveNews& news) : hub_(hub), news_(news) {}

  void opened(std::shared_ptr<SocketPeer> peer) override {
    peer_ = std::move(peer);
    viewer_ = std::make_shared<SocketViewer>(peer_);
    news_.add(peer_);
  }
  void text(std::string_view message) override {
    Result<ViewWish> wish = read_watch(message);
    if (!wish) {
      fmt::memory_buffer out;
      append_text(out, R"({"type":"error","error":{"code":)");
      append_json_string(out, to_string(wish.error().code));
      append_text(out, R"(,"message":)");
      append_json_string(out, wish.error().message);
      append_text(out, "}}");
      return peer_->send_text(std::make_shared<const std::string>(view_of(out)));
    }
    viewer_->set(*wish);
    hub_.watch(viewer_, *std::move(wish));
    news_.hurry();
  }
  void closed() override {
    if (viewer_ != nullptr) hub_.forget(viewer_.get());
  }

 private:
  LiveHub& hub_;
  LiveNews& news_;
  std::shared_ptr<SocketPeer> peer_;
  std::shared_ptr<SocketViewer> viewer_;
};

}  // namespace

Result<ViewWish> read_watch(std::string_view message) {
  json::error_code failure;
  const json::value value =
      json::parse(json::string_view(message.data(), message.size()), failure);
  if (failure) return Error{ErrorCode::kCorruptInput, "not JSON: " + failure.message()};
  const json::object* object = value.if_object();
  if (object == nullptr || !object->contains("type") || !object->contains("cameras")) {
    return Error{ErrorCode::kInvalidArgument,
                 R"(expected {"type":"watch","cameras":["NAME"],"width":480,"fps":8})"};
  }
  ViewWish wish;
  for (const auto& [key, member] : *object) {
    SHOAL_TRY(read_member(wish, std::string_view(key.data(), key.size()), member));
  }
  return wish;
}

std::shared_ptr<SocketHandler> make_live_socket(LiveHub& hub, LiveNews& news) {
  return std::make_shared<LiveSocket>(hub, news);
}

}  // namespace shoal
