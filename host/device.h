/* The OpenCL devices of this machine and their descriptions. */
#ifndef ICN_HOST_DEVICE_H
#define ICN_HOST_DEVICE_H

#include "device_desc.h"
#include "loader.h"

struct icn_device {
  int index; /* -1: the reference device, or one that the caller brought */
  cl_platform_id platform;
  cl_device_id id;
  icn_device_desc reported; /* as the driver says */
  icn_device_desc desc;     /* with its quirks applied: what everybody goes by */
};

/* Reads limits and features of one device. `desc` is filled completely (calibration 0, quirks not applied). */
icn_status icn_device_describe(const icn_cl *cl, cl_device_id id, icn_device_desc *desc, icn_error *error);
/* The plain C reference's own description. */
void icn_device_describe_reference(icn_device_desc *desc);

/* Lists the usable devices of all platforms (*devices is NEW). What cannot be used (below OpenCL 1.2, no compiler, a platform that fails)
 * is left out with a log line. `quirk_switches`: as for icn_quirks_apply. Fails: ICN_NO_DEVICE with the reason why there is none,
 * ICN_NO_MEMORY. */
icn_status icn_device_enumerate(const icn_cl *cl, const char *quirk_switches, const icn_allocator *allocator, const icn_logger *logger,
                                icn_device **devices, size_t *count, icn_error *error);

/* "cpu", "gpu", "other", "reference". */
const char *icn_device_kind_name(icn_device_kind kind);

#endif
