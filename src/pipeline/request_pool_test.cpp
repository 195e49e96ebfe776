// Goal: requests are used again, the warmest first; the gauge is what their buffers hold; enormous
// buffers do not stay.
#include "pipeline/request_pool.h"

#include <gtest/gtest.h>

#include <thread>

namespace shoal {
namespace {

void decode(Request& request, int width, int height) {
  Frame& frame = request.outcome.pixels;
  ASSERT_NE(frame.pixels.reserve(static_cast<std::size_t>(width) *
                                 static_cast<std::size_t>(height) * 3), nullptr);
  frame.size = {width, height};
  frame.pitch_bytes = width * 3;
}

TEST(RequestPoolTest, TheRequestThatCameBackLastGoesOutFirst) {
  RequestPool pool(3, 10);
  auto first = pool.acquire();
  const Request* warm = first.get();
  pool.release(std::move(first));
  for (int i = 0; i < 5; ++i) {
    auto again = pool.acquire();
    EXPECT_EQ(again.get(), warm);
    pool.release(std::move(again));
  }
}

TEST(RequestPoolTest, NoneIsHandedOutTwice) {
  RequestPool pool(2, 10);
  auto a = pool.acquire();
  auto b = pool.try_acquire();
  ASSERT_NE(b, nullptr);
  EXPECT_NE(a->slot, b->slot);
  EXPECT_EQ(pool.try_acquire(), nullptr);
  EXPECT_EQ(pool.free_count(), 0U);
  std::thread other([&] { pool.release(std::move(a)); });
  const auto waited = pool.acquire();
  EXPECT_NE(waited, nullptr);
  other.join();
}

TEST(RequestPoolTest, TheGaugeFollowsTheBuffers) {
  RequestPool pool(4, 0);
  EXPECT_EQ(pool.gauge().size_bytes, 0);
  auto request = pool.acquire();
  decode(*request, 1000, 1000);
  pool.release(std::move(request));
  EXPECT_EQ(pool.gauge().size_bytes, 3'000'000);
  EXPECT_EQ(pool.gauge().used_bytes, 0);
  EXPECT_DOUBLE_EQ(pool.gauge().fragmentation, 0);
  request = pool.acquire();
  EXPECT_EQ(pool.gauge().used_bytes, 3'000'000);
  decode(*request, 500, 500);
  pool.release(std::move(request));
  EXPECT_EQ(pool.gauge().size_bytes, 3'000'000) << "the buffer stays";
  EXPECT_DOUBLE_EQ(pool.gauge().fragmentation, 0.75) << "three quarters of it were not needed";
  EXPECT_EQ(pool.gauge().name, "requests");
}

TEST(RequestPoolTest, AnEnormousPictureLeavesNothingBehind) {
  RequestPool pool(2, 0);
  auto request = pool.acquire();
  decode(*request, 4000, 4000);
  request->packet.bytes.resize(50'000'000);
  pool.release(std::move(request));
  EXPECT_EQ(pool.gauge().size_bytes, 0);
  EXPECT_EQ(pool.acquire()->outcome.pixels.pixels.capacity(), 0U);
}

}  // namespace
}  // namespace shoal
