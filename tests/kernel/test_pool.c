/* POOL rows on lib/case_pool.c. */
#include "support/kernel_suite.h"

int main(void) { return kernel_suite_main("pool"); }
