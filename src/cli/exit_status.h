// What the process returns; part of the command line's contract.
#pragma once

namespace shoal {

enum ExitStatus : int {
  kAllWell = 0,
  kSomeFailed = 1,        // some items failed, the rest is done
  kWrongUsage = 2,        // options, inputs or outputs that cannot be used
  kCannotLoad = 3,        // the model or the configuration
  kCheckDidNotHold = 4,   // doctor
  // 128 + the signal's number: Ctrl-C or SIGTERM; what was done is kept, files are closed
};

}  // namespace shoal
