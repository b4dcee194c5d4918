/* The kernel tests: rows x cases x layouts x modes x devices, each against the reference. What a case is and how results are judged says
 * lib/cases.h; what is looked at around a run, host/kernel_check.h. A failure names device, row, case, layout, mode, seed, element, got and
 * want. Every row must have run on at least one case on each device.
 *
 * Environment: ICN_TEST_DEVICES = "all" (default) or comma-separated parts of device names; ICN_TEST_CASES = "small" leaves out the cases
 * marked LARGE, "once" these, all above 30 kFLOP, and all but one mode, layout and run of each case (for oclgrind, a thousand times
 * slower than a device), "one" runs each row once, on the smallest case it takes, in exact mode where one has that (for emulated
 * processors, where the kernels' compiler takes long); ICN_TEST_ROWS = comma-separated row names (default: all); ICN_TEST_PRETEND =
 * "vector4", "vector8", "vector16", "gpu", comma-separated: rows see such a device, so that what they emit for it is tested on the device
 * that is here. */
#ifndef ICN_TEST_KERNEL_SUITE_H
#define ICN_TEST_KERNEL_SUITE_H

/* Runs a family of lib/cases.c; returns what main() returns. */
int kernel_suite_main(const char *family);

#endif
