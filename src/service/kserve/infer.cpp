// What both entries share: options, chosen outputs, the way over the pool.
#include "service/kserve/infer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <numeric>
#include <utility>

#include "core/memory_guard.h"

namespace shoal {
namespace {

CallOptions call_options(const InferCall& call) {
  CallOptions options;
  options.priority = priority_of(call.priority);
  options.deadline = call.deadline;
  if (call.timeout) {
    const TimePoint base = call.arrived == TimePoint{} ? Clock::now() : call.arrived;
    options.deadline = std::min(options.deadline.value_or(TimePoint::max()), base + *call.timeout);
  }
  options.source = call.source;
  options.source_name = call.source_name;
  options.request_id = call.id;
  options.door = call.door;
  options.arrived = call.arrived;
  options.confidence = call.confidence;
  return options;
}

// What was asked of the pool to do once the host has answered.
struct Flight {
  Entry entry;
  std::shared_ptr<InferCall> call;
  InferDone done;
};

Error no_memory() {
  return error_or_short(ErrorCode::kUnavailable, "no memory to write the answer; try again later");
}

Result<InferAnswer> write_answer(const Flight& flight, CallItems& items) {
  try {
    return flight.entry.boxes ? boxes_answer(flight.entry, *flight.call, items)
                              : raw_answer(flight.entry, *flight.call, items);
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
}

template <typename T>
std::string best_of(std::span<const T> values, std::size_t count,
                    const std::vector<std::string>& labels) {
  std::vector<std::uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(order.begin(), middle, order.end(), [&](std::uint32_t a, std::uint32_t b) {
    // Not a number stands last, so that the order is one.
    const bool nan_a = values[a] != values[a];
    const bool nan_b = values[b] != values[b];
    if (nan_a != nan_b) return nan_b;
    if (!nan_a && values[a] != values[b]) return values[a] > values[b];
    return a < b;
  });
  std::string out;
  for (auto it = order.begin(); it != middle; ++it) {
    std::string text;
    if constexpr (std::is_floating_point_v<T>) {
      text = fmt::format("{:f}:{}", values[*it], *it);
    } else {
      text = fmt::format("{}:{}", values[*it], *it);
    }
    if (labels.size() == values.size()) text += ":" + labels[*it];
    append_element(out, text);
  }
  return out;
}

template <typename T>
std::string best_of_all(const OutputTensor& tensor, std::size_t items, std::size_t count,
                        const std::vector<std::string>& labels) {
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor.bytes.data(), values.size() * sizeof(T));
  const std::size_t each = items == 0 ? 0 : values.size() / items;
  std::string out;
  for (std::size_t i = 0; i < items; ++i) {
    out += best_of(std::span<const T>(values).subspan(i * each, each), count, labels);
  }
  return out;
}

}  // namespace

Priority priority_of(std::int64_t wire) {
  switch (wire) {
    case 1: return Priority::kRealtime;
    case 2: return Priority::kHigh;
    case 0:
    case 3: return Priority::kNormal;
    default: return Priority::kLow;
  }
}

Result<std::vector<RequestedOutput>> chosen_outputs(const Entry& entry, const InferCall& call) {
  const std::vector<TensorFacts> known = entry_outputs(entry);
  std::vector<RequestedOutput> chosen;
  if (call.outputs.empty()) {
    for (const TensorFacts& facts : known) {
      if (facts.usual) chosen.push_back({.name = facts.name, .binary = call.binary_output});
    }
    return chosen;
  }
  for (const RequestedOutput& wanted : call.outputs) {
    if (std::ranges::none_of(known, [&](const auto& facts) { return facts.name == wanted.name; })) {
      std::string names;
      for (const TensorFacts& facts : known) names += (names.empty() ? "" : ", ") + facts.name;
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("model {} has no output \"{}\"; it has {}", entry.name,
                               wanted.name.substr(0, 100), names)};
    }
    if (std::ranges::any_of(chosen, [&](const auto& one) { return one.name == wanted.name; })) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("output {} is asked for twice", wanted.name)};
    }
    chosen.push_back(wanted);
  }
  return chosen;
}

Result<void> classify(OutputTensor& tensor, int count, const std::vector<std::string>& labels) {
  if (count <= 0) return {};
  if (tensor.type != WireType::kFp32 && tensor.type != WireType::kInt32) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("output {} is {}, it has no highest values: classification does not "
                             "apply",
                             tensor.name, to_string(tensor.type))};
  }
  const auto items = static_cast<std::size_t>(tensor.shape.empty() ? 1 : tensor.shape.front());
  const std::size_t each = items == 0 ? 0 : tensor.bytes.size() / 4 / items;
  const std::size_t best = std::min(each, static_cast<std::size_t>(count));
  tensor.bytes = tensor.type == WireType::kFp32
                     ? best_of_all<float>(tensor, items, best, labels)
                     : best_of_all<std::int32_t>(tensor, items, best, labels);
  tensor.type = WireType::kBytes;
  tensor.shape = {static_cast<std::int64_t>(items), static_cast<std::int64_t>(best)};
  return {};
}

Result<CallHandle> start_infer(const Entry& entry, std::shared_ptr<InferCall> call,
                               WorkerPool& pool, InferDone done) {
  // The call's own list from here on: names are checked before anything runs.
  call->outputs = SHOAL_TRY(chosen_outputs(entry, *call));
  // The lane gives the flight away when it calls, and holds nothing of it afterwards: the last
  // owner of a model joins its lanes, so it must not be a lane.
  const auto box = std::make_shared<std::shared_ptr<Flight>>(
      std::make_shared<Flight>(Flight{entry, call, std::move(done)}));
  const auto answered = [box, &pool](CallItems items) {
    try {
      auto kept = std::make_shared<CallItems>(std::move(items));
      std::function<void()> work = [flight = *box, kept] {
        flight->done(write_answer(*flight, *kept));
      };
      box->reset();
      pool.post(std::move(work));
    } catch (const std::bad_alloc&) {
      const std::shared_ptr<Flight> flight = std::move(*box);
      flight->done(no_memory());
    }
  };
  if (entry.boxes) {
    DetectCall started = SHOAL_TRY(detect_call(call));
    started.options = call_options(*call);
    return entry.host->detect(std::move(started), answered);
  }
  TensorCall started = SHOAL_TRY(tensor_call(entry, call));
  started.options = call_options(*call);
  started.options.confidence.reset();
  return entry.host->infer(std::move(started), answered);
}

}  // namespace shoal
