#include "service/cameras/live_picture.h"

#include <fmt/format.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cstring>

#include "core/json_text.h"
#include "service/cameras/camera_json.h"

namespace shoal {
namespace {

constexpr int kQuality = 80;
constexpr std::uint32_t kWhole = 256;  // weight of a pixel that is covered whole, per axis

CoveredSpan span_of(int index, int from, int to) {
  const std::int64_t begin = std::int64_t{index} * from * kWhole / to;
  const std::int64_t end = (std::int64_t{index} + 1) * from * kWhole / to;
  CoveredSpan span;
  span.first = static_cast<int>(begin / kWhole);
  span.last = static_cast<int>((end - 1) / kWhole);
  span.sum = static_cast<std::uint32_t>(end - begin);
  if (span.first == span.last) {
    span.first_weight = span.sum;
    return span;
  }
  span.first_weight = kWhole - static_cast<std::uint32_t>(begin % kWhole);
  span.last_weight = static_cast<std::uint32_t>(end - std::int64_t{span.last} * kWhole);
  return span;
}

// sums += row * weight, per byte. A product fits 16 bits, as 255 * 256 does: twice as many at once.
void add_row(const std::uint8_t* __restrict row, std::uint32_t weight,
             std::uint32_t* __restrict sums, std::size_t count) {
  const auto narrow = static_cast<std::uint16_t>(weight);
  for (std::size_t i = 0; i < count; ++i) sums[i] += static_cast<std::uint16_t>(row[i] * narrow);
}

// One row of the target from the sums of the rows that it covers.
void reduce_row(const std::uint32_t* sums, const std::vector<CoveredSpan>& columns,
                std::uint32_t rows_sum, std::uint8_t* to) {
  for (const CoveredSpan& span : columns) {
    const std::uint32_t* first = sums + std::size_t{3} * static_cast<std::size_t>(span.first);
    const std::uint32_t* last = sums + std::size_t{3} * static_cast<std::size_t>(span.last);
    std::uint64_t total[3];
    for (int c = 0; c < 3; ++c) total[c] = std::uint64_t{first[c]} * span.first_weight;
    if (first != last) {
      std::uint64_t between[3] = {};
      for (const std::uint32_t* at = first + 3; at != last; at += 3) {
        for (int c = 0; c < 3; ++c) between[c] += at[c];
      }
      for (int c = 0; c < 3; ++c) {
        total[c] += between[c] * kWhole + std::uint64_t{last[c]} * span.last_weight;
      }
    }
    const double share = 1.0 / (static_cast<double>(rows_sum) * span.sum);
    for (int c = 0; c < 3; ++c) {
      // Exact: below 2^53.
      *to++ = static_cast<std::uint8_t>(
          static_cast<double>(static_cast<std::int64_t>(total[c])) * share + 0.5);
    }
  }
}

}  // namespace

Size reduced_size(Size size, int width) {
  if (size.width <= width) return size;
  const std::int64_t scaled =
      (std::int64_t{size.height} * width + size.width / 2) / std::max(1, size.width);
  return {width, static_cast<int>(std::max<std::int64_t>(1, scaled))};
}

void reduce_area(const ImageView& view, Size to_size, std::uint8_t* to, ReduceRoom& room) {
  const std::size_t row_bytes = std::size_t{3} * static_cast<std::size_t>(view.size.width);
  room.columns.clear();
  for (int x = 0; x < to_size.width; ++x) {
    room.columns.push_back(span_of(x, view.size.width, to_size.width));
  }
  for (int y = 0; y < to_size.height; ++y) {
    const CoveredSpan rows = span_of(y, view.size.height, to_size.height);
    room.sums.assign(row_bytes, 0);
    for (int row = rows.first; row <= rows.last; ++row) {
      std::uint32_t weight = kWhole;
      if (row == rows.last) weight = rows.last_weight;
      if (row == rows.first) weight = rows.first_weight;
      add_row(view.data + row * view.pitch_bytes, weight, room.sums.data(), row_bytes);
    }
    reduce_row(room.sums.data(), room.columns, rows.sum, to);
    to += std::size_t{3} * static_cast<std::size_t>(to_size.width);
  }
}

struct LivePainter::State {
  explicit State(DrawResult how) : draw(std::move(how)) {}

  const DrawResult draw;
  tjhandle encoder = tjInitCompress();
  PixelBuffer pixels;
  ReduceRoom room;
  std::vector<std::uint8_t> jpeg;
  fmt::memory_buffer header;

  // The result's pixels, reduced where they are wider, else copied where they are to be drawn on.
  [[nodiscard]] Result<ImageView> prepare(const CameraResult& result, const Wish& wish) {
    const ImageView view = result.outcome.pixels.view();
    const Size size = reduced_size(view.size, wish.width);
    if (size == view.size && !wish.boxes) return view;
    const std::size_t row = std::size_t{3} * static_cast<std::size_t>(size.width);
    if (pixels.reserve(row * static_cast<std::size_t>(size.height)) == nullptr) {
      return Error{ErrorCode::kOutOfMemory, "no memory for a reduced picture"};
    }
    if (size == view.size) {
      for (int y = 0; y < size.height; ++y) {
        std::memcpy(pixels.data() + static_cast<std::size_t>(y) * row,
                    view.data + y * view.pitch_bytes, row);
      }
    } else {
      reduce_area(view, size, pixels.data(), room);
    }
    ImageView reduced = view;
    reduced.data = pixels.data();
    reduced.size = size;
    reduced.pitch_bytes = static_cast<std::ptrdiff_t>(row);
    if (wish.boxes) draw({pixels.data(), size, reduced.pitch_bytes}, result);
    return reduced;
  }

  [[nodiscard]] Result<std::string_view> encode(const ImageView& view) {
    const unsigned long most = tjBufSize(view.size.width, view.size.height, TJSAMP_420);
    jpeg.resize(std::max<std::size_t>(jpeg.size(), most));
    unsigned char* into = jpeg.data();
    unsigned long size = most;
    const int format = view.format == PixelFormat::kRgb8 ? TJPF_RGB : TJPF_BGR;
    if (encoder == nullptr ||
        tjCompress2(encoder, view.data, view.size.width, static_cast<int>(view.pitch_bytes),
                    view.size.height, format, &into, &size, TJSAMP_420, kQuality,
                    TJFLAG_NOREALLOC | TJFLAG_FASTDCT) != 0) {
      return Error{ErrorCode::kInternal,
                   fmt::format("JPEG: {}", tjGetErrorStr2(encoder))};
    }
    return std::string_view(reinterpret_cast<const char*>(jpeg.data()), size);
  }
};

LivePainter::LivePainter(DrawResult draw) : state_(std::make_unique<State>(std::move(draw))) {}

LivePainter::~LivePainter() {
  if (state_->encoder != nullptr) tjDestroy(state_->encoder);
}

Result<std::shared_ptr<const LivePicture>> LivePainter::paint(const CameraResult& result,
                                                              const Wish& wish) {
  if (wish.boxes && !state_->draw) {
    return Error{ErrorCode::kUnsupported, "boxes cannot be drawn here, ask with boxes=0"};
  }
  const ImageView view = SHOAL_TRY(state_->prepare(result, wish));
  const std::string_view jpeg = SHOAL_TRY(state_->encode(view));
  state_->header.clear();
  append_frame_header(state_->header, result, wish.tracked, Clock::now());
  const std::string_view header = view_of(state_->header);
  auto picture = std::make_shared<LivePicture>();
  picture->camera = result.camera->name;
  picture->message.reserve(4 + header.size() + jpeg.size());
  for (unsigned shift = 0; shift < 32; shift += 8) {
    picture->message.push_back(static_cast<char>(header.size() >> shift & 0xff));
  }
  picture->message += header;
  picture->jpeg_at = picture->message.size();
  picture->message += jpeg;
  return std::shared_ptr<const LivePicture>(std::move(picture));
}

}  // namespace shoal
