// From a call as the protocol has it to the model host and back: what each of the two entries
// accepts, and how its items' answers become tensors.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "pipeline/model_host.h"
#include "service/kserve/entry.h"
#include "service/kserve/message.h"
#include "service/kserve/worker_pool.h"
#include "shoal/result.h"

namespace shoal {

// Called exactly once, on a thread of the pool.
using InferDone = std::function<void(Result<InferAnswer>)>;

// Starts `call` on `entry`. An Error means that `done` will not be called.
//
// Raw    one input, FP32 [n, ...] as the file declares it; every output of n items joined. Where an
//        item fails, the call fails.
// Boxes  input `image`: BYTES [n] or [n, 1], picture files (text is read as base64); UINT8
//        [n, h, w, 3] or [h, w, 3], RGB pixels. The answer's tensors stand in docs/kserve.md. An
//        item fails alone: the call fails only where it has one item, or where none could be run
//        for reasons of the server.
//
// Errors   invalid_argument, unsupported (the entry does not take this), those of ModelHost.
// Threads  any; the answer is written on a thread of `pool`, which outlives the call.
[[nodiscard]] Result<CallHandle> start_infer(const Entry& entry, std::shared_ptr<InferCall> call,
                                             WorkerPool& pool, InferDone done);

// -- the halves of it, for tests and fuzzers --

[[nodiscard]] Result<TensorCall> tensor_call(const Entry& entry,
                                             const std::shared_ptr<InferCall>& call);
[[nodiscard]] Result<DetectCall> detect_call(const std::shared_ptr<InferCall>& call);
[[nodiscard]] Result<InferAnswer> raw_answer(const Entry& entry, const InferCall& call,
                                             CallItems& items);
[[nodiscard]] Result<InferAnswer> boxes_answer(const Entry& entry, const InferCall& call,
                                               CallItems& items);

// 1 is realtime, 2 high, 0 and 3 normal, anything above low.
[[nodiscard]] Priority priority_of(std::int64_t wire);

// The call's requested outputs, or the entry's usual ones. Errors: an unknown name, one twice.
[[nodiscard]] Result<std::vector<RequestedOutput>> chosen_outputs(const Entry& entry,
                                                                  const InferCall& call);

// Replaces `tensor` ([n, ...], FP32 or INT32) by the best `count` of each item, highest first, as
// BYTES [n, k] "value:index[:label]"; k is `count` or, if less, what an item has. Equal values
// stand in the order of their indices. `labels` are used where an item has as many values.
[[nodiscard]] Result<void> classify(OutputTensor& tensor, int count,
                                    const std::vector<std::string>& labels);

}  // namespace shoal
