// Steps of an import: class names, and how many classes there are.
#include <algorithm>
#include <openvino/op/constant.hpp>
#include <openvino/op/reduce_max.hpp>
#include <optional>

#include "core/json_text.h"
#include "engine/class_names.h"
#include "engine/openvino/draft.h"

namespace shoal {
namespace {

// The beginning of a text that came from outside, fit for one line of a log.
std::string shortened(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (out.size() >= kMost) return out + "...";
    const std::size_t length = utf8_sequence(text.substr(at));
    const bool control = length == 1 && (text[at] < ' ' || text[at] == '\x7f');
    out += length == 0 || control ? std::string_view("?") : text.substr(at, length);
    at += std::max<std::size_t>(1, length);
  }
  return out;
}

// Classes that a ranked head chooses among: it takes the maximum over them for every cell. 0 where
// no such node is found, or several disagree.
int ranked_class_count(const Draft& draft) {
  constexpr std::int64_t kCellsLeast = 64;
  std::int64_t count = 0;
  for (const auto& node : draft.fixed->get_ops()) {
    const auto maximum = ov::as_type_ptr<const ov::op::v1::ReduceMax>(node);
    if (!maximum || !maximum->get_input_partial_shape(0).is_static()) continue;
    const ov::Shape shape = maximum->get_input_shape(0);
    const ov::AxisSet axes = maximum->get_reduction_axes();
    if (shape.size() != 3 || axes.size() != 1 || *axes.begin() == 0) continue;
    const auto classes = static_cast<std::int64_t>(shape[*axes.begin()]);
    const auto cells = static_cast<std::int64_t>(shape[3 - *axes.begin()]);
    if (cells < kCellsLeast || classes >= cells) continue;
    if (count != 0 && count != classes) return 0;
    count = classes;
  }
  return static_cast<int>(count);
}

std::string sidecar_line(const Draft& draft) {
  return fmt::format("names = [...] in {}.toml", draft.path);
}

}  // namespace

void read_names(Draft& draft, const std::vector<std::string>& from_caller) {
  if (!from_caller.empty()) {
    draft.class_names = from_caller;
    draft.names_origin = "the caller";
    return;
  }
  if (!draft.sidecar.names.empty()) {
    draft.class_names = draft.sidecar.names;
    draft.names_origin = draft.sidecar.path;
    return;
  }
  const std::string text = draft.metadata_value("names");
  if (text.empty()) return;
  auto parsed = parse_class_names(text);
  if (parsed) {
    draft.class_names = std::move(*parsed);
    draft.names_origin = "the file's metadata";
    draft.names_are_plain = !is_names_literal(text);
  } else {
    draft.names_trouble = fmt::format("the metadata's names, \"{}\", cannot be read ({})",
                                      shortened(text), parsed.error().message);
  }
}

Result<void> describe_classes(Draft& draft, FamilyMatch& match) {
  ModelDescription& description = draft.model.description;
  int& count = match.head.class_count;
  if (count == 0) count = draft.sidecar.class_count.value_or(0);
  if (count == 0) count = static_cast<int>(draft.class_names.size());
  if (!draft.class_names.empty()) {
    if (static_cast<int>(draft.class_names.size()) != count) {
      return draft.refuse(ErrorCode::kInvalidArgument,
                          fmt::format("{} class names from {}, but the model has {} classes",
                                      draft.class_names.size(), draft.names_origin, count));
    }
    description.class_names = draft.class_names;
    description.names_known = true;
    return {};
  }
  const std::string cause =
      draft.names_trouble.empty() ? "the file names no classes" : draft.names_trouble;
  const auto coco = coco_names();
  const int coco_count = static_cast<int>(coco.size());
  bool counted = count > 0;
  if (!counted) {
    count = ranked_class_count(draft);
    counted = count > 0;
    if (!counted) count = coco_count;
  }
  std::string guess;
  if (counted && count == coco_count) {
    description.class_names.assign(coco.begin(), coco.end());
    guess = "COCO's 80 names are a guess";
    match.why += "; the file names no classes, COCO's 80 assumed";
  } else {
    for (int i = 0; i < count; ++i) description.class_names.push_back(fmt::format("class {}", i));
    guess = counted ? fmt::format("its {} classes are numbered", count)
                    : fmt::format("how many there are is a guess ({}: what is above is left out), "
                                  "and they are numbered", count);
  }
  description.warnings.push_back(
      fmt::format("{}: {}; {} settles it", cause, guess, sidecar_line(draft)));
  return {};
}

}  // namespace shoal
