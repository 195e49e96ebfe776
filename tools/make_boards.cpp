// Writes procedural circuit boards for training and for looking at: PPM pictures, and one labels
// file with a line per picture: NAME WIDTH HEIGHT [CLASS X0 Y0 X1 Y1]... (half-open pixels).
// Standard library only, so that it builds anywhere with one compiler call; see --help.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "source/board.h"

namespace {

struct Arguments {
  std::string out = ".";
  std::string kind = "colour";
  std::uint64_t seed = 1;
  int count = 1;
  int width = 640;
  int height = 640;
  int defects = 6;
  int step = 1;
  bool whole = false;
};

constexpr const char* kUsage =
    "make_boards [--kind colour|binary|line] [--count N] [--seed S] [--size WxH] [--defects N]\n"
    "            [--step N] [--whole] [--out DIR]\n"
    "Board i of a still kind has seed S + i. Kind line writes frames 0, N, 2 N, ... of line S.\n"
    "Writes DIR/KIND_SEED.ppm (line: DIR/line_SEED_FRAME.ppm) and DIR/labels.txt.\n";

bool parse(int argc, char** argv, Arguments* arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--whole") {
      arguments->whole = true;
      continue;
    }
    if (i + 1 >= argc) return false;
    const std::string value = argv[++i];
    if (name == "--out") arguments->out = value;
    else if (name == "--kind") arguments->kind = value;
    else if (name == "--seed") arguments->seed = std::strtoull(value.c_str(), nullptr, 10);
    else if (name == "--count") arguments->count = std::atoi(value.c_str());
    else if (name == "--defects") arguments->defects = std::atoi(value.c_str());
    else if (name == "--step") arguments->step = std::atoi(value.c_str());
    else if (name == "--size") {
      if (std::sscanf(value.c_str(), "%dx%d", &arguments->width, &arguments->height) != 2) {
        return false;
      }
    } else {
      return false;
    }
  }
  return arguments->kind == "colour" || arguments->kind == "binary" || arguments->kind == "line";
}

bool write_ppm(const std::string& path, int width, int height,
               const std::vector<std::uint8_t>& rgb) {
  std::ofstream file(path, std::ios::binary);
  file << "P6\n" << width << " " << height << "\n255\n";
  file.write(reinterpret_cast<const char*>(rgb.data()), static_cast<std::streamsize>(rgb.size()));
  return file.good();
}

template <typename Picture>
bool write_item(const Arguments& arguments, const std::string& name, const Picture& picture,
                std::ofstream& labels) {
  labels << name << ".ppm " << picture.width << " " << picture.height;
  for (const auto& defect : picture.defects) {
    labels << " " << static_cast<int>(defect.kind) << " " << defect.box.x0 << " " << defect.box.y0
           << " " << defect.box.x1 << " " << defect.box.y1;
  }
  labels << "\n";
  const std::string path = arguments.out + "/" + name + ".ppm";
  if (write_ppm(path, picture.width, picture.height, picture.rgb) && labels.good()) return true;
  std::cerr << "make_boards: " << path << ": cannot be written\n";
  return false;
}

bool write_all(const Arguments& arguments) {
  std::ofstream labels(arguments.out + "/labels.txt", std::ios::app);
  if (arguments.kind == "line") {
    const shoal::BoardLine line({.width = arguments.width,
                                 .height = arguments.height,
                                 .seed = arguments.seed,
                                 .defects_a_board = arguments.defects});
    for (int i = 0; i < arguments.count; ++i) {
      const int index = i * arguments.step;
      const std::string name =
          "line_" + std::to_string(arguments.seed) + "_" + std::to_string(index);
      if (!write_item(arguments, name, line.frame(index), labels)) return false;
    }
    return true;
  }
  const bool binary = arguments.kind == "binary";
  for (int i = 0; i < arguments.count; ++i) {
    const std::uint64_t seed = arguments.seed + static_cast<std::uint64_t>(i);
    const shoal::BoardPicture picture = shoal::draw_board(
        {.width = arguments.width,
         .height = arguments.height,
         .seed = seed,
         .style = binary ? shoal::BoardStyle::kBinary : shoal::BoardStyle::kColour,
         .defects = arguments.defects,
         .whole = arguments.whole});
    if (!write_item(arguments, arguments.kind + "_" + std::to_string(seed), picture, labels)) {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, &arguments)) {
    std::cerr << kUsage;
    return 2;
  }
  return write_all(arguments) ? 0 : 1;
}
