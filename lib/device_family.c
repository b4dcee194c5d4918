#include "device_family.h"

#include "glob.h"

typedef struct family_row {
  icn_device_family family;
  icn_device_kind kind;
  const char *vendor, *platform, *device; /* lib/glob.h; `device` is tried on the name and on the version text */
} family_row;

/* The first row that fits. */
static const family_row FAMILIES[] = {
    {ICN_FAMILY_POCL, ICN_DEVICE_CPU, "", "Portable Computing Language*|PoCL*", ""},
    {ICN_FAMILY_INTEL_CPU, ICN_DEVICE_CPU, "*Intel*", "*Intel*", ""},
    {ICN_FAMILY_NVIDIA, ICN_DEVICE_GPU, "*NVIDIA*", "", ""},
    {ICN_FAMILY_NVIDIA, ICN_DEVICE_GPU, "", "", "*GeForce*|*Quadro*|*Tesla*"},
    /* AMD's own drivers name the instruction set (older ones the chip), Mesa and macOS the card. */
    {ICN_FAMILY_AMD_RDNA, ICN_DEVICE_GPU, "*Advanced Micro Devices*|AMD*", "", "gfx1[0-9][0-9][0-9a-f]*"},
    {ICN_FAMILY_AMD_RDNA, ICN_DEVICE_GPU, "*Advanced Micro Devices*|AMD*", "", "*navi*|*gfx1[0-9][0-9][0-9a-f]*|*RX [5-9][0-9][0-9]0*"},
    {ICN_FAMILY_AMD_RDNA, ICN_DEVICE_GPU, "*Advanced Micro Devices*|AMD*", "",
     "*rembrandt*|*phoenix*|*raphael*|*mendocino*|*vangogh*|*strix*|*Radeon [678][0-9][0-9]M*|*Radeon Pro 5[3-7]00*|*Radeon Pro "
     "W[5-7][0-9]00*"},
    {ICN_FAMILY_AMD_GCN, ICN_DEVICE_GPU, "*Advanced Micro Devices*|AMD*", "", ""},
    /* Numbers in brackets are the PCI ids of devices that a driver has no name for. */
    {ICN_FAMILY_INTEL_GEN9, ICN_DEVICE_GPU, "*Intel*", "", "*[[]0x19*|*[[]0x59*|*[[]0x3e*|*[[]0x9b*|*[[]0x31*|*[[]0x5a*|*[[]0x87*"},
    {ICN_FAMILY_INTEL_GEN9, ICN_DEVICE_GPU, "*Intel*", "", "*[[]0x8a*|*[[]0x4e*|*[[]0x45*"}, /* generation 11 */
    {ICN_FAMILY_INTEL_XE, ICN_DEVICE_GPU, "*Intel*", "", "*[[]0x9a*|*[[]0x46*|*[[]0xa7*|*[[]0x4c*"},
    {ICN_FAMILY_INTEL_XE, ICN_DEVICE_GPU, "*Intel*", "", "*Arc(*|*Xe*|*Data Center GPU*|*UHD Graphics 7[1-7]0*"},
    /* Names without HD, UHD or Iris came with Xe. */
    {ICN_FAMILY_INTEL_XE, ICN_DEVICE_GPU, "*Intel*", "", "Intel(R) Graphics*|Mesa Intel(R) Graphics*"},
    {ICN_FAMILY_INTEL_GEN9, ICN_DEVICE_GPU, "*Intel*", "", "*Graphics*"},
    /* Some drivers of Valhall give the name that Arm uses inside: Mali-LODX is the G610. */
    {ICN_FAMILY_MALI_VALHALL, ICN_DEVICE_GPU, "", "", "*Mali-G57*|*Mali-G68*|*Mali-G7[78]*|*Mali-G[3-9][0-9][05]*|*Immortalis*"},
    {ICN_FAMILY_MALI_BIFROST, ICN_DEVICE_GPU, "", "", "*Mali-G[0-9]*"},
    {ICN_FAMILY_MALI_MIDGARD, ICN_DEVICE_GPU, "", "", "*Mali-T[0-9]*"},
    {ICN_FAMILY_MALI_VALHALL, ICN_DEVICE_GPU, "", "", "*Mali-*"},
    {ICN_FAMILY_ADRENO, ICN_DEVICE_GPU, "", "", "*Adreno*|FD[3-9][0-9][0-9]*"},
    {ICN_FAMILY_ADRENO, ICN_DEVICE_GPU, "*Qualcomm*", "", ""},
    {ICN_FAMILY_POWERVR, ICN_DEVICE_GPU, "*Imagination*", "", ""},
    {ICN_FAMILY_POWERVR, ICN_DEVICE_GPU, "", "", "*PowerVR*"},
};

static const char *const NAMES[ICN_FAMILY_COUNT] = {
    [ICN_FAMILY_UNKNOWN] = "unknown",
    [ICN_FAMILY_AMD_GCN] = "amd-gcn",
    [ICN_FAMILY_AMD_RDNA] = "amd-rdna",
    [ICN_FAMILY_INTEL_GEN9] = "intel-gen9",
    [ICN_FAMILY_INTEL_XE] = "intel-xe",
    [ICN_FAMILY_MALI_MIDGARD] = "mali-midgard",
    [ICN_FAMILY_MALI_BIFROST] = "mali-bifrost",
    [ICN_FAMILY_MALI_VALHALL] = "mali-valhall",
    [ICN_FAMILY_ADRENO] = "adreno",
    [ICN_FAMILY_NVIDIA] = "nvidia",
    [ICN_FAMILY_POWERVR] = "powervr",
    [ICN_FAMILY_POCL] = "pocl",
    [ICN_FAMILY_INTEL_CPU] = "intel-cpu",
};

icn_device_family icn_device_family_of(const icn_device_desc *desc) {
  for (size_t i = 0; i < sizeof FAMILIES / sizeof FAMILIES[0]; i++) {
    const family_row *row = &FAMILIES[i];
    if (desc->kind != row->kind || !icn_glob(row->vendor, desc->vendor) || !icn_glob(row->platform, desc->platform)) continue;
    if (icn_glob(row->device, desc->name) || icn_glob(row->device, desc->version)) return row->family;
  }
  return ICN_FAMILY_UNKNOWN;
}

const char *icn_device_family_name(icn_device_family family) {
  return (int)family >= 0 && family < ICN_FAMILY_COUNT ? NAMES[family] : NAMES[ICN_FAMILY_UNKNOWN];
}

bool icn_family_is_mali(icn_device_family family) {
  return family == ICN_FAMILY_MALI_MIDGARD || family == ICN_FAMILY_MALI_BIFROST || family == ICN_FAMILY_MALI_VALHALL;
}
