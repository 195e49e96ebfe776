// One lane of the OpenVINO engine: preallocated tensors and infer requests of one thread.
#pragma once

#include <optional>
#include <vector>

#include "core/arena.h"
#include "engine/openvino/graph.h"

namespace shoal {

// The compiled networks of one input size.
struct CompiledBucket {
  Size size;
  ov::CompiledModel single;                  // batch 1
  std::optional<ov::CompiledModel> batched;  // batch_max, where the plan runs batched
};

class OpenVinoLane final : public InferLane {
 public:
  // Allocates everything: one arena, whose parts the buckets share, as a lane runs one at a time.
  // Throws what OpenVINO throws, and std::bad_alloc. `buckets` and `pool` outlive the lane.
  OpenVinoLane(const std::vector<CompiledBucket>& buckets, int batch_max, Pool& pool);

  std::span<std::uint8_t> input(std::size_t bucket, int slot) override;
  Result<void> run_slots(std::size_t bucket, int first, int count) override;
  HeadView outputs(std::size_t bucket, int slot) const override;

 private:
  // Tensors of all slots lie in one block, so that the batched request sees them as one batch.
  struct Bucket {
    ov::Tensor input;                                // u8 [batch_max, h, w, 3]
    std::vector<ov::Tensor> outputs;                 // f32 [batch_max, ...]
    std::vector<ov::InferRequest> singles;           // one a slot
    std::optional<ov::InferRequest> batched;
    std::vector<std::vector<TensorView>> views;      // [slot][output]
    std::size_t picture_bytes = 0;
  };

  // Where the tensors of a bucket lie in the arena.
  struct Places {
    std::size_t input = 0;
    std::vector<std::size_t> outputs;
  };
  static Places plan_bucket(const CompiledBucket& compiled, int batch_max, ArenaPlan& plan);
  Bucket make_bucket(const CompiledBucket& compiled, const Places& places) const;
  static void run_all(Bucket& bucket, int batch_max, int first, int count);

  const int batch_max_;
  Arena arena_;
  std::vector<Bucket> buckets_;
};

}  // namespace shoal
