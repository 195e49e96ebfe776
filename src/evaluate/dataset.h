// Labelled pictures as Ultralytics describes them: a data.yaml, folders or lists of pictures, and
// one text file of boxes a picture. Nothing is decoded here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evaluate/coco_map.h"
#include "shoal/geometry.h"
#include "shoal/result.h"

namespace shoal {

// One labelled box, as shares of the picture's width and height, in [0, 1].
struct Label {
  int class_id = 0;
  double x_centre = 0;
  double y_centre = 0;
  double width = 0;
  double height = 0;
};

struct DatasetItem {
  std::string picture;        // path
  std::string label_file;     // path; need not exist: then the picture is background
  std::vector<Label> labels;  // empty: background
};

struct Dataset {
  std::string path;   // of the data.yaml, as given
  std::string split;  // "val"
  std::vector<std::string> class_names;
  std::vector<DatasetItem> items;  // at least one; sorted by path where a folder lists them
  std::int64_t instance_count = 0;    // labelled boxes; > 0
  std::int64_t background_count = 0;  // pictures without a box
  std::int64_t duplicate_count = 0;   // repeated label lines, left out
  // Pictures that are not there or whose labels cannot be read: not among the items.
  std::int64_t left_out_count = 0;
  std::vector<std::string> left_out;  // why, of the first five
};

// Reads `split` ("train", "val" or "test") of a data.yaml and all its labels. A picture that is
// missing, or one of whose label lines is bad, is left out with a warning.
//
// Rules (Ultralytics'): `path` is relative to the yaml's folder (or, where that does not exist, to
// the working directory); the split is a folder (searched recursively, links included, hidden
// files not), a text file of pictures (relative to it or to `path`), or a list of those, relative
// to `path`; `names` is a list or a
// map; labels lie where the last /images/ of the picture's path is replaced by /labels/ and the
// suffix by .txt; a label line is `class xc yc w h` or `class` and a polygon, which becomes its
// bounding box; with `kpt_shape` `class xc yc w h` and key points, which are passed over.
//
// Errors   kNotFound for a missing yaml, split or folder; kInvalidArgument for contradictions in
//          the yaml and a split without any labelled box; kCorruptInput where no picture's
//          labels can be read, with the first bad line's file and number.
// Cost     reads every label file, no picture.
[[nodiscard]] Result<Dataset> load_dataset(const std::string& path, std::string_view split);

// Checks that a model predicts what the dataset labels: equal class counts, or kInvalidArgument
// naming both.
[[nodiscard]] Result<void> check_class_count(const Dataset& dataset, std::string_view model_name,
                                             std::size_t model_class_count);

// "class 3 is 'bike' in data.yaml and 'bicycle' in the model" for the first difference, for a
// warning. REQUIRES: equal counts.
[[nodiscard]] std::optional<std::string> first_name_difference(
    const Dataset& dataset, std::span<const std::string> model_names);

// The labels in pixels of the upright picture.
[[nodiscard]] std::vector<GroundTruth> to_pixels(std::span<const Label> labels, Size picture);

}  // namespace shoal
