/* What all runtimes of one context, device and core count have in common: the cl_context (so that they can share buffers), the sub-device
 * and the built programs. Reference-counted; those of the context's own
 * devices stay until the context is destroyed, so that a second executor finds the programs built. */
#ifndef ICN_HOST_SHARE_H
#define ICN_HOST_SHARE_H

#include "context.h"

typedef struct icn_program icn_program; /* host/program.h */

struct icn_share {
  const icn_context *context;
  const icn_cl *cl;
  const icn_device *device;
  icn_device wrapped; /* what `device` points at for a device that the caller brought */
  cl_device_id id;    /* the device's, or the sub-device's */
  bool is_sub_device; /* id is released with the share */
  cl_context cl_context;
  uint32_t cores; /* as asked for; 0: all */
  icn_device_desc desc;
  icn_mutex *mutex; /* guards the programs and cache_complained */
  icn_program *programs;
  bool cache_complained; /* a failure of the disk cache was named */
  size_t references;     /* guarded by the context's mutex */
  icn_share *next;
};

/* Finds or makes the share of `device` with `cores` compute units (0: all). Fails: ICN_ARGUMENT (more cores than there are, a
 * device of another context),
 * ICN_UNSUPPORTED (the device cannot be divided), ICN_NO_DEVICE (the reference device), ICN_DEVICE, ICN_NO_MEMORY. */
icn_status icn_share_acquire(const icn_context *context, const icn_device *device, uint32_t cores, icn_share **share, icn_error *error);
/* The same around a cl_context and device of the caller's own (retained here); never found by others. */
icn_status icn_share_wrap(const icn_context *context, cl_context wrapped, cl_device_id id, icn_share **share, icn_error *error);
icn_share *icn_share_retain(icn_share *share);
void icn_share_release(icn_share *share);
/* Drops the context's list, which keeps every share (with its programs) until the context is destroyed. */
void icn_shares_release(const icn_context *context);

#endif
