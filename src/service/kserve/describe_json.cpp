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

template <typename Tensors>
json::array config_tensors(const Tensors& all) {
  json::array list;
  for (const auto& one : all) {
    json::object tensor{{"name", one.name()},
                        {"data_type", inference::DataType_Name(one.data_type())},
                        {"dims", json::array(one.dims().begin(), one.dims().end())}};
    if constexpr (requires { one.format(); }) {
      tensor["format"] = inference::ModelInput::Format_Name(one.format());
    }
    list.push_back(std::move(tensor));
  }
  return list;
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
  const auto& batching = config.dynamic_batching();
  json::object parameters;
  for (const auto& [key, value] : config.parameters()) {
    parameters[key] = json::object{{"string_value", value.string_value()}};
  }
  const auto& group = config.instance_group(0);
  return json::serialize(json::object{
      {"name", config.name()},
      {"platform", config.platform()},
      {"backend", config.backend()},
      {"version_policy", {{"latest", {{"num_versions", 1}}}}},
      {"max_batch_size", config.max_batch_size()},
      {"input", config_tensors(config.input())},
      {"output", config_tensors(config.output())},
      {"instance_group",
       json::array{{{"name", group.name()}, {"kind", "KIND_CPU"}, {"count", group.count()}}}},
      {"dynamic_batching",
       {{"max_queue_delay_microseconds", batching.max_queue_delay_microseconds()},
        {"preserve_ordering", batching.preserve_ordering()},
        {"priority_levels", batching.priority_levels()},
        {"default_priority_level", batching.default_priority_level()}}},
      {"parameters", std::move(parameters)}});
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
