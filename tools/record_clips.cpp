// Plays a source through ClipRecorder as fast as the disk takes it, raises alarms at given media
// times, and prints what became of them as JSON: how tests look at clips without cameras or models.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "core/alarm_json.h"
#include "sink/clip_recorder.h"
#include "sink/clip_store.h"
#include "source/source.h"

namespace {

using namespace std::chrono_literals;

constexpr const char* kUsage =
    "record_clips SOURCE FOLDER [--alarms SECONDS,SECONDS] [--before S] [--after S]\n"
    "             [--bytes-max N] [--memory-max N] [--free-min N] [--interrupt S] [--stop S]\n"
    "             [--loop] [--live] [--history]\n"
    "--history prints the folder's alarms and plays nothing.\n";

struct Arguments {
  std::string source;
  std::string folder;
  std::vector<double> alarms;
  double before = 2;
  double after = 2;
  double interrupt = -1;
  double stop = 1e9;
  bool loop = false;
  bool live = false;
  bool history = false;
  shoal::ClipStoreOptions store;
  std::size_t memory_max = std::size_t{32} << 20;
};

bool parse(int argc, char** argv, Arguments& arguments) {
  std::vector<std::string> places;
  arguments.store.limits.free_min = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--loop") arguments.loop = true;
    else if (name == "--live") arguments.live = true;
    else if (name == "--history") arguments.history = true;
    else if (!name.starts_with("--")) places.push_back(name);
    else if (i + 1 >= argc) return false;
    else if (name == "--alarms") {
      std::stringstream list(argv[++i]);
      for (std::string item; std::getline(list, item, ',');) {
        arguments.alarms.push_back(std::atof(item.c_str()));
      }
    }
    else if (name == "--before") arguments.before = std::atof(argv[++i]);
    else if (name == "--after") arguments.after = std::atof(argv[++i]);
    else if (name == "--interrupt") arguments.interrupt = std::atof(argv[++i]);
    else if (name == "--stop") arguments.stop = std::atof(argv[++i]);
    else if (name == "--bytes-max") arguments.store.limits.bytes_max = std::atoll(argv[++i]);
    else if (name == "--free-min") arguments.store.limits.free_min = std::atoll(argv[++i]);
    else if (name == "--memory-max") {
      arguments.memory_max = static_cast<std::size_t>(std::atoll(argv[++i]));
    }
    else return false;
  }
  if (places.size() != (arguments.history ? 1U : 2U)) return false;
  arguments.folder = places.back();
  arguments.source = places.front();
  return true;
}

shoal::Duration seconds(double value) {
  return std::chrono::duration_cast<shoal::Duration>(std::chrono::duration<double>(value));
}

std::shared_ptr<const shoal::Alarm> alarm_at(double time, std::size_t number) {
  auto alarm = std::make_shared<shoal::Alarm>();
  alarm->at = shoal::WallTime(1'795'248'000'000ms) + std::chrono::duration_cast<
      std::chrono::milliseconds>(std::chrono::duration<double>(time));
  alarm->id = fmt::format("{}-cam-{}", std::chrono::floor<std::chrono::milliseconds>(
      alarm->at.time_since_epoch()).count(), number);
  alarm->rule = "made";
  alarm->camera = "cam";
  alarm->message = fmt::format("alarm {} at {} s", number, time);
  return alarm;
}

// Feeds packets and raises alarms until the source ends. Media time is the clock.
bool play(const Arguments& arguments, shoal::ClipStore& store) {
  auto source = shoal::open_source(arguments.source,
                                   {.pace = arguments.live ? shoal::Pace::kLive
                                                           : shoal::Pace::kFast,
                                    .loop = arguments.loop});
  if (!source) {
    std::cerr << source.error().message << '\n';
    return false;
  }
  shoal::ClipRecorder recorder(store, {.before = seconds(arguments.before),
                                       .bytes_max = arguments.memory_max});
  const shoal::TimePoint origin = shoal::Clock::now();
  shoal::Packet packet;
  std::size_t raised = 0;
  bool interrupted = false;
  double now = 0;
  for (;;) {
    const auto more = (*source)->next(packet);
    if (!more || !*more) break;
    // A packet is there when all that are shown before it are: times do not go back.
    now = std::max(now, std::chrono::duration<double>(packet.media_time.value_or(0ns)).count());
    if (now > arguments.stop) break;
    const shoal::TimePoint captured = origin + seconds(now);
    if (arguments.interrupt >= 0 && now >= arguments.interrupt && !interrupted) {
      interrupted = true;
      recorder.interrupted();
    }
    recorder.packet(packet, captured);
    if (packet.kind == shoal::PacketKind::kPixels && recorder.wants_frame(captured)) {
      recorder.frame({packet.bytes.data(), packet.size, packet.size.width * 3,
                      shoal::PixelFormat::kRgb8}, captured, packet.media_time);
    }
    while (raised < arguments.alarms.size() && now >= arguments.alarms[raised]) {
      auto alarm = std::make_shared<shoal::Alarm>(*alarm_at(arguments.alarms[raised], raised));
      alarm->clip = recorder.start(alarm->id, origin + seconds(arguments.alarms[raised]),
                                   seconds(arguments.before), seconds(arguments.after));
      store.add(std::move(alarm));
      ++raised;
    }
  }
  std::cerr << fmt::format("memory {} bytes\n", recorder.bytes_held());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::cerr << kUsage;
    return 2;
  }
  auto store = shoal::ClipStore::open(arguments.folder, arguments.store);
  if (!store) {
    std::cerr << store.error().message << '\n';
    return 3;
  }
  if (!arguments.history && !play(arguments, **store)) return 1;
  (*store)->finish();
  const auto counts = (*store)->counts();
  std::cout << fmt::format(
      R"({{"alarms":{},"alarms_failed":{},"clips":{},"clips_failed":{},"clips_refused":{},)"
      R"("removed":{},"recordings":{},"bytes":{},"history":[)",
      counts.alarms, counts.alarms_failed, counts.clips, counts.clips_failed, counts.clips_refused,
      counts.removed, counts.recordings, counts.bytes);
  const char* separator = "";
  for (const auto& alarm : (*store)->alarms(1000, "")) {
    std::cout << separator << shoal::alarm_json(*alarm, true,
                                                (*store)->clip_file(alarm->id).has_value());
    separator = ",";
  }
  std::cout << "]}\n";
  return 0;
}
