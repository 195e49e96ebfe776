// The folder of alarms: history, clips of cameras without packets, bounds, full disks. Clips of
// real packets are judged by ffprobe in tests/e2e/test_storage_clips.py.
#include "sink/clip_store.h"

#include <sys/resource.h>

#include <csignal>
#include <sstream>

#include "core/alarm_json.h"
#include "sink/camera_sink_for_test.h"
#include "sink/clip_recorder.h"

namespace shoal {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart{1h};

class ClipStoreTest : public FolderTest {
 protected:
  std::unique_ptr<ClipStore> open(ClipStoreOptions options = {}) {
    if (options.limits.free_min == DiskLimits{}.free_min) options.limits.free_min = 0;
    auto store = ClipStore::open(at("clips"), options);
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }

  static std::shared_ptr<const Alarm> alarm(int number, std::chrono::milliseconds at = 0ms,
                                            std::string clip = "") {
    auto made = std::make_shared<Alarm>(test_alarm("cam", number, at));
    made->clip = std::move(clip);
    return made;
  }

  // Frames of 10 a second from `from` to `to`, each in its own shade.
  void play(ClipRecorder& recorder, int from, int to, Size size = {1280, 720}) {
    Packet packet;
    packet.kind = PacketKind::kPixels;
    Outcome outcome;
    outcome.size = size;
    for (int i = from; i < to; ++i) {
      const TimePoint captured = kStart + i * 100ms;
      recorder.packet(packet, captured);
      paint(outcome, static_cast<std::uint8_t>(i * 4), 128, 128);
      ASSERT_TRUE(recorder.wants_frame(captured));
      recorder.frame(outcome.pixels.view(), captured, i * 100ms);
    }
  }

  // The shades of the first and the last frame, within one, and count and size.
  void expect_clip(const std::string& id, int first, int last, const std::string& rest) {
    std::stringstream printed(clip(id));
    int seen_first = 0;
    int seen_last = 0;
    std::string seen_rest;
    printed >> seen_first >> seen_last;
    std::getline(printed >> std::ws, seen_rest);
    EXPECT_NEAR(seen_first, first, 1);
    EXPECT_NEAR(seen_last, last, 1);
    EXPECT_EQ(seen_rest, rest);
  }

  std::string clip(const std::string& id) {
    return python("import cv2\nvideo, shades = cv2.VideoCapture('clips/" + id + R"(.mp4'), []
while True:
    ok, frame = video.read()
    if not ok: break
    shades.append(round(frame[..., 2].mean() / 4))
print(shades[0], shades[-1], len(shades), *(int(video.get(i)) for i in (3, 4)))
)");
  }
};

TEST_F(ClipStoreTest, AnAlarmIsInTheHistoryAtOnceAndInTheNextRun) {
  auto store = open();
  auto first = std::make_shared<Alarm>(*alarm(1));
  first->thumbnail = {1, 2, 3};
  store->add(first);
  store->add(alarm(2, 5ms));
  ASSERT_EQ(store->alarms(10, "").size(), 2U);
  EXPECT_EQ(store->alarms(10, "")[0]->id, alarm(2, 5ms)->id);
  store->finish();
  EXPECT_EQ(store->counts().alarms, 2U);
  EXPECT_EQ(files("clips"), "1795248000000-cam-1.jpg 1795248000000-cam-1.json "
                            "1795248000005-cam-2.json");
  store.reset();
  store = open();
  const auto again = store->alarms(10, "");
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(alarm_json(*again[1], true, false), alarm_json(*first, true, false));
  EXPECT_EQ(again[1]->thumbnail, first->thumbnail);
  EXPECT_EQ(store->alarms(1, "").at(0)->id, "1795248000005-cam-2");
  EXPECT_EQ(store->alarms(9, "1795248000005-cam-2").at(0)->id, "1795248000000-cam-1");
  EXPECT_TRUE(store->alarms(9, "1795248000000-cam-1").empty());
  EXPECT_TRUE(store->alarms(0, "").empty());
  EXPECT_EQ((*store->alarm("1795248000000-cam-1"))->message, first->message);
  EXPECT_EQ(store->alarm("1795248000000-cam-9").error().code, ErrorCode::kNotFound);
}

TEST_F(ClipStoreTest, HistoryBeyondMemoryComesFromTheDisk) {
  auto store = open();
  for (int i = 0; i < 600; ++i) store->add(alarm(i, i * 1ms));
  store->finish();
  const auto all = store->alarms(1000, "");
  ASSERT_EQ(all.size(), 600U);
  for (std::size_t i = 0; i < 600; ++i) EXPECT_EQ(all[i]->at, kTestTime + (599 - i) * 1ms);
}

TEST_F(ClipStoreTest, FilesThatAreNoAlarmsAreLeftAloneAndHalfOnesGo) {
  std::filesystem::create_directories(at("clips"));
  for (const char* name : {"notes.txt", "1795248000000-cam-1.txt", "x.json", "x.json.part",
                           "1795248000001-cam-1.mp4.part", "1795248000002-cam-1.json"}) {
    std::ofstream(at("clips/") + name) << "{}";
  }
  auto store = open();
  EXPECT_TRUE(store->alarms(10, "").empty());  // the JSON is no alarm
  store->finish();
  EXPECT_EQ(files("clips"), "1795248000000-cam-1.txt 1795248000002-cam-1.json notes.txt x.json "
                            "x.json.part");
  EXPECT_EQ(store->clip_file("../../etc/passwd").error().code, ErrorCode::kNotFound);
}

TEST_F(ClipStoreTest, FramesBecomeAClipFromBeforeTheAlarm) {
  auto store = open();
  std::vector<std::string> ready;
  store->set_listener([&](const std::string& id) { ready.push_back(id); });
  ClipRecorder recorder(*store, {.before = 3s});
  play(recorder, 0, 50);
  const auto made = alarm(1);
  // At 4.5 s, when 4.9 s have come.
  EXPECT_EQ(recorder.start(made->id, kStart + 4500ms, 2s, 1s), made->id + ".mp4");
  store->add(alarm(1, 0ms, made->id + ".mp4"));
  EXPECT_EQ(store->clip_file(made->id).error().code, ErrorCode::kUnavailable);
  play(recorder, 50, 63);
  store->finish();
  EXPECT_EQ(ready, std::vector<std::string>{made->id});
  ASSERT_TRUE(store->clip_file(made->id));
  EXPECT_EQ(*store->clip_file(made->id), at("clips/") + made->id + ".mp4");
  EXPECT_EQ(store->alarms(1, "").at(0)->clip, made->id + ".mp4");
  expect_clip(made->id, 25, 55, "31 640 360");
}

TEST_F(ClipStoreTest, OverlappingAlarmsHaveAClipEach) {
  auto store = open();
  {
    ClipRecorder recorder(*store, {.before = 3s});
    play(recorder, 0, 40, {320, 240});
    EXPECT_NE(recorder.start(alarm(1)->id, kStart + 3s, 1s, 2s), "");
    play(recorder, 40, 45, {320, 240});
    EXPECT_NE(recorder.start(alarm(2)->id, kStart + 4s, 1s, 2s), "");
    play(recorder, 45, 70, {320, 240});
  }
  store->finish();
  expect_clip(alarm(1)->id, 20, 50, "31 320 240");
  expect_clip(alarm(2)->id, 30, 60, "31 320 240");
  EXPECT_EQ(store->counts().clips, 2U);
}

TEST_F(ClipStoreTest, ClipsEndWithTheConnectionWithTheCameraAndWithTheSize) {
  auto store = open();
  {
    ClipRecorder recorder(*store, {.before = 3s});
    play(recorder, 0, 10, {320, 240});
    EXPECT_NE(recorder.start(alarm(1)->id, kStart + 500ms, 1s, 9s), "");
    recorder.interrupted();
    play(recorder, 10, 20, {320, 240});
    EXPECT_NE(recorder.start(alarm(2)->id, kStart + 1500ms, 9s, 9s), "");
    play(recorder, 20, 30, {64, 48});
    EXPECT_NE(recorder.start(alarm(3)->id, kStart + 2500ms, 9s, 9s), "");
  }
  store->finish();
  expect_clip(alarm(1)->id, 0, 9, "10 320 240");
  expect_clip(alarm(2)->id, 10, 19, "10 320 240");
  expect_clip(alarm(3)->id, 20, 29, "10 64 48");
}

TEST_F(ClipStoreTest, WithoutAFrameThereIsNoClip) {
  auto store = open();
  ClipRecorder recorder(*store, {.before = 3s});
  EXPECT_EQ(recorder.start(alarm(1)->id, kStart, 1s, 1s), "");
  play(recorder, 0, 1);
  EXPECT_EQ(recorder.start("../x", kStart, 1s, 1s), "");
  EXPECT_FALSE(recorder.wants_frame(kStart + 50ms));
  EXPECT_TRUE(recorder.wants_frame(kStart + 95ms));
}

TEST_F(ClipStoreTest, ThereAreBoundsOnClipsAtOneTime) {
  auto store = open({.clips_max = 1});
  ClipRecorder recorder(*store, {.before = 3s});
  play(recorder, 0, 5);
  EXPECT_NE(recorder.start(alarm(1)->id, kStart, 1s, 60s), "");
  EXPECT_EQ(recorder.start(alarm(2)->id, kStart, 1s, 60s), "");
  store->finish();
  EXPECT_EQ(store->counts().clips_refused, 1U);
  EXPECT_EQ(store->counts().clips, 1U);
}

TEST_F(ClipStoreTest, TheOldestAlarmsGoWithAllTheirFiles) {
  auto big = std::make_shared<Alarm>(*alarm(1));
  big->thumbnail.assign(50'000, 7);
  {
    auto store = open();
    for (int i = 0; i < 5; ++i) {
      big->id = test_alarm("cam", i, i * 1ms).id;
      store->add(std::make_shared<const Alarm>(*big));
    }
    store->finish();
  }
  std::ofstream(at("clips/1795248000000-cam-0.mp4")) << std::string(1000, 'x');
  auto store = open({.limits = {.bytes_max = 160'000}});
  store->finish();
  EXPECT_EQ(files("clips"), "1795248000002-cam-2.jpg 1795248000002-cam-2.json "
                            "1795248000003-cam-3.jpg 1795248000003-cam-3.json "
                            "1795248000004-cam-4.jpg 1795248000004-cam-4.json");
  EXPECT_EQ(store->counts().removed, 2U);
  EXPECT_EQ(store->counts().recordings, 3U);
  EXPECT_EQ(store->alarms(10, "").size(), 3U);
}

// While it lives, files cannot grow beyond `bytes`: a full disk for this process.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SmallDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  rlimit before_{};
};

TEST_F(ClipStoreTest, OnAFullDiskAlarmsGoOnWithoutClips) {
  auto store = open();
  {
    ClipRecorder recorder(*store, {.before = 3s});
    play(recorder, 0, 30);
    const SmallDisk disk(700);
    const std::string name = recorder.start(alarm(1)->id, kStart + 2s, 2s, 500ms);
    store->add(alarm(1, 0ms, name));
    auto large = std::make_shared<Alarm>(*alarm(2, 1ms));
    large->message.assign(2000, 'x');
    store->add(large);
    play(recorder, 30, 40);
    store->finish();
  }
  EXPECT_EQ(store->counts().clips_failed, 1U);
  EXPECT_EQ(store->counts().alarms, 1U);
  EXPECT_EQ(store->counts().alarms_failed, 1U);
  // Nothing half-written stays, and the history says that there is no clip.
  EXPECT_EQ(files("clips"), alarm(1)->id + ".json");
  ASSERT_EQ(store->alarms(10, "").size(), 2U);
  EXPECT_EQ(store->alarms(10, "")[1]->clip, "");
  EXPECT_EQ(store->clip_file(alarm(1)->id).error().code, ErrorCode::kNotFound);
}

TEST_F(ClipStoreTest, TheLastFreeBytesOfADiskAreNotForClips) {
  auto store = open({.limits = {.free_min = std::int64_t{1} << 60}});
  ClipRecorder recorder(*store, {.before = 3s});
  play(recorder, 0, 5);
  EXPECT_EQ(recorder.start(alarm(1)->id, kStart, 1s, 1s), "");
  store->add(alarm(1));
  store->finish();
  EXPECT_EQ(store->counts().alarms, 1U);
  EXPECT_EQ(store->counts().clips_refused, 1U);
}

TEST_F(ClipStoreTest, AnAlarmIsInItsFilesWhenAddReturns) {
  auto store = open();
  for (int i = 1; i <= 20; ++i) {
    store->add(alarm(i, std::chrono::milliseconds(i)));
    // What a kill would leave now.
    EXPECT_TRUE(std::filesystem::exists(at("clips/" + alarm(i, std::chrono::milliseconds(i))->id +
                                           ".json")));
  }
}

TEST_F(ClipStoreTest, LinksAreNeitherReadNorWrittenThrough) {
  std::filesystem::create_directories(at("clips"));
  std::ofstream(at("secret")) << "secret";
  const std::string id = alarm(1)->id;
  std::filesystem::create_symlink(at("secret"), at("clips/" + id + ".mp4"));
  std::filesystem::create_symlink(at("secret"), at("clips/" + id + ".json.part"));
  std::filesystem::create_symlink(at("secret"), at("clips/" + alarm(2)->id + ".json.part"));
  auto store = open();
  EXPECT_EQ(store->clip_file(id).error().code, ErrorCode::kNotFound);
  std::filesystem::create_symlink(at("secret"), at("clips/" + alarm(2)->id + ".json.part"));
  store->add(alarm(2));
  store->finish();
  std::string kept;
  std::ifstream(at("secret")) >> kept;
  EXPECT_EQ(kept, "secret");
  EXPECT_EQ(store->counts().alarms, 1U);
}

TEST_F(ClipStoreTest, AFileInPlaceOfTheFolderIsNamed) {
  std::ofstream(at("taken")) << "x";
  const auto store = ClipStore::open(at("taken/clips"), {});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoal
