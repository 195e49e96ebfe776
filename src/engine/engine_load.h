// The door of this folder: where a model comes from, loading it into an engine, and looking at it
// without loading it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/memory_plan.h"
#include "engine/model.h"
#include "shoal/result.h"

namespace shoal {

// A model file (ONNX, or OpenVINO IR by its .xml), or an ONNX file embedded in the program.
struct ModelSource {
  std::string path;                    // shown in messages; read unless `embedded` is set
  std::span<const std::byte> embedded;  // bytes that outlive the call
  std::string name;                    // "" = the path's stem
};

// Something that this model cannot do, and what to do about it.
struct Refusal {
  std::string what;  // "batched execution", "bucket 384x640"
  std::string why;   // names the node that prevents it
};

// Refusal::what where the model cannot be loaded at all.
inline constexpr std::string_view kAnyExecution = "any execution";

struct ModelInspection {
  ModelDescription model;
  std::vector<Refusal> refusals;
  std::vector<std::string> notes;     // what runs, but not as one would expect
  std::int64_t weight_bytes = 0;      // as stored in the file
  std::int64_t activation_bytes = 0;  // largest set of live f32 tensors of one picture
  std::int64_t io_bytes = 0;          // u8 input and f32 outputs of one picture
};

// Asked once a model is read and before it is compiled, which takes seconds: an error ends it.
using AcceptModel = std::function<Result<void>(const ModelDescription&)>;

// Reads, recognises, compiles and, where a choice has to be measured, measures. Without `accept`
// any model is welcome.
//
// Errors   not_found, corrupt_input, invalid_argument or unsupported; the message names the file,
//          what was expected and what was found.
// Cost     0.3 to several seconds; two copies of the weights while compiling.
[[nodiscard]] Result<std::unique_ptr<Engine>> load_engine(const ModelSource& source,
                                                          const EngineOptions& options,
                                                          const AcceptModel& accept = {});

// What load_engine would find: it compiles and runs the network once, and measures nothing. Of
// `options` it reads family, class_names, precision, buckets, batch_max, load and memory_limit;
// what would be refused is data, not an error.
[[nodiscard]] Result<ModelInspection> inspect_model(const ModelSource& source,
                                                    const EngineOptions& options);

// What a model needs of memory, by its networks, and the shape it would be loaded in.
struct ModelCosts {
  ModelDescription model;
  std::vector<NetworkCost> networks;  // one a bucket
  MemoryShape wanted;                 // without regard to a limit
};

// Reads the graph and counts; compiles nothing but what recognising needs.
// Errors   as load_engine.
[[nodiscard]] Result<ModelCosts> model_costs(const ModelSource& source,
                                             const EngineOptions& options);

// The engines of this build with their versions, for people: "openvino 2026.4.1".
[[nodiscard]] std::string engine_versions();

}  // namespace shoal
