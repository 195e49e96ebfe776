#include "cli/model_arguments.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "core/class_selection.h"
#include "core/log.h"
#include "core/memory_size.h"
#include "pipeline/loading.h"
#include "telemetry/process.h"

namespace shoal {
namespace {

Result<Size> parse_imgsz(const std::string& text) {
  const Error wrong{ErrorCode::kInvalidArgument,
                    fmt::format("--imgsz: expected 640 or WIDTHxHEIGHT, got {}", text)};
  Size size;
  const char* end = text.data() + text.size();
  const auto width = std::from_chars(text.data(), end, size.width);
  if (width.ec != std::errc()) return wrong;
  if (width.ptr == end) {
    size.height = size.width;
  } else {
    const auto height = std::from_chars(width.ptr + 1, end, size.height);
    if (*width.ptr != 'x' || height.ec != std::errc() || height.ptr != end) return wrong;
  }
  if (size.width < 1 || size.height < 1 || size.width > 8192 || size.height > 8192) return wrong;
  return size;
}

template <typename T>
void set_if(T& field, const std::optional<T>& given) {
  if (given) field = *given;
}

}  // namespace

std::string plan_cache_path() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  std::filesystem::path folder;
  if (cache != nullptr && *cache != '\0') {
    folder = cache;
  } else if (home != nullptr && *home != '\0') {
    folder = std::filesystem::path(home) / ".cache";
  } else {
    return {};
  }
  folder /= "shoal";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  return error ? std::string() : (folder / "plans.json").string();
}

void add_model_arguments(CLI::App& verb, ModelArguments& arguments) {
  verb.add_option("-m,--model", arguments.model,
                  "ONNX or OpenVINO IR file, or the built-in 'pcb' (default)")
      ->type_name("MODEL");
  verb.add_option("--engine", arguments.engine, "auto or openvino")->type_name("NAME");
  verb.add_option("--precision", arguments.precision, "auto, fp32 or bf16")->type_name("NAME");
  verb.add_option("--batch", arguments.batch, "most pictures of one network call (8)")
      ->type_name("N");
  verb.add_option("--lanes", arguments.lanes, "0 = measured at load")->type_name("N");
  verb.add_option("--memory-limit", arguments.memory_limit,
                  "most memory of the model: 80%, 2GiB, 512MiB or bytes")
      ->type_name("SIZE");
  verb.add_option("--execution", arguments.execution,
                  "how a batch runs: auto (measured), spread or batched")
      ->type_name("HOW");
  verb.add_option("--imgsz", arguments.imgsz, "input size: 640 or WIDTHxHEIGHT")
      ->type_name("SIZE");
  verb.add_flag("--rect", arguments.rectangular,
                "also prepare 4:3 and 16:9 shapes, which pad less");
  verb.add_option("--family", arguments.family, "model family, where recognition asks for it")
      ->type_name("NAME");
  verb.add_option("--config", arguments.config_path, "shoal.toml; the command line goes first")
      ->type_name("FILE");
}

void add_box_arguments(CLI::App& verb, BoxArguments& arguments) {
  verb.add_option("--conf", arguments.confidence, "least confidence (0.25)")->type_name("P");
  verb.add_option("--iou", arguments.iou, "overlap that suppresses (0.7)")->type_name("P");
  verb.add_option("--max-det", arguments.max_det, "most detections of a picture (300)")
      ->type_name("N");
  verb.add_option("--classes", arguments.classes,
                  "keep only these classes, by number or name: 0,2 or person,car")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("CLASS,CLASS");
  verb.add_flag("--agnostic", arguments.agnostic, "suppress across classes");
  verb.add_flag("--multi-label", arguments.multi_label,
                "every class above --conf is a box of its own, as eval scores them");
}

Result<Config> make_config(const ModelArguments& arguments,
                           const std::vector<std::pair<std::string, std::string>>& overrides) {
  Config config;
  if (!arguments.config_path.empty()) config = SHOAL_TRY(load_config(arguments.config_path));
  for (const auto& [name, value] : overrides) SHOAL_TRY(set_option(config, name, value));
  DetectorOptions& detector = config.detector;
  set_if(detector.model, arguments.model);
  set_if(detector.family, arguments.family);
  set_if(detector.engine, arguments.engine);
  set_if(detector.precision, arguments.precision);
  set_if(detector.batch_max, arguments.batch);
  set_if(detector.lanes, arguments.lanes);
  if (arguments.memory_limit) {
    const auto limit = parse_memory_limit(*arguments.memory_limit);
    if (!limit) {
      return Error{limit.error().code, "--memory-limit: " + limit.error().message};
    }
    detector.memory_limit = *arguments.memory_limit;
  }
  if (config.decode_threads == 0) config.decode_threads = decode_thread_count(usable_core_count());
  if (arguments.imgsz) detector.shapes = {SHOAL_TRY(parse_imgsz(*arguments.imgsz))};
  return config;
}

void apply(const BoxArguments& arguments, Config& config) {
  DetectorOptions& detector = config.detector;
  set_if(detector.confidence, arguments.confidence);
  set_if(detector.iou, arguments.iou);
  set_if(detector.max_det, arguments.max_det);
  detector.agnostic = detector.agnostic || arguments.agnostic;
  detector.multi_label = detector.multi_label || arguments.multi_label;
}

Result<void> choose_classes(const BoxArguments& arguments, DetectorOptions& detector) {
  if (arguments.classes.empty()) return {};
  std::vector<int> numbers;
  for (const std::string& word : arguments.classes) {
    const auto number = class_number(word);
    if (number && *number >= 0) numbers.push_back(*number);
  }
  const EngineOptions engine = SHOAL_TRY(engine_options(detector));
  // Read, not compiled: that follows.
  const auto costs = model_costs(resolve_model(detector.model), engine);
  if (costs) {
    numbers =
        SHOAL_TRY(class_numbers_of(arguments.classes, costs->model.class_names, "--classes"));
  } else if (numbers.size() < arguments.classes.size()) {
    return costs.error();
  }
  detector.classes = std::move(numbers);
  return {};
}

Result<EngineOptions> make_engine_options(const ModelArguments& arguments, Config& config) {
  EngineOptions engine = SHOAL_TRY(engine_options(config.detector));
  engine.plan_cache = plan_cache_path();
  engine.load = config.load;
  if (arguments.execution == "spread") {
    engine.execution = Execution::kSpread;
  } else if (arguments.execution == "batched") {
    engine.execution = Execution::kBatched;
  } else if (arguments.execution != "auto") {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("--execution: expected auto, spread or batched, got {}",
                             arguments.execution)};
  }
  if (arguments.rectangular) {
    const ModelCosts costs = SHOAL_TRY(model_costs(resolve_model(config.detector.model), engine));
    const ModelDescription& model = costs.model;
    if (model.input.placement == Placement::kStretched) {
      log(LogLevel::kWarn, "engine",
          "--rect: {} takes pictures stretched to its input, which pads nothing: no further shapes",
          model.path);
      return engine;
    }
    const Size square = engine.buckets.empty() ? model.input.size : engine.buckets.front();
    engine.buckets = rectangular_shapes(std::max(square.width, square.height), model.stride_max);
  }
  return engine;
}

}  // namespace shoal
