// One table names every option: its section, key, and how a TOML value becomes a field. The file
// and the command line both go through it.
#include "pipeline/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

#include "core/memory_size.h"
#include "core/suggest.h"

namespace shoal {
namespace {

using Node = const toml::node&;

Error wrong(std::string_view expected, Node got) {
  std::ostringstream text;
  got.visit([&](const auto& value) { text << value; });
  return {ErrorCode::kInvalidArgument, fmt::format("expected {}, got {}", expected, text.str())};
}

Result<void> read_text(std::string& field, Node node) {
  const auto value = node.value_exact<std::string>();
  if (!value) return wrong("a text in quotes", node);
  field = *value;
  return {};
}

Result<void> read_flag(bool& field, Node node) {
  const auto value = node.value_exact<bool>();
  if (!value) return wrong("true or false", node);
  field = *value;
  return {};
}

Result<void> read_count(int& field, Node node, std::int64_t least, std::int64_t most) {
  const auto value = node.value_exact<std::int64_t>();
  if (!value || *value < least || *value > most) {
    return wrong(fmt::format("a whole number from {} to {}", least, most), node);
  }
  field = static_cast<int>(*value);
  return {};
}

Result<double> read_number(Node node, double least, double most) {
  const auto value = node.value<double>();
  if (!value || node.is_boolean() || !(*value >= least && *value <= most)) {
    return wrong(fmt::format("a number from {} to {}", least, most), node);
  }
  return *value;
}

Result<void> read_share(float& field, Node node) {
  field = static_cast<float>(SHOAL_TRY(read_number(node, 0, 1)));
  return {};
}

Result<Size> parse_shape(std::string_view text, Node node) {
  Size size;
  const char* end = text.data() + text.size();
  const auto width = std::from_chars(text.data(), end, size.width);
  if (width.ec == std::errc() && width.ptr != end && *width.ptr == 'x') {
    const auto height = std::from_chars(width.ptr + 1, end, size.height);
    const bool whole = height.ec == std::errc() && height.ptr == end;
    if (whole && size.width > 0 && size.height > 0 && size.width <= 8192 && size.height <= 8192) {
      return size;
    }
  }
  return wrong("shapes such as \"640x384\" (width x height, at most 8192)", node);
}

Result<void> read_shapes(std::vector<Size>& field, Node node) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return wrong("a list such as [\"640x640\", \"640x384\"]", node);
  field.clear();
  for (const toml::node& item : *list) {
    field.push_back(SHOAL_TRY(parse_shape(item.value_or(std::string_view()), node)));
  }
  return {};
}

Result<void> read_names(std::vector<std::string>& field, Node node) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return wrong("a list of names", node);
  field.clear();
  for (const toml::node& item : *list) {
    SHOAL_TRY(read_text(field.emplace_back(), item));
  }
  return {};
}

Result<void> read_classes(std::vector<int>& field, Node node) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return wrong("a list of class numbers such as [0, 2]", node);
  field.clear();
  for (const toml::node& item : *list) {
    SHOAL_TRY(read_count(field.emplace_back(), item, 0, 1'000'000));
  }
  return {};
}

Result<void> read_delay(std::chrono::microseconds& field, Node node) {
  const double milliseconds = SHOAL_TRY(read_number(node, 0, 60'000));
  field = std::chrono::microseconds(static_cast<std::int64_t>(milliseconds * 1000));
  return {};
}

Result<void> read_time(std::chrono::milliseconds& field, Node node, double least, double most) {
  field = std::chrono::milliseconds(
      static_cast<std::int64_t>(SHOAL_TRY(read_number(node, least, most))));
  return {};
}

// "host:port", "[::1]:port" or nothing; whether the host can be listened on shows at start.
Result<void> read_address(std::string& field, Node node) {
  std::string text;
  SHOAL_TRY(read_text(text, node));
  const std::size_t colon = text.rfind(':');
  int port = -1;
  if (colon != std::string::npos && colon > 0) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
    if (parsed.ec != std::errc() || parsed.ptr != end) port = -1;
  }
  if (!text.empty() && (port < 0 || port > 65'535)) {
    return wrong("an address such as \"127.0.0.1:8000\", or \"\" for none", node);
  }
  field = std::move(text);
  return {};
}

Result<void> read_when_full(WhenFull& field, Node node) {
  const auto value = node.value_or(std::string_view());
  if (value != "wait" && value != "reject") return wrong("\"wait\" or \"reject\"", node);
  field = value == "wait" ? WhenFull::kWait : WhenFull::kReject;
  return {};
}

Result<void> read_memory(std::string& field, Node node) {
  std::string text;
  if (const auto bytes = node.value_exact<std::int64_t>()) {
    text = std::to_string(*bytes);
  } else {
    SHOAL_TRY(read_text(text, node));
  }
  SHOAL_TRY(parse_memory_limit(text));
  field = text;
  return {};
}

struct Option {
  std::string_view section;
  std::string_view key;
  Result<void> (*read)(Config&, Node);
};

#define SHOAL_OPTION(section, key, expression) \
  Option { section, key, [](Config& c, Node n) -> Result<void> { return expression; } }

constexpr std::array kOptions{
    SHOAL_OPTION("model", "path", read_text(c.detector.model, n)),
    SHOAL_OPTION("model", "family", read_text(c.detector.family, n)),
    SHOAL_OPTION("model", "names", read_names(c.detector.class_names, n)),
    SHOAL_OPTION("model", "shapes", read_shapes(c.detector.shapes, n)),
    SHOAL_OPTION("model", "engine", read_text(c.detector.engine, n)),
    SHOAL_OPTION("model", "precision", read_text(c.detector.precision, n)),
    SHOAL_OPTION("model", "batch", read_count(c.detector.batch_max, n, 1, 1024)),
    SHOAL_OPTION("model", "lanes", read_count(c.detector.lanes, n, 0, 256)),
    SHOAL_OPTION("model", "memory_limit", read_memory(c.detector.memory_limit, n)),
    SHOAL_OPTION("process", "memory_limit", read_memory(c.detector.process_memory_limit, n)),
    SHOAL_OPTION("scheduler", "queue_delay_ms", read_delay(c.detector.queue_delay, n)),
    SHOAL_OPTION("scheduler", "requests_max", read_count(c.detector.requests_max, n, 1, 65536)),
    SHOAL_OPTION("scheduler", "when_full", read_when_full(c.detector.when_full, n)),
    SHOAL_OPTION("scheduler", "queue_limit", read_count(c.queue_limit, n, 1, 65536)),
    SHOAL_OPTION("scheduler", "timeout_ms", read_time(c.timeout, n, 1, 3'600'000)),
    SHOAL_OPTION("scheduler", "priority_ageing_ms", read_time(c.priority_ageing, n, 1, 3'600'000)),
    SHOAL_OPTION("scheduler", "bypass_lane", read_flag(c.bypass_lane, n)),
    SHOAL_OPTION("service", "http", read_address(c.service.http, n)),
    SHOAL_OPTION("service", "grpc", read_address(c.service.grpc, n)),
    SHOAL_OPTION("service", "metrics", read_address(c.service.metrics, n)),
    SHOAL_OPTION("service", "repository", read_text(c.service.repository, n)),
    SHOAL_OPTION("service", "api_keys_file", read_text(c.service.api_keys_file, n)),
    SHOAL_OPTION("service", "tls_certificate", read_text(c.service.tls_certificate, n)),
    SHOAL_OPTION("service", "tls_key", read_text(c.service.tls_key, n)),
    SHOAL_OPTION("service", "tls_client_ca", read_text(c.service.tls_client_ca, n)),
    SHOAL_OPTION("service", "body_max_mib", read_count(c.service.body_max_mib, n, 1, 65536)),
    SHOAL_OPTION("service", "bodies_max_mib", read_count(c.service.bodies_max_mib, n, 1, 1 << 20)),
    SHOAL_OPTION("service", "connections_max",
                 read_count(c.service.connections_max, n, 1, 1'000'000)),
    SHOAL_OPTION("service", "connections_per_client",
                 read_count(c.service.connections_per_client, n, 1, 1'000'000)),
    SHOAL_OPTION("service", "pixels_max_mp", read_count(c.service.pixels_max_mp, n, 1, 4096)),
    SHOAL_OPTION("service", "items_max", read_count(c.service.items_max, n, 1, 1'000'000)),
    SHOAL_OPTION("service", "header_timeout_ms",
                 read_time(c.service.header_timeout, n, 1, 3'600'000)),
    SHOAL_OPTION("service", "stall_timeout_ms",
                 read_time(c.service.stall_timeout, n, 1, 3'600'000)),
    SHOAL_OPTION("service", "idle_timeout_ms",
                 read_time(c.service.idle_timeout, n, 1, 3'600'000)),
    SHOAL_OPTION("service", "drain_timeout_ms",
                 read_time(c.service.drain_timeout, n, 0, 3'600'000)),
    SHOAL_OPTION("service", "request_log", read_text(c.service.request_log, n)),
    SHOAL_OPTION("service", "request_log_mib", read_count(c.service.request_log_mib, n, 1, 65536)),
    SHOAL_OPTION("service", "trace_file", read_text(c.service.trace_file, n)),
    SHOAL_OPTION("service", "request_log_files",
                 read_count(c.service.request_log_files, n, 1, 1000)),
    SHOAL_OPTION("detect", "conf", read_share(c.detector.confidence, n)),
    SHOAL_OPTION("detect", "iou", read_share(c.detector.iou, n)),
    SHOAL_OPTION("detect", "max_det", read_count(c.detector.max_det, n, 1, 100'000)),
    SHOAL_OPTION("detect", "agnostic", read_flag(c.detector.agnostic, n)),
    SHOAL_OPTION("detect", "classes", read_classes(c.detector.classes, n)),
    SHOAL_OPTION("decode", "threads", read_count(c.decode_threads, n, 0, 256)),
    SHOAL_OPTION("decode", "scaled", read_flag(c.scaled_decode, n)),
};

#undef SHOAL_OPTION

Error unknown(std::string_view what, std::string_view got,
              const std::vector<std::string>& known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  return {ErrorCode::kInvalidArgument,
          fmt::format("unknown {} '{}'{}", what, got, suggestion(got, views))};
}

Result<void> read_option(Config& config, std::string_view section, std::string_view key,
                         Node node) {
  std::vector<std::string> names;
  std::vector<std::string> sections;
  for (const Option& option : kOptions) {
    sections.emplace_back(option.section);
    if (option.section != section) continue;
    names.push_back(fmt::format("{}.{}", section, option.key));
    if (option.key != key) continue;
    const Result<void> read = option.read(config, node);
    if (read) return read;
    return Error{read.error().code, fmt::format("{}: {}", names.back(), read.error().message)};
  }
  if (names.empty()) return unknown("section", section, sections);
  return unknown("key", fmt::format("{}.{}", section, key), names);
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
  Config over{.detector = config.detector, .models = {}, .service = {}};
  over.detector.model = std::string(name);
  for (const auto& [key, value] : keys) {
    const Result<void> read = read_option(over, "model", key.str(), value);
    if (!read) {
      return Error{read.error().code,
                   fmt::format("[model.{}]: {}", name, read.error().message)};
    }
  }
  config.models.push_back({std::string(name), over.detector});
  return {};
}

Result<void> read_table(Config& config, const toml::table& table) {
  std::vector<std::pair<std::string_view, const toml::table*>> named;
  for (const auto& [section, node] : table) {
    const toml::table* keys = node.as_table();
    if (keys == nullptr) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("'{}' stands outside of a [section]", section.str())};
    }
    for (const auto& [key, value] : *keys) {
      if (section.str() == "model" && value.is_table()) {
        named.emplace_back(key.str(), value.as_table());
      } else {
        SHOAL_TRY(read_option(config, section.str(), key.str(), value));
      }
    }
  }
  for (const auto& [name, keys] : named) SHOAL_TRY(read_named_model(config, name, *keys));
  return {};
}

// toml++ throws; this is the only function that sees it.
Result<toml::table> parse_toml(std::string_view text) {
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
    return Error{error.code, fmt::format("{}: {}", name, error.message)};
  };
  const auto table = parse_toml(text);
  if (!table) return prefixed(table.error());
  Config config;
  const Result<void> read = read_table(config, *table);
  if (!read) return prefixed(read.error());
  return config;
}

Result<Config> load_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{ErrorCode::kNotFound, path + ": cannot be opened"};
  const std::string text((std::istreambuf_iterator<char>(file)), {});
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
  return read_option(config, section, key, *table->get("value"));
}

}  // namespace shoal
