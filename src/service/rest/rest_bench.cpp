// What this door costs beside the model: framing, base64, JSON in and out.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "pipeline/answer_text.h"
#include "service/rest/base64.h"
#include "service/rest/multipart.h"
#include "service/rest/picture_json.h"

namespace shoal {
namespace {

constexpr std::size_t kPicture = std::size_t{1} << 20;

// Bytes as compressed pictures have them: every value, no pattern.
std::string noise() {
  std::string bytes(kPicture, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1'664'525 + 1'013'904'223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

void read_form(benchmark::State& state) {
  std::string body;
  for (int i = 0; i < 8; ++i) {
    body += "--f00d\r\nContent-Disposition: form-data; name=\"f\"; filename=\"p.jpg\"\r\n\r\n";
    body += noise() + "\r\n";
  }
  body += "--f00d--\r\n";
  for (auto _ : state) {
    const auto parts = parse_form(body, "f00d", {});
    if (!parts || parts->size() != 8) std::abort();
    benchmark::DoNotOptimize(parts->data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(read_form);

void decode_base64(benchmark::State& state) {
  const std::string text(kPicture, 'Z');
  for (auto _ : state) {
    Base64Decoder decoder;
    std::vector<std::uint8_t> bytes;
    if (!decoder.feed(text, bytes) || !decoder.finish(bytes)) std::abort();
    benchmark::DoNotOptimize(bytes.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(decode_base64);

void read_json(benchmark::State& state) {
  const std::string body = R"({"image":")" + std::string(kPicture, 'Z') + R"("})";
  for (auto _ : state) {
    const auto pictures = parse_picture_json(body, 1);
    if (!pictures) std::abort();
    benchmark::DoNotOptimize(pictures->pictures.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(read_json);

void write_answer(benchmark::State& state) {
  const std::vector<std::string> names = {"person", "bicycle"};
  Outcome outcome;
  outcome.source = "picture.jpg";
  outcome.size = {1920, 1080};
  for (int i = 0; i < state.range(0); ++i) {
    const auto x = 3.37F * static_cast<float>(i);
    outcome.detections.items.push_back({.box = {x, 17.25F, x + 101.5F, 419.81F},
                                        .confidence = 0.8765F,
                                        .class_id = i % 2,
                                        .track_id = {}});
  }
  for (auto _ : state) {
    fmt::memory_buffer text;
    append_answer_text(text, outcome, names);
    benchmark::DoNotOptimize(text.data());
  }
}
BENCHMARK(write_answer)->Arg(0)->Arg(10)->Arg(100);

// A megapixel of a smooth picture with ten boxes.
void draw_answer(benchmark::State& state) {
  const std::vector<std::string> names = {"person", "bicycle"};
  Outcome outcome;
  outcome.source = "picture.jpg";
  outcome.size = {1000, 1000};
  for (int i = 0; i < 10; ++i) {
    const auto x = 90.0F * static_cast<float>(i);
    outcome.detections.items.push_back({.box = {x, x, x + 80, x + 60},
                                        .confidence = 0.8765F,
                                        .class_id = i % 2,
                                        .track_id = {}});
  }
  Frame& frame = outcome.pixels;
  frame.size = frame.source_size = outcome.size;
  frame.pitch_bytes = 3000;
  std::uint8_t* pixels = frame.pixels.reserve(3'000'000);
  for (int i = 0; i < 3'000'000; ++i) {
    pixels[i] = static_cast<std::uint8_t>(i / 3000 + i % 3000 / 24);
  }
  AnswerPainter painter;
  for (auto _ : state) {
    const auto jpeg = painter.jpeg(outcome, names);
    if (!jpeg) std::abort();
    benchmark::DoNotOptimize(jpeg->data());
  }
}
BENCHMARK(draw_answer)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace shoal
