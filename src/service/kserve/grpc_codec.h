// Protobuf messages of the protocol to calls and back; errors to statuses.
#pragma once

#include <grpcpp/support/status.h>

#include "service/kserve/entry.h"
#include "service/kserve/inference.pb.h"
#include "service/kserve/kserve_service.h"
#include "service/kserve/message.h"
#include "service/kserve/model_control.h"
#include "shoal/result.h"

namespace shoal {

// The call's tensors point into `request`, which has to outlive it, where no value had to be
// converted. Owner, door, source and times are the caller's to fill in.
//
// Errors   invalid_argument: unknown datatypes, sizes that disagree with the shape, raw contents
//          for some of the inputs only or beside typed ones; unsupported: as read_infer_body.
[[nodiscard]] Result<InferCall> read_infer_request(const inference::ModelInferRequest& request);

// All outputs as raw contents, as Triton answers. Takes the tensors' bytes.
void write_infer_response(InferAnswer answer, inference::ModelInferResponse& response);

[[nodiscard]] grpc::Status status_of(const Error& error);

void write_metadata(const Entry& entry, inference::ModelMetadataResponse& response);
void write_statistics(const Entry& entry, inference::ModelStatistics& statistics);
void write_index(const std::vector<IndexLine>& lines, inference::RepositoryIndexResponse& response);
// Errors   invalid_argument: parameters that are bytes (files).
[[nodiscard]] Result<Parameters> read_load_parameters(
    const inference::RepositoryModelLoadRequest& request);
[[nodiscard]] TraceValues read_trace(const inference::TraceSettingRequest& request);
void write_trace(const TraceValues& values, inference::TraceSettingResponse& response);
[[nodiscard]] LogSettings read_log(const inference::LogSettingsRequest& request);
void write_log(const LogSettings& settings, inference::LogSettingsResponse& response);

}  // namespace shoal
