// Boost.JSON's event parser, so that a tensor's numbers never stand in a tree. The one file of this
// folder that reads an inference request's JSON; what its library throws ends here.
#include "service/kserve/infer_reader.h"

#include <fmt/format.h>

#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cstdint>
#include <new>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/invalid.h"
#include "service/kserve/json_data.h"
#include "service/kserve/json_literals.h"

namespace shoal {
namespace {

struct ReadInput {
  std::string name;
  std::string type;
  std::vector<std::int64_t> shape;
  bool has_shape = false;
  bool has_data = false;
  JsonData data;
  Parameters parameters;
};

struct ReadOutput {
  std::string name;
  Parameters parameters;
};

// What the parser's handler collects.
struct Document {
  std::string id;
  bool has_inputs = false;
  Parameters parameters;
  std::vector<ReadInput> inputs;
  std::vector<ReadOutput> outputs;
};

constexpr std::size_t kTensorsMax = 1024;
constexpr std::size_t kKeysMax = 64;  // of an object; five have a meaning
constexpr std::size_t kAxesRead = 64;  // the shape's own check says what is too many

// Receives the parser's events. A method that returns false stops the parser; `failure` says why.
class Handler {
 public:
  using error_code = boost::json::error_code;
  static constexpr std::size_t max_object_size = 256;  // parameters have names of their own
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = 1024;
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  Document document;
  std::string failure;
  // The null that comes next stands for this number, which JSON has no word for.
  std::optional<double> literal;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_comment_part(std::string_view, error_code&) { return true; }
  bool on_comment(std::string_view, error_code&) { return true; }
  bool on_number_part(std::string_view, error_code&) { return true; }

  bool on_key_part(std::string_view part, std::size_t, error_code&) {
    key_part_.append(part);
    return true;
  }
  bool on_key(std::string_view part, std::size_t, error_code& ec) {
    key_part_.append(part);
    key_ = std::exchange(key_part_, {});
    if (where() == Where::kSkip || where() == Where::kParameters) return true;
    auto& seen = stack_.back().seen;
    if (seen.size() == kKeysMax) return fail(ec, fmt::format("more than {} keys", kKeysMax));
    for (const std::string& other : seen) {
      if (other == key_) return fail(ec, fmt::format("the key {} stands twice", key_));
    }
    seen.push_back(key_);
    return true;
  }

  bool on_object_begin(error_code& ec) {
    switch (where()) {
      case Where::kNowhere: return push(Where::kRoot);
      case Where::kInputs:
        if (document.inputs.size() == kTensorsMax) return fail(ec, "too many inputs");
        document.inputs.emplace_back();
        return push(Where::kInput);
      case Where::kOutputs:
        if (document.outputs.size() == kTensorsMax) return fail(ec, "too many outputs");
        document.outputs.emplace_back();
        return push(Where::kOutput);
      case Where::kRoot:
      case Where::kInput:
      case Where::kOutput:
        if (key_ == "parameters") return push(Where::kParameters);
        return known() ? fail(ec, fmt::format("{} cannot be an object", key_))
                       : push(Where::kSkip);
      case Where::kShape: return fail(ec, "shape: expected integers");
      case Where::kData: return fail(ec, "data: expected values, got an object");
      case Where::kParameters:
      case Where::kSkip: break;
    }
    return push(Where::kSkip);
  }
  bool on_object_end(std::size_t, error_code&) { return pop(); }

  bool on_array_begin(error_code& ec) {
    switch (where()) {
      case Where::kNowhere: return fail(ec, "expected an object, got an array");
      case Where::kRoot:
        if (key_ == "inputs") {
          document.has_inputs = true;
          return push(Where::kInputs);
        }
        if (key_ == "outputs") return push(Where::kOutputs);
        break;
      case Where::kInput:
        if (key_ == "shape") {
          input().has_shape = true;
          return push(Where::kShape);
        }
        if (key_ == "data") {
          input().has_data = true;
          return push(Where::kData);
        }
        break;
      case Where::kData: return push(Where::kData);
      case Where::kInputs:
      case Where::kOutputs: return fail(ec, "expected objects as inputs and outputs");
      case Where::kShape: return fail(ec, "shape: expected integers");
      case Where::kOutput:
      case Where::kParameters:
      case Where::kSkip: break;
    }
    if (where() != Where::kParameters && where() != Where::kSkip && known()) {
      return fail(ec, fmt::format("{} cannot be an array", key_));
    }
    return push(Where::kSkip);
  }
  bool on_array_end(std::size_t, error_code&) { return pop(); }

  bool on_string_part(std::string_view part, std::size_t, error_code&) {
    if (where() == Where::kData) {
      input().data.add_text(part);
    } else {
      text_.append(part);
    }
    return true;
  }
  bool on_string(std::string_view part, std::size_t, error_code& ec) {
    if (where() == Where::kData) {
      input().data.add_text(part);
      input().data.end_text();
      return count_value(ec);
    }
    text_.append(part);
    std::string text = std::exchange(text_, {});
    if (where() == Where::kRoot && key_ == "id") {
      document.id = std::move(text);
    } else if (where() == Where::kInput && key_ == "name") {
      input().name = std::move(text);
    } else if (where() == Where::kInput && key_ == "datatype") {
      input().type = std::move(text);
    } else if (where() == Where::kOutput && key_ == "name") {
      document.outputs.back().name = std::move(text);
    } else if (where() == Where::kParameters) {
      return set_parameter(std::move(text), ec);
    } else {
      return misplaced("text", ec);
    }
    return true;
  }
  bool on_int64(std::int64_t value, std::string_view, error_code& ec) {
    if (where() == Where::kShape) {
      if (input().shape.size() < kAxesRead) input().shape.push_back(value);
      return true;
    }
    if (where() == Where::kParameters) return set_parameter(value, ec);
    return number(value, ec);
  }
  bool on_uint64(std::uint64_t value, std::string_view, error_code& ec) {
    if (where() == Where::kShape) return fail(ec, "shape: an axis beyond all bounds");
    if (where() == Where::kParameters) {
      return fail(ec, fmt::format("parameter {}: a number beyond 64 bits", key_));
    }
    return number(value, ec);
  }
  bool on_double(double value, std::string_view, error_code& ec) {
    if (where() == Where::kShape) return fail(ec, "shape: expected integers");
    if (where() == Where::kParameters) return set_parameter(value, ec);
    return number(value, ec);
  }
  bool on_bool(bool value, error_code& ec) {
    if (where() == Where::kShape) return fail(ec, "shape: expected integers");
    if (where() == Where::kParameters) return set_parameter(value, ec);
    return number(value, ec);
  }
  bool on_null(error_code& ec) {
    if (literal) return on_literal(*std::exchange(literal, std::nullopt), ec);
    if (where() == Where::kData) return fail(ec, "data: null is no value");
    if (where() == Where::kShape) return fail(ec, "shape: expected integers");
    // Of a key it means what leaving the key out means.
    return where() == Where::kNowhere || where() == Where::kInputs || where() == Where::kOutputs
               ? fail(ec, "expected an object, got null")
               : true;
  }

 private:
  enum class Where : std::uint8_t {
    kNowhere,
    kRoot,
    kParameters,
    kInputs,
    kInput,
    kShape,
    kData,
    kOutputs,
    kOutput,
    kSkip,
  };
  struct Level {
    Where where;
    std::vector<std::string> seen = {};  // keys of this object
  };

  [[nodiscard]] Where where() const {
    return stack_.empty() ? Where::kNowhere : stack_.back().where;
  }
  [[nodiscard]] ReadInput& input() { return document.inputs.back(); }

  // Whether the key here has a meaning, so that a value of the wrong kind is an error.
  [[nodiscard]] bool known() const {
    switch (where()) {
      case Where::kRoot:
        return key_ == "id" || key_ == "parameters" || key_ == "inputs" || key_ == "outputs";
      case Where::kInput:
        return key_ == "name" || key_ == "datatype" || key_ == "shape" || key_ == "data" ||
               key_ == "parameters";
      case Where::kOutput: return key_ == "name" || key_ == "parameters";
      default: return false;
    }
  }

  bool push(Where where) {
    stack_.push_back({where});
    return true;
  }
  bool pop() {
    stack_.pop_back();
    return true;
  }
  bool fail(error_code& ec, std::string why) {
    failure = std::move(why);
    ec = boost::json::error::syntax;
    return false;
  }
  bool misplaced(std::string_view what, error_code& ec) {
    if (where() == Where::kSkip) return true;
    if (where() == Where::kNowhere) {
      return fail(ec, fmt::format("expected an object, got {}", what));
    }
    if (where() == Where::kShape) return fail(ec, "shape: expected integers");
    if (where() == Where::kInputs || where() == Where::kOutputs) {
      return fail(ec, "expected objects as inputs and outputs");
    }
    return known() ? fail(ec, fmt::format("{} cannot be {}", key_, what)) : true;
  }
  bool count_value(error_code& ec) {
    if (++values_ <= kJsonValuesMax) return true;
    return fail(ec, fmt::format("data: more than {} values; send binary data", kJsonValuesMax));
  }
  bool on_literal(double value, error_code& ec) {
    if (where() == Where::kParameters) return set_parameter(value, ec);
    if (where() != Where::kData) return misplaced("a number", ec);
    input().data.add_not_finite(value);
    return count_value(ec);
  }
  template <typename T>
  bool number(T value, error_code& ec) {
    if (where() != Where::kData) return misplaced("a number", ec);
    input().data.add(value);
    return count_value(ec);
  }
  template <typename T>
  bool set_parameter(T value, error_code& ec) {
    const std::size_t depth = stack_.size();
    const Where of = depth >= 2 ? stack_[depth - 2].where : Where::kNowhere;
    Parameters& target = of == Where::kInput    ? input().parameters
                         : of == Where::kOutput ? document.outputs.back().parameters
                                                : document.parameters;
    if (target.size() >= max_object_size) return fail(ec, "too many parameters");
    if (!target.emplace(key_, std::move(value)).second) {
      return fail(ec, fmt::format("the parameter {} stands twice", key_));
    }
    return true;
  }

  std::vector<Level> stack_;
  std::string key_;
  std::string key_part_;
  std::string text_;
  std::size_t values_ = 0;
};

Result<Document> read_document(std::string_view json) {
  boost::json::parse_options options;
  options.max_depth = 32;
  boost::json::basic_parser<Handler> parser(options);
  boost::json::error_code ec;
  Handler& handler = parser.handler();
  std::size_t read = 0;
  JsonLiterals literals(json);
  for (auto literal = literals.next(); literal && !ec; literal = literals.next()) {
    read += parser.write_some(true, json.data() + read, literal->position - read, ec);
    if (ec || parser.done()) break;
    handler.literal = literal->value;
    parser.write_some(true, "null", 4, ec);
    if (!ec) read += literal->length;
  }
  if (!ec && !parser.done()) {
    read += parser.write_some(false, json.data() + read, json.size() - read, ec);
  }
  if (!handler.failure.empty()) return invalid(std::move(handler.failure));
  if (ec) return invalid(fmt::format("JSON: {} at byte {}", ec.message(), read));
  for (std::size_t i = read; i < json.size(); ++i) {
    if (json[i] != ' ' && json[i] != '\n' && json[i] != '\r' && json[i] != '\t') {
      return invalid(fmt::format("JSON: something stands behind the object, at byte {}", i));
    }
  }
  return std::move(handler.document);
}

// Binary data of one input, cut off the front of `rest`.
Result<void> take_binary(InputTensor& tensor, const ParameterValue& size_value,
                         std::span<const std::uint8_t>& rest) {
  const auto* size = std::get_if<std::int64_t>(&size_value);
  if (size == nullptr || *size < 0) {
    return invalid(fmt::format("input {}: binary_data_size: expected an integer of 0 or more",
                               tensor.name));
  }
  const auto bytes = static_cast<std::uint64_t>(*size);
  if (bytes > rest.size()) {
    return invalid(fmt::format("input {}: binary_data_size says {} bytes, the body has {} left",
                               tensor.name, bytes, rest.size()));
  }
  tensor.data = rest.first(bytes);
  rest = rest.subspan(bytes);
  const std::string what = fmt::format("input {}", tensor.name);
  const std::size_t count = SHOAL_TRY(element_count(tensor.shape, what));
  if (tensor.type == WireType::kBytes) {
    tensor.elements = SHOAL_TRY(split_bytes(tensor.data, count, what));
  } else if (bytes != count * element_size(tensor.type)) {
    return invalid(fmt::format("{}: {} elements of {} are {} bytes, binary_data_size says {}", what,
                               count, to_string(tensor.type), count * element_size(tensor.type),
                               bytes));
  }
  return {};
}

Result<InputTensor> make_input(ReadInput read, bool has_rest, std::span<const std::uint8_t>& rest) {
  InputTensor tensor;
  tensor.name = std::move(read.name);
  tensor.shape = std::move(read.shape);
  if (tensor.name.empty()) return invalid("an input without a name");
  if (!read.has_shape) return invalid(fmt::format("input {}: no shape", tensor.name));
  const auto type = wire_type_of(read.type);
  if (!type) {
    return invalid(fmt::format("input {}: unknown datatype \"{}\"", tensor.name, read.type));
  }
  tensor.type = *type;
  SHOAL_TRY(check_input_parameters(tensor.name, read.parameters));
  const auto size = read.parameters.find("binary_data_size");
  if (size != read.parameters.end()) {
    if (read.has_data) {
      return invalid(fmt::format("input {}: both data and binary_data_size", tensor.name));
    }
    if (!has_rest) {
      return invalid(fmt::format("input {}: binary_data_size without the header "
                                 "Inference-Header-Content-Length",
                                 tensor.name));
    }
    SHOAL_TRY(take_binary(tensor, size->second, rest));
    return tensor;
  }
  if (!read.has_data) {
    return invalid(fmt::format("input {}: neither data nor binary_data_size", tensor.name));
  }
  SHOAL_TRY(read.data.pack(tensor));
  return tensor;
}

Result<InferCall> read_body(std::string_view body, std::optional<std::size_t> json_length) {
  InferCall call;
  std::span<const std::uint8_t> rest(reinterpret_cast<const std::uint8_t*>(body.data()),
                                     body.size());
  if (json_length && *json_length > body.size()) {
    return invalid(fmt::format("Inference-Header-Content-Length says {} bytes of JSON, the body "
                               "has {}",
                               *json_length, body.size()));
  }
  if (json_length && *json_length == 0) {
    call.nameless = true;
    call.binary_output = true;
    call.inputs.emplace_back().data = rest;
    return call;
  }
  rest = rest.subspan(json_length.value_or(body.size()));
  Document document = SHOAL_TRY(read_document(body.substr(0, json_length.value_or(body.size()))));
  if (!document.has_inputs) return invalid("no inputs");
  call.id = std::move(document.id);
  SHOAL_TRY(take_request_parameters(call, document.parameters));
  std::unordered_set<std::string_view> names;
  for (const ReadInput& input : document.inputs) {
    if (!names.insert(input.name).second) {
      return invalid(fmt::format("input {} stands twice", input.name.substr(0, 100)));
    }
  }
  for (ReadInput& input : document.inputs) {
    call.inputs.push_back(SHOAL_TRY(make_input(std::move(input), json_length.has_value(), rest)));
  }
  if (!rest.empty()) {
    return invalid(fmt::format("{} bytes behind the last input's", rest.size()));
  }
  for (ReadOutput& output : document.outputs) {
    RequestedOutput& wanted = call.outputs.emplace_back();
    wanted.name = std::move(output.name);
    wanted.binary = call.binary_output;
    SHOAL_TRY(take_output_parameters(wanted, output.parameters));
  }
  return call;
}

}  // namespace

Result<InferCall> read_infer_body(std::string_view body, std::optional<std::size_t> json_length) {
  try {
    return read_body(body, json_length);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kUnavailable, "no memory to read the request"};
  }
}

Result<std::optional<std::size_t>> read_json_length(std::string_view header) {
  if (header.empty()) return std::optional<std::size_t>{};
  std::size_t value = 0;
  const auto [end, ec] = std::from_chars(header.data(), header.data() + header.size(), value);
  if (ec != std::errc{} || end != header.data() + header.size()) {
    return invalid("Inference-Header-Content-Length: expected a number of bytes");
  }
  return std::optional<std::size_t>{value};
}

}  // namespace shoal
