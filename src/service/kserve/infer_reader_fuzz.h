// What holds of every call that was read, whatever the bytes: sizes agree, memory is there, and the
// entries take or refuse it. Shared by the fuzzers of JSON and of binary bodies.
#pragma once

#include <cstdlib>
#include <memory>
#include <utility>

#include "service/kserve/fake_host_for_test.h"
#include "service/kserve/infer.h"
#include "service/kserve/infer_reader.h"

namespace shoal {

// Reads every byte, so that a sanitizer sees the first that is not there.
inline unsigned touch(std::span<const std::uint8_t> bytes) {
  unsigned sum = 0;
  for (const std::uint8_t byte : bytes) sum += byte;
  return sum;
}

inline void check_call(Result<InferCall> read) {
  if (!read) {
    if (read.error().message.empty()) std::abort();
    return;
  }
  static volatile unsigned sink = 0;
  for (const InputTensor& input : read->inputs) {
    sink = sink + touch(input.data);
    for (const auto& element : input.elements) sink = sink + touch(element);
    if (read->nameless) continue;
    const auto count = element_count(input.shape, "fuzz");
    if (!count) std::abort();
    const bool text = input.type == WireType::kBytes;
    if (text ? input.elements.size() != *count
             : input.data.size() != *count * element_size(input.type)) {
      std::abort();
    }
  }
  static const Entry raw{std::make_shared<FakeHost>(), false, "net", "1"};
  const std::size_t items_max = read->items_max;
  const auto call = std::make_shared<InferCall>(std::move(*read));
  const auto copy = std::make_shared<InferCall>(*call);
  if (const auto tensors = tensor_call(raw, call)) {
    for (const auto& item : tensors->items) {
      if (item.size() != 6) std::abort();
    }
  }
  // The copy's tensors point into the first one's memory, which is still there.
  if (const auto pictures = detect_call(copy)) {
    if (pictures->items.empty() || pictures->items.size() > items_max) std::abort();
    for (const PictureItem& item : pictures->items) {
      sink = sink + touch(item.encoded);
      if (item.pixels.data == nullptr) continue;
      sink = sink + touch({item.pixels.data, static_cast<std::size_t>(item.pixels.pitch_bytes) *
                                          static_cast<std::size_t>(item.pixels.size.height)});
    }
  }
}

}  // namespace shoal
