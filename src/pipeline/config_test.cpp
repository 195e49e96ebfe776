// Goal: the reference file tells the truth, and every mistake in a configuration is named. Method:
// shoal.toml against the defaults; a table of wrong files.
#include "pipeline/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace shoal {
namespace {

std::string source_dir() {
  const char* folder = std::getenv("SHOAL_SOURCE_DIR");
  return folder == nullptr ? "." : folder;
}

TEST(ConfigTest, TheReferenceFileHoldsTheDefaults) {
  const auto file = load_config(source_dir() + "/shoal.toml");
  ASSERT_TRUE(file) << file.error().message;
  const Config defaults;
  const DetectorOptions& read = file->detector;
  const DetectorOptions& code = defaults.detector;
  EXPECT_EQ(read.model, code.model);
  EXPECT_EQ(read.family, code.family);
  EXPECT_EQ(read.class_names, code.class_names);
  EXPECT_EQ(read.shapes, code.shapes);
  EXPECT_EQ(read.engine, code.engine);
  EXPECT_EQ(read.precision, code.precision);
  EXPECT_EQ(read.batch_max, code.batch_max);
  EXPECT_EQ(read.lanes, code.lanes);
  EXPECT_EQ(read.queue_delay, code.queue_delay);
  EXPECT_EQ(read.requests_max, code.requests_max);
  EXPECT_EQ(read.when_full, code.when_full);
  EXPECT_EQ(read.confidence, code.confidence);
  EXPECT_EQ(read.iou, code.iou);
  EXPECT_EQ(read.max_det, code.max_det);
  EXPECT_EQ(read.agnostic, code.agnostic);
  EXPECT_EQ(read.classes, code.classes);
  EXPECT_EQ(file->decode_threads, defaults.decode_threads);
  EXPECT_EQ(file->detector.memory_limit, defaults.detector.memory_limit);
  EXPECT_EQ(file->detector.process_memory_limit, defaults.detector.process_memory_limit);
  EXPECT_EQ(file->scaled_decode, defaults.scaled_decode);
  EXPECT_EQ(file->queue_limit, defaults.queue_limit);
  EXPECT_EQ(file->timeout, defaults.timeout);
  EXPECT_EQ(file->priority_ageing, defaults.priority_ageing);
  EXPECT_EQ(file->bypass_lane, defaults.bypass_lane);
  EXPECT_EQ(file->service, defaults.service);
  EXPECT_EQ(file->site, defaults.site);
  EXPECT_TRUE(file->models.empty());
}

TEST(ConfigTest, ReadsWhatIsGivenAndKeepsTheRest) {
  const auto config = parse_config(
      "[model]\nshapes = [\"640x640\", \"640x384\"]\nbatch = 16\n"
      "[scheduler]\nqueue_delay_ms = 2.5\n[detect]\nclasses = [0, 2]\n", "test");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->detector.shapes, (std::vector<Size>{{640, 640}, {640, 384}}));
  EXPECT_EQ(config->detector.batch_max, 16);
  EXPECT_EQ(config->detector.queue_delay, std::chrono::microseconds(2500));
  EXPECT_EQ(config->detector.classes, (std::vector<int>{0, 2}));
  EXPECT_EQ(config->detector.max_det, 300);
}

TEST(ConfigTest, NamedModelsStartFromTheCommonOne) {
  const auto config = parse_config(
      "[model.small]\npath = \"small.onnx\"\nbatch = 2\n[model.pcb]\n"
      "[model]\nbatch = 16\n[detect]\nconf = 0.5\n", "test");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->models.size(), 2U);
  for (const NamedModel& model : config->models) {
    EXPECT_EQ(model.detector.confidence, 0.5F);
    EXPECT_EQ(model.detector.batch_max, model.name == "small" ? 2 : 16);
    EXPECT_EQ(model.detector.model, model.name == "small" ? "small.onnx" : "pcb");
  }
}

struct WrongFile {
  std::string text;
  std::string message;  // a part of it
};

TEST(ConfigTest, EveryMistakeIsNamed) {
  const std::vector<WrongFile> files{
      {"[modle]\npath = \"x\"", "test: unknown section 'modle'; did you mean 'model'?"},
      {"[scheduler]\nqueue_delay = 5", "unknown key 'scheduler.queue_delay'"},
      {"[model]\nbatch = \"8\"", "model.batch: expected a whole number from 1 to 1024, got"},
      {"[model]\nbatch = 0", "got 0"},
      {"[model]\nbatch = 8.0", "expected a whole number"},
      {"[model]\nbatch = 99999999999999999999", "line 2"},
      {"[model]\nprecision = 16", "model.precision: expected a text in quotes, got 16"},
      {"[model]\nshapes = [\"640\"]", "width x height"},
      {"[model]\nshapes = [\"640x\"]", "width x height"},
      {"[model]\nshapes = [\"-64x640\"]", "width x height"},
      {"[model]\nshapes = \"640x640\"", "a list such as"},
      {"[model]\nnames = [1]", "a text in quotes"},
      {"[detect]\nconf = 1.5", "detect.conf: expected a number from 0 to 1, got 1.5"},
      {"[detect]\nconf = nan", "a number from 0 to 1"},
      {"[detect]\nconf = true", "a number from 0 to 1"},
      {"[detect]\nagnostic = 1", "true or false"},
      {"[detect]\nclasses = [-1]", "a whole number from 0"},
      {"[scheduler]\nqueue_delay_ms = -1", "a number from 0 to 60000"},
      {"[scheduler]\nwhen_full = \"drop\"", "\"wait\" or \"reject\""},
      {"[decode]\nthreads = -1", "from 0 to 256"},
      {"[model]\nmemory_limit = \"much\"", "expected an amount of memory such as \"80%\""},
      {"[process]\nmemory_limit = \"120%\"", "got \"120%\""},
      {"[process]\nmemory_limit = true", "a text in quotes"},
      {"[service]\nhttp = \"localhost\"", "an address such as"},
      {"[service]\nhttp = \"localhost:70000\"", "an address such as"},
      {"[service]\nport = 8000", "unknown key 'service.port'"},
      {"[service]\nbody_max_mib = 0", "a whole number from 1"},
      {"[scheduler]\ntimeout_ms = 0", "a number from 1"},
      {"[model.small]\nbach = 2", "[model.small]: unknown key 'model.bach'"},
      {"[model.\"../x\"]\nbatch = 2", "expected a name of letters"},
      {"[scheduler.deep]\nx = 1", "scheduler.deep"},
      {"[[camra]]\nname = \"x\"", "test: unknown section 'camra'; did you mean 'camera'?"},
      {"[[model]]\npath = \"x\"", "test: [[model]]: write [model]"},
      {"batch = 8", "'batch' stands outside of a [section]"},
      {"[model", "test: line 1"},
      {"[model]\npath = \"a\"\npath = \"b\"", "line 3"},
  };
  for (const WrongFile& file : files) {
    const auto config = parse_config(file.text, "test");
    ASSERT_FALSE(config) << file.text;
    EXPECT_NE(config.error().message.find(file.message), std::string::npos)
        << file.text << "\n" << config.error().message;
  }
}

TEST(ConfigTest, OptionsOfTheCommandLineHaveTheFilesNames) {
  Config config;
  EXPECT_TRUE(set_option(config, "model.precision", "bf16"));
  EXPECT_EQ(config.detector.precision, "bf16");
  EXPECT_TRUE(set_option(config, "scheduler.queue_delay_ms", "5"));
  EXPECT_EQ(config.detector.queue_delay, std::chrono::milliseconds(5));
  EXPECT_TRUE(set_option(config, "model.memory_limit", "2GiB"));
  EXPECT_EQ(config.detector.memory_limit, "2GiB");
  EXPECT_TRUE(set_option(config, "process.memory_limit", "1073741824"));
  EXPECT_EQ(config.detector.process_memory_limit, "1073741824");
  EXPECT_TRUE(set_option(config, "decode.scaled", "true"));
  EXPECT_TRUE(config.scaled_decode);
  EXPECT_TRUE(set_option(config, "detect.classes", "[1, 2]"));
  EXPECT_EQ(config.detector.classes, (std::vector<int>{1, 2}));
  const auto unknown = set_option(config, "scheduler.queue_dely_ms", "5");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, "unknown key 'scheduler.queue_dely_ms'; did you mean "
                                     "'scheduler.queue_delay_ms'?");
  EXPECT_FALSE(set_option(config, "model.batch", "1\nlanes = 2"));
}

TEST(ConfigTest, AMissingFileIsNamed) {
  const auto config = load_config("/nonexistent/shoal.toml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, ErrorCode::kNotFound);
  EXPECT_NE(config.error().message.find("/nonexistent/shoal.toml"), std::string::npos);
}

}  // namespace
}  // namespace shoal
