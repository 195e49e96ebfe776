// What a model is, as data: found by inspecting the graph, overridden by a sidecar file.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/head.h"
#include "core/tensor.h"
#include "shoal/frame.h"
#include "shoal/geometry.h"

namespace shoal {

// What the network expects in its input tensor, for the conversion inside the engine:
// (value - mean) * scale per channel, in the channel order below.
struct InputDescription {
  std::string name;
  Size size;                                       // as exported; the default bucket
  PixelFormat channels = PixelFormat::kRgb8;       // order of the three planes
  std::array<float, 3> mean{0, 0, 0};              // on the 0..255 scale, network channel order
  std::array<float, 3> scale{1.0F / 255, 1.0F / 255, 1.0F / 255};
  Placement placement = Placement::kCentred;       // of the letterbox
};

struct OutputDescription {
  std::string name;
  Shape shape;  // of one picture at the default bucket, without the batch axis
};

struct ModelDescription {
  std::string name;    // file stem or built-in name
  std::string path;    // as the user gave it
  std::string family;  // row of the family table, for example "yolo11"
  std::string why;     // one line: by what the family was recognised
  InputDescription input;
  std::vector<OutputDescription> outputs;  // in the order of HeadView
  // The network as the file declares it, for those who bring tensors: shapes without batch axis.
  OutputDescription declared_input;
  std::vector<OutputDescription> declared_outputs;
  HeadDescription head;
  std::vector<std::string> class_names;    // class_count entries; "class 7" where unknown
  bool names_known = false;                // the names came from the file, a sidecar or data.yaml
  std::vector<std::string> warnings;       // what is a guess or odd, and what settles it
  bool dynamic_batch = false;              // the graph accepts any batch as it is
  std::int64_t baked_batch = 0;            // the batch baked into the graph; 0 where dynamic
  int stride_max = 32;                     // bucket sides must be multiples of it
  std::int64_t parameter_count = 0;
  std::int64_t flops = 0;                  // of one picture at the default bucket; 2 a multiply-add
  std::uint64_t content_hash = 0;          // of the model file's bytes
};

}  // namespace shoal
