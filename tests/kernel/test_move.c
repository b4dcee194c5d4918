/* COPY, PAD and RESAMPLE rows on lib/case_move.c. */
#include "support/kernel_suite.h"

int main(void) { return kernel_suite_main("move"); }
