// From what a user writes to a loaded model: names and paths to sources, options to engine options.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/engine_load.h"
#include "pipeline/lane_pool.h"
#include "shoal/options.h"
#include "shoal/result.h"

namespace shoal {

// "pcb" and "builtin:pcb" are the built-in model; everything else is a path.
[[nodiscard]] ModelSource resolve_model(std::string_view model);

// Errors   invalid_argument, naming the option, what was given and what is allowed.
[[nodiscard]] Result<Precision> parse_precision(std::string_view text);
[[nodiscard]] Result<EngineOptions> engine_options(const DetectorOptions& options);
[[nodiscard]] PostprocessOptions postprocess_options(const DetectorOptions& options);

// Sizes that waste less padding on 4:3 and 16:9 pictures, upright and lying, for a square input of
// `side`: what --rect prepares. Sides are multiples of `stride`.
[[nodiscard]] std::vector<Size> rectangular_shapes(int side, int stride);

// Loads the model into lanes.
// Errors   those of load_engine_in_time, Postprocess and the options.
[[nodiscard]] Result<std::unique_ptr<LanePool>> load_lanes(const DetectorOptions& options,
                                                           const EngineOptions& engine,
                                                           const PictureLimits& limits = {},
                                                           Duration priority_ageing =
                                                               Policy().priority_ageing);
// The model's raw network: tensors in and out as the file declares them.
[[nodiscard]] Result<std::unique_ptr<LanePool>> load_raw_lanes(const DetectorOptions& options,
                                                               const LoadLimits& load,
                                                               int queue_limit);

// Copies a picture into a frame of its own.
// Errors   out_of_memory.
[[nodiscard]] Result<void> copy_pixels(Frame& frame, const ImageView& picture);

}  // namespace shoal
