// A request a slot, all on tensors of one block: inputs and outputs of every slot stay valid.
#include "engine/openvino/openvino_lane.h"

#include <fmt/format.h>

#include <exception>
#include <span>

#include "core/check.h"

namespace shoal {
namespace {

ov::Shape with_batch(ov::Shape shape, int batch) {
  shape[0] = static_cast<std::size_t>(batch);
  return shape;
}

// A tensor on the memory of one slot of a block.
ov::Tensor slot_of(ov::Tensor& block, int slot) {
  const ov::Shape one = with_batch(block.get_shape(), 1);
  auto* begin = static_cast<std::uint8_t*>(block.data());
  const std::size_t bytes = ov::shape_size(one) * block.get_element_type().size();
  return {block.get_element_type(), one, begin + bytes * static_cast<std::size_t>(slot)};
}

}  // namespace

OpenVinoLane::OpenVinoLane(const std::vector<CompiledBucket>& buckets, int batch_max, Pool& pool)
    : batch_max_(batch_max) {
  ArenaPlan plan;
  std::vector<Places> places;
  const auto start = plan.mark();
  for (const CompiledBucket& compiled : buckets) {
    plan.rewind(start);
    places.push_back(plan_bucket(compiled, batch_max, plan));
  }
  auto arena = Arena::create(plan, pool);
  if (!arena) throw std::bad_alloc();
  arena_ = std::move(*arena);
  buckets_.reserve(buckets.size());
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    buckets_.push_back(make_bucket(buckets[i], places[i]));
  }
}

OpenVinoLane::Places OpenVinoLane::plan_bucket(const CompiledBucket& compiled, int batch_max,
                                               ArenaPlan& plan) {
  const auto bytes = [&](const ov::Output<const ov::Node>& port, std::size_t width) {
    return ov::shape_size(with_batch(port.get_shape(), batch_max)) * width;
  };
  Places places;
  const auto input = compiled.single.input();
  places.input = plan.add(bytes(input, input.get_element_type().size()));
  for (const auto& output : compiled.single.outputs()) {
    places.outputs.push_back(plan.add(bytes(output, sizeof(float))));
  }
  return places;
}

OpenVinoLane::Bucket OpenVinoLane::make_bucket(const CompiledBucket& compiled,
                                               const Places& places) const {
  Bucket bucket;
  ov::CompiledModel single = compiled.single;
  bucket.input = ov::Tensor(single.input().get_element_type(),
                            with_batch(single.input().get_shape(), batch_max_),
                            arena_.at(places.input));
  bucket.picture_bytes = bucket.input.get_byte_size() / static_cast<std::size_t>(batch_max_);
  for (std::size_t i = 0; i < places.outputs.size(); ++i) {
    bucket.outputs.emplace_back(ov::element::f32,
                                with_batch(single.output(i).get_shape(), batch_max_),
                                arena_.at(places.outputs[i]));
  }
  for (int slot = 0; slot < batch_max_; ++slot) {
    ov::InferRequest request = single.create_infer_request();
    request.set_input_tensor(slot_of(bucket.input, slot));
    std::vector<TensorView> views;
    for (std::size_t i = 0; i < bucket.outputs.size(); ++i) {
      const ov::Tensor tensor = slot_of(bucket.outputs[i], slot);
      request.set_output_tensor(i, tensor);
      TensorView view{.data = tensor.data<const float>(), .shape = {}};
      const ov::Shape& shape = tensor.get_shape();
      view.shape.rank = static_cast<int>(shape.size()) - 1;
      for (std::size_t axis = 1; axis < shape.size(); ++axis) {
        view.shape.dims[axis - 1] = static_cast<std::int64_t>(shape[axis]);
      }
      views.push_back(view);
    }
    bucket.singles.push_back(std::move(request));
    bucket.views.push_back(std::move(views));
  }
  if (compiled.batched) {
    ov::CompiledModel batched = *compiled.batched;
    bucket.batched = batched.create_infer_request();
    bucket.batched->set_input_tensor(bucket.input);
    for (std::size_t i = 0; i < bucket.outputs.size(); ++i) {
      bucket.batched->set_output_tensor(i, bucket.outputs[i]);
    }
  }
  return bucket;
}

std::span<std::uint8_t> OpenVinoLane::input(std::size_t bucket, int slot) {
  SHOAL_CHECK(bucket < buckets_.size() && slot >= 0 && slot < batch_max_, "slot of this lane");
  Bucket& chosen = buckets_[bucket];
  auto* begin = static_cast<std::uint8_t*>(chosen.input.data());
  return {begin + chosen.picture_bytes * static_cast<std::size_t>(slot), chosen.picture_bytes};
}

Result<void> OpenVinoLane::run_slots(std::size_t bucket, int first, int count) {
  if (bucket >= buckets_.size()) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("bucket {} of a lane with {} buckets", bucket, buckets_.size())};
  }
  if (first < 0 || count < 1 || first + count > batch_max_) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("a batch of {} pictures from slot {}; this lane takes 1 to {}", count,
                             first, batch_max_)};
  }
  return catching(ErrorCode::kInternal, "OpenVINO inference", [&]() -> Result<void> {
    run_all(buckets_[bucket], batch_max_, first, count);
    return {};
  });
}

void OpenVinoLane::run_all(Bucket& bucket, int batch_max, int first, int count) {
  if (bucket.batched && count == batch_max) {
    bucket.batched->infer();
    return;
  }
  if (count == 1) {
    bucket.singles[static_cast<std::size_t>(first)].infer();
    return;
  }
  // All at once: the streams never wait for this thread between two pictures, and streams that
  // other lanes leave idle help out. On a loaded machine that is worth up to half the rate.
  const auto requests = std::span(bucket.singles)
                            .subspan(static_cast<std::size_t>(first),
                                     static_cast<std::size_t>(count));
  std::size_t started = 0;
  std::exception_ptr failure;
  try {
    for (; started < requests.size(); ++started) requests[started].start_async();
  } catch (...) {
    failure = std::current_exception();
  }
  // What was started has to end before the buffers are touched again, whatever failed.
  for (ov::InferRequest& request : requests.first(started)) {
    try {
      request.wait();
    } catch (...) {
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

HeadView OpenVinoLane::outputs(std::size_t bucket, int slot) const {
  SHOAL_CHECK(bucket < buckets_.size() && slot >= 0 && slot < batch_max_, "slot of this lane");
  return buckets_[bucket].views[static_cast<std::size_t>(slot)];
}

}  // namespace shoal
