// Answers by completion instead of by future: nobody waits, the callback counts. One bad picture
// among the good ones fails alone. Usage: completions MODEL PICTURE...
#include <atomic>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#include "shoal/detector.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s MODEL PICTURE...\n", argv[0]);
    return 2;
  }
  auto detector = shoal::Detector::load({.model = argv[1]});
  if (!detector) {
    std::fprintf(stderr, "%s\n", detector.error().message.c_str());
    return 3;
  }
  std::atomic<int> objects = 0;
  std::atomic<int> errors = 0;
  const auto done = [&](const shoal::Result<shoal::Detections>& answer) {
    // On a thread of Shoal's: be short.
    if (answer) {
      objects += static_cast<int>(answer->items.size());
    } else {
      ++errors;
    }
  };
  for (int i = 2; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
    (*detector)->submit_encoded(
        {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, done);
  }
  const std::vector<std::uint8_t> not_a_picture{'h', 'e', 'l', 'l', 'o'};
  (*detector)->submit_encoded(not_a_picture, done);
  (*detector)->close();  // answers everything that was accepted
  std::printf("%d objects, %d errors (one was meant)\n", objects.load(), errors.load());
  return errors == 1 ? 0 : 1;
}
