// Goal: what append() accepted arrives at least once and in order, whatever happens to the process
// or the files. Method: every state that a kill or a damaged disk can leave is made by cutting and
// changing the files at each byte; a child process is killed for real; disks are made full.
#include "sink/alarm_spool.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>
#include <vector>

#include "sink/alarm_for_test.h"
#include "sink/spool_file.h"

namespace shoal {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

void put_file(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class AlarmSpoolTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("spool_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<AlarmSpool> open(AlarmSpoolOptions options = {}) const {
    auto spool = AlarmSpool::open(folder_.string(), options);
    EXPECT_TRUE(spool) << (spool ? "" : spool.error().message);
    return spool ? std::move(*spool) : nullptr;
  }

  // Files that hold alarms, in order.
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path().extension() == ".alarm") found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  // Takes all that waits for a destination; the ids' last numbers.
  static std::vector<int> drain(AlarmSpool& spool, const std::string& destination) {
    std::vector<int> numbers;
    while (const auto alarm = spool.next(destination)) {
      numbers.push_back(std::stoi(alarm->id.substr(alarm->id.rfind('-') + 1)));
      spool.done(destination, alarm->id);
      if (numbers.size() > 1000) break;
    }
    return numbers;
  }

  fs::path folder_;
};

TEST_F(AlarmSpoolTest, GivesBackEveryFieldInOrderToEachDestination) {
  const auto spool = open();
  for (std::uint64_t i = 1; i <= 12; ++i) {
    ASSERT_TRUE(spool->append(alarm_for_test(i), Names{"mqtt", "webhook"}));
  }
  ASSERT_NE(spool->next("mqtt"), nullptr);
  EXPECT_TRUE(same_alarm(*spool->next("mqtt"), alarm_for_test(1)));
  EXPECT_EQ(spool->next("nats"), nullptr);
  EXPECT_EQ(drain(*spool, "mqtt"), (std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  EXPECT_EQ(spool->waiting("mqtt"), 0U);
  EXPECT_EQ(spool->waiting("webhook"), 12U);
  EXPECT_EQ(drain(*spool, "webhook").size(), 12U);
  EXPECT_EQ(spool->counts().waiting, 0U);
  EXPECT_EQ(spool->counts().bytes, 0);
  EXPECT_TRUE(files().empty());
}

TEST_F(AlarmSpoolTest, TakesUpWhereItWasAfterARestart) {
  {
    const auto spool = open();
    for (std::uint64_t i = 1; i <= 3; ++i) {
      ASSERT_TRUE(spool->append(alarm_for_test(i), Names{"mqtt", "webhook"}));
    }
    spool->done("mqtt", alarm_for_test(1).id);
  }
  const auto spool = open();
  ASSERT_TRUE(spool->append(alarm_for_test(4), Names{"mqtt", "webhook"}));
  EXPECT_EQ(drain(*spool, "mqtt"), (std::vector<int>{2, 3, 4}));
  EXPECT_EQ(drain(*spool, "webhook"), (std::vector<int>{1, 2, 3, 4}));
}

TEST_F(AlarmSpoolTest, TakesAnIdOnceAndNothingWithoutADestination) {
  const auto spool = open();
  ASSERT_TRUE(spool->append(alarm_for_test(1), Names{"a", "a"}));
  ASSERT_TRUE(spool->append(alarm_for_test(1), Names{"a"}));
  ASSERT_TRUE(spool->append(alarm_for_test(2), Names{}));
  EXPECT_EQ(drain(*spool, "a"), (std::vector<int>{1}));
  spool->done("a", "no such id");
  EXPECT_EQ(spool->counts().waiting, 0U);
}

// The files were written by another program, after the description in spool_file.h.
TEST_F(AlarmSpoolTest, ReadsTheDescribedFormat) {
  const char* root = std::getenv("SHOAL_SOURCE_DIR");
  const fs::path corpus = fs::path(root != nullptr ? root : ".") / "src/sink/spool_file_corpus";
  const auto file = decode_spool_file(read_file(corpus / "marked.bin"));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->destinations, (Names{"mqtt", "webhook"}));
  EXPECT_EQ(file->arrived, 0b11U);
  EXPECT_EQ(file->alarm.id, "1795248000000-line-1-3");
  EXPECT_EQ(file->alarm.at, WallTime(std::chrono::nanoseconds(1'795'248'000'000'000'000)));
  ASSERT_EQ(file->alarm.objects.size(), 2U);
  EXPECT_EQ(file->alarm.objects[1].box, (Box<SourceSpace>{1.0F, 2.0F, 30.0F, 40.0F}));
  EXPECT_EQ(file->alarm.thumbnail.size(), 4U);
  const auto torn = decode_spool_file(read_file(corpus / "torn_mark.bin"));
  ASSERT_TRUE(torn);
  EXPECT_EQ(torn->arrived, 0b01U);
}

TEST_F(AlarmSpoolTest, OneFolderHasOneProcess) {
  const auto spool = open();
  const auto second = AlarmSpool::open(folder_.string(), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
}

TEST_F(AlarmSpoolTest, RefusesWhatCannotBeASpool) {
  EXPECT_EQ(AlarmSpool::open("", {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(AlarmSpool::open(folder_.string(), {.bytes_max = 1000}).error().code,
            ErrorCode::kInvalidArgument);
  put_file(folder_, "a file");
  EXPECT_EQ(AlarmSpool::open((folder_ / "x").string(), {}).error().code,
            ErrorCode::kInvalidArgument);
}

// A kill tears the file that is being made (it has another name then) or the last mark.
TEST_F(AlarmSpoolTest, AKillAtAnyByteOfAWriteLosesNothingThatWasAccepted) {
  ASSERT_TRUE(open()->append(alarm_for_test(1), Names{"a", "b", "c"}));
  const fs::path file = files().at(0);
  const std::string whole = read_file(file);
  const std::string mark = encode_spool_mark(1);
  for (std::size_t kept = 0; kept <= mark.size(); ++kept) {
    put_file(file, whole + encode_spool_mark(0) + mark.substr(0, kept));
    put_file(folder_ / "0000000000000002_x.alarm.unfinished", whole.substr(0, kept * 5));
    {
      const auto spool = open();
      EXPECT_EQ(spool->waiting("a"), 0U) << kept;
      EXPECT_EQ(spool->waiting("b"), kept == mark.size() ? 0U : 1U) << kept;
      ASSERT_EQ(spool->waiting("c"), 1U) << kept;
      EXPECT_TRUE(same_alarm(*spool->next("c"), alarm_for_test(1)));
      EXPECT_EQ(spool->counts().damaged, 0U);
      spool->done("b", alarm_for_test(1).id);  // is written where the torn mark was
    }
    EXPECT_EQ(open()->waiting("b"), 0U) << kept;
    ASSERT_EQ(files().size(), 1U);
  }
}

TEST_F(AlarmSpoolTest, ADamagedFileCostsNoOtherAlarm) {
  {
    const auto spool = open();
    for (std::uint64_t i = 1; i <= 3; ++i) {
      ASSERT_TRUE(spool->append(alarm_for_test(i, 8), Names{"a", "b"}));
    }
    spool->done("a", alarm_for_test(2).id);
  }
  const fs::path file = files().at(1);
  const std::string whole = read_file(file);
  const std::size_t mark_at = whole.size() - encode_spool_mark(0).size();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x41);
    for (const std::string& bytes : {changed, whole.substr(0, at)}) {
      put_file(file, bytes);
      const auto spool = open();
      // A broken mark is one repetition; a broken alarm is set aside.
      const bool alarm_is_whole = at >= mark_at;
      EXPECT_EQ(spool->waiting("a"), alarm_is_whole ? 3U : 2U) << at;
      EXPECT_EQ(spool->waiting("b"), alarm_is_whole ? 3U : 2U) << at;
      EXPECT_EQ(spool->counts().damaged, alarm_is_whole ? 0U : 1U) << at;
      EXPECT_TRUE(same_alarm(*spool->next("b"), alarm_for_test(1, 8)));
      fs::remove(file.string() + ".damaged");
    }
  }
}

TEST_F(AlarmSpoolTest, AFileThatIsDamagedWhileItWaitsIsSetAsideAndTheRestArrives) {
  const auto spool = open();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(spool->append(alarm_for_test(i), Names{"a"}));
  }
  put_file(files().at(0), "x");
  fs::remove(files().at(1));
  EXPECT_EQ(drain(*spool, "a"), (std::vector<int>{3}));
  EXPECT_EQ(spool->counts().damaged, 2U);
}

TEST_F(AlarmSpoolTest, WhenFullTheOldestGoesAndTheLogNamesIt) {
  const auto spool = open({.bytes_max = 64 << 10});  // 16 blocks
  testing::internal::CaptureStderr();
  for (std::uint64_t i = 1; i <= 20; ++i) {
    ASSERT_TRUE(spool->append(alarm_for_test(i), Names{"a", "b"}));
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(spool->counts().dropped, 4U);
  EXPECT_LE(spool->counts().bytes, 64 << 10);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    const std::string line = "alarm " + alarm_for_test(i).id + " is dropped";
    EXPECT_EQ(log.find(line) != std::string::npos, i <= 4) << log;
  }
  EXPECT_EQ(drain(*spool, "a").front(), 5);
}

TEST_F(AlarmSpoolTest, APictureThatDoesNotFitIsLeftOutAndAnAlarmThatDoesNotIsRefused) {
  const auto spool = open({.bytes_max = 64 << 10});
  ASSERT_TRUE(spool->append(alarm_for_test(1, 100 << 10), Names{"a"}));
  EXPECT_TRUE(spool->next("a")->thumbnail.empty());
  Alarm huge = alarm_for_test(2);
  huge.message.assign(100 << 10, 'x');
  testing::internal::CaptureStderr();
  EXPECT_EQ(spool->append(huge, Names{"a"}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(testing::internal::GetCapturedStderr().find(huge.id), std::string::npos);
  EXPECT_EQ(spool->counts().dropped, 1U);
}

TEST_F(AlarmSpoolTest, LetsGoOfDestinationsThatAreNotConfiguredAnyMore) {
  const auto spool = open();
  ASSERT_TRUE(spool->append(alarm_for_test(1), Names{"old"}));
  ASSERT_TRUE(spool->append(alarm_for_test(2), Names{"old", "a"}));
  ASSERT_TRUE(spool->append(alarm_for_test(3), Names{"a"}));
  EXPECT_EQ(spool->keep_only(Names{"a", "unused"}), 2U);
  EXPECT_EQ(spool->waiting("old"), 0U);
  EXPECT_EQ(drain(*spool, "a"), (std::vector<int>{2, 3}));
  EXPECT_TRUE(files().empty());
}

// Larger than what a limited file may hold, which the captured log must stay below.
constexpr std::size_t kPicture = 40'000;

// The disk takes nothing for a while.
void refuses_keeps_and_recovers(AlarmSpool& spool, const std::function<void()>& fill,
                                const std::function<void()>& make_free) {
  ASSERT_TRUE(spool.append(alarm_for_test(1, kPicture), Names{"a"}));
  fill();
  testing::internal::CaptureStderr();
  for (std::uint64_t i = 2; i <= 6; ++i) {
    const auto refused = spool.append(alarm_for_test(i, kPicture), Names{"a", "b"});
    ASSERT_FALSE(refused) << i;
    EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  }
  const std::string log = testing::internal::GetCapturedStderr();
  const auto said = log.find("alarms are kept in memory");
  ASSERT_NE(said, std::string::npos) << log;
  EXPECT_EQ(log.find("alarms are kept in memory", said + 1), std::string::npos) << log;
  // Four fit: number 2 is the oldest in memory, and is named.
  EXPECT_NE(log.find("alarm " + alarm_for_test(2).id + " is dropped"), std::string::npos) << log;
  EXPECT_EQ(spool.counts().in_memory, 4U);
  EXPECT_EQ(spool.counts().dropped, 1U);
  ASSERT_NE(spool.next("b"), nullptr);
  EXPECT_TRUE(same_alarm(*spool.next("b"), alarm_for_test(3, kPicture)));  // delivered from memory
  spool.done("b", alarm_for_test(3).id);
  make_free();
  ASSERT_TRUE(spool.append(alarm_for_test(7, kPicture), Names{"a", "b"}));
  EXPECT_EQ(spool.counts().in_memory, 0U);
}

TEST_F(AlarmSpoolTest, AFileThatMayNotGrowIsKeptInMemoryUntilItMay) {
  struct rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  {
    const auto spool = open({.bytes_max = 1 << 20, .memory_max = 4});
    refuses_keeps_and_recovers(
        *spool,
        [&] {
          const struct rlimit small = {20'000, before.rlim_max};
          ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
        },
        [&] { ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0); });
  }
  std::signal(SIGXFSZ, ignored);
  const auto spool = open();
  EXPECT_EQ(drain(*spool, "a"), (std::vector<int>{1, 3, 4, 5, 6, 7}));
  EXPECT_EQ(drain(*spool, "b"), (std::vector<int>{4, 5, 6, 7}));
}

TEST_F(AlarmSpoolTest, AFullDiskIsWaitedOut) {
  fs::create_directories(folder_);
  if (::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=512k") != 0) {
    GTEST_SKIP() << "a small tmpfs cannot be mounted here: " << std::strerror(errno);
  }
  {
    const auto spool = open({.bytes_max = 1 << 20, .memory_max = 4});
    const fs::path ballast = folder_ / "ballast";
    refuses_keeps_and_recovers(
        *spool,
        [&] {
          std::ofstream file(ballast, std::ios::binary);
          while (file.write("ballast", 7).flush()) {
          }
        },
        [&] { fs::remove(ballast); });
  }
  {
    const auto spool = open();
    EXPECT_EQ(drain(*spool, "a"), (std::vector<int>{1, 3, 4, 5, 6, 7}));
    EXPECT_EQ(drain(*spool, "b"), (std::vector<int>{4, 5, 6, 7}));
  }
  EXPECT_EQ(::umount2(folder_.c_str(), MNT_DETACH), 0);
}

// Appends and says so on the pipe, and marks every third as done by "b", until it is killed.
[[noreturn]] void append_until_killed(const std::string& folder, int said) {
  auto spool = AlarmSpool::open(folder, {});
  if (!spool) ::_exit(3);
  for (std::uint64_t i = 1;; ++i) {
    if (!(*spool)->append(alarm_for_test(i, 5000), Names{"a", "b"})) ::_exit(4);
    if (i % 3 == 0) (*spool)->done("b", alarm_for_test(i).id);
    if (::write(said, "x", 1) != 1) ::_exit(5);
  }
}

TEST_F(AlarmSpoolTest, AProcessThatIsKilledLosesNothingItHadAccepted) {
  for (int round = 0; round < 8; ++round) {
    fs::remove_all(folder_);
    int ends[2] = {};
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) append_until_killed(folder_.string(), ends[1]);
    ::close(ends[1]);
    std::size_t accepted = 0;
    char byte = 0;
    const auto wanted = static_cast<std::size_t>(5 + round * 3);
    while (accepted < wanted && ::read(ends[0], &byte, 1) == 1) ++accepted;
    ::kill(child, SIGKILL);
    while (::read(ends[0], &byte, 1) == 1) ++accepted;
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;

    const auto spool = open();
    const auto arrived = drain(*spool, "a");
    ASSERT_GE(arrived.size(), accepted);
    ASSERT_LE(arrived.size(), accepted + 1);  // one may have been between the disk and the word
    for (std::size_t i = 0; i < arrived.size(); ++i) {
      EXPECT_EQ(arrived[i], static_cast<int>(i) + 1);
    }
    const auto rest = drain(*spool, "b");
    for (const int number : rest) {
      EXPECT_TRUE(number % 3 != 0 || number > static_cast<int>(accepted)) << number;
    }
    EXPECT_EQ(spool->counts().damaged, 0U);
  }
}

TEST_F(AlarmSpoolTest, ManyThreadsMayUseItAtOnce) {
  const auto spool = open();
  constexpr std::uint64_t kEach = 20;
  std::vector<std::thread> threads;
  for (std::uint64_t writer = 0; writer < 3; ++writer) {
    threads.emplace_back([&, writer] {
      for (std::uint64_t i = 0; i < kEach; ++i) {
        EXPECT_TRUE(spool->append(alarm_for_test(1000 * (writer + 1) + i), Names{"a", "b"}));
      }
    });
  }
  std::map<std::string, std::vector<int>> got;
  for (const std::string name : {"a", "b"}) {
    got[name];
    threads.emplace_back([&, name] {
      while (got[name].size() < 3 * kEach) {
        for (const int number : drain(*spool, name)) got[name].push_back(number);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (auto& [name, numbers] : got) {
    for (int writer = 1; writer <= 3; ++writer) {  // in the order of each writer
      std::vector<int> of_writer;
      std::copy_if(numbers.begin(), numbers.end(), std::back_inserter(of_writer),
                   [&](int number) { return number / 1000 == writer; });
      EXPECT_EQ(of_writer.size(), kEach);
      EXPECT_TRUE(std::is_sorted(of_writer.begin(), of_writer.end()));
    }
  }
  EXPECT_TRUE(files().empty());
}

}  // namespace
}  // namespace shoal
