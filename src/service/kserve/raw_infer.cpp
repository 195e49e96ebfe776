// The raw entry: the network's tensors as the model file declares them.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "service/kserve/infer.h"

#include "core/invalid.h"

namespace shoal {
namespace {

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// A raw binary request says neither name nor shape: the only input, as many items as there are.
Result<void> name_the_nameless(InputTensor& input, const TensorDescription& expected) {
  const std::size_t item = static_cast<std::size_t>(expected.shape.element_count()) * sizeof(float);
  if (input.data.empty() || item == 0 || input.data.size() % item != 0) {
    return invalid(fmt::format("the body has {} bytes, expected a multiple of {} for {}",
                               input.data.size(), item, expected.name));
  }
  input.name = expected.name;
  input.shape = {static_cast<std::int64_t>(input.data.size() / item)};
  for (int axis = 0; axis < expected.shape.rank; ++axis) {
    input.shape.push_back(expected.shape[axis]);
  }
  return {};
}

Result<void> check_input(const InputTensor& input, const TensorFacts& expected,
                         std::size_t items_max) {
  if (input.name != expected.name) {
    return invalid(fmt::format("there is no input \"{}\"; it is called {}",
                               input.name.substr(0, 100), expected.name));
  }
  if (input.type != expected.type) {
    return invalid(fmt::format("input {}: datatype {}, expected {}", input.name,
                               to_string(input.type), to_string(expected.type)));
  }
  const bool fits = input.shape.size() == expected.shape.size() && input.shape.front() >= 1 &&
                    std::equal(input.shape.begin() + 1, input.shape.end(),
                               expected.shape.begin() + 1);
  if (!fits) {
    return invalid(fmt::format("input {}: shape {}, expected {} with at least one item", input.name,
                               shape_text(input.shape), shape_text(expected.shape)));
  }
  if (static_cast<std::uint64_t>(input.shape.front()) > items_max) {
    return invalid(fmt::format("input {}: {} items in one call, at most {}", input.name,
                               input.shape.front(), items_max));
  }
  return {};
}

}  // namespace

Result<TensorCall> tensor_call(const Entry& entry, const std::shared_ptr<InferCall>& call) {
  if (call->inputs.size() != 1) {
    return invalid(fmt::format("model {} has one input, the call {}", entry.name,
                               call->inputs.size()));
  }
  InputTensor& input = call->inputs.front();
  if (call->nameless) SHOAL_TRY(name_the_nameless(input, entry.host->tensor_input()));
  SHOAL_TRY(check_input(input, entry_inputs(entry).front(), call->items_max));
  // Bytes behind a JSON header lie where they lie; floats want their alignment.
  if (reinterpret_cast<std::uintptr_t>(input.data.data()) % alignof(float) != 0) {
    input.own.assign(input.data.begin(), input.data.end());
    input.data = input.own;
  }
  const auto items = static_cast<std::size_t>(input.shape.front());
  const std::span<const float> all(reinterpret_cast<const float*>(input.data.data()),
                                   input.data.size() / sizeof(float));
  const std::size_t each = all.size() / items;
  TensorCall started;
  started.owner = call;
  started.items.reserve(items);
  for (std::size_t i = 0; i < items; ++i) started.items.push_back(all.subspan(i * each, each));
  return started;
}

Result<InferAnswer> raw_answer(const Entry& entry, const InferCall& call, CallItems& items) {
  for (CallItem& item : items) {
    if (item.outcome.error) return std::move(*item.outcome.error);
  }
  const auto outputs = entry.host->tensor_outputs();
  InferAnswer answer{entry.name, entry.version, call.id, {}, {}};
  for (const RequestedOutput& wanted : call.outputs) {
    const auto found = std::ranges::find(outputs, wanted.name, &TensorDescription::name);
    const auto index = static_cast<std::size_t>(found - outputs.begin());
    OutputTensor tensor{.name = wanted.name, .shape = {}, .bytes = {}, .binary = wanted.binary};
    tensor.shape.push_back(static_cast<std::int64_t>(items.size()));
    for (CallItem& item : items) {
      if (index >= item.tensors.size() ||
          item.tensors[index].shape != items.front().tensors[index].shape) {
        return Error{ErrorCode::kInternal,
                     fmt::format("output {}: the items' tensors differ in shape", wanted.name)};
      }
      RawOutput& from = item.tensors[index];
      if (&item == &items.front()) {
        tensor.bytes.reserve(items.size() * from.values.size() * sizeof(float));
        for (int axis = 0; axis < from.shape.rank; ++axis) tensor.shape.push_back(from.shape[axis]);
      }
      tensor.bytes.append(reinterpret_cast<const char*>(from.values.data()),
                          from.values.size() * sizeof(float));
    }
    SHOAL_TRY(classify(tensor, wanted.classification, entry.host->model().class_names));
    answer.outputs.push_back(std::move(tensor));
  }
  return answer;
}

}  // namespace shoal
