// For this folder's tests: a model that answers what it is told to, an exchange without sockets.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/host_feed.h"
#include "pipeline/model_host.h"
#include "service/http/exchange.h"

namespace shoal {

// Answers each item by `answer`, on the caller's thread, unless `hold` keeps the calls.
class FakeHost final : public ModelHost {
 public:
  FakeHost() {
    model_.name = "fake";
    model_.family = "yolo11";
    model_.input.size = {64, 48};
    model_.class_names = {"open", "short", "spur"};
  }

  const std::string& name() const override { return model_.name; }
  const ModelDescription& model() const override { return model_; }
  const DetectorOptions& detector_options() const override { return detector_; }
  std::string summary() const override { return "fake"; }
  const TensorDescription& tensor_input() const override { return tensor_; }
  std::span<const TensorDescription> tensor_outputs() const override { return {}; }

  Result<CallHandle> detect(DetectCall call, CallDone done) override {
    if (refuse) return *refuse;
    auto cancelled = std::make_shared<std::atomic<bool>>(false);
    calls.push_back(call.options);
    flags.push_back(cancelled);
    CallItems items;
    for (const PictureItem& item : call.items) {
      pictures.emplace_back(item.encoded);
      CallItem answered;
      answered.outcome = answer(item);
      items.push_back(std::move(answered));
    }
    if (hold) {
      held.push_back([items = std::make_shared<CallItems>(std::move(items)),
                      done = std::move(done), owner = std::move(call.owner)]() mutable {
        done(std::move(*items));
        done = nullptr;
      });
    } else {
      done(std::move(items));
    }
    return CallHandle(cancelled);
  }
  Result<CallHandle> infer(TensorCall, CallDone) override {
    return Error{ErrorCode::kUnsupported, "not this one"};
  }
  Result<std::unique_ptr<HostFeed>> feed(FeedClient&, FeedOptions) override {
    return Error{ErrorCode::kUnsupported, "no cameras here"};
  }
  int retry_after_s() const override { return 7; }
  HostStatistics statistics(bool) const override { return {}; }
  void close() override {}

  // The picture's bytes say what becomes of it: "bad...", "huge...", "late...", else one box for
  // each byte, of ever less confidence.
  static Outcome answer(const PictureItem& item) {
    const std::string_view text(reinterpret_cast<const char*>(item.encoded.data()),
                                item.encoded.size());
    const auto failed = [&](ErrorCode code) {
      Outcome outcome;
      outcome.error = Error{code, std::string(item.name) + ": as it was told"};
      return outcome;
    };
    if (text.starts_with("bad")) return failed(ErrorCode::kCorruptInput);
    if (text.starts_with("huge")) return failed(ErrorCode::kOutOfMemory);
    if (text.starts_with("short")) return failed(ErrorCode::kUnavailable);
    if (text.starts_with("odd")) return failed(ErrorCode::kUnsupported);
    if (text.starts_with("late")) return failed(ErrorCode::kDeadlineExceeded);
    Outcome outcome;
    outcome.size = {64, 48};
    outcome.batch_size = 1;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto shift = static_cast<float>(i);
      outcome.detections.items.push_back({.box = {shift + 0.4F, 1.6F, shift + 10.5F, 48},
                                          .confidence = 0.9F - 0.01F * shift,
                                          .class_id = static_cast<int>(i % 3),
                                          .track_id = {}});
    }
    paint(outcome);
    return outcome;
  }

  static void paint(Outcome& outcome) {
    Frame& frame = outcome.pixels;
    frame.size = frame.source_size = outcome.size;
    frame.pitch_bytes = outcome.size.width * 3;
    const auto bytes = static_cast<std::size_t>(frame.pitch_bytes * outcome.size.height);
    std::memset(frame.pixels.reserve(bytes), 0x80, bytes);
  }

  std::optional<Error> refuse;
  bool hold = false;
  std::vector<std::function<void()>> held;
  std::vector<CallOptions> calls;
  std::vector<std::shared_ptr<std::atomic<bool>>> flags;
  std::vector<std::span<const std::uint8_t>> pictures;

 private:
  ModelDescription model_;
  DetectorOptions detector_;
  TensorDescription tensor_;
};

// What it was answered is kept outside, as the exchange goes when it is answered.
struct Answered {
  std::mutex mutex;
  std::vector<HttpResponse> responses;
  std::function<void()> aborted;
};

class FakeExchange final : public HttpExchange {
 public:
  FakeExchange(HttpRequest request, std::vector<std::pair<std::string, std::string>> parts,
               std::shared_ptr<Answered> answered)
      : request_(std::move(request)), parts_(std::move(parts)), answered_(std::move(answered)) {}

  const HttpRequest& request() const override { return request_; }
  std::string_view path_part(std::string_view name) const override {
    for (const auto& [key, value] : parts_) {
      if (key == name) return value;
    }
    return {};
  }
  void respond(HttpResponse response) override {
    const std::lock_guard lock(answered_->mutex);
    answered_->responses.push_back(std::move(response));
  }
  void on_abort(std::function<void()> aborted) override { answered_->aborted = std::move(aborted); }

 private:
  const HttpRequest request_;
  const std::vector<std::pair<std::string, std::string>> parts_;
  const std::shared_ptr<Answered> answered_;
};

}  // namespace shoal
