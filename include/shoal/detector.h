// The façade: load a model, submit pictures, get boxes. Everything behind it, batching included,
// is Shoal's business.
//
//   auto detector = shoal::Detector::load({.model = "yolo11n.onnx"});
//   auto boxes = (*detector)->detect_file("bus.jpg");
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "shoal/detection.h"
#include "shoal/frame.h"
#include "shoal/options.h"
#include "shoal/result.h"

namespace shoal {

// Called exactly once for a submitted picture, on a thread of Shoal's: be short, do not throw, and
// do not close the Detector from there.
using Callback = std::function<void(Result<Detections>)>;

// A loaded model and the threads that serve it.
//
// Batching  pictures submitted from any threads share batches; a picture's boxes do not depend on
//           which others share its batch (bit-equal on CPUs).
// Threads   all methods may be called from any thread.
class Detector {
 public:
  // Errors   not_found, corrupt_input, unsupported (not a detector, or one that this Shoal cannot
  //          run: the message says what to do), invalid_argument (an option), out_of_memory.
  // Cost     seconds: compiles the network, allocates every buffer, measures how to run batches.
  [[nodiscard]] static Result<std::unique_ptr<Detector>> load(const DetectorOptions& options);

  // Closes, which answers everything accepted.
  ~Detector();
  Detector(const Detector&) = delete;
  Detector& operator=(const Detector&) = delete;

  // Submits pixels. They are copied before submit returns.
  //
  // Errors   through `done`: invalid_argument (an empty view), queue_full (WhenFull::kReject),
  //          cancelled (closed), and whatever the engine says. `done` is then called by submit
  //          itself.
  void submit(const ImageView& picture, Callback done);

  // Submits the bytes of a picture file (JPEG, PNG, WebP, BMP, TIFF, GIF), which are copied. EXIF
  // orientation is applied; boxes are in pixels of the upright picture.
  //
  // Errors   as above, and corrupt_input.
  void submit_encoded(std::span<const std::uint8_t> bytes, Callback done);

  // The same with a future, for callers that wait.
  [[nodiscard]] std::future<Result<Detections>> submit(const ImageView& picture);
  [[nodiscard]] std::future<Result<Detections>> submit_encoded(std::span<const std::uint8_t> bytes);

  // Reads a picture file and waits for its boxes.
  [[nodiscard]] Result<Detections> detect_file(const std::string& path);

  // Names by Detection::class_id.
  [[nodiscard]] std::span<const std::string> class_names() const;
  // One line for people: what was loaded and how it runs.
  [[nodiscard]] std::string summary() const;

  // No new pictures; returns when everything accepted is answered. Idempotent.
  void close();

 private:
  struct State;
  explicit Detector(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace shoal
