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
  bool wrapped;   /* the queue is the caller's */
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
/* A further queue of the runtime's device, which records times if the runtime's own does. The caller releases it. Fails: ICN_UNSUPPORTED
 * (no queue without an order), ICN_DEVICE. */
icn_status icn_runtime_queue(const icn_runtime *runtime, bool unordered, cl_command_queue *queue, icn_error *error);

/* As icn_buffer_write and icn_buffer_read, without waiting: `data` stays where it is until the queue has come past. `done` receives a NEW
 * event; left alone where there is nothing to copy. */
icn_status icn_buffer_write_later(icn_runtime *runtime, icn_buffer *buffer, uint64_t bytes, const void *data, cl_event *done,
                                  icn_error *error);
icn_status icn_buffer_read_later(icn_runtime *runtime, icn_buffer *buffer, uint64_t bytes, void *data, cl_event *done, icn_error *error);

/* Where a launch goes, what it waits for. */
typedef struct icn_order {
  cl_command_queue queue;
  const cl_event *waits;
  cl_uint wait_count;
  cl_event *
      done; /* receives an event, also where there is nothing to compute; NULL: not wanted. The bound launch's own with profile, else NEW */
} icn_order;
icn_status icn_bound_enqueue_ordered(icn_runtime *runtime, icn_bound *bound, const icn_order *order, icn_error *error);

/* A bound launch as OpenCL takes it. Not for CLBlast's. */
typedef struct icn_bound_range {
  const char *name;
  cl_kernel kernel;
  cl_uint dims;
  const size_t *global, *local; /* local: NULL where the driver chooses */
  bool empty;                   /* nothing to compute */
} icn_bound_range;
icn_bound_range icn_bound_as_range(const icn_bound *bound);

#endif
