// What is known of models and the service, as JSON documents of the protocol.
#pragma once

#include <string>
#include <vector>

#include "service/kserve/entry.h"
#include "service/kserve/kserve_service.h"
#include "service/kserve/model_control.h"

namespace shoal {

[[nodiscard]] std::string server_metadata_json(const KserveService& service);
[[nodiscard]] std::string model_metadata_json(const Entry& entry);
[[nodiscard]] std::string model_config_json(const Entry& entry);
[[nodiscard]] std::string statistics_json(const std::vector<Entry>& entries);
[[nodiscard]] std::string index_json(const std::vector<IndexLine>& lines);
// trace_level is a list, the others are texts, as Triton answers.
[[nodiscard]] std::string trace_json(const TraceValues& values);
[[nodiscard]] std::string log_json(const LogSettings& settings);

}  // namespace shoal
