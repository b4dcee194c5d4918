/* The family of a device, from the names in its description: what quirks and rows' configurations go by. */
#ifndef ICN_LIB_DEVICE_FAMILY_H
#define ICN_LIB_DEVICE_FAMILY_H

#include "device_desc.h"

typedef enum icn_device_family {
  ICN_FAMILY_UNKNOWN = 0,
  ICN_FAMILY_AMD_GCN,    /* and CDNA: waves of 64 */
  ICN_FAMILY_AMD_RDNA,   /* gfx10 and later: waves of 32 */
  ICN_FAMILY_INTEL_GEN9, /* up to generation 11 */
  ICN_FAMILY_INTEL_XE,
  ICN_FAMILY_MALI_MIDGARD, /* Mali-T */
  ICN_FAMILY_MALI_BIFROST,
  ICN_FAMILY_MALI_VALHALL, /* and later */
  ICN_FAMILY_ADRENO,
  ICN_FAMILY_NVIDIA,
  ICN_FAMILY_POWERVR,
  ICN_FAMILY_POCL, /* on a CPU */
  ICN_FAMILY_INTEL_CPU,
  ICN_FAMILY_COUNT
} icn_device_family;

/* Pure: vendor, names, platform and kind decide. */
icn_device_family icn_device_family_of(const icn_device_desc *desc);
/* "amd-rdna"; "unknown" for ICN_FAMILY_UNKNOWN. */
const char *icn_device_family_name(icn_device_family family);
bool icn_family_is_mali(icn_device_family family);

#endif
