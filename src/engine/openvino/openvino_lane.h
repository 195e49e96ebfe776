// One lane of the OpenVINO engine: preallocated tensors and infer requests of one thread.
#pragma once

#include <optional>
#include <vector>

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
  // Allocates everything. Throws what OpenVINO throws. `buckets` outlives the lane.
  OpenVinoLane(const std::vector<CompiledBucket>& buckets, int batch_max);

  std::span<std::uint8_t> input(std::size_t bucket, int slot) override;
  Result<void> run(std::size_t bucket, int count) override;
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

  static Bucket make_bucket(const CompiledBucket& compiled, int batch_max);
  static void run_all(Bucket& bucket, int batch_max, int count);

  const int batch_max_;
  std::vector<Bucket> buckets_;
};

}  // namespace shoal
