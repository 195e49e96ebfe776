// What is known of one answered request: the line of the request log, the increments of the
// metrics, the spans of the trace. One record a picture; a call of several pictures shares its id.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/outcome.h"
#include "core/request.h"
#include "shoal/geometry.h"
#include "shoal/result.h"

namespace shoal {

// Views are valid during the call that hands the record over.
struct RequestRecord {
  std::string_view request_id;  // the client's, or ours
  std::string_view model;
  std::string_view door;        // "http", "grpc", "rest", "library", "detect", "camera"
  std::string_view source;      // file, or the client's address
  std::string_view camera;      // "" where there is none
  std::int64_t unix_ns = 0;     // wall clock at arrival
  TimePoint arrived;
  TimePoint answered;
  Size input;                   // of the picture; 0x0 where unknown
  Priority priority = Priority::kNormal;
  Work work = Work::kPixels;    // kEncoded is decoded by the lane, so after the queue
  BatchFacts batch;
  int batch_size = 0;
  int batch_max = 0;
  double pad_waste = 0;
  StageTimes times;
  std::string_view device;      // "cpu"
  std::optional<ErrorCode> error;  // empty: detections or tensors were answered
  std::int64_t detections = 0;
  bool truncated = false;
};

// Told of every answered request.
//
// Threads  any, at the same time; must not block: it is called by lanes.
class RequestObserver {
 public:
  virtual ~RequestObserver() = default;
  virtual void observe(const RequestRecord& record) noexcept = 0;
  // A call of `items` for `model` was not accepted, so that observe() will not hear of it.
  virtual void refused(std::string_view /*model*/, ErrorCode /*code*/,
                       std::uint64_t /*items*/) noexcept {}
  // A model is ready to be asked.
  virtual void model_loaded(std::string_view /*model*/, Duration /*load_time*/) {}
};

}  // namespace shoal
