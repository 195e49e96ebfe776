// The only file of this folder that knows toml++; its exceptions end here.
#include "engine/sidecar.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string_view>
#include <system_error>

#include "core/read_file.h"
#include "core/suggest.h"
#include "core/toml_limits.h"

namespace shoal {
namespace {

constexpr std::size_t kSidecarBytesMax = std::size_t{4} << 20;

constexpr std::array<std::string_view, 14> kKeys = {
    "family",  "names", "mean",        "std",         "scale",             "color_order",
    "placement", "strides", "bins", "class_count", "cell_offset", "scores_are_logits",
    "boxes", "boxes_are_shares"};

class KeyReader {
 public:
  KeyReader(const toml::table& table, const std::string& path) : table_(table), path_(path) {}

  template <typename T>
  Result<void> value(std::string_view key, std::string_view kind, std::optional<T>& target) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return {};
    const std::optional<T> read = node->value<T>();
    if (!read) return wrong(key, kind);
    target = *read;
    return {};
  }

  // One number for all channels, or three.
  Result<void> triple(std::string_view key, std::optional<std::array<float, 3>>& target) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return {};
    constexpr std::string_view kKind = "a number or three of them";
    if (const auto single = node->value<float>(); single) {
      target = std::array<float, 3>{*single, *single, *single};
      return {};
    }
    const toml::array* list = node->as_array();
    if (list == nullptr || list->size() != 3) return wrong(key, kKind);
    std::array<float, 3> values{};
    for (std::size_t i = 0; i < 3; ++i) {
      const auto item = list->get(i)->value<float>();
      if (!item) return wrong(key, kKind);
      values[i] = *item;
    }
    target = values;
    return {};
  }

  template <typename T>
  Result<void> list(std::string_view key, std::string_view kind, std::vector<T>& target) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return {};
    const toml::array* items = node->as_array();
    if (items == nullptr || items->empty()) return wrong(key, kind);
    for (const toml::node& item : *items) {
      auto value = item.value<T>();
      if (!value) return wrong(key, kind);
      target.push_back(std::move(*value));
    }
    return {};
  }

  [[nodiscard]] Error wrong(std::string_view key, std::string_view expected) const {
    return {ErrorCode::kInvalidArgument,
            fmt::format("{}: '{}' must be {}", path_, key, expected)};
  }

 private:
  const toml::table& table_;
  const std::string& path_;
};

Result<void> read_words(const KeyReader& reader, Sidecar& sidecar) {
  std::optional<std::string> order;
  constexpr std::string_view kOrders = "\"rgb\" or \"bgr\"";
  SHOAL_TRY(reader.value("color_order", kOrders, order));
  if (order) {
    if (*order != "rgb" && *order != "bgr") return reader.wrong("color_order", kOrders);
    sidecar.color_order = *order == "rgb" ? PixelFormat::kRgb8 : PixelFormat::kBgr8;
  }
  std::optional<std::string> placement;
  constexpr std::string_view kPlacements = "\"centred\", \"top_left\" or \"stretched\"";
  SHOAL_TRY(reader.value("placement", kPlacements, placement));
  if (!placement) return {};
  for (const Placement one : {Placement::kCentred, Placement::kTopLeft, Placement::kStretched}) {
    if (*placement == to_string(one)) sidecar.placement = one;
  }
  if (!sidecar.placement) return reader.wrong("placement", kPlacements);
  return {};
}

Result<void> read_box_form(const KeyReader& reader, Sidecar& sidecar) {
  constexpr std::string_view kForms = "\"xywh\", \"xyxy\" or \"ltwh\"";
  std::optional<std::string> form;
  SHOAL_TRY(reader.value("boxes", kForms, form));
  if (!form) return {};
  if (*form == "xywh") {
    sidecar.boxes = BoxForm::kXywh;
  } else if (*form == "xyxy") {
    sidecar.boxes = BoxForm::kXyxy;
  } else if (*form == "ltwh") {
    sidecar.boxes = BoxForm::kLtwh;
  } else {
    return reader.wrong("boxes", kForms);
  }
  return {};
}

Result<void> check_ranges(const KeyReader& reader, const Sidecar& sidecar) {
  for (std::size_t i = 0; i < sidecar.strides.size(); ++i) {
    const bool ascending = i == 0 || sidecar.strides[i] > sidecar.strides[i - 1];
    if (sidecar.strides[i] < 1 || sidecar.strides[i] > 1024 || !ascending) {
      return reader.wrong("strides", "ascending integers from 1 to 1024");
    }
  }
  if (sidecar.bins && (*sidecar.bins < 1 || *sidecar.bins > 256)) {
    return reader.wrong("bins", "an integer from 1 to 256");
  }
  if (sidecar.class_count && (*sidecar.class_count < 1 || *sidecar.class_count > 100'000)) {
    return reader.wrong("class_count", "an integer from 1 to 100000");
  }
  if (sidecar.std && sidecar.scale) {
    return reader.wrong("std", "alone: 'scale' is its inverse, and both are given");
  }
  if (sidecar.std) {
    for (const float value : *sidecar.std) {
      if (!(value > 0)) return reader.wrong("std", "greater than 0");
    }
  }
  const auto named = static_cast<int>(sidecar.names.size());
  if (sidecar.class_count && named > 0 && named != *sidecar.class_count) {
    return reader.wrong("names", fmt::format("as many as class_count, {}; there are {}",
                                             *sidecar.class_count, named));
  }
  return {};
}

Result<Sidecar> read_table(const toml::table& table, const std::string& path) {
  for (const auto& [key, node] : table) {
    if (std::find(kKeys.begin(), kKeys.end(), key.str()) == kKeys.end()) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{}: unknown key '{}'{}", path, key.str(),
                               suggestion(key.str(), kKeys))};
    }
  }
  const KeyReader reader(table, path);
  Sidecar sidecar;
  sidecar.path = path;
  SHOAL_TRY(reader.value("family", "a name in quotes", sidecar.family));
  SHOAL_TRY(reader.list("names", "a list of names", sidecar.names));
  SHOAL_TRY(reader.triple("mean", sidecar.mean));
  SHOAL_TRY(reader.triple("std", sidecar.std));
  SHOAL_TRY(reader.triple("scale", sidecar.scale));
  SHOAL_TRY(reader.list("strides", "a list of integers", sidecar.strides));
  SHOAL_TRY(reader.value("bins", "an integer", sidecar.bins));
  SHOAL_TRY(reader.value("class_count", "an integer", sidecar.class_count));
  SHOAL_TRY(reader.value("cell_offset", "a number", sidecar.cell_offset));
  SHOAL_TRY(reader.value("scores_are_logits", "true or false", sidecar.scores_are_logits));
  SHOAL_TRY(reader.value("boxes_are_shares", "true or false", sidecar.boxes_are_shares));
  SHOAL_TRY(read_box_form(reader, sidecar));
  SHOAL_TRY(read_words(reader, sidecar));
  SHOAL_TRY(check_ranges(reader, sidecar));
  return sidecar;
}

}  // namespace

Result<Sidecar> read_sidecar(const std::string& model_path) {
  if (model_path.empty()) return Sidecar{};
  std::error_code ignored;
  std::filesystem::path path = model_path + ".toml";
  if (!std::filesystem::is_regular_file(path, ignored)) {
    path = std::filesystem::path(model_path).replace_extension(".toml");
    if (!std::filesystem::is_regular_file(path, ignored)) return Sidecar{};
  }
  const std::string text = SHOAL_TRY(
      file_text(path.string(), {.bytes_max = kSidecarBytesMax, .expected = "a sidecar"}));
  if (const Result<void> bounded = check_toml_limits(text); !bounded) {
    return Error{bounded.error().code, path.string() + ": " + bounded.error().message};
  }
  try {
    const toml::table table = toml::parse(text, path.string());
    return read_table(table, path.string());
  } catch (const toml::parse_error& error) {
    return Error{ErrorCode::kCorruptInput,
                 fmt::format("{}: not TOML: {} at line {}", path.string(), error.description(),
                             error.source().begin.line)};
  }
}

}  // namespace shoal
