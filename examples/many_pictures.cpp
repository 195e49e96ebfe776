// Many picture files, all in flight at once; Shoal batches them. Answers are printed in the order
// of the arguments. Usage: many_pictures MODEL PICTURE...
#include <cstdio>
#include <fstream>
#include <future>
#include <iterator>
#include <vector>

#include "shoal/detector.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s MODEL PICTURE...\n", argv[0]);
    return 2;
  }
  auto detector = shoal::Detector::load({.model = argv[1], .batch_max = 8});
  if (!detector) {
    std::fprintf(stderr, "%s\n", detector.error().message.c_str());
    return 3;
  }
  std::vector<std::future<shoal::Result<shoal::Detections>>> answers;
  for (int i = 2; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
    // submit waits when `requests_max` pictures are in flight, so memory stays bounded.
    answers.push_back((*detector)->submit_encoded(
        {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}));
  }
  int failed = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto boxes = answers[i].get();
    if (boxes) {
      std::printf("%s: %zu objects\n", argv[i + 2], boxes->items.size());
    } else {
      std::printf("%s: %s\n", argv[i + 2], boxes.error().message.c_str());
      ++failed;
    }
  }
  return failed == 0 ? 0 : 1;
}
