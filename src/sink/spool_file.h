// The bytes of one file of the alarm spool: an alarm, where it has to go, and marks for where it
// has arrived. Pure; files are alarm_spool.cpp's.
//
//   file    = magic "SHOALSP1", record(alarm), { record(mark) }
//   record  = u32 length, u32 CRC-32 of the payload, payload       (integers are little-endian)
//   mark    = payload of one byte: index of the destination that has the alarm
//
// A file is made whole under another name and renamed, and only marks are appended to it, so a
// kill can tear nothing but the last mark.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/camera_result.h"
#include "shoal/result.h"

namespace shoal {

// Destinations of one alarm: as many as an index of one byte and a bit mask can tell apart.
inline constexpr std::size_t kSpoolDestinationsMax = 64;
// A larger file is not one of ours.
inline constexpr std::size_t kSpoolFileBytesMax = std::size_t{64} << 20;

struct SpoolFile {
  Alarm alarm;
  std::vector<std::string> destinations;
  std::uint64_t arrived = 0;    // bit i: destinations[i] has it
  std::size_t bytes_valid = 0;  // up to the end of the last whole record; the rest is torn
};

// REQUIRES: at most kSpoolDestinationsMax destinations.
[[nodiscard]] std::string encode_spool_file(const Alarm& alarm,
                                            std::span<const std::string> destinations);
// REQUIRES: destination < kSpoolDestinationsMax.
[[nodiscard]] std::string encode_spool_mark(std::size_t destination);

// Marks after a torn or damaged one do not count.
//
// Errors   kCorruptInput: the alarm itself is torn or damaged.
// Cost     never allocates more than a few times the size of `bytes`.
[[nodiscard]] Result<SpoolFile> decode_spool_file(std::string_view bytes);

}  // namespace shoal
