#include "service/cameras/live_picture.h"

#include <fmt/format.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cstring>

#include "core/area_mean.h"
#include "core/json_text.h"
#include "service/cameras/camera_json.h"

namespace shoal {
namespace {

constexpr int kQuality = 80;

}  // namespace

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
