/* CONV and CONV_TRANSPOSE rows on lib/case_conv.c. */
#include "support/kernel_suite.h"

int main(void) { return kernel_suite_main("conv"); }
