/* REDUCE, SOFTMAX and LRN rows on lib/case_reduce.c. */
#include "support/kernel_suite.h"

int main(void) { return kernel_suite_main("reduce"); }
