// The reading thread of a run: opens the inputs one after another, takes a free request for each
// item and starts it on its way.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "decode/video_decoder.h"
#include "pipeline/decode_pool.h"
#include "pipeline/lane_pool.h"
#include "pipeline/request_pool.h"
#include "pipeline/sequencer.h"
#include "source/film_clock.h"
#include "source/source.h"
#include "telemetry/histogram.h"

namespace shoal {

struct ReaderOptions {
  std::vector<std::string> inputs;  // as open_source takes them
  SourceOptions source;
  PictureLimits limits;
};

// Threads  the constructor starts the thread; request_stop() by any; join() by one.
class Reader {
 public:
  // All references outlive the Reader.
  Reader(const ReaderOptions& options, RequestPool& requests, DecodePool& decoders,
         LanePool& lanes, Sequencer& sequencer);
  ~Reader();

  // How many items there will be, where that can be known. Empty until counted.
  [[nodiscard]] std::optional<std::uint64_t> total() const;
  [[nodiscard]] bool saw_video() const { return saw_video_; }
  // Of the frames of videos; pictures are timed by the decode pool. Valid after join().
  [[nodiscard]] const Histogram& decode_times() const { return decode_times_; }
  // What is odd about the inputs, each also logged as a warning. Valid after join().
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

  // Ends reading soon; what is under way is answered.
  void request_stop();
  void join();

 private:
  void read_all();
  void count_items();
  void read(Source& source);
  void read_picture(Source& source, Packet& packet);
  // Sends one packet, or the end where `packet` is null, and starts the frames that come out.
  void decode_video(Source& source, const Packet* packet);
  void finish_video(Source& source);
  void open_video(Source& source, const Packet& packet);
  void note(const std::string& name, const std::string& what);
  [[nodiscard]] std::unique_ptr<Request> begin(const std::string& name);
  void fail(const std::string& name, Error error);

  const ReaderOptions options_;
  RequestPool& requests_;
  DecodePool& decoders_;
  LanePool& lanes_;
  Sequencer& sequencer_;

  std::uint64_t sequence_ = 0;
  std::uint32_t stream_ = 0;
  std::unique_ptr<VideoDecoder> video_;
  StreamParameters video_parameters_;
  std::string video_name_;
  FilmClock video_clock_;
  bool clock_fault_noted_ = false;  // of this video
  std::vector<std::string> notes_;
  Histogram decode_times_;

  std::atomic<bool> stop_ = false;
  std::atomic<bool> saw_video_ = false;
  mutable std::mutex mutex_;
  Source* source_ = nullptr;            // guarded by mutex_: for request_stop
  std::optional<std::uint64_t> total_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace shoal
