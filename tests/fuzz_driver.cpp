// Drives a fuzzer: every file of the corpus folder, the empty input, and seeded mutations of each,
// so that a fuzzer is also an ordinary test with any compiler.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr int kMutationsPerSeed = 400;  // unless the command line says otherwise

std::vector<Bytes> read_corpus(const char* folder) {
  std::vector<Bytes> corpus{{}};
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

void mutate(Bytes& bytes, std::mt19937& random) {
  const auto below = [&](std::size_t limit) { return random() % limit; };
  const std::size_t edits = 1 + below(8);
  for (std::size_t i = 0; i < edits; ++i) {
    if (bytes.empty()) bytes.push_back(static_cast<std::uint8_t>(random()));
    switch (below(4)) {
      case 0: bytes[below(bytes.size())] = static_cast<std::uint8_t>(random()); break;
      case 1: bytes[below(bytes.size())] ^= static_cast<std::uint8_t>(1U << below(8)); break;
      case 2: bytes.resize(below(bytes.size()) + 1); break;
      default: {
        const Bytes piece(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(
                                                             below(std::min<std::size_t>(
                                                                 bytes.size(), 64))));
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(below(bytes.size())),
                     piece.begin(), piece.end());
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER [MUTATIONS_PER_SEED]\n", argv[0]);
    return 2;
  }
  const int mutations = argc == 3 ? std::atoi(argv[2]) : kMutationsPerSeed;
  const std::vector<Bytes> corpus = read_corpus(argv[1]);
  if (corpus.size() < 2) {
    std::fprintf(stderr, "%s: no corpus\n", argv[1]);
    return 2;
  }
  std::size_t runs = 0;
  std::mt19937 random(20260101);
  for (const Bytes& seed : corpus) {
    LLVMFuzzerTestOneInput(seed.data(), seed.size());
    ++runs;
    for (int i = 0; i < mutations; ++i, ++runs) {
      Bytes bytes = seed;
      mutate(bytes, random);
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
  }
  std::printf("%zu inputs from %zu seeds\n", runs, corpus.size());
  return 0;
}
