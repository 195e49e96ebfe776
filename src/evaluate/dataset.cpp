// The data.yaml: where the pictures are and what their classes are called. The one file that calls
// yaml-cpp. Label lines are read in label_file.cpp.
#include "evaluate/dataset.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "core/invalid.h"
#include "core/log.h"
#include "core/read_file.h"
#include "core/suggest.h"
#include "evaluate/label_file.h"
#include "evaluate/picture_list.h"

namespace shoal {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kYamlBytesMax = std::size_t{16} << 20;
constexpr int kClassesMax = 100'000;
constexpr std::string_view kNoPicture = "no such picture";
constexpr int kKeyPointsMax = 10'000;
constexpr std::size_t kWarningsMax = 5;

// Throws YAML::Exception.
Result<YAML::Node> parse_yaml(const std::string& path) {
  const std::string text =
      SHOAL_TRY(file_text(path, {.bytes_max = kYamlBytesMax, .expected = "a data.yaml"}));
  YAML::Node node = YAML::Load(text);
  if (node.IsMap()) return node;
  return invalid(fmt::format("{}: expected keys such as 'names' and 'val', got {}", path,
                             node.IsNull() ? "an empty file" : "something else"));
}

Result<std::vector<std::string>> names_of_map(const std::string& path, const YAML::Node& node) {
  std::map<int, std::string> names;
  for (const auto& entry : node) {
    int id = -1;
    if (!YAML::convert<int>::decode(entry.first, id) || id < 0 || !entry.second.IsScalar()) {
      return invalid(fmt::format("{}: names: expected `number: name`, got key '{}'", path,
                                 entry.first.IsScalar() ? entry.first.Scalar() : "..."));
    }
    if (!names.emplace(id, entry.second.Scalar()).second) {
      return invalid(fmt::format("{}: names: class {} stands twice", path, id));
    }
  }
  std::vector<std::string> ordered;
  for (auto& [id, name] : names) {
    if (id != static_cast<int>(ordered.size())) {
      return invalid(fmt::format("{}: names: expected classes 0 to {}, class {} is missing", path,
                                 names.size() - 1, ordered.size()));
    }
    ordered.push_back(std::move(name));
  }
  return ordered;
}

Result<std::vector<std::string>> names_of_list(const std::string& path, const YAML::Node& node) {
  std::vector<std::string> names;
  for (const auto& entry : node) {
    if (!entry.IsScalar()) {
      return invalid(fmt::format("{}: names: entry {} is not a word", path, names.size()));
    }
    names.push_back(entry.Scalar());
  }
  return names;
}

Result<std::vector<std::string>> read_names(const std::string& path, const YAML::Node& root) {
  const YAML::Node node = root["names"];
  const YAML::Node count_node = root["nc"];
  int count = 0;
  if (count_node && (!YAML::convert<int>::decode(count_node, count) || count < 1 ||
                     count > kClassesMax)) {
    return invalid(fmt::format("{}: nc: expected a number from 1 to {}, got '{}'", path,
                               kClassesMax, count_node.IsScalar() ? count_node.Scalar() : "..."));
  }
  if (!node) {
    if (!count_node) {
      return invalid(fmt::format("{}: no 'names' (a list or a map of class names)", path));
    }
    std::vector<std::string> names;
    for (int id = 0; id < count; ++id) names.push_back(fmt::format("class {}", id));
    return names;
  }
  if (!node.IsMap() && !node.IsSequence()) {
    return invalid(fmt::format("{}: names: expected a list or a map of class names, got '{}'",
                               path, node.IsScalar() ? node.Scalar() : "nothing"));
  }
  auto names = SHOAL_TRY(node.IsMap() ? names_of_map(path, node) : names_of_list(path, node));
  if (names.empty()) return invalid(fmt::format("{}: names: the list is empty", path));
  if (count_node && static_cast<std::size_t>(count) != names.size()) {
    return invalid(
        fmt::format("{}: nc is {}, but names has {} entries", path, count, names.size()));
  }
  return names;
}

// The folder that the splits are relative to.
Result<fs::path> read_root(const std::string& path, const YAML::Node& root) {
  const fs::path folder = fs::path(path).parent_path();
  const YAML::Node node = root["path"];
  if (!node || node.IsNull()) return folder;
  if (!node.IsScalar()) return invalid(fmt::format("{}: path: expected one folder", path));
  const fs::path beside_yaml = folder / node.Scalar();
  if (is_there(beside_yaml)) return beside_yaml;
  if (is_there(node.Scalar())) return fs::path(node.Scalar());
  return Error{ErrorCode::kNotFound,
               fmt::format("{}: path: '{}' does not exist (relative to the yaml's folder that is "
                           "{})",
                           path, node.Scalar(), beside_yaml.lexically_normal().string())};
}

Result<std::vector<std::string>> read_split(const std::string& path, const YAML::Node& root,
                                            std::string_view split) {
  const bool by_long_name = split == "val" && !root["val"];
  const YAML::Node node = root[by_long_name ? "validation" : std::string(split)];
  if (!node || node.IsNull()) {
    std::vector<std::string> keys;
    for (const auto& entry : root) {
      if (entry.first.IsScalar()) keys.push_back(entry.first.Scalar());
    }
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    return Error{ErrorCode::kNotFound,
                 fmt::format("{}: no split '{}'; it has {}{}", path, split, fmt::join(keys, ", "),
                             suggestion(split, views))};
  }
  std::vector<std::string> places;
  if (node.IsScalar()) {
    places.push_back(node.Scalar());
  } else if (node.IsSequence()) {
    for (const auto& entry : node) {
      if (!entry.IsScalar()) break;
      places.push_back(entry.Scalar());
    }
  }
  if (places.empty() || (node.IsSequence() && places.size() != node.size())) {
    return invalid(fmt::format("{}: {}: expected a folder, a list.txt or a list of those", path,
                               split));
  }
  return places;
}

// How many numbers of a label line are key points, by kpt_shape: [points, numbers of a point].
Result<std::optional<std::size_t>> read_key_points(const std::string& path,
                                                   const YAML::Node& root) {
  const YAML::Node node = root["kpt_shape"];
  if (!node || node.IsNull()) return std::optional<std::size_t>();
  int points = 0;
  int numbers = 0;
  const bool sound = node.IsSequence() && node.size() == 2 &&
                     YAML::convert<int>::decode(node[0], points) &&
                     YAML::convert<int>::decode(node[1], numbers) && points >= 0 &&
                     points <= kKeyPointsMax && (numbers == 2 || numbers == 3);
  if (!sound) {
    return invalid(fmt::format("{}: kpt_shape: expected [points, 2 or 3], such as [17, 3]", path));
  }
  return std::optional(static_cast<std::size_t>(points) * static_cast<std::size_t>(numbers));
}

// What the yaml says.
struct Contents {
  std::vector<std::string> class_names;
  std::optional<std::size_t> key_points;
  std::vector<std::string> places;
  fs::path root;
};

Result<Contents> read_yaml(const std::string& path, std::string_view split) {
  try {
    const YAML::Node root = SHOAL_TRY(parse_yaml(path));
    Contents contents;
    contents.class_names = SHOAL_TRY(read_names(path, root));
    contents.key_points = SHOAL_TRY(read_key_points(path, root));
    contents.places = SHOAL_TRY(read_split(path, root, split));
    contents.root = SHOAL_TRY(read_root(path, root));
    return contents;
  } catch (const YAML::Exception& exception) {
    return invalid(fmt::format("{}:{}: not YAML: {}", path, exception.mark.line + 1,
                               exception.msg));
  }
}

}  // namespace

namespace {

// Warns of what costs a picture; of the first ones.
void leave_out(Dataset& dataset, const std::string& why) {
  if (dataset.left_out.size() < kWarningsMax) {
    dataset.left_out.push_back(why);
    log(LogLevel::kWarn, "eval", "{}; the picture is left out{}", why,
        dataset.left_out.size() == kWarningsMax ? " (further ones are not reported)" : "");
  }
  ++dataset.left_out_count;
}

Result<void> check_contents(const Dataset& dataset) {
  const auto all = dataset.left_out_count + static_cast<std::int64_t>(dataset.items.size());
  if (dataset.items.empty()) {
    const std::string& first = dataset.left_out.front();
    const bool missing = first.ends_with(kNoPicture);
    return Error{missing ? ErrorCode::kNotFound : ErrorCode::kCorruptInput,
                 fmt::format("{}: {}: none of {} pictures can be used: {}", dataset.path,
                             dataset.split, all, first)};
  }
  if (dataset.instance_count > 0) return {};
  return invalid(fmt::format(
      "{}: {}: none of {} pictures has a labelled box; for {} a label was looked for at {}",
      dataset.path, dataset.split, all, dataset.items.front().picture,
      dataset.items.front().label_file));
}

}  // namespace

Result<Dataset> load_dataset(const std::string& path, std::string_view split) {
  Dataset dataset{.path = path, .split = std::string(split), .class_names = {}, .items = {},
                  .left_out = {}};
  auto contents = SHOAL_TRY(read_yaml(path, split));
  dataset.class_names = std::move(contents.class_names);
  const LabelRules rules{.class_count = dataset.class_names.size(),
                         .dataset_path = path,
                         .key_points = contents.key_points};
  PictureList list = SHOAL_TRY(list_pictures(path, split, contents.root, contents.places));
  for (const std::string& missing : list.missing) leave_out(dataset, missing);
  for (std::string& picture : list.pictures) {
    DatasetItem item{.picture = std::move(picture), .label_file = {}, .labels = {}};
    item.label_file = label_path(item.picture);
    auto parsed = read_labels(item.label_file, rules);
    if (!parsed) {
      leave_out(dataset, parsed.error().message);
      continue;
    }
    item.labels = std::move(parsed->labels);
    dataset.duplicate_count += parsed->duplicate_count;
    dataset.instance_count += static_cast<std::int64_t>(item.labels.size());
    if (item.labels.empty()) ++dataset.background_count;
    dataset.items.push_back(std::move(item));
  }
  SHOAL_TRY(check_contents(dataset));
  return dataset;
}

Result<void> check_class_count(const Dataset& dataset, std::string_view model_name,
                               std::size_t model_class_count) {
  if (dataset.class_names.size() == model_class_count) return {};
  return invalid(fmt::format("{} names {} classes, but the model {} predicts {}", dataset.path,
                             dataset.class_names.size(), model_name, model_class_count));
}

std::optional<std::string> first_name_difference(const Dataset& dataset,
                                                 std::span<const std::string> model_names) {
  for (std::size_t id = 0; id < std::min(model_names.size(), dataset.class_names.size()); ++id) {
    if (dataset.class_names[id] == model_names[id]) continue;
    return fmt::format("class {} is '{}' in {} and '{}' in the model", id,
                       dataset.class_names[id], dataset.path, model_names[id]);
  }
  return std::nullopt;
}

std::vector<GroundTruth> to_pixels(std::span<const Label> labels, Size picture) {
  std::vector<GroundTruth> boxes;
  boxes.reserve(labels.size());
  for (const Label& label : labels) {
    boxes.push_back({.class_id = label.class_id,
                     .x = (label.x_centre - label.width / 2) * picture.width,
                     .y = (label.y_centre - label.height / 2) * picture.height,
                     .width = label.width * picture.width,
                     .height = label.height * picture.height});
  }
  return boxes;
}

}  // namespace shoal
