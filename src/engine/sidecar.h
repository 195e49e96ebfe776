// The sidecar of a model file, `model.onnx.toml` or `model.toml`: what inspection cannot know.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shoal/frame.h"
#include "shoal/geometry.h"
#include "shoal/result.h"

namespace shoal {

// What the four numbers of a box are, where one tensor holds boxes.
enum class BoxForm : std::uint8_t {
  kXywh,  // centre and size
  kXyxy,  // two corners
  kLtwh,  // the left upper corner and the size
};

// Every key is optional; what is absent is left to recognition.
struct Sidecar {
  std::string path;  // "" where there is no sidecar
  std::optional<std::string> family;
  std::vector<std::string> names;                // class names, in order
  std::optional<std::array<float, 3>> mean;      // 0..255 scale, network channel order
  std::optional<std::array<float, 3>> std;       // divisor; not together with scale
  std::optional<std::array<float, 3>> scale;     // factor; not together with std
  std::optional<PixelFormat> color_order;        // "rgb" | "bgr"
  std::optional<Placement> placement;            // "centred" | "top_left" | "stretched"
  std::vector<int> strides;                      // ascending, each 1 to 1024
  std::optional<int> bins;                       // DFL bins a side
  std::optional<int> class_count;
  std::optional<float> cell_offset;              // GFL: cells are centred at (i + offset) * stride
  std::optional<bool> scores_are_logits;
  std::optional<BoxForm> boxes;                  // "xywh" | "xyxy" | "ltwh"
  std::optional<bool> boxes_are_shares;          // of the input's width and height, not pixels
};

// Reads the sidecar that lies beside `model_path`; an empty Sidecar where there is none.
//
// Errors   corrupt_input if it is not TOML, invalid_argument for a key that is unknown (with the
//          nearest known one) or has a value of the wrong kind; the message names file and key.
[[nodiscard]] Result<Sidecar> read_sidecar(const std::string& model_path);

}  // namespace shoal
