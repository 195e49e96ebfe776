// Goal: a host answers every item of every call once and in order, items fail alone, and the bound
// on what is in flight holds. Method: the built-in model on small pictures; numbers are the
// business of tests/e2e.
#include "pipeline/model_host.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "models/builtin_models.h"
#include "pipeline/model_registry.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::shared_ptr<ModelHost> host_of(const HostOptions& options = {}) {
  DetectorOptions detector;
  detector.batch_max = 2;
  auto host = ModelHost::load("pcb", detector, options);
  EXPECT_TRUE(host.has_value()) << (host ? "" : host.error().message);
  return host ? *host : nullptr;
}

const Size kSize{64, 48};
const std::vector<std::uint8_t> kPixels(64 * 48 * 3, 90);
const std::vector<std::uint8_t> kText{'n', 'o', ' ', 'p', 'i', 'c', 't', 'u', 'r', 'e'};

PictureItem picture() {
  return {.encoded = {},
          .pixels = {.data = kPixels.data(), .size = kSize, .pitch_bytes = 64 * 3}};
}
PictureItem text() { return {.encoded = kText, .pixels = {}}; }

// Starts a call and gives the future of its answer.
std::future<CallItems> start(ModelHost& host, std::vector<PictureItem> items,
                             CallOptions options = {}) {
  auto promise = std::make_shared<std::promise<CallItems>>();
  auto future = promise->get_future();
  const auto handle = host.detect({.items = std::move(items), .owner = nullptr, .options = options},
                                  [promise](CallItems answer) {
                                    promise->set_value(std::move(answer));
                                  });
  if (!handle) promise->set_exception(std::make_exception_ptr(std::runtime_error(
      std::string(to_string(handle.error().code)))));
  return future;
}

class Recorder final : public RequestObserver {
 public:
  void observe(const RequestRecord& record) noexcept override {
    const std::lock_guard lock(mutex_);
    ++count_;
    if (record.error) ++errors_;
    models_ += std::string(record.model) + " ";
  }
  [[nodiscard]] int count() const { return count_; }
  [[nodiscard]] int errors() const { return errors_; }
  [[nodiscard]] const std::string& models() const { return models_; }

 private:
  std::mutex mutex_;
  int count_ = 0;
  int errors_ = 0;
  std::string models_;
};

TEST(ModelHostTest, ACallOfManyMoreItemsThanFitIsAnsweredInOrder) {
  Recorder recorder;
  const auto host = host_of({.queue_limit = 8, .limits = {}, .plan_cache = {}, .load = {},
                             .observer = &recorder});
  std::vector<PictureItem> items;
  for (int i = 0; i < 100; ++i) items.push_back(i % 7 == 3 ? text() : picture());
  const CallItems answer = start(*host, items).get();
  ASSERT_EQ(answer.size(), 100U);
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const bool bad = i % 7 == 3;
    ASSERT_EQ(answer[i].outcome.error.has_value(), bad) << i;
    if (bad) {
      EXPECT_EQ(answer[i].outcome.error->code, ErrorCode::kCorruptInput);
      EXPECT_NE(answer[i].outcome.error->message.find("picture " + std::to_string(i + 1)),
                std::string::npos);
    } else {
      EXPECT_EQ(answer[i].outcome.size, kSize);
      EXPECT_GE(answer[i].outcome.batch_size, 1);
    }
  }
  EXPECT_EQ(recorder.count(), 100);
  EXPECT_EQ(recorder.errors(), 14);
  EXPECT_EQ(host->statistics(false).success.count, 86U);
  EXPECT_EQ(host->statistics(false).fail.count, 14U);
  EXPECT_EQ(host->statistics(false).pending, 0U);
}

TEST(ModelHostTest, ItsPoolsAreThoseOfRequestsAndLanes) {
  const auto host = host_of();
  (void)start(*host, {picture(), picture()}).get();
  const std::vector<PoolGauge> pools = host->pools();
  ASSERT_EQ(pools.size(), 2U);
  EXPECT_EQ(pools[0].name, "requests");
  EXPECT_GE(pools[0].high_water_bytes, 64 * 48 * 3);
  EXPECT_EQ(pools[1].name, "lanes");
  EXPECT_GE(pools[1].used_bytes, 2 * 640 * 640 * 3) << "the inputs of a batch of two";
  EXPECT_LT(pools[1].fragmentation, 0.01);
  EXPECT_EQ(host->statistics(false).batch_max, 2);
}

TEST(ModelHostTest, ThousandsOfBrokenItemsDoNotNest) {
  const auto host = host_of({.queue_limit = 8, .limits = {}, .plan_cache = {}, .load = {}});
  const CallItems answer = start(*host, std::vector<PictureItem>(20'000, text())).get();
  ASSERT_EQ(answer.size(), 20'000U);
  for (const CallItem& item : answer) ASSERT_TRUE(item.outcome.error.has_value());
}

TEST(ModelHostTest, WhatDoesNotFitIsRefusedAtOnceAndNothingLeaks) {
  const auto host = host_of({.queue_limit = 4, .limits = {}, .plan_cache = {}, .load = {}});
  std::vector<std::future<CallItems>> calls;
  for (int i = 0; i < 200; ++i) calls.push_back(start(*host, {picture()}));
  int answered = 0;
  int refused = 0;
  for (auto& call : calls) {
    try {
      EXPECT_EQ(call.get().size(), 1U);
      ++answered;
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "queue_full");
      ++refused;
    }
  }
  EXPECT_EQ(answered + refused, 200);
  EXPECT_GE(answered, 4);
  EXPECT_GE(refused, 1);
  EXPECT_FALSE(start(*host, {picture()}).get()[0].outcome.error.has_value());
}

TEST(ModelHostTest, AWithdrawnCallDoesNotReachTheNetwork) {
  const auto host = host_of();
  auto promise = std::make_shared<std::promise<CallItems>>();
  auto handle = host->detect({.items = std::vector<PictureItem>(1000, picture()), .owner = nullptr,
                              .options = {}},
                             [promise](CallItems answer) {
                               promise->set_value(std::move(answer));
                             });
  ASSERT_TRUE(handle.has_value());
  handle->cancel();
  const CallItems answer = promise->get_future().get();
  int cancelled = 0;
  for (const CallItem& item : answer) {
    if (item.outcome.error && item.outcome.error->code == ErrorCode::kCancelled) ++cancelled;
  }
  EXPECT_GT(cancelled, 800);
  EXPECT_FALSE(start(*host, {picture()}).get()[0].outcome.error.has_value());
}

TEST(ModelHostTest, RawTensorsWaitForTheirNetworkAndComeBackInOrder) {
  const auto host = host_of();
  const auto length = static_cast<std::size_t>(host->tensor_input().shape.element_count());
  auto dark = std::make_shared<std::vector<float>>(length, 0.0F);
  auto light = std::make_shared<std::vector<float>>(length, 1.0F);
  auto promise = std::make_shared<std::promise<CallItems>>();
  const auto handle = host->infer(
      {.items = {*dark, *light, *dark}, .owner = dark, .options = {}},
      [promise](CallItems answer) { promise->set_value(std::move(answer)); });
  ASSERT_TRUE(handle.has_value()) << handle.error().message;
  const CallItems answer = promise->get_future().get();
  ASSERT_EQ(answer.size(), 3U);
  for (const CallItem& item : answer) {
    ASSERT_FALSE(item.outcome.error.has_value()) << item.outcome.error->message;
    ASSERT_EQ(item.tensors.size(), host->tensor_outputs().size());
    EXPECT_EQ(item.tensors[0].shape, host->tensor_outputs()[0].shape);
  }
  EXPECT_EQ(answer[0].tensors[0].values, answer[2].tensors[0].values);
  EXPECT_NE(answer[0].tensors[0].values, answer[1].tensors[0].values);
  const std::vector<float> wrong(length - 1);
  EXPECT_EQ(host->infer({.items = {wrong}, .owner = nullptr, .options = {}}, nullptr).error().code,
            ErrorCode::kInvalidArgument);
}

// A model file of its own, which is gone when the raw network is to be loaded.
class VanishingModel {
 public:
  VanishingModel() {
    const auto bytes = builtin_model("pcb");
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  ~VanishingModel() { vanish(); }
  void vanish() const { std::filesystem::remove(path_); }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                ("shoal-vanishing-" + std::to_string(::getpid()) + ".onnx");
};

// The loader answers the callers of a load that failed, who may call again at once; nothing of the
// host may wait for it meanwhile.
TEST(ModelHostTest, ARawNetworkThatCannotBeLoadedIsAnErrorForEachCallerAndHoldsUpNothing) {
  VanishingModel file;
  DetectorOptions detector;
  detector.model = file.path();
  detector.batch_max = 1;
  detector.lanes = 1;
  HostOptions options;
  options.bypass_lane = false;
  options.execution = Execution::kSpread;
  auto loaded = ModelHost::load("net", detector, options);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  std::shared_ptr<ModelHost> host = *loaded;
  file.vanish();
  const std::vector<float> tensor(
      static_cast<std::size_t>(host->tensor_input().shape.element_count()));
  std::atomic<bool> stop = false;
  std::atomic<int> errors = 0;
  std::atomic<int> others = 0;
  auto work = std::async(std::launch::async, [&] {
    std::vector<std::thread> clients;
    for (int i = 0; i < 8; ++i) {
      clients.emplace_back([&] {
        while (!stop) {
          std::promise<CallItems> promise;
          auto future = promise.get_future();
          const auto handle =
              host->infer({.items = {tensor}, .owner = nullptr, .options = {}},
                          [&promise](CallItems items) { promise.set_value(std::move(items)); });
          const bool failed = handle && future.get()[0].outcome.error.has_value();
          ++(failed ? errors : others);
        }
      });
    }
    while (errors < 200) {
      (void)host->statistics(true);
      (void)host->pools();
      std::this_thread::yield();
    }
    (void)start(*host, {picture()}).get();
    stop = true;
    for (std::thread& client : clients) client.join();
    host->close();
  });
  if (work.wait_for(seconds(120)) != std::future_status::ready) {
    std::fprintf(stderr, "hung after %d answers\n", errors.load());
    std::abort();  // threads that wait for ever cannot be joined
  }
  EXPECT_GE(errors, 200);
  EXPECT_EQ(others, 0);
}

TEST(ModelHostTest, ACallWhoseDeadlineIsShorterThanTheNetworkHearsThat) {
  const auto host = host_of();
  std::string says;
  // On a slow machine the deadline passes before it is looked at, or what was learned is old.
  for (int i = 0; i < 100 && says.find("the network alone takes about") == says.npos; ++i) {
    (void)start(*host, {picture()}).get();
    CallOptions hurry;
    hurry.deadline = Clock::now() + std::chrono::microseconds(500);
    const auto refused = host->detect(
        {.items = {picture()}, .owner = nullptr, .options = hurry}, [](const CallItems&) {});
    if (refused) continue;
    EXPECT_EQ(refused.error().code, ErrorCode::kDeadlineExceeded);
    says = refused.error().message;
  }
  EXPECT_NE(says.find("the network alone takes about"), std::string::npos) << says;
  EXPECT_NE(says.find("longer than your deadline"), std::string::npos) << says;
}

TEST(ModelHostTest, CloseAnswersWhatWasAcceptedAndRefusesTheRest) {
  const auto host = host_of();
  auto running = start(*host, std::vector<PictureItem>(50, picture()));
  host->close();
  EXPECT_EQ(running.wait_for(seconds(0)), std::future_status::ready);
  for (const CallItem& item : running.get()) EXPECT_FALSE(item.outcome.error.has_value());
  EXPECT_THROW(start(*host, {picture()}).get(), std::runtime_error);
}

TEST(ModelHostTest, ADeadlineThatHasPassedIsRefused) {
  const auto host = host_of();
  CallOptions late;
  late.deadline = Clock::now() - milliseconds(1);
  EXPECT_THROW(start(*host, {picture()}, late).get(), std::runtime_error);
}

// Closes a registry while a model is being loaded.
class ClosesMeanwhile final : public RequestObserver {
 public:
  void observe(const RequestRecord&) noexcept override {}
  void model_loaded(std::string_view, Duration) override {
    if (registry != nullptr) registry->close();
  }
  ModelRegistry* registry = nullptr;
};

TEST(ModelRegistryTest, AModelThatIsLoadedWhenAllIsClosedDoesNotOpenIt) {
  DetectorOptions detector;
  detector.batch_max = 1;
  ClosesMeanwhile observer;
  ModelRegistry registry({.limits = {}, .plan_cache = {}, .load = {}, .observer = &observer},
                         [&](const std::string&) { return detector; });
  observer.registry = &registry;
  const Result<void> loaded = registry.load("pcb");
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().code, ErrorCode::kCancelled);
  EXPECT_FALSE(registry.find("pcb").has_value());
  EXPECT_FALSE(registry.all_ready());
}

TEST(ModelRegistryTest, AReloadThatFailsChangesNothing) {
  DetectorOptions detector;
  detector.batch_max = 1;
  ModelRegistry registry({.limits = {}, .plan_cache = {}, .load = {}},
                         [&](const std::string&) { return detector; });
  ASSERT_TRUE(registry.load("pcb").has_value());
  const auto before = *registry.find("pcb");
  DetectorOptions wrong = detector;
  wrong.classes = {99};
  const Result<void> reloaded = registry.load("pcb", wrong);
  ASSERT_FALSE(reloaded.has_value());
  EXPECT_EQ(reloaded.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(reloaded.error().message.find("class 99"), std::string::npos);
  EXPECT_EQ(*registry.find("pcb"), before);
  const std::vector<ModelStatus> index = registry.index();
  ASSERT_EQ(index.size(), 1U);
  EXPECT_EQ(index[0].state, ModelState::kReady);
  EXPECT_EQ(index[0].reason, "");
  EXPECT_FALSE(start(*before, {picture()}).get()[0].outcome.error.has_value());
}

TEST(ModelRegistryTest, ReloadsUnderTrafficWithoutDroppingACall) {
  DetectorOptions detector;
  detector.batch_max = 1;
  ModelRegistry registry({.limits = {}, .plan_cache = {}, .load = {}},
                         [&](const std::string& name) -> Result<DetectorOptions> {
                           if (name == "pcb") return detector;
                           return Error{ErrorCode::kNotFound, "no model '" + name + "'"};
                         });
  ASSERT_TRUE(registry.load("pcb").has_value());
  EXPECT_EQ(registry.load("other").error().code, ErrorCode::kNotFound);
  std::atomic<bool> stop = false;
  std::atomic<int> good = 0;
  std::atomic<int> bad = 0;
  std::thread client([&] {
    while (!stop) {
      auto host = registry.find("pcb");
      if (!host) {
        ++bad;
        continue;
      }
      try {
        if (start(**host, {picture()}).get()[0].outcome.error) ++bad;
        ++good;
      } catch (const std::runtime_error&) {
        // Found just before the reload closed it: the door asks again.
        if (*registry.find("pcb") == *host) ++bad;
      }
    }
  });
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(registry.load("pcb").has_value());
  stop = true;
  client.join();
  EXPECT_GT(good, 0);
  EXPECT_EQ(bad, 0);
  ASSERT_TRUE(registry.unload("pcb").has_value());
  EXPECT_EQ(registry.find("pcb").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(registry.find("pbc").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace shoal
