/* UNARY, BINARY and AFFINE rows on lib/case_elementwise.c. */
#include "support/kernel_suite.h"

int main(void) { return kernel_suite_main("elementwise"); }
