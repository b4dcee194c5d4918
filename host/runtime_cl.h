/* The inside of a runtime, for the files of host/ that speak OpenCL themselves (interop, CLBlast, measurements). */
#ifndef ICN_HOST_RUNTIME_CL_H
#define ICN_HOST_RUNTIME_CL_H

#include "runtime.h"
#include "share.h"

struct icn_runtime {
  const icn_context *context;
  const icn_cl *cl;
  icn_share *share;
  cl_command_queue queue;
  bool profile;   /* the queue does record times */
  bool unordered; /* the caller's queue is out of order: a barrier goes before each command */
};

struct icn_buffer {
  icn_share *share; /* a buffer may outlive the runtime that made it */
  cl_mem memory;
  uint64_t bytes;
};

/* A runtime around the caller's own queue (retained). `share` is taken, also on failure. */
icn_status icn_runtime_wrap(icn_share *share, cl_command_queue queue, icn_runtime **runtime, icn_error *error);
/* Before each command: what comes next waits for all that is in the queue. Nothing to do on a queue that is in order. */
icn_status icn_runtime_order(icn_runtime *runtime, icn_error *error);

#endif
