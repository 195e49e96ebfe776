// The state file: cameras that were added, changed, paused or removed while running, kept across
// restarts beside the configuration file, which Shoal never writes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/site_config.h"
#include "shoal/result.h"

namespace shoal {

// What it holds is the difference to the configuration, and for each camera its entry there at that
// time. So it is seen when a person has changed that entry since, and then
//
//   the configuration wins for cameras whose entry in it was changed, removed or newly written;
//   the state file wins for all others.
//
// Threads  one at a time.
class SiteState {
 public:
  // Reads `path` ("": nothing is kept) over the cameras of the configuration file. A file that
  // cannot be read, wholly or in part, is kept as `path`.corrupt, and the rest is used; nothing of
  // it is fatal. `models`: names of [model.NAME]; a camera that wants another one is such a part.
  [[nodiscard]] static SiteState open(std::string path, std::vector<CameraConfig> configured,
                                      std::span<const std::string> models);

  // What to start with: in the order of the configuration, then those that were added.
  [[nodiscard]] const std::vector<CameraConfig>& cameras() const { return cameras_; }
  // What a person should know, for the log: entries of the state that no longer hold, and why.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

  // Keeps the cameras as they are now: written beside the file, synced, then put in its place, so
  // that a crash leaves the old file or the new one. Passwords in URLs are in it: only its owner
  // may read it.
  // Errors   unavailable: it cannot be written; the file is as it was.
  // Cost     a sync of the disk, where something has changed since the last time.
  [[nodiscard]] Result<void> save(std::span<const CameraConfig> now);

 private:
  SiteState(std::string path, std::vector<CameraConfig> configured);
  void read(std::span<const std::string> models);
  void apply(std::string_view text, std::span<const std::string> models);
  void keep_damaged(std::string_view text, const std::string& why);

  std::string path_;
  std::vector<CameraConfig> configured_;
  std::vector<CameraConfig> cameras_;
  std::vector<std::string> notes_;
  std::string written_;  // what the file holds, as far as known
};

// Puts the cameras of site.state_file in the place of those of the configuration, logs the notes,
// and checks what alarms and sinks name against them. What cameras that were removed in the run
// make untrue is a note; cameras that doors may not add any more (site.allow_urls) are left out.
//
// Errors   those of check_references, where the configuration alone has it wrong; unavailable: the
//          file is a pipe or device.
[[nodiscard]] Result<SiteState> open_site_state(SiteConfig& site,
                                                std::span<const std::string> models);

}  // namespace shoal
