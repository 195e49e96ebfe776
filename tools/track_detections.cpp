// Follows the objects of a detection file in MOTChallenge's form, so that tests and other trackers
// can be compared on the same detections.
//
// A line in: frame, -1, left, top, width, height, confidence and, optionally, the class (-1 is 0).
// Frames count from 1 and may be missing; lines of one frame may stand anywhere. Out: as
// `detect --track --mot`.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "sink/mot_sink.h"
#include "track/video_tracks.h"

namespace {

constexpr const char* kUsage =
    "track_detections --mot FILE [--fps 30] [--frames N] [--high 0.5] [--low 0.1] [--begin 0.6]\n"
    "                 [--match 0.8] [--lost-ms 1000] [--absent empty|skipped] < det.txt\n";

struct Arguments {
  std::string mot;
  double fps = 30;
  int frames = 0;  // at least so many, the last ones without detections
  bool skip_absent = false;  // frames without a line were not seen at all, not seen empty
  shoal::TrackerOptions tracker;
};

bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const char* value = argv[i + 1];
    const auto number = std::strtod(value, nullptr);
    if (name == "--mot") arguments.mot = value;
    else if (name == "--fps") arguments.fps = number;
    else if (name == "--frames") arguments.frames = static_cast<int>(number);
    else if (name == "--high") arguments.tracker.high = static_cast<float>(number);
    else if (name == "--low") arguments.tracker.low = static_cast<float>(number);
    else if (name == "--begin") arguments.tracker.begin = static_cast<float>(number);
    else if (name == "--absent") arguments.skip_absent = std::string(value) == "skipped";
    else if (name == "--match") arguments.tracker.match = static_cast<float>(number);
    else if (name == "--lost-ms") {
      arguments.tracker.lost_max =
          std::chrono::milliseconds(static_cast<std::int64_t>(number));
    } else {
      return false;
    }
  }
  return argc % 2 == 1 && !arguments.mot.empty() && arguments.fps > 0;
}

using Frames = std::map<int, std::vector<shoal::Detection>>;

// False: a line is not what it should be; the message says which.
bool read_lines(std::istream& in, Frames& frames) {
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream words(line);
    double frame = 0, id = 0, left = 0, top = 0, width = 0, height = 0, confidence = 0;
    double class_id = -1;
    if (!(words >> frame >> id >> left >> top >> width >> height >> confidence) || frame < 1) {
      std::cerr << "track_detections: line " << number << ": expected frame,id,left,top,width,"
                << "height,confidence; got " << line << "\n";
      return false;
    }
    words >> class_id;
    shoal::Detection detection;
    detection.box = {static_cast<float>(left), static_cast<float>(top),
                     static_cast<float>(left + width), static_cast<float>(top + height)};
    detection.confidence = static_cast<float>(confidence);
    detection.class_id = static_cast<std::int32_t>(std::max(0.0, class_id));
    frames[static_cast<int>(frame)].push_back(detection);
  }
  return true;
}

int follow_all(const Arguments& arguments, Frames& frames) {
  auto sink = shoal::create_mot_sink({.path = arguments.mot});
  if (!sink) {
    std::cerr << "track_detections: " << sink.error().message << "\n";
    return 1;
  }
  shoal::VideoTracks tracks(arguments.tracker);
  const int last = std::max(arguments.frames, frames.empty() ? 0 : frames.rbegin()->first);
  shoal::Outcome outcome;
  outcome.source = "det.txt";
  for (int frame = 1; frame <= last; ++frame) {
    if (arguments.skip_absent && !frames.contains(frame)) continue;
    outcome.frame = shoal::FrameId{static_cast<std::uint64_t>(frame - 1)};
    outcome.media_time = std::chrono::nanoseconds(
        static_cast<std::int64_t>(std::llround(1e9 * (frame - 1) / arguments.fps)));
    outcome.detections.items = frames[frame];
    tracks.follow(outcome);
    const auto written = (*sink)->write(outcome);
    if (!written) {
      std::cerr << "track_detections: " << written.error().message << "\n";
      return 1;
    }
  }
  return (*sink)->finish() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::cerr << kUsage;
    return 2;
  }
  Frames frames;
  return read_lines(std::cin, frames) ? follow_all(arguments, frames) : 1;
}
