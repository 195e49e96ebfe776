#include "service/cameras/deepstream.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <iterator>

#include "core/json_text.h"

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
  const json::object* value = member == nullptr ? nullptr : member->if_object();
  if (value == nullptr) return expected("'value', an object: expected the form");
  DeepStreamChange change{.id = text_of(*value, "camera_id"), .url = text_of(*value, "camera_url")};
  if (change.id.empty()) return expected("'camera_id', a text: expected the form");
  if (add && change.url.empty()) return expected("'camera_url', a text: expected the form");
  const std::string said = text_of(*value, "change");
  const std::string_view wanted = add ? "camera_add" : "camera_remove";
  // Streaming clients say "camera_streaming" of a camera that has begun: it is an addition, too.
  if (said != wanted && !(add && said == "camera_streaming")) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("change: got '{}', expected '{}'",
                             std::string_view(said).substr(0, kShown), wanted)};
  }
  return change;
}

std::string stream_changed_text(bool added) {
  return fmt::format(R"({{"reason":"{}","status":"HTTP/1.1 200 OK"}})",
                     added ? "STREAM_ADD_SUCCESS" : "STREAM_REMOVE_SUCCESS");
}

std::string stream_info_text(std::span<const CameraStatus> cameras) {
  fmt::memory_buffer out;
  fmt::format_to(std::back_inserter(out),
                 R"({{"reason":"GET_LIVE_STREAM_INFO_SUCCESS","status":"HTTP/1.1 200 OK",)"
                 R"("stream-info":{{"stream-count":{},"stream-info":[)", cameras.size());
  for (std::size_t i = 0; i < cameras.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_text(out, R"({"camera_id":)");
    append_json_string(out, cameras[i].config.name);
    append_text(out, R"(,"camera_name":)");
    append_json_string(out, cameras[i].config.name);
    fmt::format_to(std::back_inserter(out), R"(,"source_id":{}}})", cameras[i].number);
  }
  append_text(out, "]}}");
  return std::string(view_of(out));
}

}  // namespace shoal
