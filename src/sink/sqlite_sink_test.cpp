// The database, read by Python's own sqlite3: contents, concurrency, locks, damage, retention.
#include "sink/sqlite_sink.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "core/counted_allocations.h"
#include "sink/camera_sink_for_test.h"
#include "sink/sqlite_database.h"

namespace shoal {
namespace {

using namespace std::chrono_literals;

class SqliteSinkTest : public FolderTest {
 protected:
  std::unique_ptr<CameraSink> open(SqliteOptions options = {}) {
    options.path = at("site.db");
    auto sink = create_sqlite_sink(options);
    EXPECT_TRUE(sink) << sink.error().message;
    return std::move(*sink);
  }

  // What a query gives, as Python prints it.
  std::string ask(const std::string& query) {
    return python("import sqlite3\nprint(sqlite3.connect('file:site.db?mode=ro', uri=True)"
                  ".execute(\"\"\"" + query + "\"\"\").fetchall())\n");
  }

  static Track track(std::uint32_t id) {
    Track made;
    made.id = TrackId{id};
    made.box = {1, 2, 30.5F, 40};
    made.class_id = 1;
    made.entered = 3;
    made.top_confidence = 0.5F;
    made.first_seen = kTestTime + 1s;
    return made;
  }

  // Writes frames whose tracks begin, `per_frame` each.
  static void fill(CameraSink& sink, int from, int to, int per_frame) {
    CameraResult result;
    for (int i = from; i < to; ++i) {
      fill_result(result, test_camera("cam"), static_cast<std::uint64_t>(i), i * 100ms);
      for (int k = 0; k < per_frame; ++k) {
        const Track made = track(static_cast<std::uint32_t>(i * per_frame + k));
        result.track_events.push_back({TrackChange::kNew, made, made});
      }
      (void)sink.write(result);
    }
  }
};

// Holds the database so that nobody else can write; before anybody has opened it, not even read.
class Lock {
 public:
  explicit Lock(const std::string& path) {
    sqlite3_open(path.c_str(), &handle_);
    if (!std::filesystem::exists(path + "-shm")) {
      sqlite3_exec(handle_, "PRAGMA locking_mode = EXCLUSIVE", nullptr, nullptr, nullptr);
    }
    EXPECT_EQ(sqlite3_exec(handle_, "BEGIN EXCLUSIVE; CREATE TABLE held(x)", nullptr, nullptr,
                           nullptr), SQLITE_OK);
  }
  ~Lock() {
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
    sqlite3_close(handle_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  sqlite3* handle_ = nullptr;
};

TEST_F(SqliteSinkTest, EverythingThatHappensIsARow) {
  auto sink = open();
  CameraResult result;
  fill_result(result, test_camera("cam"), 5, 1500ms);
  Track first = track(7);
  result.track_events = {{TrackChange::kNew, first, first}};
  result.zone_events = {{ZoneChange::kEnter, 0, TrackId{7}, 1, 0ms},
                        {ZoneChange::kLeave, 1, TrackId{7}, 9, 2500ms}};
  result.crossings = {{0, CrossingDirection::kBackward, TrackId{7}, 1}};
  ASSERT_TRUE(sink->write(result));
  fill_result(result, test_camera("cam"), 6, 2500ms);
  Track last = first;
  last.top_confidence = 0.75F;
  result.track_events = {{TrackChange::kEnd, first, last}};
  ASSERT_TRUE(sink->write(result));
  fill_result(result, test_camera("cam"), 7, 60s);
  ASSERT_TRUE(sink->write(result));
  Alarm alarm = test_alarm("cam", 3, 2500ms);
  alarm.message = "it's \"short\" \xE2\x9C\x93";
  ASSERT_TRUE(sink->write(alarm));
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(sink->written(), "8 rows");
  EXPECT_EQ(ask("SELECT track, cameras.name, class, first_seen - 1795248000000, last_seen - "
                "1795248000000, ended, top_confidence, x1, y2, zones, run FROM tracks "
                "JOIN cameras ON cameras.id = camera"),
            "[(7, 'cam', 'short', 1000, 2500, 1, 0.75, 1.0, 40.0, "
            "'[\"belt\",\"exit \\\\\"B\\\\\"\"]', 1)]\n");
  EXPECT_EQ(ask("SELECT time - 1795248000000, change, zone, track, class, inside_ms "
                "FROM zone_events ORDER BY id"),
            "[(1500, 'enter', 'belt', 7, 'short', 0), "
            "(1500, 'leave', 'exit \"B\"', 7, 'class_9', 2500)]\n");
  EXPECT_EQ(ask("SELECT line, direction, track, class FROM crossings"),
            "[('gate', 'backward', 7, 'short')]\n");
  EXPECT_EQ(ask("SELECT id, message, zone, clip, frame, json_extract(objects, '$[0].box[2]'), "
                "json_extract(objects, '$[0].name') FROM alarms"),
            "[('1795248002500-cam-3', 'it\\'s \"short\" \xE2\x9C\x93', 'belt', None, 412, 30.5, "
            "'short')]\n");
  EXPECT_EQ(ask("SELECT time - 1795248000000, frames, inferred, failed, detections, tracks_max, "
                "zones_max FROM minutes ORDER BY time"),
            "[(0, 2, 2, 0, 2, 1, '{\"belt\":1,\"exit \\\\\"B\\\\\"\":0}'), "
            "(60000, 1, 1, 0, 1, 1, '{\"belt\":1,\"exit \\\\\"B\\\\\"\":0}')]\n");
  EXPECT_EQ(ask("PRAGMA integrity_check"), "[('ok',)]\n");
  EXPECT_EQ(ask("PRAGMA user_version"), "[(1,)]\n");
  EXPECT_EQ(ask("PRAGMA journal_mode"), "[('wal',)]\n");
  EXPECT_EQ(ask("PRAGMA auto_vacuum"), "[(2,)]\n");
}

TEST_F(SqliteSinkTest, AnAlarmIsThereWhenItsWriteReturnsAndOnceHoweverOftenItComes) {
  auto sink = open();
  ASSERT_TRUE(sink->write(test_alarm("cam", 1)));
  EXPECT_EQ(ask("SELECT count(*) FROM alarms"), "[(1,)]\n");
  ASSERT_TRUE(sink->write(test_alarm("cam", 1)));
  ASSERT_TRUE(sink->write(test_alarm("cam", 2)));
  EXPECT_EQ(ask("SELECT count(*) FROM alarms"), "[(2,)]\n");
  ASSERT_TRUE(sink->finish());
}

TEST_F(SqliteSinkTest, TheNextRunGoesOnInTheSameFile) {
  for (int run = 1; run <= 2; ++run) {
    auto sink = open();
    fill(*sink, 0, 3, 1);
    ASSERT_TRUE(sink->finish());
  }
  // Track numbers begin anew with each run; minutes add up.
  EXPECT_EQ(ask("SELECT run, count(*) FROM tracks GROUP BY run"), "[(1, 3), (2, 3)]\n");
  EXPECT_EQ(ask("SELECT frames, (SELECT count(*) FROM cameras) FROM minutes"), "[(6, 1)]\n");
}

TEST_F(SqliteSinkTest, AReaderSeesWholeTransactionsWhileItIsWritten) {
  auto sink = open();
  std::ofstream(at("read.py")) << R"(
import sqlite3, sys, time
base = sqlite3.connect('file:site.db?mode=ro', uri=True)
counts, deadline = [], time.monotonic() + 60
while time.monotonic() < deadline:
    one = base.execute('SELECT count(*), (SELECT count(*) FROM tracks) FROM tracks').fetchone()
    assert one[0] == one[1]
    if not counts or counts[-1] != one[0]: counts.append(one[0])
    if one[0] >= 20000: break
assert counts == sorted(counts) and counts[-1] == 20000, counts
print(len(counts))
)";
  const char* interpreter = std::getenv("PYTHON");
  const std::string command = "cd '" + folder_.string() + "' && '" +
                              (interpreter != nullptr ? interpreter : "python3") + "' read.py";
  std::FILE* reader = ::popen(command.c_str(), "r");
  fill(*sink, 0, 2000, 10);
  ASSERT_TRUE(sink->finish());
  char printed[32] = {};
  EXPECT_NE(std::fgets(printed, sizeof printed, reader), nullptr);
  EXPECT_EQ(::pclose(reader), 0);
}

TEST_F(SqliteSinkTest, ALockedFileBlocksNobodyAndItsRowsComeLater) {
  auto sink = open({.busy_timeout = 50ms, .rows_waiting_max = 1000});
  fill(*sink, 0, 1, 1);
  {
    const Lock lock(at("site.db"));
    const auto begun = Clock::now();
    for (int i = 1; i < 100; ++i) {
      fill(*sink, i, i + 1, 8);
      EXPECT_FALSE(sink->write(test_alarm("cam", 1)));
    }
    // Tried once a second, 50 ms each: most of the hundred did not wait at all.
    EXPECT_LT(Clock::now() - begun, 5s);
    EXPECT_EQ(sink->write(test_alarm("cam", 1)).error().code, ErrorCode::kUnavailable);
    EXPECT_NE(sink->trouble().find("locked by another process"), std::string::npos)
        << "said before anything is lost; got: " << sink->trouble();
  }
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(sink->trouble(), "");
  EXPECT_EQ(ask("SELECT count(*), (SELECT count(*) FROM alarms) FROM tracks"), "[(793, 0)]\n");
}

TEST_F(SqliteSinkTest, WhatDoesNotFitWhileItIsLockedIsSaid) {
  auto sink = open({.busy_timeout = 10ms, .rows_waiting_max = 100});
  const Lock lock(at("site.db"));
  CameraResult result;
  int lost = 0;
  for (int i = 0; i < 150; ++i) {
    fill_result(result, test_camera("cam"), static_cast<std::uint64_t>(i), i * 100ms);
    const Track made = track(static_cast<std::uint32_t>(i));
    result.track_events = {{TrackChange::kNew, made, made}};
    const auto written = sink->write(result);
    if (written) continue;
    ++lost;
    EXPECT_EQ(written.error().code, ErrorCode::kUnavailable);
    EXPECT_NE(written.error().message.find("locked by another process"), std::string::npos)
        << written.error().message;
  }
  EXPECT_EQ(lost, 50);
  EXPECT_EQ(sink->written(), "0 rows, 50 lost");
}

TEST_F(SqliteSinkTest, AFileThatIsLockedAtTheStartIsOpenedLater) {
  ASSERT_TRUE(open()->finish());
  std::unique_ptr<CameraSink> sink;
  {
    const Lock lock(at("site.db"));
    sink = open({.busy_timeout = 10ms});
    fill(*sink, 0, 3, 1);
  }
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(ask("SELECT count(*) FROM tracks"), "[(3,)]\n");
}

TEST_F(SqliteSinkTest, ADamagedFileIsMovedAside) {
  std::ofstream(at("site.db")) << std::string(10'000, '\xA5');
  auto sink = open();
  fill(*sink, 0, 3, 1);
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(ask("SELECT count(*) FROM tracks"), "[(3,)]\n");
  const std::string names = files();
  EXPECT_NE(names.find("site.db.corrupt-20"), std::string::npos) << names;
}

TEST_F(SqliteSinkTest, DamageThatIsFoundLaterIsMovedAsideAndNoRowIsLost) {
  {
    auto sink = open();
    fill(*sink, 0, 2000, 10);
    ASSERT_TRUE(sink->finish());
  }
  {
    std::fstream file(at("site.db"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 3);
    file << std::string(2'000'000, '\xA5');
  }
  auto sink = open();
  fill(*sink, 0, 100, 10);
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(ask("SELECT count(*) FROM tracks"), "[(1000,)]\n");
  EXPECT_NE(files().find("site.db.corrupt-20"), std::string::npos);
}

TEST_F(SqliteSinkTest, AnotherProgramsDatabaseAndANewerOneAreRefusedUntouched) {
  (void)python("import sqlite3\nbase = sqlite3.connect('site.db')\n"
               "base.execute('CREATE TABLE t(x)')\nbase.commit()\n");
  const std::string before = read_text(at("site.db"));
  auto sink = create_sqlite_sink({.path = at("site.db")});
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(sink.error().message.find("is another program's database"), std::string::npos);
  EXPECT_EQ(read_text(at("site.db")), before);
  std::filesystem::remove(at("site.db"));
  ASSERT_TRUE(open()->finish());
  (void)python("import sqlite3\nsqlite3.connect('site.db').execute('PRAGMA user_version = 99')\n");
  sink = create_sqlite_sink({.path = at("site.db")});
  ASSERT_FALSE(sink);
  EXPECT_NE(sink.error().message.find("has version 99; expected at most 1"), std::string::npos);
}

TEST_F(SqliteSinkTest, PathsThatCannotBeFilesAreNamed) {
  EXPECT_EQ(create_sqlite_sink({}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(create_sqlite_sink({.path = at("")}).error().code, ErrorCode::kInvalidArgument);
  std::ofstream(at("taken")) << "x";
  EXPECT_EQ(create_sqlite_sink({.path = at("taken/x.db")}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST_F(SqliteSinkTest, RowsBeyondTheAgeGo) {
  auto sink = open({.keep = std::chrono::hours(24)});
  const WallTime now = std::chrono::system_clock::now();
  for (int i = 0; i < 10; ++i) {
    Alarm alarm = test_alarm("cam", i);
    alarm.id = fmt::format("{}-cam-{}", 1'795'248'000'000, i);
    alarm.at = now - std::chrono::hours(20 + i) - 30min;
    ASSERT_TRUE(sink->write(alarm));
  }
  sink->tick(Clock::now());
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(ask("SELECT count(*) FROM alarms"), "[(4,)]\n");
}

TEST_F(SqliteSinkTest, TheFileStaysWithinItsBytesAndTheOldestRowsGo) {
  constexpr std::int64_t kMost = 600'000;
  auto sink = open({.bytes_max = kMost});
  TimePoint now = Clock::now();
  for (int part = 0; part < 10; ++part) {
    fill(*sink, part * 200, part * 200 + 200, 10);
    for (int i = 0; i < 40; ++i, now += 31s) sink->tick(now);
  }
  ASSERT_TRUE(sink->finish());
  EXPECT_LE(std::filesystem::file_size(at("site.db")), static_cast<std::uint64_t>(kMost) + 65'536);
  EXPECT_EQ(ask("SELECT max(track), min(track) > 10000, count(*) > 1000 FROM tracks"),
            "[(19999, 1, 1)]\n");
  EXPECT_EQ(ask("PRAGMA integrity_check"), "[('ok',)]\n");
}

TEST_F(SqliteSinkTest, AllocatesNothingPerResultOnceItHasGrown) {
  auto sink = open();
  CameraResult result;
  const auto camera = test_camera("cam");
  const auto write = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      fill_result(result, camera, static_cast<std::uint64_t>(i), i * 1ms);
      const Track made = track(static_cast<std::uint32_t>(i));
      result.track_events = {{TrackChange::kNew, made, made}};
      (void)sink->write(result);
    }
  };
  write(0, 1100);
  const std::size_t before = counted_allocations();
  write(1100, 1400);
  // SQLite's own memory is malloc's; a flush may fall into this.
  EXPECT_LE(counted_allocations() - before, 4U);
  ASSERT_TRUE(sink->finish());
}

}  // namespace
}  // namespace shoal
