// The plain door: POST a picture, get boxes. Which path leads where; what is behind them stands in
// the other files of this folder.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/model_registry.h"
#include "service/http/exchange.h"
#include "service/rest/deepstack.h"
#include "shoal/result.h"

namespace shoal {

// What the door needs to know of models. Callable from any thread.
struct RestModels {
  // "" is the default. Errors as ModelRegistry::find.
  std::function<Result<std::shared_ptr<ModelHost>>(std::string_view name)> find;
  std::function<std::vector<ModelStatus>()> index;
  std::function<bool()> all_ready;
};

// Of a registry, which outlives the routes.
[[nodiscard]] inline RestModels rest_models(const ModelRegistry& registry) {
  return {.find = [&registry](std::string_view name) {
            return name.empty() ? registry.find_default() : registry.find(name);
          },
          .index = [&registry] { return registry.index(); },
          .all_ready = [&registry] { return registry.all_ready(); }};
}

struct RestOptions {
  RestModels models;
  std::size_t pictures_max = 4096;  // of one request
  // DeepStack's clients send their key as a field of the form, where the server does not look: the
  // two paths of DeepStack must be open to it, and are checked here.
  DeepStackOptions deepstack;
  std::string page_path = "/";  // of the page to try it, where another one has "/"
};

// Adds
//   POST /v1/detect, /v1/models/{model}/detect     pictures in, boxes or a drawn picture out
//   POST /v1/vision/detection, /v1/vision/custom/{model}             DeepStack
//   GET  /v1/models, /healthz, /openapi.json, page_path (a page to try it), /example.jpg
//
// The routes start two threads, "rest-read" and "rest-draw", that end with the last copy of the
// handlers.
void add_rest_routes(HttpRouter& router, RestOptions options);

}  // namespace shoal
