// Goal: what was changed while running survives a restart, an edited configuration wins over it,
// and no state file keeps a site from starting. Method: a real folder; files as a crash, a full
// disk or a person would leave them.
#include "pipeline/site_state.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace shoal {
namespace {

namespace fs = std::filesystem;

CameraConfig camera(const std::string& name, double fps_max = 0) {
  CameraConfig made;
  made.name = name;
  made.url = "rtsp://admin:geheim@10.0.0.5/" + name;
  made.fps_max = fps_max;
  return made;
}

using Cameras = std::vector<CameraConfig>;

class SiteStateTest : public testing::Test {
 protected:
  SiteStateTest() {
    std::string pattern = (fs::temp_directory_path() / "shoal-state-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/deep/state.json";
  }
  ~SiteStateTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  SiteState open(const Cameras& configured) const {
    return SiteState::open(path_, configured, models_);
  }
  // What a run leaves behind that began with `configured` and ended with `now`.
  void run(const Cameras& configured, const Cameras& now) const {
    SiteState state = open(configured);
    const auto saved = state.save(now);
    ASSERT_TRUE(saved) << saved.error().message;
  }
  void write(const std::string& text) const {
    fs::create_directories(fs::path(path_).parent_path());
    std::ofstream(path_, std::ios::binary) << text;
  }
  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  std::string folder_;
  std::string path_;
  std::vector<std::string> models_{"small"};
};

TEST_F(SiteStateTest, WhatWasAddedChangedPausedAndRemovedSurvivesARestart) {
  const Cameras configured{camera("a"), camera("b"), camera("c")};
  CameraConfig paused = camera("c");
  paused.paused = true;
  CameraConfig added = camera("d", 2.5);
  added.model = "small";
  added.zones = {{.name = "z", .polygon = {{0, 0}, {1, 0}, {1, 0.333333333}}, .classes = {"x"}}};
  const Cameras now{camera("a", 5), paused, added};
  run(configured, now);
  const SiteState state = open(configured);
  EXPECT_EQ(state.cameras(), now);
  EXPECT_TRUE(state.notes().empty());
  run(configured, state.cameras());  // and the next
  EXPECT_EQ(open(configured).cameras(), now);
  run(configured, configured);  // taken back
  EXPECT_EQ(open(configured).cameras(), configured);
}

TEST_F(SiteStateTest, OnlyTheOwnerMayReadItSincePasswordsAreInIt) {
  run({}, {camera("a")});
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_NE(read(path_).find("geheim"), std::string::npos);
  EXPECT_FALSE(fs::exists(path_ + ".tmp"));
}

TEST_F(SiteStateTest, AnEntryThatWasEditedInTheConfigurationWins) {
  const Cameras configured{camera("changed"), camera("removed"), camera("kept")};
  run(configured, {camera("changed", 5), camera("kept", 7), camera("added", 1)});
  const Cameras edited{camera("changed", 9), camera("removed", 9), camera("kept"),
                       camera("added", 9)};
  const SiteState state = open(edited);
  const Cameras expected{camera("changed", 9), camera("removed", 9), camera("kept", 7),
                         camera("added", 9)};
  EXPECT_EQ(state.cameras(), expected);
  EXPECT_EQ(state.notes(), (std::vector<std::string>{
      "camera 'changed' was changed while running, and its entry in the configuration was edited "
      "since: that is used",
      "camera 'removed' was removed while running, and its entry in the configuration was edited "
      "since: that is used",
      "camera 'added' was added while running, and stands in the configuration since: that is "
      "used"}));
}

TEST_F(SiteStateTest, ACameraThatWasTakenOutOfTheConfigurationStaysAway) {
  run({camera("a"), camera("b")}, {camera("a", 5)});
  const SiteState state = open({});
  EXPECT_TRUE(state.cameras().empty());
  EXPECT_EQ(state.notes(), (std::vector<std::string>{
      "camera 'a' was changed while running, and is gone from the configuration since: it stays "
      "away"}));
}

TEST_F(SiteStateTest, AnAddedCameraThatWasCopiedIntoTheConfigurationIsOne) {
  run({}, {camera("a", 5)});
  const SiteState state = open({camera("a", 5)});
  EXPECT_EQ(state.cameras(), (Cameras{camera("a", 5)}));
  EXPECT_TRUE(state.notes().empty());
}

TEST_F(SiteStateTest, ACorruptFileIsKeptAsideAndTheConfigurationUsed) {
  const Cameras configured{camera("a")};
  run(configured, {camera("a", 5)});
  const std::string whole = read(path_);
  for (const std::string& text : {std::string(), std::string("{"), whole.substr(0, 60),
                                  std::string("[]"), std::string(R"({"version":1})"),
                                  std::string(R"({"version":2,"cameras":[]})"),
                                  std::string(100, '\0'), std::string(5000, '[')}) {
    write(text);
    const SiteState state = open(configured);
    EXPECT_EQ(state.cameras(), configured);
    ASSERT_EQ(state.notes().size(), 1U) << text;
    EXPECT_NE(state.notes()[0].find("kept as " + path_ + ".corrupt"), std::string::npos)
        << state.notes()[0];
    EXPECT_EQ(read(path_ + ".corrupt"), text);
    EXPECT_TRUE(open(configured).notes().empty()) << "said once";
  }
}

TEST_F(SiteStateTest, OneEntryThatCannotBeReadDoesNotCostTheOthers) {
  const Cameras configured{camera("a"), camera("b")};
  CameraConfig other = camera("c");
  other.model = "small";
  run(configured, {camera("a", 5), camera("b", 6), other});
  std::string text = read(path_);
  text.replace(text.find("\"fps_max\":5"), 11, "\"fps_max\":-5");
  write(text);
  models_.clear();  // and [model.small] is gone
  const SiteState state = open(configured);
  EXPECT_EQ(state.cameras(), (Cameras{camera("a"), camera("b", 6)}));
  EXPECT_EQ(state.notes(), (std::vector<std::string>{
      path_ + ": without a part of it: camera 'a': fps_max: expected a number from 0 to 1000, got "
      "-5; camera 'c': model: there is no [model.small]; kept as " + path_ + ".corrupt"}));
  EXPECT_EQ(read(path_ + ".corrupt"), text);
}

TEST_F(SiteStateTest, EntriesThatContradictThemselvesAreNotUsed) {
  const std::string a = R"({"name":"a","url":"x.mp4"})";
  const std::string b = R"({"name":"b","url":"x.mp4"})";
  for (const std::string& record : {std::string("5"), std::string("{}"),
                                    std::string(R"({"change":"added"})"),
                                    R"({"change":"removed","camera":)" + a + "}",
                                    R"({"change":"changed","camera":)" + a + "}",
                                    R"({"change":"changed","was":)" + b + R"(,"camera":)" + a + "}",
                                    R"({"change":"moved","camera":)" + a + "}"}) {
    write(R"({"version":1,"cameras":[)" + record + "]}");
    const SiteState state = open({});
    EXPECT_TRUE(state.cameras().empty()) << record;
    EXPECT_EQ(state.notes().size(), 1U) << record;
  }
}

TEST_F(SiteStateTest, AFileThatCannotBeWrittenIsSaidAndStaysAsItWas) {
  run({}, {camera("a")});
  const std::string before = read(path_);
  fs::create_directory(path_ + ".tmp");  // as where a disk or folder does not let one write
  SiteState state = open({});
  const auto saved = state.save(Cameras{camera("b")});
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(saved.error().message, path_ + ": cannot be written: Is a directory");
  EXPECT_EQ(read(path_), before);
  fs::remove(path_ + ".tmp");
  EXPECT_TRUE(state.save(Cameras{camera("b")}));  // tried again with the next change
  EXPECT_EQ(open({}).cameras(), (Cameras{camera("b")}));
}

TEST_F(SiteStateTest, APathThatIsNoFileIsSaidAndNotFatal) {
  fs::create_directories(path_);
  const SiteState state = open({camera("a")});
  EXPECT_EQ(state.cameras(), (Cameras{camera("a")}));
  EXPECT_EQ(state.notes(), (std::vector<std::string>{
      path_ + ": cannot be read: Is a directory; cameras are as in the configuration"}));
}

TEST_F(SiteStateTest, NothingIsKeptWithoutAPath) {
  SiteState state = SiteState::open("", {camera("a")}, models_);
  EXPECT_TRUE(state.save(Cameras{camera("b")}));
  EXPECT_EQ(state.cameras(), (Cameras{camera("a")}));
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(SiteStateTest, ACameraThatWasRemovedWhileRunningDoesNotKeepItsAlarmsFromStarting) {
  SiteConfig site;
  site.state_file = path_;
  site.cameras = {camera("a"), camera("b")};
  site.alarms = {{.name = "", .when = "count > 1", .cameras = {"b"}}};
  run(site.cameras, {camera("a")});
  SiteConfig started = site;
  const auto state = open_site_state(started, models_);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(started.cameras, (Cameras{camera("a")}));
  site.alarms[0].cameras = {"typo"};
  fs::remove(path_);
  const auto wrong = open_site_state(site, models_);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "alarm 1: cameras: there is no camera 'typo'");
}

}  // namespace
}  // namespace shoal
