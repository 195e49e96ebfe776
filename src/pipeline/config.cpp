// One table names every option outside of [[lists]]: its section, its key, and how a value becomes
// a field and back. The file, the command line and what is printed go through it.
#include "pipeline/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

#include "core/escaped_text.h"
#include "core/read_file.h"
#include "core/toml_limits.h"
#include "pipeline/config_values.h"
#include "pipeline/site_config_check.h"
#include "pipeline/site_config_lists.h"

namespace shoal {
namespace {

constexpr std::size_t kConfigBytesMax = std::size_t{16} << 20;
constexpr std::size_t kMessageMax = 2'000;  // whatever the file holds

struct Option {
  std::string_view section;
  ConfigField<Config> field;
};

constexpr std::array<std::string_view, 2> kTraceLevels{"OFF", "TIMESTAMPS"};

#define SHOAL_OPTION(section, key, member, read) \
  Option { section, SHOAL_FIELD(Config, key, member, read) }
#define SHOAL_OPTION_AS(section, key, member, read, write) \
  Option { section, SHOAL_FIELD_AS(Config, key, member, read, write) }

constexpr std::array kOptions{
    SHOAL_OPTION("model", "path", detector.model, read_text(field, node)),
    SHOAL_OPTION("model", "family", detector.family, read_text(field, node)),
    SHOAL_OPTION("model", "names", detector.class_names, read_names(field, node)),
    SHOAL_OPTION("model", "shapes", detector.shapes, read_shapes(field, node)),
    SHOAL_OPTION("model", "engine", detector.engine, read_text(field, node)),
    SHOAL_OPTION("model", "precision", detector.precision, read_text(field, node)),
    SHOAL_OPTION("model", "batch", detector.batch_max, read_count(field, node, 1, 1024)),
    SHOAL_OPTION("model", "lanes", detector.lanes, read_count(field, node, 0, 256)),
    SHOAL_OPTION("model", "memory_limit", detector.memory_limit, read_memory(field, node)),
    SHOAL_OPTION("process", "memory_limit", detector.process_memory_limit,
                 read_memory(field, node)),
    SHOAL_OPTION("load", "nodes_max", load.nodes_max, read_count(field, node, 1, 10'000'000)),
    SHOAL_OPTION_AS("load", "memory_max", load.memory_max, read_amount(field, node),
                    amount_value(field)),
    SHOAL_OPTION("load", "timeout_ms", load.timeout, read_time(field, node, 0, 86'400'000)),
    SHOAL_OPTION("load", "at_once", load.at_once, read_count(field, node, 1, 64)),
    SHOAL_OPTION("scheduler", "queue_delay_ms", detector.queue_delay, read_delay(field, node)),
    SHOAL_OPTION("scheduler", "requests_max", detector.requests_max,
                 read_count(field, node, 1, 65536)),
    SHOAL_OPTION("scheduler", "when_full", detector.when_full, read_when_full(field, node)),
    SHOAL_OPTION("scheduler", "queue_limit", queue_limit, read_count(field, node, 1, 65536)),
    SHOAL_OPTION("scheduler", "timeout_ms", timeout, read_time(field, node, 1, 3'600'000)),
    SHOAL_OPTION("scheduler", "priority_ageing_ms", priority_ageing,
                 read_time(field, node, 1, 3'600'000)),
    SHOAL_OPTION("scheduler", "bypass_lane", bypass_lane, read_flag(field, node)),
    SHOAL_OPTION("service", "http", service.http, read_address(field, node)),
    SHOAL_OPTION("service", "grpc", service.grpc, read_address(field, node)),
    SHOAL_OPTION("service", "metrics", service.metrics, read_address(field, node)),
    SHOAL_OPTION("service", "repository", service.repository, read_text(field, node)),
    SHOAL_OPTION("service", "api_keys_file", service.api_keys_file, read_text(field, node)),
    SHOAL_OPTION("service", "tls_certificate", service.tls_certificate, read_text(field, node)),
    SHOAL_OPTION("service", "tls_key", service.tls_key, read_text(field, node)),
    SHOAL_OPTION("service", "tls_client_ca", service.tls_client_ca, read_text(field, node)),
    SHOAL_OPTION("service", "host_names", service.host_names,
                 read_names(field, node, "host names such as [\"shoal.example.org\"]")),
    SHOAL_OPTION("service", "allow_origins", service.allow_origins,
                 read_names(field, node, "origins such as [\"https://app.example.org\"]")),
    SHOAL_OPTION("service", "model_control", service.model_control, read_flag(field, node)),
    SHOAL_OPTION("service", "body_max_mib", service.body_max_mib,
                 read_count(field, node, 1, 65536)),
    SHOAL_OPTION("service", "bodies_max_mib", service.bodies_max_mib,
                 read_count(field, node, 1, 1 << 20)),
    SHOAL_OPTION("service", "connections_max", service.connections_max,
                 read_count(field, node, 1, 1'000'000)),
    SHOAL_OPTION("service", "connections_per_client", service.connections_per_client,
                 read_count(field, node, 1, 1'000'000)),
    SHOAL_OPTION("service", "pixels_max_mp", service.pixels_max_mp,
                 read_count(field, node, 1, 4096)),
    SHOAL_OPTION("service", "items_max", service.items_max, read_count(field, node, 1, 1'000'000)),
    SHOAL_OPTION("service", "header_timeout_ms", service.header_timeout,
                 read_time(field, node, 1, 3'600'000)),
    SHOAL_OPTION("service", "stall_timeout_ms", service.stall_timeout,
                 read_time(field, node, 1, 3'600'000)),
    SHOAL_OPTION("service", "idle_timeout_ms", service.idle_timeout,
                 read_time(field, node, 1, 3'600'000)),
    SHOAL_OPTION("service", "drain_timeout_ms", service.drain_timeout,
                 read_time(field, node, 0, 3'600'000)),
    SHOAL_OPTION("service", "request_log", service.request_log, read_text(field, node)),
    SHOAL_OPTION("service", "request_log_mib", service.request_log_mib,
                 read_count(field, node, 1, 65536)),
    SHOAL_OPTION("service", "allow_timeout_override", service.allow_timeout_override,
                 read_flag(field, node)),
    SHOAL_OPTION("service", "trace_file", service.trace_file, read_text(field, node)),
    SHOAL_OPTION("service", "trace_level", service.trace_level,
                 read_choice(field, node, kTraceLevels)),
    SHOAL_OPTION("service", "trace_rate", service.trace_rate,
                 read_count(field, node, 1, 1'000'000'000)),
    SHOAL_OPTION("service", "request_log_files", service.request_log_files,
                 read_count(field, node, 1, 1000)),
    SHOAL_OPTION("site", "state_file", site.state_file, read_text(field, node)),
    SHOAL_OPTION("site", "recordings", site.recordings, read_text(field, node)),
    SHOAL_OPTION_AS("site", "recordings_max", site.recordings_bytes, read_amount(field, node),
                    amount_value(field)),
    SHOAL_OPTION("site", "spool", site.spool, read_text(field, node)),
    SHOAL_OPTION_AS("site", "spool_max", site.spool_bytes, read_amount(field, node),
                    amount_value(field)),
    SHOAL_OPTION("site", "allow_urls", site.allow_urls, read_names(field, node, "URLs")),
    SHOAL_OPTION("detect", "conf", detector.confidence, read_share(field, node)),
    SHOAL_OPTION("detect", "iou", detector.iou, read_share(field, node)),
    SHOAL_OPTION("detect", "max_det", detector.max_det, read_count(field, node, 1, 100'000)),
    SHOAL_OPTION("detect", "agnostic", detector.agnostic, read_flag(field, node)),
    SHOAL_OPTION("detect", "multi_label", detector.multi_label, read_flag(field, node)),
    SHOAL_OPTION("detect", "classes", detector.classes, read_classes(field, node)),
    SHOAL_OPTION("decode", "threads", decode_threads, read_count(field, node, 0, 256)),
    SHOAL_OPTION("decode", "scaled", scaled_decode, read_flag(field, node)),
};

#undef SHOAL_OPTION_AS
#undef SHOAL_OPTION

std::vector<std::string> section_names() {
  std::vector<std::string> names{"camera", "alarm", "sink"};
  for (const Option& option : kOptions) names.emplace_back(option.section);
  return names;
}

// What stands where a [section] should: a key, or [[section]].
Error no_section(std::string_view section, ConfigNode node) {
  if (!node.is_array_of_tables()) {
    return {ErrorCode::kInvalidArgument,
            fmt::format("'{}' stands outside of a [section]", section)};
  }
  const std::vector<std::string> known = section_names();
  if (std::find(known.begin(), known.end(), section) == known.end()) {
    return unknown_name("section", section, known);
  }
  return {ErrorCode::kInvalidArgument, fmt::format("[[{0}]]: write [{0}]", section)};
}

Result<void> read_option(Config& config, std::string_view section, std::string_view key,
                         ConfigNode node) {
  std::vector<std::string> names;
  for (const Option& option : kOptions) {
    if (option.section != section) continue;
    names.push_back(fmt::format("{}.{}", section, option.field.key));
    if (option.field.key != key) continue;
    const Result<void> read = option.field.read(config, node);
    if (!read) return at_place(names.back(), read.error());
    return {};
  }
  if (names.empty()) return unknown_name("section", section, section_names());
  return unknown_name("key", fmt::format("{}.{}", section, key), names);
}

// A name that can stand in URLs and file names.
bool is_model_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-' || c == '.';
  };
  return !name.empty() && name.size() <= 128 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), allowed);
}

// [model.NAME]: read last, over whatever the other sections say.
Result<void> read_named_model(Config& config, std::string_view name, const toml::table& keys) {
  if (!is_model_name(name)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("[model.{}]: expected a name of letters, digits, '_', '-' and '.'",
                             name)};
  }
  Config over;
  over.detector = config.detector;
  over.detector.model = std::string(name);
  for (const auto& [key, value] : keys) {
    const Result<void> read = read_option(over, "model", key.str(), value);
    if (!read) return at_place(fmt::format("[model.{}]", name), read.error());
  }
  config.models.push_back({std::string(name), over.detector});
  return {};
}

// What holds between sections. Where a state file may bring cameras, what alarms and sinks name is
// checked when it has been read.
Result<void> check(Config& config) {
  std::vector<std::string> models;
  for (const NamedModel& model : config.models) models.push_back(model.name);
  name_sinks(config.site.sinks);
  SHOAL_TRY(check_site(config.site, models));
  if (!config.site.state_file.empty()) return {};
  return check_references(config.site);
}

Result<void> read_table(Config& config, const toml::table& table) {
  std::vector<std::pair<std::string_view, const toml::table*>> named;
  for (const auto& [section, node] : table) {
    if (is_site_list(section.str())) {
      SHOAL_TRY(read_site_list(config.site, section.str(), node));
      continue;
    }
    const toml::table* keys = node.as_table();
    if (keys == nullptr) return no_section(section.str(), node);
    for (const auto& [key, value] : *keys) {
      if (section.str() == "model" && value.is_table()) {
        named.emplace_back(key.str(), value.as_table());
      } else {
        SHOAL_TRY(read_option(config, section.str(), key.str(), value));
      }
    }
  }
  for (const auto& [name, keys] : named) SHOAL_TRY(read_named_model(config, name, *keys));
  return check(config);
}

// toml++ throws; this is the only function that sees it.
Result<toml::table> parse_toml(std::string_view text) {
  SHOAL_TRY(check_toml_limits(text));
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    const auto& begin = error.source().begin;
    return Error{ErrorCode::kCorruptInput, fmt::format("line {}, column {}: {}", begin.line,
                                                       begin.column, error.description())};
  }
}

}  // namespace

Result<Config> parse_config(std::string_view text, std::string_view name) {
  const auto prefixed = [name](const Error& error) {
    return Error{error.code, fmt::format("{}: {}", name, shortened(error.message, kMessageMax))};
  };
  const auto table = parse_toml(text);
  if (!table) return prefixed(table.error());
  Config config;
  const Result<void> read = read_table(config, *table);
  if (!read) return prefixed(read.error());
  return config;
}

Result<Config> load_config(const std::string& path) {
  const std::string text =
      SHOAL_TRY(file_text(path, {.bytes_max = kConfigBytesMax, .expected = "a shoal.toml"}));
  return parse_config(text, path);
}

Result<void> set_option(Config& config, std::string_view name, std::string_view value) {
  const std::size_t dot = name.find('.');
  const std::string_view section = name.substr(0, dot);
  const std::string_view key = dot == std::string_view::npos ? "" : name.substr(dot + 1);
  // A bare word is a text: --model.precision bf16 needs no quotes.
  auto table = parse_toml(fmt::format("value = {}", value));
  if (!table || !table->contains("value") || table->size() != 1) {
    table = toml::table{{"value", std::string(value)}};
  }
  const toml::node& node = *table->get("value");
  if (section == "camera") return set_camera_option(config.site, key, node);
  return read_option(config, section, key, node);
}

std::string config_text(const Config& config) {
  std::string text;
  std::string_view section;
  for (const Option& option : kOptions) {
    if (option.section != section) {
      text += fmt::format("{}[{}]\n", section.empty() ? "" : "\n", option.section);
      section = option.section;
    }
    const ConfigValue value = option.field.write(config);
    text += fmt::format("{} = {}\n", option.field.key, toml_text(value));
  }
  for (const NamedModel& model : config.models) {
    Config named;
    named.detector = model.detector;
    text += fmt::format("\n[model.\"{}\"]\n", model.name);
    for (const Option& option : kOptions) {
      if (option.section != "model") continue;
      text += fmt::format("{} = {}\n", option.field.key, toml_text(option.field.write(named)));
    }
  }
  return text + site_lists_text(config.site, Passwords::kHidden);
}

}  // namespace shoal
