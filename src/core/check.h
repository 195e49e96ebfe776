// SHOAL_CHECK: a programmer's error ends the process, in all builds. Not for input.
#pragma once

#include <cstdio>
#include <cstdlib>

#define SHOAL_CHECK(condition, message)                                                     \
  do {                                                                                      \
    if (!(condition)) [[unlikely]] {                                                        \
      std::fprintf(stderr, "%s:%d: check failed: %s: %s\n", __FILE__, __LINE__, #condition, \
                   message);                                                                \
      std::abort();                                                                         \
    }                                                                                       \
  } while (false)
