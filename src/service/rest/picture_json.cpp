// A handler for Boost.JSON's event parser: what does not belong is refused where it stands, before
// anything of it is kept.
#include "service/rest/picture_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "service/rest/base64.h"

namespace shoal {
namespace {

namespace json = boost::json;

constexpr std::size_t kDataUrlHeadMax = 256;  // "data:image/png;base64,"
constexpr std::size_t kKeyShown = 32;

Error bad_json(std::string message) {
  return {ErrorCode::kInvalidArgument, "JSON: " + std::move(message)};
}

// One string of base64, with or without a data: URL's head (RFC 2397), that comes in pieces.
class PictureText {
 public:
  void begin() { *this = {}; }

  void feed(std::string_view text, JsonPicture& picture) {
    while (in_head_ && !text.empty() && !picture.error) {
      head_.push_back(text.front());
      text.remove_prefix(1);
      read_head(picture);
    }
    decode(text, picture);
  }

  void end(JsonPicture& picture) {
    if (in_head_ && head_.size() >= kScheme.size()) {
      fail(picture, "a data: URL without a comma");
    } else if (in_head_) {
      decode(head_, picture);
    }
    if (picture.error) return;
    if (Result<void> ended = decoder_.finish(picture.bytes); !ended) {
      fail_with(picture, std::move(ended).error());
    } else if (picture.bytes.empty()) {
      fail(picture, "an empty string; expected a picture in base64");
    }
  }

 private:
  static constexpr std::string_view kScheme = "data:";

  // After each character of what may be a head: whether it is one, and whether it is over.
  void read_head(JsonPicture& picture) {
    if (head_.size() <= kScheme.size()) {
      if (kScheme.starts_with(head_)) return;
      in_head_ = false;
      decode(head_, picture);
    } else if (head_.back() == ',') {
      in_head_ = false;
      if (!head_.ends_with(";base64,")) fail(picture, "a data: URL that is not base64");
    } else if (head_.size() > kDataUrlHeadMax) {
      fail(picture, "a data: URL without a comma");
    }
  }

  void decode(std::string_view text, JsonPicture& picture) {
    if (picture.error) return;
    if (Result<void> fed = decoder_.feed(text, picture.bytes); !fed) {
      fail_with(picture, std::move(fed).error());
    }
  }

  static void fail(JsonPicture& picture, std::string message) {
    fail_with(picture, Error{ErrorCode::kCorruptInput, std::move(message)});
  }
  static void fail_with(JsonPicture& picture, Error error) {
    picture.error = std::move(error);
    picture.bytes = {};
  }

  Base64Decoder decoder_;
  bool in_head_ = true;
  std::string head_;
};

}  // namespace

// Boost.JSON calls these by name; every one may stop the parser by answering false.
struct PictureJsonHandler {
  static constexpr std::size_t max_object_size = 2;
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = std::size_t{1} << 16;
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  explicit PictureJsonHandler(std::size_t most) : pictures_max(most) {}

  bool stop(json::error_code& code, Error why) {
    error = std::move(why);
    code = json::error::exception;  // any code: `error` is what counts
    return false;
  }
  bool not_a_picture(json::error_code& code, std::string_view found) {
    return stop(code, bad_json(fmt::format("found {} where {} was expected", found, expected())));
  }
  [[nodiscard]] std::string_view expected() const {
    if (depth == 0) return "one object";
    if (key == "images" && !in_list) return "a list of strings of base64";
    return "a string of base64";
  }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code& code) {
    if (depth > 0) return not_a_picture(code, "an object");
    ++depth;
    return true;
  }
  bool on_object_end(std::size_t, json::error_code&) { return true; }
  bool on_array_begin(json::error_code& code) {
    if (depth != 1 || key != "images" || in_list) return not_a_picture(code, "a list");
    in_list = true;
    return true;
  }
  bool on_array_end(std::size_t, json::error_code&) {
    in_list = false;
    return true;
  }

  bool on_key_part(json::string_view text, std::size_t, json::error_code&) {
    key_text.append(text.substr(0, kKeyShown - std::min(kKeyShown, key_text.size())));
    return true;
  }
  bool on_key(json::string_view text, std::size_t size, json::error_code& code) {
    on_key_part(text, size, code);
    const std::string name = std::exchange(key_text, {});
    if (name != "image" && name != "images") {
      return stop(code, bad_json(fmt::format("unknown field '{}'; expected 'image' or 'images' "
                                            "(options stand in the query)", name)));
    }
    if (!key.empty()) {
      return stop(code, bad_json(fmt::format("'{}' beside '{}'; expected one of them, once", name,
                                            key)));
    }
    key = name;
    result.list = name == "images";
    return true;
  }

  bool on_string_part(json::string_view text, std::size_t, json::error_code& code) {
    if (!in_string && !begin_string(code)) return false;
    picture.feed({text.data(), text.size()}, result.pictures.back());
    return true;
  }
  bool on_string(json::string_view text, std::size_t size, json::error_code& code) {
    if (!on_string_part(text, size, code)) return false;
    picture.end(result.pictures.back());
    in_string = false;
    return true;
  }
  bool begin_string(json::error_code& code) {
    if (depth == 0 || (key == "images" && !in_list)) return not_a_picture(code, "a string");
    if (result.pictures.size() == pictures_max) {
      return stop(code, {ErrorCode::kOutOfMemory,
                         fmt::format("JSON: more than {} pictures", pictures_max)});
    }
    in_string = true;
    result.pictures.emplace_back();
    picture.begin();
    return true;
  }

  bool on_number_part(json::string_view, json::error_code& code) {
    return not_a_picture(code, "a number");
  }
  bool on_int64(std::int64_t, json::string_view, json::error_code& code) {
    return not_a_picture(code, "a number");
  }
  bool on_uint64(std::uint64_t, json::string_view, json::error_code& code) {
    return not_a_picture(code, "a number");
  }
  bool on_double(double, json::string_view, json::error_code& code) {
    return not_a_picture(code, "a number");
  }
  bool on_bool(bool, json::error_code& code) { return not_a_picture(code, "true or false"); }
  bool on_null(json::error_code& code) { return not_a_picture(code, "null"); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

  std::size_t pictures_max;
  JsonPictures result;
  std::optional<Error> error;
  int depth = 0;
  bool in_list = false;
  bool in_string = false;
  std::string key;       // the field that was met
  std::string key_text;  // of the key that is being read
  PictureText picture;
};

Result<JsonPictures> parse_picture_json(std::string_view body, std::size_t pictures_max) {
  try {
    json::parse_options options;
    options.max_depth = 8;
    json::basic_parser<PictureJsonHandler> parser(options, pictures_max);
    json::error_code code;
    const std::size_t read = parser.write_some(false, body.data(), body.size(), code);
    PictureJsonHandler& handler = parser.handler();
    if (handler.error) return *std::move(handler.error);
    if (code) return bad_json(fmt::format("{} at byte {}", code.message(), read));
    if (read < body.size()) return bad_json(fmt::format("more text behind the object, at byte {}",
                                                       read));
    if (handler.key.empty()) return bad_json("neither 'image' nor 'images'");
    if (handler.result.pictures.empty()) return bad_json("'images' is an empty list");
    return std::move(handler.result);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("JSON: no memory for the pictures of {} bytes", body.size())};
  } catch (const std::exception& thrown) {
    return Error{ErrorCode::kInternal, fmt::format("JSON: {}", thrown.what())};
  }
}

}  // namespace shoal
