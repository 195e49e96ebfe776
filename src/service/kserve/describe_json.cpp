// Small documents, as trees of Boost.JSON. What that throws is memory's end alone.
#include "service/kserve/describe_json.h"

#include <boost/json.hpp>

#include "service/kserve/model_config.pb.h"

namespace shoal {
namespace {

namespace json = boost::json;

json::array tensors(const std::vector<TensorFacts>& all) {
  json::array list;
  for (const TensorFacts& facts : all) {
    list.push_back({{"name", facts.name},
                    {"datatype", to_string(facts.type)},
                    {"shape", json::array(facts.shape.begin(), facts.shape.end())}});
  }
  return list;
}

// With the fields that have their default values, as Triton's: clients read them without asking
// whether they are there.
template <typename Tensors>
json::array config_tensors(const Tensors& all) {
  json::array list;
  for (const auto& one : all) {
    json::object tensor{{"name", one.name()},
                        {"data_type", inference::DataType_Name(one.data_type())}};
    if constexpr (requires { one.format(); }) {
      tensor["format"] = inference::ModelInput::Format_Name(one.format());
    }
    tensor["dims"] = json::array(one.dims().begin(), one.dims().end());
    if constexpr (requires { one.label_filename(); }) {
      tensor["label_filename"] = one.label_filename();
    }
    tensor["is_shape_tensor"] = one.is_shape_tensor();
    if constexpr (requires { one.optional(); }) {
      tensor["allow_ragged_batch"] = one.allow_ragged_batch();
      tensor["optional"] = one.optional();
    }
    tensor["is_non_linear_format_io"] = one.is_non_linear_format_io();
    list.push_back(std::move(tensor));
  }
  return list;
}

json::array config_instances(const inference::ModelConfig& config) {
  json::array list;
  for (const auto& group : config.instance_group()) {
    list.push_back({{"name", group.name()},
                    {"kind", inference::ModelInstanceGroup::Kind_Name(group.kind())},
                    {"count", group.count()},
                    {"gpus", json::array()},
                    {"secondary_devices", json::array()},
                    {"profile", json::array()},
                    {"passive", false},
                    {"host_policy", ""}});
  }
  return list;
}

json::object config_batching(const inference::ModelDynamicBatching& batching) {
  return {{"preferred_batch_size", json::array()},
          {"max_queue_delay_microseconds", batching.max_queue_delay_microseconds()},
          {"preserve_ordering", batching.preserve_ordering()},
          {"priority_levels", batching.priority_levels()},
          {"default_priority_level", batching.default_priority_level()},
          {"priority_queue_policy", json::object()}};
}

json::object config_optimization() {
  return {{"priority", "PRIORITY_DEFAULT"},
          {"input_pinned_memory", {{"enable", false}}},
          {"output_pinned_memory", {{"enable", false}}},
          {"gather_kernel_buffer_threshold", 0},
          {"eager_batching", false}};
}

json::object totals(const EventTotals& events) {
  return {{"count", events.count}, {"ns", events.nanoseconds}};
}

json::object statistics(const Entry& entry) {
  const HostStatistics all = entry.host->statistics(!entry.boxes);
  json::array batches;
  for (const HostStatistics::BatchSize& batch : all.batch_sizes) {
    batches.push_back({{"batch_size", batch.size},
                       {"compute_input", totals(batch.compute_input)},
                       {"compute_infer", totals(batch.compute_infer)},
                       {"compute_output", totals(batch.compute_output)}});
  }
  return {{"name", entry.name},
          {"version", entry.version},
          {"last_inference", all.last_inference_ms},
          {"inference_count", all.inference_count},
          {"execution_count", all.execution_count},
          {"inference_stats",
           {{"success", totals(all.success)},
            {"fail", totals(all.fail)},
            {"queue", totals(all.queue)},
            {"compute_input", totals(all.compute_input)},
            {"compute_infer", totals(all.compute_infer)},
            {"compute_output", totals(all.compute_output)},
            {"cache_hit", totals({})},
            {"cache_miss", totals({})}}},
          {"batch_stats", std::move(batches)},
          {"memory_usage", json::array()}};
}

}  // namespace

std::string server_metadata_json(const KserveService& service) {
  json::array extensions;
  for (const std::string& name : service.extensions()) extensions.emplace_back(name);
  return json::serialize(json::object{
      {"name", kServerName}, {"version", kServerVersion}, {"extensions", std::move(extensions)}});
}

std::string model_metadata_json(const Entry& entry) {
  return json::serialize(json::object{{"name", entry.name},
                                      {"versions", json::array{entry.version}},
                                      {"platform", entry_platform(entry)},
                                      {"inputs", tensors(entry_inputs(entry))},
                                      {"outputs", tensors(entry_outputs(entry))}});
}

std::string model_config_json(const Entry& entry) {
  inference::ModelConfig config;
  fill_config(entry, config);
  json::object parameters;
  for (const auto& [key, value] : config.parameters()) {
    parameters[key] = json::object{{"string_value", value.string_value()}};
  }
  return json::serialize(json::object{
      {"name", config.name()},
      {"platform", config.platform()},
      {"backend", config.backend()},
      {"version_policy", {{"latest", {{"num_versions", 1}}}}},
      {"max_batch_size", config.max_batch_size()},
      {"input", config_tensors(config.input())},
      {"output", config_tensors(config.output())},
      {"batch_input", json::array()},
      {"batch_output", json::array()},
      {"optimization", config_optimization()},
      {"dynamic_batching", config_batching(config.dynamic_batching())},
      {"instance_group", config_instances(config)},
      {"default_model_filename", config.default_model_filename()},
      {"cc_model_filenames", json::object()},
      {"metric_tags", json::object()},
      {"parameters", std::move(parameters)},
      {"model_warmup", json::array()},
      {"model_transaction_policy", {{"decoupled", false}}}});
}

std::string statistics_json(const std::vector<Entry>& entries) {
  json::array list;
  for (const Entry& entry : entries) list.push_back(statistics(entry));
  return json::serialize(json::object{{"model_stats", std::move(list)}});
}

std::string index_json(const std::vector<IndexLine>& lines) {
  json::array list;
  for (const IndexLine& line : lines) {
    json::object one{{"name", line.name}, {"version", line.version}, {"state", line.state}};
    if (!line.reason.empty()) one["reason"] = line.reason;
    list.push_back(std::move(one));
  }
  return json::serialize(list);
}

std::string trace_json(const TraceValues& values) {
  json::object all;
  for (const auto& [name, list] : values) {
    if (name == "trace_level") {
      json::array levels;
      for (const std::string& level : list) levels.emplace_back(level);
      all[name] = std::move(levels);
    } else {
      all[name] = list.empty() ? std::string() : list.front();
    }
  }
  return json::serialize(all);
}

std::string log_json(const LogSettings& settings) {
  json::object all;
  for (const auto& [name, value] : settings) {
    std::visit([&](const auto& held) { all[name] = held; }, value);
  }
  return json::serialize(all);
}

}  // namespace shoal
