// Whether two runs of one model on the same pictures found the same boxes. Pure arithmetic.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/detection.h"

namespace shoal {

// How a check ended.
enum class CheckOutcome : std::uint8_t {
  kOk,
  kFailed,
  kNotJudged,  // there was too little to compare: says neither that it holds nor that it does not
};

[[nodiscard]] constexpr std::string_view to_string(CheckOutcome outcome) {
  switch (outcome) {
    case CheckOutcome::kOk: return "ok";
    case CheckOutcome::kFailed: return "failed";
    case CheckOutcome::kNotJudged: return "not_judged";
  }
  return "failed";
}

struct PictureBoxes {
  Detections boxes;
  float network_scale = 1;  // pixels of the network's input for one of the picture
};

struct Agreement {
  int pictures = 0;
  int reference_boxes = 0;  // above the threshold
  int other_boxes = 0;
  int reference_alone = 0;  // of reference_boxes, without a partner among all of the other's
  int other_alone = 0;
  float median_pixels = 0;  // of the largest difference of a pair's four sides, in network pixels
  float median_score = 0;
};

// How far above the threshold of a run the boxes have to be that need a partner: rounding moves
// scores, so that a box that is just above the threshold here may be just below it there.
inline constexpr float kThresholdSlack = 0.05F;

// Pairs boxes of one class that overlap by half or more, the best overlap first, each at most once.
// Only boxes above `confidence` need a partner; those below, which the runs find by a threshold
// that is lower by kThresholdSlack, can be one.
// REQUIRES: as many pictures on both sides, in the same order.
[[nodiscard]] Agreement compare_boxes(std::span<const PictureBoxes> reference,
                                      std::span<const PictureBoxes> other, float confidence);

// kNotJudged below 50 boxes on the side that found more. Then kOk where the median difference of
// pairs is at most 1 pixel of the network's input and 0.02 of score, and on either side at most 2 %
// of the boxes have no partner.
[[nodiscard]] CheckOutcome judge(const Agreement& agreement);

// "162 boxes and 161 on 24 pictures, median difference 0.12 px and 0.0011 score, 1 and 0 without a
// partner"
[[nodiscard]] std::string agreement_text(const Agreement& agreement);

}  // namespace shoal
