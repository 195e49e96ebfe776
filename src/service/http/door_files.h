// File descriptors: how many the doors may take, so that alarms, spool, clips and cameras find
// theirs.
#pragma once

namespace shoal {

// The descriptors that one door may need. Raises the soft limit of this process, which is often
// 1024 where the hard one is far more, so that they fit beside those of the other doors and of
// everything else. Threads: any.
class DoorFiles {
 public:
  explicit DoorFiles(int most);
  ~DoorFiles();
  DoorFiles(const DoorFiles&) = delete;
  DoorFiles& operator=(const DoorFiles&) = delete;
  // False: the hard limit is too low; connections will be closed or refused to keep the reserve.
  [[nodiscard]] bool enough() const { return enough_; }

 private:
  const int most_;
  bool enough_ = true;
};

// Whether a socket that was just accepted as `descriptor` takes one of those kept for everything
// that is no door. The system gives the lowest number that is free, so the number itself tells how
// many are taken, by whomever.
[[nodiscard]] bool is_reserved_file(int descriptor);

}  // namespace shoal
