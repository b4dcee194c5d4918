/* MATMUL rows on lib/case_matmul.c. */
#include "support/kernel_suite.h"

int main(void) { return kernel_suite_main("matmul"); }
