// Reads a camera, URL or file as a camera's reader does and says what came, a JSON line a frame:
// for tests and for looking at a camera that behaves oddly. Runs no detector.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/json_text.h"
#include "decode/stream_decoder.h"
#include "source/capture_clock.h"
#include "source/source.h"

namespace {

struct Arguments {
  std::string spec;
  shoal::SourceOptions source;
  long frames = -1;
  int side_max = 0;
  bool packets = false;
};

constexpr const char* kUsage =
    "usage: probe_stream SOURCE [--udp] [--loop] [--live] [--frames N] [--side-max N]\n"
    "                    [--packets] [--connect-ms N] [--read-ms N]\n"
    "Writes {\"frame\",\"ms\",\"age_ms\",\"media_ms\",\"width\",\"height\",\"key\",\"hash\"} a\n"
    "frame, then {\"codec\",\"packets\",\"frames\",\"before_key\",\"damaged\",\"format_changes\"}\n"
    "with \"error\" and \"code\" where it ended with one.\n";

bool parse(int count, char** words, Arguments& out) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const auto number = [&] { return i + 1 < count ? std::atol(words[++i]) : 0L; };
    if (word == "--udp") {
      out.source.transport = shoal::RtspTransport::kUdp;
    } else if (word == "--loop") {
      out.source.loop = true;
    } else if (word == "--live") {
      out.source.pace = shoal::Pace::kLive;
    } else if (word == "--packets") {
      out.packets = true;
    } else if (word == "--frames") {
      out.frames = number();
    } else if (word == "--side-max") {
      out.side_max = static_cast<int>(number());
    } else if (word == "--connect-ms") {
      out.source.connect_timeout = std::chrono::milliseconds(number());
    } else if (word == "--read-ms") {
      out.source.read_timeout = std::chrono::milliseconds(number());
    } else if (out.spec.empty() && !word.starts_with("--")) {
      out.spec = word;
    } else {
      return false;
    }
  }
  return !out.spec.empty();
}

// FNV-1a over the pixels without the rows' padding.
std::uint64_t hash_of(const shoal::Frame& frame) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (int y = 0; y < frame.size.height; ++y) {
    const std::uint8_t* row = frame.pixels.data() + y * frame.pitch_bytes;
    for (int x = 0; x < 3 * frame.size.width; ++x) hash = (hash ^ row[x]) * 1099511628211ULL;
  }
  return hash;
}

class Probe {
 public:
  explicit Probe(const Arguments& arguments) : arguments_(arguments), decoder_(arguments.spec) {}

  int run() {
    auto source = shoal::open_source(arguments_.spec, arguments_.source);
    if (!source) return finish(source.error());
    shoal::Packet packet;
    for (;;) {
      const auto more = (*source)->next(packet);
      if (!more) return finish(more.error());
      if (!*more) break;
      clock_.arrived(packet.media_time, shoal::Clock::now());
      if (arguments_.packets) print_packet(packet);
      const auto sent = decoder_.send(packet);
      if (!sent) return finish(sent.error());
      if (!print_frames()) return finish({});
    }
    decoder_.finish();
    (void)print_frames();
    return finish({});
  }

 private:
  void print_packet(const shoal::Packet& packet) const {
    const double media_ms =
        packet.media_time ? static_cast<double>(packet.media_time->count()) / 1e6 : -1;
    std::printf("{\"packet\":%llu,\"ms\":%.3f,\"media_ms\":%.3f,\"bytes\":%zu,\"key\":%s,"
                "\"damaged\":%s}\n",
                static_cast<unsigned long long>(packet.frame),
                shoal::to_milliseconds(shoal::Clock::now() - start_), media_ms,
                packet.bytes.size(), packet.key_frame ? "true" : "false",
                packet.damaged ? "true" : "false");
  }

  // False: enough.
  bool print_frames() {
    for (;;) {
      const auto next = decoder_.next();
      if (!next || !*next) return true;
      const shoal::TimePoint now = shoal::Clock::now();
      if (!decoder_.convert(frame_, arguments_.side_max)) return false;
      const auto time = (*next)->media_time;
      const double media_ms = time ? static_cast<double>(time->count()) / 1e6 : -1;
      std::printf("{\"frame\":%ld,\"ms\":%.3f,\"age_ms\":%.3f,\"media_ms\":%.3f,\"width\":%d,"
                  "\"height\":%d,\"key\":%s,\"hash\":\"%016llx\"}\n",
                  printed_, shoal::to_milliseconds(now - start_),
                  shoal::to_milliseconds(now - clock_.captured(time, now)), media_ms,
                  frame_.size.width, frame_.size.height, (*next)->key ? "true" : "false",
                  static_cast<unsigned long long>(hash_of(frame_)));
      std::fflush(stdout);
      ++printed_;
      if (arguments_.frames >= 0 && printed_ >= arguments_.frames) return false;
    }
  }

  int finish(const std::optional<shoal::Error>& error) {
    const shoal::StreamDecoderCounts counts = decoder_.counts();
    std::printf("{\"codec\":\"%s\",\"packets\":%llu,\"frames\":%llu,\"before_key\":%llu,"
                "\"damaged\":%llu,\"format_changes\":%llu,\"ms\":%.3f",
                decoder_.codec().c_str(), static_cast<unsigned long long>(counts.packets),
                static_cast<unsigned long long>(counts.frames),
                static_cast<unsigned long long>(counts.before_key),
                static_cast<unsigned long long>(counts.damaged),
                static_cast<unsigned long long>(counts.format_changes),
                shoal::to_milliseconds(shoal::Clock::now() - start_));
    if (error) {
      fmt::memory_buffer text;
      shoal::append_json_string(text, error->message);
      std::printf(",\"code\":\"%s\",\"error\":%.*s",
                  std::string(to_string(error->code)).c_str(), static_cast<int>(text.size()),
                  text.data());
    }
    std::printf("}\n");
    return error ? 1 : 0;
  }

  Arguments arguments_;
  shoal::StreamDecoder decoder_;
  shoal::CaptureClock clock_;
  shoal::Frame frame_;
  shoal::TimePoint start_ = shoal::Clock::now();
  long printed_ = 0;
};

}  // namespace

int main(int count, char** words) {
  Arguments arguments;
  if (!parse(count, words, arguments)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  return Probe(arguments).run();
}
