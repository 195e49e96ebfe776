// One clip as an MP4 file: a camera's packets as they are, or, where a camera has only pixels,
// JPEGs that become H.264 here.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "shoal/result.h"
#include "sink/packet_tape.h"

namespace shoal {

// The index is at the front of the file, times count from 0: browsers play it while it loads. Until
// finish() the file is no video yet; a clip that is not finished leaves no file.
//
// Threads  one at a time.
class ClipFile {
 public:
  virtual ~ClipFile() = default;

  // For the packets of one section; `first` with its `bytes` is a key frame, to be given to write()
  // too.
  // Errors   kUnavailable: the file cannot be written; kUnsupported: MP4 does not take the codec.
  [[nodiscard]] static Result<std::unique_ptr<ClipFile>> open(const std::string& path,
                                                              const TapedPacket& first,
                                                              std::span<const std::uint8_t> bytes,
                                                              const PacketTape::Cut& cut);
  // Errors   kUnavailable: disk full; kCorruptInput: this packet fits nowhere and is left out.
  [[nodiscard]] virtual Result<void> write(const TapedPacket& packet,
                                           std::span<const std::uint8_t> bytes) = 0;
  [[nodiscard]] virtual Result<void> finish() = 0;
};

}  // namespace shoal
