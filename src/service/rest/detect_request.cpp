#include "service/rest/detect_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "service/rest/multipart.h"
#include "service/rest/picture_json.h"

namespace shoal {
namespace {

constexpr std::size_t kNameMax = 255;          // bytes, as of file names
// Bytes that are read at once, in about 0.1 ms.
constexpr std::size_t kQuickForm = std::size_t{1} << 18;
constexpr std::size_t kQuickJson = std::size_t{1} << 13;
constexpr std::size_t kFieldsBeside = 16;      // parts of a form that are no pictures

enum class Kind { kPicture, kForm, kJson, kOther };

// curl's --data-binary calls everything a form of the old kind. Such a form is printable ASCII
// throughout, and no picture file begins so.
bool is_urlencoded(std::string_view body) {
  return std::ranges::all_of(body.substr(0, 16),
                             [](char c) { return c >= 0x20 && c < 0x7F; });
}

Kind kind_of(const HttpRequest& request) {
  const std::string type = media_type(request.header("content-type"));
  if (type.empty() || type.starts_with("image/") || type == "application/octet-stream") {
    return Kind::kPicture;
  }
  if (type == "multipart/form-data") return Kind::kForm;
  if (type == "application/json") return Kind::kJson;
  if (type == "application/x-www-form-urlencoded" && !is_urlencoded(request.body)) {
    return Kind::kPicture;
  }
  return Kind::kOther;
}

NamedPicture picture_of(std::string name, std::string_view bytes) {
  NamedPicture picture;
  picture.name = std::move(name);
  picture.bytes = bytes_of(bytes);
  if (bytes.empty()) {
    picture.error = Error{ErrorCode::kCorruptInput, "no bytes; expected a picture"};
  }
  return picture;
}

// A part with a file name or a type is a picture; the others are options.
Result<void> read_form(const HttpRequest& request, std::size_t pictures_max,
                       DetectRequest& result) {
  const std::string boundary =
      SHOAL_TRY(multipart_boundary(request.header("content-type")));
  const FormLimits limits{.parts_max = pictures_max + kFieldsBeside};
  for (const FormPart& part : SHOAL_TRY(parse_form(request.body, boundary, limits))) {
    if (part.filename || !part.content_type.empty()) {
      const bool named = part.filename && !part.filename->empty();
      result.pictures.push_back(
          picture_of(shown_name(named ? *part.filename : part.name), part.body));
    } else if (is_detect_option(part.name)) {
      SHOAL_TRY(set_detect_option(result.options, part.name, part.body));
    } else {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("the form's field '{}' has no file name and is no option; expected "
                               "files, as of curl -F {}=@picture.jpg", part.name, part.name)};
    }
  }
  if (result.pictures.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "the form holds no file; expected one or many pictures"};
  }
  result.list = result.pictures.size() > 1;
  return {};
}

Result<void> read_json(const HttpRequest& request, std::size_t pictures_max,
                       DetectRequest& result) {
  JsonPictures read = SHOAL_TRY(parse_picture_json(request.body, pictures_max));
  result.list = read.list;
  for (JsonPicture& one : read.pictures) {
    NamedPicture picture;
    picture.name = read.list ? fmt::format("images[{}]", result.pictures.size()) : "image";
    picture.decoded = std::move(one.bytes);
    picture.bytes = picture.decoded;
    picture.error = std::move(one.error);
    result.pictures.push_back(std::move(picture));
  }
  return {};
}

}  // namespace

std::string shown_name(std::string_view name) {
  return name.empty() ? "unnamed" : std::string(name.substr(0, kNameMax));
}

bool is_long_to_read(const HttpRequest& request) {
  const Kind kind = kind_of(request);
  if (kind == Kind::kPicture) return false;
  return request.body.size() > (kind == Kind::kJson ? kQuickJson : kQuickForm);
}

Result<DetectRequest> read_detect_request(const HttpRequest& request, std::size_t pictures_max) {
  DetectRequest result;
  for (const auto& [name, value] : request.query) {
    SHOAL_TRY(set_detect_option(result.options, name, value));
  }
  switch (kind_of(request)) {
    case Kind::kPicture: result.pictures.push_back(picture_of("body", request.body)); break;
    case Kind::kForm: SHOAL_TRY(read_form(request, pictures_max, result)); break;
    case Kind::kJson: SHOAL_TRY(read_json(request, pictures_max, result)); break;
    case Kind::kOther:
      return Error{ErrorCode::kUnsupported,
                   fmt::format("Content-Type '{}'; expected image/*, application/octet-stream, "
                               "multipart/form-data or application/json",
                               request.header("content-type"))};
  }
  if (result.pictures.size() > pictures_max) {
    return Error{ErrorCode::kOutOfMemory, fmt::format("{} pictures, at most {} a request",
                                                      result.pictures.size(), pictures_max)};
  }
  if (result.options.annotated && result.list) {
    return Error{ErrorCode::kInvalidArgument,
                 "format=image answers one picture, not a list"};
  }
  return result;
}

}  // namespace shoal
