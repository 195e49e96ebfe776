// Options of a Detector. Every field has a default that is right for most; the comment says when
// to change it and what that costs.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "shoal/geometry.h"

namespace shoal {

// What submit() does when all requests are in flight.
enum class WhenFull : std::uint8_t {
  kWait,    // block the caller: batch jobs
  kReject,  // fail with kQueueFull: callers that must not block
};

struct DetectorOptions {
  // -- the model --
  // A path to an ONNX or OpenVINO IR file, or the built-in "pcb".
  std::string model = "pcb";
  // Class names instead of the file's own; as many as the model has classes. Empty: the file's.
  std::vector<std::string> class_names = {};
  // Row of the family table ("yolo11", "picodet", ...). Needed only where recognition says so.
  std::string family = {};
  // Input sizes prepared at load; a picture goes to the one that pads it least. Each costs its own
  // compiled network and buffers. Empty: the size the model was exported with.
  std::vector<Size> shapes = {};

  // -- the engine --
  std::string engine = "auto";     // auto | openvino
  std::string precision = "auto";  // auto | fp32 | bf16; auto is bf16 where the CPU has it
  int batch_max = 8;               // most pictures of one network call
  int lanes = 0;                   // 0: measured and chosen at load
  // Most memory of this model, "80%" (of the container's limit, or of what is installed), "2GiB",
  // "512MiB" or a number of bytes; "": no limit of its own. At load the batch, then the lanes are
  // reduced to what fits; where nothing does, loading fails with kOutOfMemory and the plan.
  std::string memory_limit = {};
  // The same of the whole process: a model gets what is left when it is loaded.
  std::string process_memory_limit = "80%";

  // -- the scheduler --
  // A batch never waits longer for more pictures, and waits at all only where that pays.
  std::chrono::microseconds queue_delay{10'000};
  // Most pictures in flight, decoding included. Memory: one decoded picture each.
  int requests_max = 64;
  WhenFull when_full = WhenFull::kWait;

  // -- the boxes --
  float confidence = 0.25F;  // least score of a detection, in [0, 1]
  float iou = 0.7F;          // a box that overlaps a better one of its class by more is removed
  int max_det = 300;         // most detections of a picture; more sets Detections::truncated
  bool agnostic = false;     // suppress across classes too
  // Every class of a place that is above `confidence` is a detection of its own, not only the best:
  // what is scored (mAP) does so. More boxes, and more of one place.
  bool multi_label = false;
  std::vector<int> classes = {};  // keep only these; empty: all

  friend bool operator==(const DetectorOptions&, const DetectorOptions&) = default;
};

}  // namespace shoal
