// How long to wait before connecting again: exponential, with jitter, so that cameras that died
// together do not come back together. Pure.
#pragma once

#include <chrono>
#include <cstdint>

namespace shoal {

struct BackoffOptions {
  std::chrono::milliseconds min{500};
  std::chrono::milliseconds max{30'000};
};

// The wait before attempt `failures` + 1; `failures` >= 1 in a row. min * 2^(failures - 1), at most
// max, of which a random half (from `random`, any 64 bits) is taken away: "equal jitter", Brooker,
// "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
//
// Returns  at least 1 ms, whatever the options: nobody reconnects in a tight loop.
[[nodiscard]] std::chrono::milliseconds backoff(const BackoffOptions& options, int failures,
                                                std::uint64_t random);

}  // namespace shoal
