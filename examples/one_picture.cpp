// One picture file to boxes. Usage: one_picture MODEL PICTURE
#include <cstdio>

#include "shoal/detector.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s MODEL PICTURE\n", argv[0]);
    return 2;
  }
  auto detector = shoal::Detector::load({.model = argv[1]});
  if (!detector) {
    std::fprintf(stderr, "%s\n", detector.error().message.c_str());
    return 3;
  }
  const auto boxes = (*detector)->detect_file(argv[2]);
  if (!boxes) {
    std::fprintf(stderr, "%s\n", boxes.error().message.c_str());
    return 1;
  }
  for (const shoal::Detection& found : boxes->items) {
    const std::string& name =
        (*detector)->class_names()[static_cast<std::size_t>(found.class_id)];
    std::printf("%s %.2f  %.1f %.1f %.1f %.1f\n", name.c_str(),
                static_cast<double>(found.confidence), static_cast<double>(found.box.x1),
                static_cast<double>(found.box.y1), static_cast<double>(found.box.x2),
                static_cast<double>(found.box.y2));
  }
  return 0;
}
