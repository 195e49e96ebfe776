// The program `shoal`. Everything is in src/cli.
#include "cli/program.h"

int main(int argc, char** argv) { return shoal::run_program(argc, argv); }
