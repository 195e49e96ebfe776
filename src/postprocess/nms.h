// Non-maximum suppression, greedy by score, for a whole batch in one call. Memory is linear; there
// is no time limit that would empty later pictures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/instruction_set.h"
#include "postprocess/candidates.h"

namespace shoal {

struct NmsOptions {
  // A box is suppressed if its overlap with a kept one of higher rank is above this (strictly, as
  // in torchvision and Ultralytics): intersection > iou * union, in float. In [0, 1].
  float iou = 0.7F;
  std::int32_t max_det = 300;  // most boxes kept of one picture; >= 1
  bool agnostic = false;       // false: only boxes of the same class suppress each other
  // For tests and benchmarks: every set keeps the same boxes.
  InstructionSet instructions = best_instruction_set();
};

// What is kept of one picture.
struct Kept {
  std::vector<std::uint32_t> indices;  // into Candidates; score descending, then anchor, then class
  bool truncated = false;              // at least one more box would have survived but for max_det
};

// Sixteen kept boxes of one class; a lane not yet used is all zeros and suppresses nothing.
struct alignas(64) KeptBlock {
  float x1[16], y1[16], x2[16], y2[16], area[16];
};

// Buffers of nms(), kept from call to call.
struct NmsScratch {
  std::vector<std::uint64_t> keys, keys_other;  // candidates in order of rank
  std::vector<KeptBlock> blocks;
  std::vector<std::int32_t> next;   // [blocks] next block of the same class, or -1
  std::vector<std::int32_t> first;  // [classes] first block of a class, or -1
  std::vector<std::int32_t> last;   // [classes]
  std::vector<std::int32_t> used;   // [classes] lanes used in the last block

  // So that no picture within these bounds allocates.
  void reserve(std::size_t candidates, std::size_t classes, std::size_t kept);
};

// Suppresses within each picture; pictures do not see each other, so the answer for one is the
// same in any batch. Ranks by score, ties by anchor, then by class: the order in which candidates
// were decoded does not matter. Classes are compared exactly, not by shifting coordinates.
//
// Shapes   out, batch  one entry a picture. REQUIRES: equal lengths.
// Owns     nothing; out's capacities are reused.
// Threads  one caller at a time for one scratch.
// Cost     sorts n candidates in O(n), then O(n * kept of the same class / 16); stops when max_det
//          and one more are found. No allocation after the largest picture.
void nms(std::span<Kept> out, std::span<const Candidates> batch, const NmsOptions& options,
         NmsScratch& scratch);

// The same for one picture.
void nms(Kept& out, const Candidates& candidates, const NmsOptions& options, NmsScratch& scratch);

// Ranks and caps without suppressing: for heads that need no NMS. `truncated` as above.
void keep_best(Kept& out, const Candidates& candidates, std::int32_t max_det, NmsScratch& scratch);

}  // namespace shoal
