// The program `shoal`. Everything is in src/cli.
#include <malloc.h>

#include "cli/program.h"

int main(int argc, char** argv) {
  // Fixed: the C library otherwise raises it to the size of the first frame that is freed, and
  // frames of cameras that come and go then fragment the heap. A mapping of its own goes back.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  return shoal::run_program(argc, argv);
}
