// Goal: a request is read exactly or refused with a reason. Method: hand-written bodies, each lie
// of sizes, shapes, types and nesting that a client could tell.
#include "service/kserve/infer_reader.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace shoal {
namespace {

std::string refused(std::string_view body, std::optional<std::size_t> json_length = {}) {
  const auto call = read_infer_body(body, json_length);
  return call ? "read" : call.error().message;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string one_input(std::string_view type, std::string_view shape, std::string_view data) {
  return R"({"inputs":[{"name":"x","datatype":")" + std::string(type) + R"(","shape":)" +
         std::string(shape) + R"(,"data":)" + std::string(data) + "}]}";
}

template <typename T>
std::vector<T> values_of(const InputTensor& tensor) {
  std::vector<T> values(tensor.data.size() / sizeof(T));
  std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  return values;
}

template <typename T>
std::vector<T> read_values(std::string_view type, std::string_view shape, std::string_view data) {
  const auto call = read_infer_body(one_input(type, shape, data), {});
  EXPECT_TRUE(call) << (call ? "" : call.error().message);
  return call ? values_of<T>(call->inputs.at(0)) : std::vector<T>{};
}

TEST(InferReaderTest, ReadsEveryDatatypeThatJsonHasAFormFor) {
  EXPECT_EQ(read_values<std::uint8_t>("BOOL", "[3]", "[true,false,1]"),
            (std::vector<std::uint8_t>{1, 0, 1}));
  EXPECT_EQ(read_values<std::uint8_t>("UINT8", "[2]", "[0,255]"),
            (std::vector<std::uint8_t>{0, 255}));
  EXPECT_EQ(read_values<std::uint16_t>("UINT16", "[1]", "[65535]"),
            (std::vector<std::uint16_t>{65535}));
  EXPECT_EQ(read_values<std::uint32_t>("UINT32", "[1]", "[4294967295]"),
            (std::vector<std::uint32_t>{4294967295U}));
  EXPECT_EQ(read_values<std::uint64_t>("UINT64", "[1]", "[18446744073709551615]"),
            (std::vector<std::uint64_t>{std::numeric_limits<std::uint64_t>::max()}));
  EXPECT_EQ(read_values<std::int8_t>("INT8", "[1]", "[-128]"), (std::vector<std::int8_t>{-128}));
  EXPECT_EQ(read_values<std::int16_t>("INT16", "[1]", "[-32768]"),
            (std::vector<std::int16_t>{-32768}));
  EXPECT_EQ(read_values<std::int32_t>("INT32", "[1]", "[-5.0]"), (std::vector<std::int32_t>{-5}));
  EXPECT_EQ(read_values<std::int64_t>("INT64", "[1]", "[-9223372036854775808]"),
            (std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min()}));
  EXPECT_EQ(read_values<float>("FP32", "[2,2]", "[[1,2.5],[-3e2,0]]"),
            (std::vector<float>{1, 2.5F, -300, 0}));
  EXPECT_EQ(read_values<double>("FP64", "[1]", "[0.1]"), (std::vector<double>{0.1}));
}

TEST(InferReaderTest, ReadsNumbersThatAreNotFiniteAsTritonHasThem) {
  const auto read = [](std::string_view type) {
    return read_infer_body(
        one_input(type, "[6]", "[NaN, Infinity ,-Infinity,Inf,-Inf,1e-1]"), {});
  };
  const auto call = read("FP32");
  ASSERT_TRUE(call) << call.error().message;
  const auto values = values_of<float>(call->inputs[0]);
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(std::isnan(values.at(0)));
  EXPECT_EQ(std::vector<float>(values.begin() + 1, values.end()),
            (std::vector<float>{inf, -inf, inf, -inf, 0.1F}));
  EXPECT_TRUE(read("FP64"));
  EXPECT_TRUE(has(refused(one_input("INT32", "[1]", "[NaN]")), "no INT32"));
  EXPECT_TRUE(has(refused(one_input("BOOL", "[1]", "[Infinity]")), "no BOOL"));
  EXPECT_TRUE(has(refused(one_input("BYTES", "[1]", "[NaN]")), "text"));
  EXPECT_TRUE(has(refused(one_input("UINT8", "[NaN]", "[1]")), "integers"));
}

TEST(InferReaderTest, WordsForNumbersAreNoneWithinTextsAndNamesOrBesideLetters) {
  const auto call = read_infer_body(
      R"({"id":"NaN\"Infinity\\","parameters":{"NaN":1,"x":NaN,"y":[-Infinity]},"NaN":NaN,
          "inputs":[{"name":"x","datatype":"BYTES","shape":[2],"data":["NaN","\\"]}]})",
      {});
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->id, "NaN\"Infinity\\");
  EXPECT_EQ(call->inputs[0].elements.size(), 2U);
  for (const std::string_view bad : {"NaNx", "xNaN", "1NaN", "--NaN", "Nan", "+Infinity", "NaNNaN",
                                     "-", "Infinit", "nuNaN", "1e-Infinity"}) {
    EXPECT_TRUE(has(refused(one_input("FP32", "[1]", "[" + std::string(bad) + "]")), "JSON"))
        << bad;
  }
  EXPECT_TRUE(has(refused("NaN"), "expected an object"));
  EXPECT_TRUE(has(refused("{} NaN"), "behind"));
  EXPECT_TRUE(has(refused("{}NaN"), "behind"));
  EXPECT_TRUE(has(refused(R"({"x":NaN)"), "JSON"));
  EXPECT_TRUE(has(refused(R"({"confidence":NaN,"inputs":NaN})"), "inputs cannot be a number"));
}

TEST(InferReaderTest, ReadsTextElementsAndSaysThatTheyWereText) {
  const auto call = read_infer_body(one_input("BYTES", "[2]", R"(["ab\u00e9",""])"), {});
  ASSERT_TRUE(call);
  const InputTensor& tensor = call->inputs[0];
  ASSERT_EQ(tensor.elements.size(), 2U);
  EXPECT_EQ(std::string(tensor.elements[0].begin(), tensor.elements[0].end()), "ab\xC3\xA9");
  EXPECT_TRUE(tensor.elements[1].empty());
  EXPECT_EQ(tensor.origin, BytesOrigin::kText);
}

TEST(InferReaderTest, TheDatatypeMayStandBehindTheData) {
  const auto call = read_infer_body(
      R"({"inputs":[{"data":[7],"shape":[1],"datatype":"INT64","name":"x"}],"id":"a"})", {});
  ASSERT_TRUE(call);
  EXPECT_EQ(values_of<std::int64_t>(call->inputs[0]), (std::vector<std::int64_t>{7}));
  EXPECT_EQ(call->id, "a");
}

TEST(InferReaderTest, UnknownKeysAreSkippedWhateverTheyHold) {
  const auto call = read_infer_body(
      R"({"x":[{"data":1}],"inputs":[{"name":"x","datatype":"UINT8","y":{"shape":[3]},
          "shape":[1],"data":[9],"z":null}],"outputs":[{"name":"o","w":[[]]}],"n":-1.5})",
      {});
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(values_of<std::uint8_t>(call->inputs[0]), (std::vector<std::uint8_t>{9}));
  EXPECT_EQ(call->outputs.at(0).name, "o");
}

TEST(InferReaderTest, ReadsParametersThatMeanSomething) {
  const auto call = read_infer_body(
      R"({"parameters":{"priority":2,"timeout":1500,"binary_data_output":true,"confidence":0.5,
          "my_own":{"a":[1]},"triton_x":"y"},
          "inputs":[{"name":"x","datatype":"UINT8","shape":[1],"data":[1]}],
          "outputs":[{"name":"a"},{"name":"b","parameters":{"binary_data":false,
                                                            "classification":3}}]})",
      {});
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->priority, 2);
  EXPECT_EQ(call->timeout, std::chrono::microseconds(1500));
  EXPECT_EQ(call->confidence, 0.5F);
  EXPECT_TRUE(call->outputs[0].binary);
  EXPECT_FALSE(call->outputs[1].binary);
  EXPECT_EQ(call->outputs[1].classification, 3);
}

TEST(InferReaderTest, RefusesParametersOfTheWrongKind) {
  const auto with = [](std::string_view parameters) {
    return refused(R"({"parameters":)" + std::string(parameters) + R"(,"inputs":[]})");
  };
  EXPECT_TRUE(has(with(R"({"priority":"high"})"), "priority"));
  EXPECT_TRUE(has(with(R"({"timeout":-1})"), "timeout"));
  EXPECT_TRUE(has(with(R"({"timeout":9999999999999999999})"), "64 bits"));
  EXPECT_TRUE(has(with(R"({"binary_data_output":1})"), "binary_data_output"));
  EXPECT_TRUE(has(with(R"({"confidence":1.5})"), "confidence"));
  EXPECT_TRUE(has(with(R"({"sequence_id":7})"), "sequence"));
  EXPECT_TRUE(has(with(R"({"priority":1,"priority":2})"), "twice"));
  EXPECT_TRUE(has(with("[]"), "parameters cannot be an array"));
}

TEST(InferReaderTest, RefusesValuesThatTheDatatypeCannotHold) {
  EXPECT_TRUE(has(refused(one_input("UINT8", "[2]", "[1,256]")), "value 1"));
  EXPECT_TRUE(has(refused(one_input("UINT8", "[1]", "[-1]")), "no UINT8"));
  EXPECT_TRUE(has(refused(one_input("INT32", "[1]", "[0.5]")), "no INT32"));
  EXPECT_TRUE(has(refused(one_input("INT64", "[1]", "[9223372036854775808]")), "no INT64"));
  EXPECT_TRUE(has(refused(one_input("INT64", "[1]", "[1e300]")), "no INT64"));
  EXPECT_TRUE(has(refused(one_input("FP32", "[1]", "[1e39]")), "no FP32"));
  EXPECT_TRUE(has(refused(one_input("FP32", "[1]", "[true]")), "no FP32"));
  EXPECT_TRUE(has(refused(one_input("BOOL", "[1]", "[2]")), "no BOOL"));
  EXPECT_TRUE(has(refused(one_input("FP32", "[1]", R"(["1"])")), "numbers"));
  EXPECT_TRUE(has(refused(one_input("BYTES", "[1]", "[1]")), "text"));
  EXPECT_TRUE(has(refused(one_input("FP32", "[1]", "[null]")), "null"));
  EXPECT_TRUE(has(refused(one_input("FP16", "[1]", "[1]")), "binary"));
  EXPECT_TRUE(has(refused(one_input("FLOAT", "[1]", "[1]")), "unknown datatype"));
}

TEST(InferReaderTest, RefusesShapesThatDisagreeOrCannotBe) {
  EXPECT_TRUE(has(refused(one_input("UINT8", "[3]", "[1,2]")), "3 elements, the data 2"));
  EXPECT_TRUE(has(refused(one_input("UINT8", "[-1]", "[1]")), "axis of -1"));
  EXPECT_TRUE(has(refused(one_input("UINT8", "[4294967296,4294967296]", "[1]")), "2^40"));
  EXPECT_TRUE(has(refused(one_input("UINT8", "[0,9223372036854775807,2]", "[]")), "2^40"));
  EXPECT_TRUE(has(refused(one_input("UINT8", "[18446744073709551615]", "[1]")), "bounds"));
  EXPECT_TRUE(has(refused(one_input("UINT8", "[1.5]", "[1]")), "integers"));
  EXPECT_TRUE(has(refused(one_input("UINT8", "[[1]]", "[1]")), "integers"));
  EXPECT_TRUE(has(refused(one_input("UINT8", "1", "[1]")), "shape cannot be a number"));
  std::string many = "[1";
  for (int i = 0; i < 5000; ++i) many += ",1";
  EXPECT_TRUE(has(refused(one_input("UINT8", many + "]", "[1]")), "axes"));
}

TEST(InferReaderTest, RefusesWhatIsNoRequest) {
  EXPECT_TRUE(has(refused(""), "JSON"));
  EXPECT_TRUE(has(refused("[]"), "expected an object"));
  EXPECT_TRUE(has(refused("null"), "expected an object"));
  EXPECT_TRUE(has(refused("{}"), "no inputs"));
  EXPECT_TRUE(has(refused("{} {}"), "behind"));
  EXPECT_TRUE(has(refused(R"({"inputs":{}})"), "cannot be an object"));
  EXPECT_TRUE(has(refused(R"({"inputs":[1]})"), "expected objects"));
  EXPECT_TRUE(has(refused(R"({"inputs":[{"name":"x"}]})"), "no shape"));
  EXPECT_TRUE(has(refused(R"({"inputs":[{"shape":[1],"datatype":"UINT8","data":[1]}]})"), "name"));
  EXPECT_TRUE(has(refused(R"({"inputs":[{"name":"x","shape":[1],"datatype":"UINT8"}]})"),
                  "neither data"));
  EXPECT_TRUE(has(refused(R"({"id":7,"inputs":[]})"), "id cannot be a number"));
  EXPECT_TRUE(has(refused(R"({"id":"a","id":"b","inputs":[]})"), "twice"));
  EXPECT_TRUE(has(refused(R"({"inputs":[{"name":"x","datatype":"UINT8","shape":[1],"data":[1]},
                                        {"name":"x","datatype":"UINT8","shape":[1],"data":[1]}]})"),
                  "input x stands twice"));
  EXPECT_TRUE(has(refused(R"({"inputs":[{"name":"x","datatype":"UINT8","shape":[1],
                               "parameters":{"shared_memory_region":"r"}}]})"),
                  "shared memory"));
}

TEST(InferReaderTest, JsonNestedTenThousandDeepIsRefused) {
  const std::string deep(10'000, '[');
  EXPECT_TRUE(has(refused(R"({"x":)" + deep), "deep"));
  EXPECT_TRUE(has(refused(one_input("UINT8", "[1]", deep)), "deep"));
  std::string objects;
  for (int i = 0; i < 10'000; ++i) objects += R"({"a":)";
  EXPECT_TRUE(has(refused(objects), "deep"));
}

TEST(InferReaderTest, BinaryTensorsLieBehindTheHeader) {
  const std::string json =
      R"({"inputs":[{"name":"a","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8}},
          {"name":"b","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":11}}]})";
  const float floats[] = {1.5F, -2};
  std::string body = json + std::string(reinterpret_cast<const char*>(floats), 8);
  append_element(body, "xyz");
  append_element(body, "");
  const auto call = read_infer_body(body, json.size());
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(values_of<float>(call->inputs[0]), (std::vector<float>{1.5F, -2}));
  ASSERT_EQ(call->inputs[1].elements.size(), 2U);
  EXPECT_EQ(call->inputs[1].elements[0].size(), 3U);
  EXPECT_TRUE(has(refused(body + "!", json.size()), "behind the last input"));
  EXPECT_TRUE(has(refused(body.substr(0, body.size() - 1), json.size()), "left"));
  EXPECT_TRUE(has(refused(body, body.size() + 1), "the body"));
  EXPECT_TRUE(has(refused(json), "without the header"));
}

TEST(InferReaderTest, BinarySizesThatDisagreeWithTheShapeAreRefused) {
  const auto with = [](std::string_view type, std::string_view shape, std::string_view size,
                       std::string_view bytes) {
    const std::string json = R"({"inputs":[{"name":"a","datatype":")" + std::string(type) +
                             R"(","shape":)" + std::string(shape) +
                             R"(,"parameters":{"binary_data_size":)" + std::string(size) + "}}]}";
    return refused(json + std::string(bytes), json.size());
  };
  EXPECT_TRUE(has(with("FP32", "[2]", "4", "abcd"), "are 8 bytes, binary_data_size says 4"));
  EXPECT_TRUE(has(with("FP32", "[1]", "-4", "abcd"), "integer of 0 or more"));
  EXPECT_TRUE(has(with("FP32", "[1]", "9223372036854775807", "abcd"), "left"));
  EXPECT_TRUE(has(with("FP64", "[1099511627776]", "4", "abcd"), "binary_data_size says 4"));
  EXPECT_TRUE(has(with("BYTES", "[1]", "4", std::string_view("\5\0\0\0", 4)), "says 5 bytes"));
  EXPECT_TRUE(has(with("BYTES", "[1]", "4", "\xFF\xFF\xFF\xFF"), "says 4294967295"));
  EXPECT_TRUE(has(with("BYTES", "[2]", "4", std::string_view("\0\0\0\0", 4)), "at least 8"));
  EXPECT_TRUE(has(with("BYTES", "[1]", "5", std::string_view("\0\0\0\0x", 5)), "behind the last"));
  EXPECT_TRUE(has(with("BYTES", "[1000000000]", "4", std::string_view("\0\0\0\0", 4)), "at least"));
}

TEST(InferReaderTest, ALonePictureMayComeWithoutItsLength) {
  const std::string json = R"({"inputs":[{"name":"a","datatype":"BYTES","shape":[1],
                               "parameters":{"binary_data_size":6}}]})";
  const std::string body = json + "\xFF\xD8\xFF\xE0xy";
  const auto call = read_infer_body(body, json.size());
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->inputs[0].elements.at(0).size(), 6U);
}

TEST(InferReaderTest, AHeaderOfZeroIsARawBinaryRequest) {
  const auto call = read_infer_body("whatever", 0);
  ASSERT_TRUE(call);
  EXPECT_TRUE(call->nameless);
  EXPECT_TRUE(call->binary_output);
  EXPECT_EQ(call->inputs.at(0).data.size(), 8U);
}

TEST(InferReaderTest, TheHeaderHasDigitsOnly) {
  EXPECT_EQ(*read_json_length(""), std::nullopt);
  EXPECT_EQ(*read_json_length("12"), 12U);
  for (const char* text : {"-1", "+1", "1 ", " 1", "0x10", "99999999999999999999999", "1,2"}) {
    EXPECT_FALSE(read_json_length(text)) << text;
  }
}

TEST(InferReaderTest, MoreValuesThanTheLimitAreRefusedWithoutReadingThemAll) {
  std::string data = "[1";
  data.reserve(2 * kJsonValuesMax + 10);
  for (std::size_t i = 0; i < kJsonValuesMax; ++i) data += ",1";
  EXPECT_TRUE(has(refused(one_input("UINT8", "[1]", data + "]")), "send binary data"));
}

}  // namespace
}  // namespace shoal
