/* One problem for each class of kernel, as Inception-v3 has it: what a short benchmark of a device runs. */
#ifndef ICN_LIB_BENCH_CLASSES_H
#define ICN_LIB_BENCH_CLASSES_H

#include "cases.h"

/* The classes' names in order ("conv 1x1"); NULL behind the last. */
const char *icn_bench_class(size_t index);
/* The problem of class `index` in the layout of the device, as a case, so that its result can be checked too. Fails: ICN_NO_MEMORY. */
icn_status icn_bench_class_case(size_t index, icn_case *c, icn_error *error);

#endif
