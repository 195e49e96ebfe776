// The letterbox: padding, row cache and the choice of kernel. The arithmetic stands in resample.h.
#include "preprocess/letterbox.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

#include "core/check.h"
#include "preprocess/resample.h"

namespace shoal {
namespace {

using internal::kChannels;

constexpr int kSideMax = 1 << 24;

std::string text(Size size) {
  return std::to_string(size.width) + "x" + std::to_string(size.height);
}

Result<void> validate(std::span<std::uint8_t> network_pixels, const ImageView& picture,
                      const Letterbox& geometry) {
  const auto invalid = [](std::string message) {
    return Error{ErrorCode::kInvalidArgument, "letterbox: " + std::move(message)};
  };
  const auto sane = [](Size size) {
    return size.width > 0 && size.height > 0 && size.width <= kSideMax && size.height <= kSideMax;
  };
  if (picture.data == nullptr || !sane(picture.size)) {
    return invalid("picture of " + text(picture.size) + " pixels; sides must be 1 to 2^24");
  }
  if (picture.pitch_bytes < static_cast<std::ptrdiff_t>(picture.size.width) * kChannels) {
    return invalid("pitch of " + std::to_string(picture.pitch_bytes) + " bytes for a picture of " +
                   text(picture.size) + "; it must be at least 3 * width");
  }
  const Size network = geometry.network;
  const Size content = geometry.content;
  if (!sane(network) || !sane(content) || geometry.left < 0 || geometry.top < 0 ||
      geometry.left > network.width - content.width ||
      geometry.top > network.height - content.height) {
    return invalid("content of " + text(content) + " at " + std::to_string(geometry.left) + ", " +
                   std::to_string(geometry.top) + " does not lie in a network input of " +
                   text(network));
  }
  const std::size_t expected = static_cast<std::size_t>(network.width) *
                               static_cast<std::size_t>(network.height) * kChannels;
  if (network_pixels.size() != expected) {
    return invalid("network input has " + std::to_string(network_pixels.size()) +
                   " bytes; expected " + std::to_string(expected) + " for " + text(network));
  }
  return {};
}

// Everything round the content, which is left as it is.
void fill_padding(std::uint8_t* out, const Letterbox& geometry, std::uint8_t value) {
  const std::size_t row_bytes = static_cast<std::size_t>(geometry.network.width) * kChannels;
  const std::size_t left = static_cast<std::size_t>(geometry.left) * kChannels;
  const std::size_t content = static_cast<std::size_t>(geometry.content.width) * kChannels;
  const auto top = static_cast<std::size_t>(geometry.top);
  const std::size_t bottom = top + static_cast<std::size_t>(geometry.content.height);
  std::memset(out, value, top * row_bytes);
  if (content != row_bytes) {
    for (std::size_t y = top; y < bottom; ++y) {
      std::uint8_t* row = out + y * row_bytes;
      std::memset(row, value, left);
      std::memset(row + left + content, value, row_bytes - left - content);
    }
  }
  std::memset(out + bottom * row_bytes, value,
              (static_cast<std::size_t>(geometry.network.height) - bottom) * row_bytes);
}

std::uint8_t* content_row(std::uint8_t* out, const Letterbox& geometry, int y) {
  return out + (static_cast<std::ptrdiff_t>(geometry.top + y) * geometry.network.width +
                geometry.left) * kChannels;
}

std::size_t row_buffer_bytes(int width) {
  const std::size_t elements = static_cast<std::size_t>(width) * kChannels + internal::kRowSlack;
  return (elements * sizeof(std::int16_t) + 63) / 64 * 64;
}

// Rows resampled along x, kept while the next output row still needs them.
class RowCache {
 public:
  RowCache(std::uint8_t* memory, const ImageView& picture, const internal::ResampleKernel& kernel,
           const internal::RowGeometry& geometry)
      : picture_(picture), kernel_(kernel), geometry_(geometry) {
    const std::size_t row_bytes = row_buffer_bytes(geometry.out_width);
    for (std::size_t i = 0; i < 2; ++i) {
      buffers_[i] = reinterpret_cast<std::int16_t*>(memory + i * row_bytes);
    }
    table_ = reinterpret_cast<std::byte*>(memory + 2 * row_bytes);
  }

  [[nodiscard]] std::byte* table() { return table_; }

  // REQUIRES: at most two rows are asked for at a time, and `keep` is the other one.
  [[nodiscard]] const std::int16_t* row(int y, int keep) {
    for (std::size_t i = 0; i < 2; ++i) {
      if (rows_[i] == y) return buffers_[i];
    }
    const std::size_t slot = rows_[0] == keep ? 1 : 0;
    const std::uint8_t* source = picture_.data + y * picture_.pitch_bytes;
    kernel_.resample_row(buffers_[slot], source, geometry_, table_);
    rows_[slot] = y;
    return buffers_[slot];
  }

 private:
  const ImageView& picture_;
  const internal::ResampleKernel& kernel_;
  internal::RowGeometry geometry_;
  std::int16_t* buffers_[2] = {};
  std::byte* table_ = nullptr;
  int rows_[2] = {-1, -1};
};

void copy_rows(std::uint8_t* out, const ImageView& picture, const Letterbox& geometry) {
  const std::size_t row_bytes = static_cast<std::size_t>(picture.size.width) * kChannels;
  for (int y = 0; y < picture.size.height; ++y) {
    std::memcpy(content_row(out, geometry, y), picture.data + y * picture.pitch_bytes, row_bytes);
  }
}

Result<void> resample(std::uint8_t* out, const ImageView& picture, const Letterbox& geometry,
                      const LetterboxOptions& options, LetterboxScratch& scratch) {
  const internal::ResampleKernel& kernel = internal::resample_kernel(options.instructions);
  // Sized by the network, not the content, so that a new picture's shape does not allocate.
  const int width_max = geometry.network.width;
  const std::size_t bytes = 2 * row_buffer_bytes(width_max) + kernel.table_bytes(width_max);
  if (scratch.memory.capacity() < bytes) {
    scratch.key = {};
    if (scratch.memory.reserve(bytes) == nullptr) {
      return Error{ErrorCode::kOutOfMemory,
                   "letterbox: no memory for " + std::to_string(bytes) + " bytes of tables"};
    }
  }
  const LetterboxScratch::Key key{.source_width = picture.size.width,
                                  .content_width = geometry.content.width,
                                  .swap_channels = picture.format != options.output_format,
                                  .instructions = options.instructions};
  const internal::RowGeometry row_geometry{.in_width = key.source_width,
                                           .out_width = key.content_width,
                                           .swap_channels = key.swap_channels};
  RowCache cache(scratch.memory.data(), picture, kernel, row_geometry);
  if (!(scratch.key == key)) {
    kernel.build_table(cache.table(), row_geometry);
    scratch.key = key;
  }
  for (int y = 0; y < geometry.content.height; ++y) {
    const internal::Tap tap =
        internal::tap_at(y, geometry.content.height, picture.size.height);
    const int last = picture.size.height - 1;
    const int above = std::clamp(tap.index, 0, last);
    const int below = tap.weight == 0 ? above : std::clamp(tap.index + 1, 0, last);
    const std::int16_t* upper = cache.row(above, below);
    const std::int16_t* lower = cache.row(below, above);
    kernel.blend_rows(content_row(out, geometry, y), upper, lower, tap.weight,
                      geometry.content.width * kChannels);
  }
  return {};
}

}  // namespace

Result<void> letterbox(std::span<std::uint8_t> network_pixels, const ImageView& picture,
                       const Letterbox& geometry, const LetterboxOptions& options,
                       LetterboxScratch& scratch) {
  SHOAL_CHECK(options.instructions <= best_instruction_set(), "this machine lacks the set");
  SHOAL_TRY(validate(network_pixels, picture, geometry));
  fill_padding(network_pixels.data(), geometry, options.pad_value);
  if (picture.size == geometry.content && picture.format == options.output_format) {
    copy_rows(network_pixels.data(), picture, geometry);
    return {};
  }
  return resample(network_pixels.data(), picture, geometry, options, scratch);
}

}  // namespace shoal
