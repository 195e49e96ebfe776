#include "service/cameras/deepstream.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdint>
#include <iterator>

#include "core/json_text.h"
#include "service/http/response_head.h"

namespace shoal {
namespace {

namespace json = boost::json;

constexpr std::size_t kShown = 64;

Error expected(std::string_view what) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("{} of {{\"key\":\"sensor\",\"value\":{{\"camera_id\":...,"
                      "\"camera_url\":...,\"change\":...}}}}", what)};
}

// A member that is text; "" where there is none or it is something else.
std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_string()) return "";
  return std::string(value->get_string());
}

}  // namespace

Result<DeepStreamChange> read_stream_change(std::string_view body, bool add) {
  json::error_code failure;
  const json::value document = json::parse(json::string_view(body.data(), body.size()), failure);
  if (failure) return Error{ErrorCode::kCorruptInput, "not JSON: " + failure.message()};
  const json::object* whole = document.if_object();
  const json::value* member = whole == nullptr ? nullptr : whole->if_contains("value");
  if (whole != nullptr && member == nullptr) member = whole->if_contains("event");
  const json::object* value = member == nullptr ? nullptr : member->if_object();
  if (value == nullptr) return expected("'value', an object: expected the form");
  DeepStreamChange change{.id = text_of(*value, "camera_id"),
                          .name = text_of(*value, "camera_name"),
                          .url = text_of(*value, "camera_url")};
  if (change.id.empty()) return expected("'camera_id', a text: expected the form");
  if (add && change.url.empty()) return expected("'camera_url', a text: expected the form");
  const std::string said = text_of(*value, "change");
  const auto says = [&](std::string_view word) { return said.find(word) != std::string::npos; };
  // "camera_streaming" is said of a camera that has begun: it is an addition, too.
  if (add ? !says("add") && !says("streaming") : !says("remove")) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("change: got '{}', expected a text that contains '{}'",
                             std::string_view(said).substr(0, kShown), add ? "add" : "remove")};
  }
  return change;
}

std::string camera_name_of(std::string_view id) {
  constexpr std::size_t kNameMax = 64;
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-' || c == '.';
  };
  if (!id.starts_with('.') && id.size() <= kNameMax && std::ranges::all_of(id, plain)) {
    return std::string(id);
  }
  std::uint32_t number = 2'166'136'261U;  // FNV-1a
  for (const char c : id) number = (number ^ static_cast<unsigned char>(c)) * 16'777'619U;
  std::string name;
  for (const char c : id.substr(0, kNameMax / 2)) {
    if (plain(c) && (c != '.' || !name.empty())) {
      name.push_back(c);
    } else if (!name.ends_with('-')) {
      name.push_back('-');
    }
  }
  return fmt::format("{}{}{:08x}", name, name.ends_with('-') ? "" : "-", number);
}

void DeepStreamNames::add(const DeepStreamChange& change) {
  const std::lock_guard lock(mutex_);
  added_[camera_name_of(change.id)] = change;
}

void DeepStreamNames::remove(std::string_view id) {
  const std::lock_guard lock(mutex_);
  added_.erase(camera_name_of(id));
}

void DeepStreamNames::append(fmt::memory_buffer& out, const CameraStatus& camera) const {
  const std::string& here = camera.config.name;
  const std::lock_guard lock(mutex_);
  const auto found = added_.find(here);
  const bool known = found != added_.end();
  append_text(out, R"({"camera_id":)");
  append_json_string(out, known ? found->second.id : here);
  append_text(out, R"(,"camera_name":)");
  append_json_string(out, known && !found->second.name.empty() ? found->second.name : here);
  fmt::format_to(std::back_inserter(out), R"(,"source_id":{}}})", camera.number);
}

std::string stream_changed_text(bool added) {
  return fmt::format(R"({{"reason":"{}","status":"HTTP/1.1 200 OK"}})",
                     added ? "STREAM_ADD_SUCCESS" : "STREAM_REMOVE_SUCCESS");
}

std::string stream_info_text(std::span<const CameraStatus> cameras, const DeepStreamNames& names) {
  fmt::memory_buffer out;
  fmt::format_to(std::back_inserter(out),
                 R"({{"reason":"GET_LIVE_STREAM_INFO_SUCCESS","status":"HTTP/1.1 200 OK",)"
                 R"("stream-info":{{"stream-count":{},"stream-info":[)", cameras.size());
  for (std::size_t i = 0; i < cameras.size(); ++i) {
    if (i > 0) out.push_back(',');
    names.append(out, cameras[i]);
  }
  append_text(out, "]}}");
  return std::string(view_of(out));
}

std::string ready_text(bool ready) {
  return fmt::format(R"({{"health-info":{{"ds-ready":"{}"}},)"
                     R"("reason":"GET_DS_READINESS_INFO_SUCCESS","status":"HTTP/1.1 200 OK"}})",
                     ready ? "YES" : "NO");
}

std::string stream_failed_text(bool added, const Error& error, int status) {
  fmt::memory_buffer out;
  append_text(out, R"({"reason":)");
  append_json_string(out, fmt::format("{}, {}", added ? "STREAM_ADD_FAIL" : "STREAM_REMOVE_FAIL",
                                      error.message));
  fmt::format_to(std::back_inserter(out), R"(,"status":"HTTP/1.1 {} {}"}})", status,
                 status_reason(status));
  return std::string(view_of(out));
}

}  // namespace shoal
