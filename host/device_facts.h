/* Everything that OpenCL says of a device, for people who look into a problem on one that they do not have. */
#ifndef ICN_HOST_DEVICE_FACTS_H
#define ICN_HOST_DEVICE_FACTS_H

#include "device_desc.h"

typedef enum icn_fact_kind {
  ICN_FACT_TEXT,
  ICN_FACT_WORDS,  /* separated by blanks */
  ICN_FACT_NUMBERS /* whole, decimal; one, or several separated by blanks */
} icn_fact_kind;

/* `name` is OpenCL's, as "MAX_COMPUTE_UNITS" for CL_DEVICE_MAX_COMPUTE_UNITS. */
typedef void icn_fact_fn(void *user, const char *name, icn_fact_kind kind, const char *value);

/* As the driver reported it, before quirks, calibration 0: what is recorded. */
const icn_device_desc *icn_device_description(const icn_device *device);
/* Calls `fact` for each property that the device knows. Left out are those that name one piece of hardware (UUID, PCI address). */
void icn_device_facts(const icn_context *context, const icn_device *device, icn_fact_fn *fact, void *user);

#endif
