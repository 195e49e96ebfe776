// Greedy suppression: candidates are ranked by a radix sort, each is compared with the kept boxes
// of its own class, and the walk ends when max_det and one more are found.
#include "postprocess/nms.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/check.h"
#include "postprocess/kernels.h"

namespace shoal {
namespace {

constexpr std::int32_t kNoBlock = -1;
constexpr std::uint32_t kBitsOfOne = 0x3F800000;  // 1.0F; positive floats order as their bits
constexpr int kDigitBits = 10;                    // three digits cover scores in [0, 1]
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;

std::uint32_t index_of(std::uint64_t key) { return static_cast<std::uint32_t>(key); }

// One stable pass of a radix sort by the digit at `shift`.
void sort_by_digit(std::vector<std::uint64_t>& to, const std::vector<std::uint64_t>& from,
                   int shift) {
  std::array<std::uint32_t, kDigits> start{};
  for (const std::uint64_t key : from) ++start[(key >> shift) & (kDigits - 1)];
  std::uint32_t sum = 0;
  for (std::uint32_t& entry : start) {
    const std::uint32_t count = entry;
    entry = sum;
    sum += count;
  }
  for (const std::uint64_t key : from) to[start[(key >> shift) & (kDigits - 1)]++] = key;
}

// Equal scores are ranked by anchor, then class.
void order_ties(std::vector<std::uint64_t>& keys, const Candidates& candidates) {
  const auto before = [&](std::uint64_t a, std::uint64_t b) {
    const std::uint32_t i = index_of(a);
    const std::uint32_t j = index_of(b);
    if (candidates.anchor[i] != candidates.anchor[j]) {
      return candidates.anchor[i] < candidates.anchor[j];
    }
    return candidates.class_id[i] < candidates.class_id[j];
  };
  for (std::size_t begin = 0; begin < keys.size();) {
    std::size_t end = begin + 1;
    while (end < keys.size() && keys[end] >> 32 == keys[begin] >> 32) ++end;
    if (end - begin > 1) {
      std::sort(keys.begin() + static_cast<std::ptrdiff_t>(begin),
                keys.begin() + static_cast<std::ptrdiff_t>(end), before);
    }
    begin = end;
  }
}

// scratch.keys: one a candidate, best first; the low half is the candidate's index.
void rank(const Candidates& candidates, NmsScratch& scratch) {
  const std::size_t count = candidates.size();
  scratch.keys.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t rank = kBitsOfOne - std::bit_cast<std::uint32_t>(candidates.score[i]);
    scratch.keys[i] = std::uint64_t{rank} << 32 | i;
  }
  constexpr std::size_t kRadixPays = 400;
  if (count < kRadixPays) {
    std::sort(scratch.keys.begin(), scratch.keys.end());
  } else {
    scratch.keys_other.resize(count);
    for (int digit = 0; digit < 3; ++digit) {
      sort_by_digit(scratch.keys_other, scratch.keys, 32 + digit * kDigitBits);
      scratch.keys.swap(scratch.keys_other);
    }
  }
  order_ties(scratch.keys, candidates);
}

// The kept boxes of each class, as chains of blocks of sixteen.
class KeptBoxes {
 public:
  KeptBoxes(NmsScratch& scratch, std::size_t class_count,
            const internal::PostprocessKernels& kernels)
      : scratch_(scratch), kernels_(kernels) {
    scratch.blocks.clear();
    scratch.next.clear();
    scratch.first.assign(class_count, kNoBlock);
    scratch.last.assign(class_count, kNoBlock);
    scratch.used.assign(class_count, 0);
  }

  [[nodiscard]] bool overlap(std::size_t class_id, const internal::RankedBox& box,
                             float iou) const {
    for (std::int32_t block = scratch_.first[class_id]; block != kNoBlock;
         block = scratch_.next[static_cast<std::size_t>(block)]) {
      if (kernels_.overlaps_any(scratch_.blocks[static_cast<std::size_t>(block)], box, iou)) {
        return true;
      }
    }
    return false;
  }

  void add(std::size_t class_id, const internal::RankedBox& box) {
    constexpr std::int32_t kLanes = 16;
    if (scratch_.last[class_id] == kNoBlock || scratch_.used[class_id] == kLanes) {
      append_block(class_id);
    }
    KeptBlock& block = scratch_.blocks[static_cast<std::size_t>(scratch_.last[class_id])];
    const std::int32_t lane = scratch_.used[class_id]++;
    block.x1[lane] = box.x1;
    block.y1[lane] = box.y1;
    block.x2[lane] = box.x2;
    block.y2[lane] = box.y2;
    block.area[lane] = box.area;
  }

 private:
  void append_block(std::size_t class_id) {
    const auto block = static_cast<std::int32_t>(scratch_.blocks.size());
    scratch_.blocks.emplace_back();
    scratch_.next.push_back(kNoBlock);
    if (scratch_.last[class_id] == kNoBlock) {
      scratch_.first[class_id] = block;
    } else {
      scratch_.next[static_cast<std::size_t>(scratch_.last[class_id])] = block;
    }
    scratch_.last[class_id] = block;
    scratch_.used[class_id] = 0;
  }

  NmsScratch& scratch_;
  const internal::PostprocessKernels& kernels_;
};

}  // namespace

void NmsScratch::reserve(std::size_t candidates, std::size_t classes, std::size_t kept) {
  keys.reserve(candidates);
  keys_other.reserve(candidates);
  blocks.reserve(kept / 16 + std::min(kept, classes) + 1);
  next.reserve(blocks.capacity());
  for (auto* column : {&first, &last, &used}) column->reserve(classes);
}

void nms(Kept& out, const Candidates& candidates, const NmsOptions& options,
         NmsScratch& scratch) {
  SHOAL_CHECK(options.max_det >= 1, "nms keeps at least one box");
  SHOAL_CHECK(options.instructions <= best_instruction_set(), "this machine lacks the set");
  out.indices.clear();
  out.truncated = false;
  rank(candidates, scratch);
  const auto max_det = static_cast<std::size_t>(options.max_det);
  const auto class_count =
      options.agnostic ? std::size_t{1} : static_cast<std::size_t>(candidates.class_count);
  KeptBoxes kept(scratch, class_count, internal::postprocess_kernels(options.instructions));
  for (const std::uint64_t key : scratch.keys) {
    const std::uint32_t i = index_of(key);
    const auto class_id =
        options.agnostic ? std::size_t{0} : static_cast<std::size_t>(candidates.class_id[i]);
    SHOAL_CHECK(class_id < class_count, "a candidate's class is below class_count");
    internal::RankedBox box{candidates.x1[i], candidates.y1[i], candidates.x2[i],
                            candidates.y2[i], 0};
    box.area = (box.x2 - box.x1) * (box.y2 - box.y1);
    if (kept.overlap(class_id, box, options.iou)) continue;
    if (out.indices.size() == max_det) {
      out.truncated = true;
      break;
    }
    out.indices.push_back(i);
    kept.add(class_id, box);
  }
}

void nms(std::span<Kept> out, std::span<const Candidates> batch, const NmsOptions& options,
         NmsScratch& scratch) {
  SHOAL_CHECK(out.size() == batch.size(), "one Kept a picture");
  for (std::size_t i = 0; i < batch.size(); ++i) nms(out[i], batch[i], options, scratch);
}

void keep_best(Kept& out, const Candidates& candidates, std::int32_t max_det,
               NmsScratch& scratch) {
  SHOAL_CHECK(max_det >= 1, "at least one box is kept");
  rank(candidates, scratch);
  const std::size_t count = std::min(candidates.size(), static_cast<std::size_t>(max_det));
  out.truncated = count < candidates.size();
  out.indices.resize(count);
  for (std::size_t i = 0; i < count; ++i) out.indices[i] = index_of(scratch.keys[i]);
}

}  // namespace shoal
