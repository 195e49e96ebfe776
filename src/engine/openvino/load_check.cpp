#include "engine/openvino/load_check.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "core/memory_size.h"
#include "engine/openvino/liveness.h"

namespace shoal {
namespace {

// OpenVINO's compilation takes time in the square of a chain's length: a thousand take 8 s, ten
// thousand a quarter of an hour. Networks have some dozens between two convolutions.
constexpr int kChainMax = 1000;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

std::int64_t product(std::int64_t a, std::int64_t b) {
  return a > 0 && b > kMost / a ? kMost : a * b;
}

std::int64_t sum(std::int64_t a, std::int64_t b) { return b > kMost - a ? kMost : a + b; }

bool is_constant(const ov::Node& node) {
  return std::string_view(node.get_type_name()) == "Constant";
}

bool is_work(const ov::Node& node) {
  constexpr std::array<std::string_view, 4> kWork = {"Convolution", "GroupConvolution",
                                                     "ConvolutionBackpropData", "MatMul"};
  return std::find(kWork.begin(), kWork.end(), node.get_type_name()) != kWork.end();
}

std::int64_t output_bytes(const ov::Node& node) {
  std::int64_t bytes = 0;
  for (const auto& output : node.outputs()) {
    // Below a byte an element, four bits for example, it counts as one.
    const auto width = static_cast<std::int64_t>(
        std::max<std::size_t>(1, output.get_element_type().size()));
    bytes = sum(bytes, product(width, elements_at_most(output.get_partial_shape())));
  }
  return bytes;
}

// What one walk through the graph finds.
struct Census {
  int operations = 0;
  int longest_chain = 0;           // operations one after the other without a convolution
  std::string chain_end;
  std::int64_t computed_bytes = 0;  // of operations on constants alone
  std::int64_t largest_bytes = 0;
  std::string largest;              // of these
};

Census count(const ov::Model& graph) {
  Census census;
  std::unordered_set<const ov::Node*> constant;
  std::unordered_map<const ov::Node*, int> chain;
  for (const auto& pointer : graph.get_ordered_ops()) {
    const ov::Node& node = *pointer;
    if (is_constant(node)) {
      constant.insert(&node);
      continue;
    }
    ++census.operations;
    bool folds = node.get_input_size() > 0 && node.get_output_size() > 0;
    int length = 0;
    for (const auto& input : node.inputs()) {
      const ov::Node* from = input.get_source_output().get_node();
      folds = folds && constant.contains(from);
      if (const auto before = chain.find(from); before != chain.end()) {
        length = std::max(length, before->second);
      }
    }
    chain[&node] = is_work(node) ? 0 : length + 1;
    if (chain[&node] > census.longest_chain) {
      census.longest_chain = chain[&node];
      census.chain_end = node_name(node);
    }
    if (!folds) continue;
    constant.insert(&node);
    const std::int64_t bytes = output_bytes(node);
    census.computed_bytes = sum(census.computed_bytes, bytes);
    if (bytes > census.largest_bytes) {
      census.largest_bytes = bytes;
      census.largest = node_name(node);
    }
  }
  return census;
}

// The soft limit on data that holds for all who read, and what was there before.
struct Reading {
  std::mutex mutex;
  int readers = 0;
  rlimit before{};
};

Reading& reading() {
  static Reading state;
  return state;
}

// Private, writable memory of this process, as RLIMIT_DATA counts it; 0: the kernel does not tell.
std::int64_t data_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  long long pages = 0;
  const int read = std::fscanf(file, "%*d %*d %*d %*d %*d %lld", &pages);
  std::fclose(file);
  return read == 1 ? pages * static_cast<std::int64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace

std::int64_t elements_at_most(const ov::PartialShape& shape) {
  if (shape.rank().is_dynamic()) return 0;
  std::int64_t elements = 1;
  for (const ov::Dimension& side : shape) {
    // get_max_length is -1 where there is no bound.
    if (side.get_max_length() >= 0) elements = product(elements, side.get_max_length());
  }
  return elements;
}

Result<void> check_load(const ov::Model& graph, const LoadLimits& limits,
                        std::int64_t memory_limit, const std::string& path) {
  const Census census = count(graph);
  if (census.operations > limits.nodes_max) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: its graph has {} operations; at most {} are loaded "
                             "(load.nodes_max)", path, census.operations, limits.nodes_max)};
  }
  if (census.longest_chain > kChainMax) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: {} operations follow one another up to {} without a convolution; "
                             "no detector has more than {}, and they would compile for hours", path,
                             census.longest_chain, census.chain_end, kChainMax)};
  }
  const std::int64_t most =
      memory_limit > 0 ? std::min(memory_limit, limits.memory_max) : limits.memory_max;
  if (census.computed_bytes > most) {
    return Error{ErrorCode::kOutOfMemory,
                 fmt::format("{}: its graph computes {} from constants, {} of it in {}; at most {} "
                             "are loaded (load.memory_max, memory_limit)", path,
                             memory_text(census.computed_bytes), memory_text(census.largest_bytes),
                             census.largest, memory_text(most))};
  }
  if (memory_limit <= 0) return {};
  const LivePeak peak = live_peak(graph, Precision::kFp32);
  if (peak.bytes <= memory_limit) return {};
  return Error{ErrorCode::kOutOfMemory,
               fmt::format("{}: the tensors of one picture need {} at '{}', the memory limit "
                           "leaves {}", path, memory_text(peak.bytes), peak.node,
                           memory_text(memory_limit))};
}

ReadingLimit::ReadingLimit(std::int64_t bytes) {
  Reading& state = reading();
  const std::lock_guard lock(state.mutex);
  if (state.readers++ == 0 && ::getrlimit(RLIMIT_DATA, &state.before) != 0) {
    state.before = {RLIM_INFINITY, RLIM_INFINITY};
  }
  const std::int64_t now = data_bytes();
  if (now == 0) return;
  rlimit raised{};
  if (::getrlimit(RLIMIT_DATA, &raised) != 0) return;
  const auto wanted = static_cast<rlim_t>(sum(now, bytes));
  // Beside another reader, room for both.
  const bool beside = state.readers > 1 && raised.rlim_cur != RLIM_INFINITY;
  const rlim_t here = beside ? raised.rlim_cur + static_cast<rlim_t>(bytes) : wanted;
  raised.rlim_cur = std::min(here, state.before.rlim_cur);
  (void)::setrlimit(RLIMIT_DATA, &raised);
}

ReadingLimit::~ReadingLimit() {
  Reading& state = reading();
  const std::lock_guard lock(state.mutex);
  if (--state.readers == 0) (void)::setrlimit(RLIMIT_DATA, &state.before);
}

}  // namespace shoal
