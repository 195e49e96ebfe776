// Goal: each entry takes what it says and answers with the right tensors. Method: a fake host whose
// answers can be computed by hand; tensors are taken apart byte by byte.
#include "service/kserve/infer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <limits>

#include "service/kserve/fake_models_for_test.h"
#include "service/kserve/infer_reader.h"
#include "service/kserve/infer_writer.h"

namespace shoal {
namespace {

class InferTest : public testing::Test {
 protected:
  FakeModels models;
  WorkerPool pool{"test", 1};

  // The memory of every tensor given below.
  std::vector<std::unique_ptr<std::string>> kept;

  InputTensor tensor(std::string name, WireType type, std::vector<std::int64_t> shape,
                     std::string bytes) {
    kept.push_back(std::make_unique<std::string>(std::move(bytes)));
    InputTensor made;
    made.name = std::move(name);
    made.type = type;
    made.shape = std::move(shape);
    made.data = {reinterpret_cast<const std::uint8_t*>(kept.back()->data()), kept.back()->size()};
    return made;
  }
  InputTensor files(std::vector<std::int64_t> shape, std::vector<std::string> contents) {
    InputTensor made = tensor("image", WireType::kBytes, std::move(shape), "");
    for (std::string& content : contents) {
      const InputTensor one = tensor("", WireType::kBytes, {}, std::move(content));
      made.elements.push_back(one.data);
    }
    return made;
  }
  static std::string floats(std::vector<float> values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
  }

  Result<InferAnswer> run(const std::string& model, InferCall call) {
    const Entry entry = SHOAL_TRY(find_entry(models.access(), model, ""));
    std::promise<Result<InferAnswer>> promise;
    auto future = promise.get_future();
    SHOAL_TRY(start_infer(entry, std::make_shared<InferCall>(std::move(call)), pool,
                          [&](Result<InferAnswer> answer) { promise.set_value(answer); }));
    return future.get();
  }
  Result<InferAnswer> run(const std::string& model, InputTensor input,
                          std::vector<RequestedOutput> outputs = {}) {
    InferCall call;
    call.inputs.push_back(std::move(input));
    call.outputs = std::move(outputs);
    return run(model, std::move(call));
  }
  std::string refused(const std::string& model, InputTensor input,
                      std::vector<RequestedOutput> outputs = {}) {
    const auto answer = run(model, std::move(input), std::move(outputs));
    return answer ? "answered" : answer.error().message;
  }
};

template <typename T>
std::vector<T> values_of(const OutputTensor& tensor) {
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

std::vector<std::string> texts_of(const OutputTensor& tensor) {
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < tensor.bytes.size();) {
    std::uint32_t length = 0;
    std::memcpy(&length, tensor.bytes.data() + at, 4);
    texts.push_back(tensor.bytes.substr(at + 4, length));
    at += 4 + length;
  }
  return texts;
}

const OutputTensor& output(const InferAnswer& answer, std::string_view name) {
  const auto found = std::ranges::find(answer.outputs, name, &OutputTensor::name);
  if (found == answer.outputs.end()) throw std::out_of_range(std::string(name));
  return *found;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

using Axes = std::vector<std::int64_t>;

TEST_F(InferTest, TheRawEntryJoinsItsItemsInOrder) {
  const auto answer = run("net", tensor("images", WireType::kFp32, {2, 2, 3},
                                        floats({1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60})));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(output(*answer, "sum").shape, (Axes{2, 1}));
  EXPECT_EQ(values_of<float>(output(*answer, "sum")), (std::vector<float>{21, 210}));
  EXPECT_EQ(output(*answer, "twice").shape, (Axes{2, 2, 3}));
  EXPECT_EQ(values_of<float>(output(*answer, "twice")),
            (std::vector<float>{2, 4, 6, 8, 10, 12, 20, 40, 60, 80, 100, 120}));
  EXPECT_EQ(answer->version, "3");
}

TEST_F(InferTest, TheRawEntryTakesTensorsThatLieUnaligned) {
  InputTensor input =
      tensor("images", WireType::kFp32, {1, 2, 3}, "x" + floats({1, 2, 3, 4, 5, 6}));
  input.data = input.data.subspan(1);
  const auto answer = run("net", std::move(input));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(values_of<float>(output(*answer, "sum")), (std::vector<float>{21}));
}

TEST_F(InferTest, TheRawEntryRefusesWhatItsFileDoesNotDeclare) {
  const std::string six = floats({1, 2, 3, 4, 5, 6});
  EXPECT_TRUE(has(refused("net", tensor("x", WireType::kFp32, {1, 2, 3}, six)), "called images"));
  EXPECT_TRUE(has(refused("net", tensor("images", WireType::kFp64, {1, 1, 3}, six)), "FP32"));
  const auto with = [&](Axes shape, std::string bytes, std::vector<RequestedOutput> wanted = {}) {
    return refused("net", tensor("images", WireType::kFp32, shape, bytes), wanted);
  };
  EXPECT_TRUE(has(with({1, 3, 2}, six), "[-1, 2, 3]"));
  EXPECT_TRUE(has(with({2, 3}, six), "[-1, 2, 3]"));
  EXPECT_TRUE(has(with({0, 2, 3}, ""), "at least one"));
  EXPECT_TRUE(has(with({1, 2, 3}, six, {{.name = "y"}}), "it has sum, twice"));
  EXPECT_TRUE(has(with({1, 2, 3}, six, {{.name = "sum"}, {.name = "sum"}}), "asked for twice"));
  EXPECT_TRUE(has(refused("no", tensor("images", WireType::kFp32, {1, 2, 3}, six)), "no model"));
}

TEST_F(InferTest, AFailedItemFailsTheRawCall) {
  models.host->fail_items(Error{ErrorCode::kDeadlineExceeded, "late"});
  const auto answer =
      run("net", tensor("images", WireType::kFp32, {1, 2, 3}, floats({1, 2, 3, 4, 5, 6})));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(InferTest, ARawBinaryRequestHasAsManyItemsAsFit) {
  const std::string body = floats({1, 2, 3, 4, 5, 6, 1, 1, 1, 1, 1, 1});
  auto call = read_infer_body(body, 0);
  ASSERT_TRUE(call);
  const auto answer = run("net", std::move(*call));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(values_of<float>(output(*answer, "sum")), (std::vector<float>{21, 6}));
  EXPECT_TRUE(output(*answer, "sum").binary);
  auto odd = read_infer_body(std::string_view(body).substr(1), 0);
  const auto refusal = run("net", std::move(*odd));
  ASSERT_FALSE(refusal);
  EXPECT_TRUE(has(refusal.error().message, "multiple of 24"));
}

TEST_F(InferTest, BoxesArePaddedToTheLargestCountOfTheAnswer) {
  const auto answer = run("net_boxes", files({3}, {"\2a", "\1", std::string("\0", 1)}));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->model, "net_boxes");
  EXPECT_EQ(output(*answer, "num_detections").shape, (Axes{3, 1}));
  EXPECT_EQ(values_of<std::int32_t>(output(*answer, "num_detections")),
            (std::vector<std::int32_t>{2, 1, 0}));
  EXPECT_EQ(output(*answer, "boxes").shape, (Axes{3, 2, 4}));
  EXPECT_EQ(values_of<float>(output(*answer, "boxes")),
            (std::vector<float>{0, 1, 10, 20, 1, 2, 11, 21, 0, 1, 10, 20, 0, 0, 0, 0,
                                0, 0, 0,  0,  0, 0, 0,  0}));
  EXPECT_EQ(values_of<float>(output(*answer, "scores")),
            (std::vector<float>{0.9F, 0.9F - 0.1F, 0.9F, 0, 0, 0}));
  EXPECT_EQ(values_of<std::int32_t>(output(*answer, "classes")),
            (std::vector<std::int32_t>{0, 1, 0, -1, -1, -1}));
  EXPECT_EQ(texts_of(output(*answer, "error")), (std::vector<std::string>{"", "", ""}));
  EXPECT_TRUE(answer->parameters.empty());
  EXPECT_EQ(std::ranges::find(answer->outputs, "json", &OutputTensor::name), answer->outputs.end());
}

TEST_F(InferTest, WithoutDetectionsThereIsStillARowOfPadding) {
  const auto answer = run("net_boxes", files({1, 1}, {std::string("\0", 1)}));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(output(*answer, "boxes").shape, (Axes{1, 1, 4}));
  EXPECT_EQ(output(*answer, "scores").shape, (Axes{1, 1}));
}

TEST_F(InferTest, OneBadPictureFailsAlone) {
  const auto answer = run("net_boxes", files({3}, {"\1", "\xFF", "\xFE"}));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(values_of<std::int32_t>(output(*answer, "num_detections")),
            (std::vector<std::int32_t>{1, 0, 0}));
  EXPECT_EQ(texts_of(output(*answer, "error")),
            (std::vector<std::string>{"", "corrupt_input: not a picture", ""}));
  EXPECT_EQ(output(*answer, "truncated").bytes, std::string("\0\0\1", 3));
  EXPECT_EQ(std::get<std::int64_t>(answer->parameters.at("failed_items")), 1);
  EXPECT_EQ(std::get<std::int64_t>(answer->parameters.at("damaged_items")), 1);
}

TEST_F(InferTest, ALoneBadPictureIsTheCallsError) {
  const auto answer = run("net_boxes", files({1}, {"\xFF"}));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kCorruptInput);
}

TEST_F(InferTest, ItemsThatAllFailForReasonsOfTheServerAreTheCallsError) {
  models.host->fail_items(Error{ErrorCode::kUnavailable, "busy"});
  const auto answer = run("net_boxes", files({2}, {"\1", "\1"}));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
}

TEST_F(InferTest, JsonIsWrittenWhenAskedFor) {
  const auto answer = run("net_boxes", files({2}, {"\1", "\xFF"}), {{.name = "json"}});
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->outputs.size(), 1U);
  const auto texts = texts_of(answer->outputs[0]);
  EXPECT_TRUE(has(texts.at(0), R"("name":"cat","class":0,"confidence":0.9)")) << texts[0];
  EXPECT_TRUE(has(texts.at(1), R"("code":"corrupt_input")")) << texts[1];
}

TEST_F(InferTest, PixelsComeAsOnePictureOrMany) {
  const std::string one("\3ab" "cde", 6);
  auto answer = run("net_boxes", tensor("image", WireType::kUint8, {1, 2, 3}, one));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(values_of<std::int32_t>(output(*answer, "num_detections")),
            (std::vector<std::int32_t>{3}));
  answer = run("net_boxes", tensor("image", WireType::kUint8, {2, 1, 1, 3}, "\1ab\2ab"));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(values_of<std::int32_t>(output(*answer, "num_detections")),
            (std::vector<std::int32_t>{1, 2}));
}

TEST_F(InferTest, TextElementsAreBase64) {
  InputTensor input = files({2}, {"AWE=", "Ag=="});
  input.origin = BytesOrigin::kText;
  const auto answer = run("net_boxes", std::move(input));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(values_of<std::int32_t>(output(*answer, "num_detections")),
            (std::vector<std::int32_t>{1, 2}));
  InputTensor bad = files({1}, {"A?"});
  bad.origin = BytesOrigin::kText;
  EXPECT_TRUE(has(refused("net_boxes", std::move(bad)), "base64"));
}

TEST_F(InferTest, TheBoxesEntryRefusesOtherShapes) {
  const auto pixels = [&](std::vector<std::int64_t> shape) {
    return refused("net_boxes", tensor("image", WireType::kUint8, std::move(shape), "abc"));
  };
  EXPECT_TRUE(has(pixels({3}), "expected BYTES [n]"));
  EXPECT_TRUE(has(pixels({1, 3, 1}), "expected"));
  EXPECT_TRUE(has(pixels({0, 1, 1, 3}), "expected"));
  EXPECT_TRUE(has(pixels({1, 0, 3}), "expected"));
  EXPECT_TRUE(has(pixels({1, 100'000, 3}), "sides"));
  EXPECT_TRUE(has(pixels({100'000, 1, 1, 3}), "expected"));
  EXPECT_TRUE(has(refused("net_boxes", files({0}, {})), "expected"));
  EXPECT_TRUE(has(refused("net_boxes", tensor("image", WireType::kFp32, {1, 1, 3}, "")), "FP32"));
  EXPECT_TRUE(has(refused("net_boxes", tensor("x", WireType::kUint8, {1, 1, 3}, "abc")), "image"));
}

TEST_F(InferTest, ClassificationGivesTheHighestValuesAsText) {
  const auto answer = run("net", tensor("images", WireType::kFp32, {2, 2, 3},
                                        floats({1, 3, 2, 0, 3, -1, 6, 5, 4, 3, 2, 1})),
                          {{.name = "twice", .classification = 3}});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->outputs[0].type, WireType::kBytes);
  EXPECT_EQ(answer->outputs[0].shape, (Axes{2, 3}));
  EXPECT_EQ(texts_of(answer->outputs[0]),
            (std::vector<std::string>{"6.000000:1", "6.000000:4", "4.000000:2", "12.000000:0",
                                      "10.000000:1", "8.000000:2"}));
}

TEST_F(InferTest, ClassificationOfScoresNamesClasses) {
  const auto answer =
      run("net_boxes", files({2}, {"\2", "\1"}), {{.name = "scores", .classification = 5}});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->outputs[0].shape, (Axes{2, 2}));
  EXPECT_EQ(texts_of(answer->outputs[0]),
            (std::vector<std::string>{"0.900000:0:cat", "0.800000:1:d'og", "0.900000:0:cat", ""}));
  const std::string text =
      refused("net_boxes", files({1}, {"\1"}), {{.name = "error", .classification = 1}});
  EXPECT_TRUE(has(text, "classification does not apply")) << text;
}

TEST_F(InferTest, ClassificationPutsWhatIsNoNumberLast) {
  OutputTensor tensor;
  tensor.shape = {1, 3};
  tensor.bytes = floats({std::numeric_limits<float>::quiet_NaN(), -1, 2});
  ASSERT_TRUE(classify(tensor, 2, {"a", "b", "c"}));
  EXPECT_EQ(texts_of(tensor), (std::vector<std::string>{"2.000000:2:c", "-1.000000:1:b"}));
}

TEST_F(InferTest, NumbersThatAreNotFiniteAreWrittenAsTritonHasThem) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  InferAnswer answer;
  OutputTensor& tensor = answer.outputs.emplace_back();
  tensor.shape = {1, 4};
  tensor.bytes = floats({std::numeric_limits<float>::quiet_NaN(), kInf, -kInf, 0.5F});
  const std::string body = write_infer_answer(answer).body;
  EXPECT_NE(body.find("[NaN,Infinity,-Infinity,0.5]"), std::string::npos) << body;
}

TEST_F(InferTest, PriorityAndTimeoutReachTheHost) {
  InferCall call;
  call.inputs.push_back(files({1}, {"\1"}));
  call.priority = 1;
  call.arrived = Clock::now();
  call.timeout = std::chrono::seconds(5);
  call.deadline = call.arrived + std::chrono::seconds(9);
  call.confidence = 0.5F;
  const TimePoint arrived = call.arrived;
  ASSERT_TRUE(run("net_boxes", std::move(call)));
  const CallOptions options = models.host->last_options();
  EXPECT_EQ(options.priority, Priority::kRealtime);
  EXPECT_EQ(options.deadline, arrived + std::chrono::seconds(5));
  EXPECT_EQ(options.confidence, 0.5F);
  EXPECT_EQ(priority_of(0), Priority::kNormal);
  EXPECT_EQ(priority_of(2), Priority::kHigh);
  EXPECT_EQ(priority_of(3), Priority::kNormal);
  EXPECT_EQ(priority_of(4), Priority::kLow);
  EXPECT_EQ(priority_of(std::numeric_limits<std::int64_t>::max()), Priority::kLow);
}

TEST_F(InferTest, EntriesAreFoundByNameAndVersion) {
  const ModelAccess access = models.access();
  EXPECT_TRUE(find_entry(access, "net", "3"));
  EXPECT_TRUE(find_entry(access, "net_boxes", "3")->boxes);
  EXPECT_EQ(find_entry(access, "net", "1").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(find_entry(access, "_boxes", "").error().code, ErrorCode::kNotFound);
  for (const char* name : {"../net", "a/b", "", ".", ".net", "a\\b", "a\nb", "%2e", "a\x80"}) {
    EXPECT_EQ(find_entry(access, name, "").error().code, ErrorCode::kNotFound) << name;
  }
  models.ready = false;
  EXPECT_EQ(find_entry(access, "net_boxes", "").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(model_version("pcb"), "1");
  EXPECT_EQ(model_version("/a/b/model.onnx"), "1");
  EXPECT_EQ(model_version("/a/12/model.onnx"), "12");
  EXPECT_EQ(model_version("/a/012/model.onnx"), "1");
}

TEST_F(InferTest, ABoxesNameThatIsAModelsOwnGoesBeforeTheEntry) {
  models.host = std::make_shared<FakeHost>("x_boxes");
  EXPECT_FALSE(find_entry(models.access(), "x_boxes", "")->boxes);
  EXPECT_TRUE(find_entry(models.access(), "x_boxes_boxes", "")->boxes);
}

}  // namespace
}  // namespace shoal
