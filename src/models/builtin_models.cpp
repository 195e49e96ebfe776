#include "models/builtin_models.h"

extern "C" {
extern const std::byte shoal_model_pcb_begin;
extern const std::byte shoal_model_pcb_end;
}

namespace shoal {

std::span<const std::byte> builtin_model(std::string_view name) {
  if (name == "pcb") return {&shoal_model_pcb_begin, &shoal_model_pcb_end};
  return {};
}

}  // namespace shoal
