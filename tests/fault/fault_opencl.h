/* An OpenCL library that forwards to the real one, lets a chosen call fail, and counts the objects that are alive. Loaded by the library
 * under test as its OpenCL library, and by the test to steer it. */
#ifndef ICN_TEST_FAULT_OPENCL_H
#define ICN_TEST_FAULT_OPENCL_H

#include <stddef.h>

typedef struct fault_control {
  const char *function;        /* which one fails; NULL: none */
  long at;                     /* its at-th call, from 1 on; -1: every call */
  int code;                    /* with this code */
  long calls;                  /* of that function so far */
  long alive;                  /* objects created or retained and not released */
  const char *limited_kernels; /* NULL: none; else compiled kernels with this in their name ... */
  size_t work_group_limit;     /* ... allow no more work-items than this */
  long peak;                   /* the most that were alive at once */
} fault_control;

/* Exported by the library. */
typedef fault_control *fault_control_function(void);

#endif
