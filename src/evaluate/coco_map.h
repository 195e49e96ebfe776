// Mean average precision by the rules of COCO's box evaluation, and its report as JSON. Pictures,
// models and files are not known here.
//
// The rules (pycocotools' COCOeval with its defaults, area "all", no crowd boxes): ten IoU
// thresholds 0.50 .. 0.95; of every picture and class the 100 most confident detections count;
// greedy matching from the most confident down; precision read at 101 recalls.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "shoal/detection.h"

namespace shoal {

// A labelled box in pixels of the upright picture.
struct GroundTruth {
  int class_id = 0;
  double x = 0;  // left
  double y = 0;  // top
  double width = 0;
  double height = 0;
};

struct ClassReport {
  std::string name;
  double map50_95 = 0;  // mean over the ten thresholds, in [0, 1]
  double map50 = 0;
  std::int64_t instances = 0;  // labelled boxes; > 0
};

struct EvalReport {
  double map50_95 = 0;  // mean over `classes`; 0 where nothing is labelled
  double map50 = 0;
  std::int64_t images = 0;
  std::int64_t left_out = 0;  // pictures that could not be judged; the caller's
  std::vector<ClassReport> classes;  // those with instances, by class id: others have no AP
  bool multi_label = false;  // what was scored: every class of a box, or only its best
};

// One line of JSON: {"map50_95":..,"map50":..,"images":..,"left_out":..,"multi_label":..,
// "classes":[{"name","map50_95","instances"}]}, six decimals at most.
[[nodiscard]] std::string to_json(const EvalReport& report);

// Collects pictures one at a time and keeps 24 bytes a counted detection.
//
// Threads  one caller at a time.
class CocoEvaluator {
 public:
  // REQUIRES: at least one class name. The names' order is the class ids'.
  explicit CocoEvaluator(std::vector<std::string> class_names);

  // Matches one picture. Pictures may come in any order: equal confidences in different pictures
  // are ranked by `image_index`, equal ones within a picture as they stand in `detections`.
  // A detection of a class that has no name is ignored.
  // REQUIRES: every image_index once; class ids of `truth` within the names.
  void add(std::int64_t image_index, std::span<const GroundTruth> truth,
           std::span<const Detection> detections);

  // The report of everything added so far. Cost: a sort of all detections.
  [[nodiscard]] EvalReport finish() const;

 private:
  struct Scored {
    float confidence;
    std::uint16_t matched;  // bit t: a true positive at IoU threshold t
    std::int64_t image_index;
    std::int32_t rank;  // place among the picture's detections of this class
  };
  struct ClassRecord {
    std::vector<Scored> detections;
    std::int64_t instances = 0;
  };

  [[nodiscard]] static std::vector<double> average_precisions(const ClassRecord& record);

  std::vector<std::string> class_names_;
  std::vector<ClassRecord> classes_;  // by class id
  std::int64_t images_ = 0;
};

}  // namespace shoal
