/* Patterns, families of devices by the names that real drivers give, and every row of lib/quirks.def: a device that it is about, and one
 * that it is not about. */
#include "quirks.h"

#include "cases.h"
#include "glob.h"
#include "kernel.h"
#include "kernels_embedded.h"
#include "source_text.h"
#include "support/icn_test.h"

static void patterns_cover_whole_texts(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *text;
    bool matches;
  } CASES[] = {
      {"", "anything", true},
      {NULL, "anything", true},
      {"abc", "abc", true},
      {"abc", "ABC", true},
      {"abc", "abcd", false},
      {"abc", "ab", false},
      {"a?c", "axc", true},
      {"a?c", "ac", false},
      {"*", "", true},
      {"*Mali-T8*", "Mali-T880 r2p0", true},
      {"*Mali-T8*", "Mali-T760", false},
      {"a*b*c", "a-b-b-c", true},
      {"a*b*c", "a-c-b", false},
      {"*aab", "aaaab", true},
      {"gfx1[0-2]*", "gfx1030", true},
      {"gfx1[0-2]*", "gfx1330", false},
      {"gfx9[ac0]a", "gfx9CA", true},
      {"[[]x", "[x", true},
      {"a[b", "a[b", true}, /* not closed: itself */
      {"one|two*", "twofold", true},
      {"one|two", "three", false},
      {"|two", "", true},
      {"!rusticl|Clover*", "AMD", true},
      {"!rusticl|Clover*", "Clover 1", false},
      {"!rusticl|Clover*", "Rusticl", false},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    if (icn_glob(CASES[i].pattern, CASES[i].text) != CASES[i].matches) {
      fail_msg("'%s' and '%s': expected %s", CASES[i].pattern, CASES[i].text, CASES[i].matches ? "a match" : "no match");
    }
  }
}

/* ----------------------------------------------------------------- devices */

typedef struct names {
  icn_device_kind kind;
  const char *vendor, *platform, *name, *driver, *version;
} names;

static icn_device_desc device_of(const names *n) {
  icn_device_desc desc = icn_device_desc_example(n->kind);
  snprintf(desc.vendor, sizeof desc.vendor, "%s", n->vendor);
  snprintf(desc.platform, sizeof desc.platform, "%s", n->platform);
  snprintf(desc.name, sizeof desc.name, "%s", n->name);
  snprintf(desc.driver, sizeof desc.driver, "%s", n->driver);
  snprintf(desc.version, sizeof desc.version, "%s", n->version);
  return desc;
}

#define GPU   ICN_DEVICE_GPU
#define CPU   ICN_DEVICE_CPU
#define AMD   "Advanced Micro Devices, Inc.", "AMD Accelerated Parallel Processing"
#define INTEL "Intel(R) Corporation", "Intel(R) OpenCL Graphics"
#define ARM   "ARM", "ARM Platform"
#define QCOM  "QUALCOMM", "QUALCOMM Snapdragon(TM)"

static void families_go_by_names(void **state) {
  (void)state;
  static const struct {
    names names;
    icn_device_family family;
  } CASES[] = {
      {{GPU, AMD, "gfx803", "3110.0 (HSA1.1,LC)", "OpenCL 2.0 "}, ICN_FAMILY_AMD_GCN},
      {{GPU, AMD, "Ellesmere", "3004.8", "OpenCL 1.2 AMD-APP (3004.8)"}, ICN_FAMILY_AMD_GCN},
      {{GPU, AMD, "gfx906:sramecc+:xnack-", "3570.0 (HSA1.1,LC)", "OpenCL 2.0 "}, ICN_FAMILY_AMD_GCN},
      {{GPU, AMD, "gfx90a:sramecc+:xnack-", "3570.0 (HSA1.1,LC)", "OpenCL 2.0 "}, ICN_FAMILY_AMD_GCN},
      {{GPU, AMD, "gfx90c", "3570.0 (PAL,LC)", "OpenCL 2.0 "}, ICN_FAMILY_AMD_GCN},
      {{GPU, AMD, "gfx1010:xnack-", "3570.0 (HSA1.1,LC)", "OpenCL 2.0 "}, ICN_FAMILY_AMD_RDNA},
      {{GPU, AMD, "gfx1030", "3570.0 (HSA1.1,LC)", "OpenCL 2.0 "}, ICN_FAMILY_AMD_RDNA},
      {{GPU, AMD, "gfx1100", "3513.0 (HSA1.1,LC)", "OpenCL 2.0 "}, ICN_FAMILY_AMD_RDNA},
      {{GPU, AMD, "gfx1201", "3635.0 (HSA1.1,LC)", "OpenCL 2.1 "}, ICN_FAMILY_AMD_RDNA},
      {{GPU, "AMD", "rusticl", "AMD Radeon RX 6800 (radeonsi, navi21, LLVM 19.1.7, DRM 3.49)", "25.0.7", "OpenCL 3.0"},
       ICN_FAMILY_AMD_RDNA},
      {{GPU, "AMD", "rusticl", "AMD Radeon RX 7900 XTX (radeonsi, gfx1100, LLVM 19)", "25.0.7", "OpenCL 3.0"}, ICN_FAMILY_AMD_RDNA},
      {{GPU, "AMD", "rusticl", "AMD Radeon RX 580 Series (radeonsi, polaris10, ACO, DRM 3.57)", "25.0.7", "OpenCL 3.0"},
       ICN_FAMILY_AMD_GCN},
      {{GPU, "AMD", "rusticl", "AMD Radeon RX Vega (radeonsi, vega10, LLVM 19)", "25.0.7", "OpenCL 3.0"}, ICN_FAMILY_AMD_GCN},
      {{GPU, "AMD", "rusticl", "AMD Radeon Graphics (radeonsi, renoir, LLVM 19)", "25.0.7", "OpenCL 3.0"}, ICN_FAMILY_AMD_GCN},
      {{GPU, INTEL, "Intel(R) HD Graphics 530", "22.43", "OpenCL 3.0 NEO "}, ICN_FAMILY_INTEL_GEN9},
      {{GPU, INTEL, "Intel(R) UHD Graphics 630", "23.17", "OpenCL 3.0 NEO "}, ICN_FAMILY_INTEL_GEN9},
      {{GPU, INTEL, "Intel(R) UHD Graphics 620 [0x5917]", "23.17", "OpenCL 3.0 NEO "}, ICN_FAMILY_INTEL_GEN9},
      {{GPU, INTEL, "Intel(R) Iris(R) Plus Graphics [0x8a52]", "23.17", "OpenCL 3.0 NEO "}, ICN_FAMILY_INTEL_GEN9},
      {{GPU, "Intel", "rusticl", "Mesa Intel(R) UHD Graphics 630 (CFL GT2)", "25.0.7", "OpenCL 3.0"}, ICN_FAMILY_INTEL_GEN9},
      {{GPU, INTEL, "Intel(R) Iris(R) Xe Graphics [0x9a49]", "23.17", "OpenCL 3.0 NEO "}, ICN_FAMILY_INTEL_XE},
      {{GPU, INTEL, "Intel(R) UHD Graphics 770 [0x4680]", "23.17", "OpenCL 3.0 NEO "}, ICN_FAMILY_INTEL_XE},
      {{GPU, INTEL, "Intel(R) UHD Graphics [0x9a60]", "23.17", "OpenCL 3.0 NEO "}, ICN_FAMILY_INTEL_XE},
      {{GPU, INTEL, "Intel(R) Graphics [0xff20]", "22.43.24595.41", "OpenCL 3.0 NEO "}, ICN_FAMILY_INTEL_XE},
      {{GPU, INTEL, "Intel(R) Arc(TM) A770 Graphics", "24.35", "OpenCL 3.0 NEO "}, ICN_FAMILY_INTEL_XE},
      {{GPU, INTEL, "Intel(R) Arc(TM) B580 Graphics", "24.48", "OpenCL 3.0 NEO "}, ICN_FAMILY_INTEL_XE},
      {{GPU, INTEL, "Intel(R) Data Center GPU Max 1550", "23.30", "OpenCL 3.0 NEO "}, ICN_FAMILY_INTEL_XE},
      {{GPU, ARM, "Mali-T628", "1.2", "OpenCL 1.2 v1.r12p0"}, ICN_FAMILY_MALI_MIDGARD},
      {{GPU, ARM, "Mali-T880", "1.2", "OpenCL 1.2 v1.r22p0"}, ICN_FAMILY_MALI_MIDGARD},
      {{GPU, ARM, "Mali-G31 r0p0", "3.0", "OpenCL 3.0 v1.r32p1"}, ICN_FAMILY_MALI_BIFROST},
      {{GPU, ARM, "Mali-G52 r1p0", "2.1", "OpenCL 2.1 v1.r26p0"}, ICN_FAMILY_MALI_BIFROST},
      {{GPU, ARM, "Mali-G71", "2.0", "OpenCL 2.0 v1.r19p0"}, ICN_FAMILY_MALI_BIFROST},
      {{GPU, ARM, "Mali-G72 r0p3", "2.0", "OpenCL 2.0 v1.r19p0"}, ICN_FAMILY_MALI_BIFROST},
      {{GPU, ARM, "Mali-G76 r0p0", "2.1", "OpenCL 2.1 v1.r26p0"}, ICN_FAMILY_MALI_BIFROST},
      {{GPU, "Arm", "rusticl", "Mali-G52 (Panfrost)", "25.0.7", "OpenCL 3.0"}, ICN_FAMILY_MALI_BIFROST},
      {{GPU, "Arm", "rusticl", "Mali-G57 (Panfrost)", "25.0.7", "OpenCL 3.0"}, ICN_FAMILY_MALI_VALHALL},
      {{GPU, ARM, "Mali-G77 r0p1", "2.1", "OpenCL 2.1 v1.r32p1"}, ICN_FAMILY_MALI_VALHALL},
      {{GPU, ARM, "Mali-G78 r1p1", "3.0", "OpenCL 3.0 v1.r36p0"}, ICN_FAMILY_MALI_VALHALL},
      {{GPU, ARM, "Mali-G610 r0p0", "3.0", "OpenCL 3.0 v1.g6p0"}, ICN_FAMILY_MALI_VALHALL},
      {{GPU, ARM, "Mali-LODX r0p0", "2.1", "OpenCL 2.1 v1.g6p0"}, ICN_FAMILY_MALI_VALHALL},
      {{GPU, ARM, "Mali-TTUX r0p0", "3.0", "OpenCL 3.0 v1.r43p0"}, ICN_FAMILY_MALI_VALHALL},
      {{GPU, INTEL, "Intel(R) Graphics [0x1902]", "22.43.24595.41", "OpenCL 3.0 NEO "}, ICN_FAMILY_INTEL_GEN9},
      {{GPU, ARM, "Mali-G710 r0p0", "3.0", "OpenCL 3.0 v1.r38p1"}, ICN_FAMILY_MALI_VALHALL},
      {{GPU, ARM, "Mali-G715 r0p0", "3.0", "OpenCL 3.0 v1.r43p0"}, ICN_FAMILY_MALI_VALHALL},
      {{GPU, ARM, "Immortalis-G720", "3.0", "OpenCL 3.0 v1.r46p0"}, ICN_FAMILY_MALI_VALHALL},
      {{GPU, QCOM, "QUALCOMM Adreno(TM)", "OpenCL 2.0 QUALCOMM build: Compiler E031.36.12", "OpenCL 2.0 Adreno(TM) 630"},
       ICN_FAMILY_ADRENO},
      {{GPU, QCOM, "QUALCOMM Adreno(TM) 750", "OpenCL 3.0 QUALCOMM build", "OpenCL 3.0 Adreno(TM) 750"}, ICN_FAMILY_ADRENO},
      {{GPU, "Qualcomm", "rusticl", "FD660", "25.0.7", "OpenCL 3.0"}, ICN_FAMILY_ADRENO},
      {{GPU, "NVIDIA Corporation", "NVIDIA CUDA", "NVIDIA GeForce RTX 3060", "535.54", "OpenCL 3.0 CUDA"}, ICN_FAMILY_NVIDIA},
      {{GPU, "Imagination Technologies", "PowerVR", "PowerVR Rogue GE8320", "1.13", "OpenCL 1.2 "}, ICN_FAMILY_POWERVR},
      {{CPU, "AuthenticAMD", "Portable Computing Language", "pthread-skylake-avx512-AMD EPYC", "3.1+debian", "OpenCL 3.0 PoCL 3.1+debian"},
       ICN_FAMILY_POCL},
      {{CPU, "ARM", "Portable Computing Language", "cpu-cortex-a76", "6.0", "OpenCL 3.0 PoCL 6.0"}, ICN_FAMILY_POCL},
      {{CPU, "Intel(R) Corporation", "Intel(R) OpenCL", "AMD EPYC 9R14", "2026.20.2", "OpenCL 3.0 (Build 0)"}, ICN_FAMILY_INTEL_CPU},
      {{CPU, "Mesa/X.org", "rusticl", "llvmpipe (LLVM 15.0.6, 256 bits)", "22.3.6", "OpenCL 3.0 "}, ICN_FAMILY_UNKNOWN},
      {{GPU, "Vivante Corporation", "Vivante OpenCL Platform", "Vivante OpenCL Device GC7000", "1.0", "OpenCL 1.2"}, ICN_FAMILY_UNKNOWN},
      {{GPU, "Apple", "Apple", "Apple M1", "1.2 1.0", "OpenCL 1.2 "}, ICN_FAMILY_UNKNOWN},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    const icn_device_desc desc = device_of(&CASES[i].names);
    const icn_device_family family = icn_device_family_of(&desc);
    if (family != CASES[i].family) {
      fail_msg("'%s' of '%s' is taken for %s, expected %s", desc.name, desc.platform, icn_device_family_name(family),
               icn_device_family_name(CASES[i].family));
    }
  }
}

/* ------------------------------------------------------------------ quirks */

/* For each row: a device that it is about, and one that differs in what the row looks at. */
typedef struct quirk_case {
  const char *quirk;
  names hit, miss;
} quirk_case;

static const quirk_case QUIRK_CASES[] = {
    {"amd_dual_units", {GPU, AMD, "gfx1030", "3570.0", "OpenCL 2.0"}, {GPU, AMD, "gfx906:sramecc+:xnack-", "3570.0", "OpenCL 2.0"}},
    {"amd_dual_units",
     {GPU, AMD, "gfx1100", "3513.0", "OpenCL 2.0"},
     {GPU, "AMD", "rusticl", "AMD Radeon RX 6800 (radeonsi, navi21)", "25.0.7", "OpenCL 3.0"}},
    {"freedreno_units",
     {GPU, "Qualcomm", "rusticl", "FD660", "25.0.7", "OpenCL 3.0"},
     {GPU, QCOM, "QUALCOMM Adreno(TM)", "E031.45.02", "OpenCL 3.0 Adreno(TM) 740"}},
    {"rusticl_local_type",
     {GPU, "AMD", "rusticl", "AMD Radeon RX 6800 (radeonsi, navi21)", "25.0.7", "OpenCL 3.0"},
     {GPU, "Arm", "rusticl", "Mali-G57 (Panfrost)", "25.0.7", "OpenCL 3.0"}},
    {"mali_local_memory", {GPU, ARM, "Mali-G76 r0p0", "2.1", "OpenCL 2.1 v1"}, {GPU, AMD, "gfx803", "3110.0", "OpenCL 2.0"}},
    {"adreno_local_tiles",
     {GPU, QCOM, "QUALCOMM Adreno(TM)", "E031.45.02", "OpenCL 3.0 Adreno(TM) 740"},
     {GPU, AMD, "gfx803", "3110.0", "OpenCL 2.0"}},
    {"mali_t8xx_work_groups", {GPU, ARM, "Mali-T860", "1.2", "OpenCL 1.2 v1"}, {GPU, ARM, "Mali-G52", "2.1", "OpenCL 2.1 v1"}},
    {"neo_no_work_group",
     {GPU, "Intel(R) Corporation", "Intel(R) OpenCL HD Graphics", "Intel(R) Arc(TM) Graphics", "22.43", "OpenCL 3.0 NEO"},
     {GPU, AMD, "gfx803", "3110.0", "OpenCL 2.0"}},
    {"intel_slow_launches",
     {GPU, INTEL, "Intel(R) UHD Graphics 630", "23.17", "OpenCL 3.0 NEO"},
     {GPU, INTEL, "Intel(R) Arc(TM) A770 Graphics", "24.35", "OpenCL 3.0 NEO"}},
    {"mali_long_queues", {GPU, ARM, "Mali-G78", "3.0", "OpenCL 3.0"}, {GPU, AMD, "gfx803", "3110.0", "OpenCL 2.0"}},
    {"adreno_8xx_constants",
     {GPU, QCOM, "QUALCOMM Adreno(TM) 840", "OpenCL 3.0 QUALCOMM build: 0 Compiler E031.47.12.03", "OpenCL 3.0 Adreno(TM) 840"},
     {GPU, QCOM, "QUALCOMM Adreno(TM) 840", "OpenCL 3.0 QUALCOMM build: 0 Compiler E031.47.18.01", "OpenCL 3.0 Adreno(TM) 840"}},
    {"adreno_long_queues",
     {GPU, QCOM, "QUALCOMM Adreno(TM)", "E031.45", "OpenCL 2.0 Adreno(TM) 640"},
     {GPU, ARM, "Mali-G78", "3.0", "OpenCL 3.0"}},
    {"fma_emulated",
     {GPU, QCOM, "QUALCOMM Adreno(TM)", "E031.45", "OpenCL 2.0 Adreno(TM) 640"},
     {GPU, ARM, "Mali-G78", "3.0", "OpenCL 3.0"}},
    {"powervr_ge8320_optimiser",
     {GPU, "Imagination Technologies", "PowerVR", "PowerVR Rogue GE8320", "1.13", "OpenCL 1.2"},
     {GPU, "Imagination Technologies", "PowerVR", "PowerVR Rogue GE8300", "1.13", "OpenCL 1.2"}},
    {"adreno_6xx_programs",
     {GPU, QCOM, "QUALCOMM Adreno(TM)", "E031.38.01.08", "OpenCL 2.0 Adreno(TM) 642L"},
     {GPU, QCOM, "QUALCOMM Adreno(TM) 840", "E031.47", "OpenCL 3.0 Adreno(TM) 840"}},
    {"amd_gfx101x", {GPU, AMD, "gfx1010:xnack-", "3182.0", "OpenCL 2.0"}, {GPU, AMD, "gfx1030", "3182.0", "OpenCL 2.0"}},
    {"oclgrind_freeze",
     {CPU, "University of Bristol", "Oclgrind", "Oclgrind Simulator", "Oclgrind 21.10", "OpenCL 1.2 (Oclgrind 21.10)"},
     {CPU, "AuthenticAMD", "Portable Computing Language", "basic", "3.1", "OpenCL 3.0 PoCL 3.1"}},
    {"amd_gfx1100_3570", {GPU, AMD, "gfx1100", "3570.0 (HSA1.1,LC)", "OpenCL 2.0"}, {GPU, AMD, "gfx1100", "3590.0", "OpenCL 2.0"}},
    {"adreno_e031_38",
     {GPU, QCOM, "QUALCOMM Adreno(TM) 730", "OpenCL 3.0 QUALCOMM build: 0 Compiler E031.38.01.00", "OpenCL 3.0 Adreno(TM) 730"},
     {GPU, QCOM, "QUALCOMM Adreno(TM) 730", "OpenCL 3.0 QUALCOMM build: 0 Compiler E031.45.02.00", "OpenCL 3.0 Adreno(TM) 730"}},
    {"mali_t8xx_binaries", {GPU, ARM, "Mali-T880", "1.2", "OpenCL 1.2 v1"}, {GPU, ARM, "Mali-T760", "1.2", "OpenCL 1.2 v1"}},
    {"pocl_binaries",
     {CPU, "AuthenticAMD", "Portable Computing Language", "basic", "3.1", "OpenCL 3.0 PoCL 3.1"},
     {CPU, "Intel(R) Corporation", "Intel(R) OpenCL", "AMD EPYC", "2026.2", "OpenCL 3.0 (Build 0)"}},
    {"mali_t6xx_profiling", {GPU, ARM, "Mali-T628", "1.2", "OpenCL 1.2 v1"}, {GPU, ARM, "Mali-T860", "1.2", "OpenCL 1.2 v1"}},
    {"panfrost_profiling",
     {GPU, "Arm", "rusticl", "Mali-G57 (Panfrost)", "25.0.7", "OpenCL 3.0"},
     {GPU, ARM, "Mali-G57", "3.0", "OpenCL 3.0"}},
    {"rusticl_22_loops",
     {CPU, "Mesa/X.org", "rusticl", "llvmpipe (LLVM 15.0.6, 256 bits)", "22.3.6", "OpenCL 3.0"},
     {CPU, "Mesa/X.org", "rusticl", "llvmpipe (LLVM 19.1.7, 256 bits)", "25.0.7", "OpenCL 3.0"}},
    {"rusticl_22_long_items",
     {CPU, "Mesa/X.org", "rusticl", "llvmpipe (LLVM 15.0.6, 256 bits)", "22.3.6", "OpenCL 3.0"},
     {CPU, "Mesa/X.org", "rusticl", "llvmpipe (LLVM 19.1.7, 256 bits)", "25.0.7", "OpenCL 3.0"}},
    {"rusticl_22_profiling",
     {CPU, "Mesa/X.org", "rusticl", "llvmpipe (LLVM 15.0.6, 256 bits)", "22.3.6", "OpenCL 3.0"},
     {CPU, "Mesa/X.org", "rusticl", "llvmpipe (LLVM 19.1.7, 256 bits)", "25.0.7", "OpenCL 3.0"}},
    {"rusticl_22_sub_devices",
     {CPU, "Mesa/X.org", "rusticl", "llvmpipe (LLVM 15.0.6, 256 bits)", "22.3.6", "OpenCL 3.0"},
     {CPU, "Mesa/X.org", "rusticl", "llvmpipe (LLVM 19.1.7, 256 bits)", "25.0.7", "OpenCL 3.0"}},
    {"pocl_sub_groups",
     {CPU, "AuthenticAMD", "Portable Computing Language", "cpu", "6.0", "OpenCL 3.0 PoCL 6.0"},
     {CPU, "Intel(R) Corporation", "Intel(R) OpenCL", "AMD EPYC", "2026.2", "OpenCL 3.0 (Build 0)"}},
    {"pocl_threads",
     {CPU, "AuthenticAMD", "Portable Computing Language", "cpu", "6.0", "OpenCL 3.0 PoCL 6.0"},
     {GPU, "NVIDIA Corporation", "Portable Computing Language", "NVIDIA GeForce RTX 3060", "6.0", "OpenCL 3.0 PoCL 6.0"}},
};
enum { CASE_COUNT = sizeof QUIRK_CASES / sizeof QUIRK_CASES[0] };

static size_t row_of(const char *quirk) {
  for (size_t i = 0; i < icn_quirk_count(); i++)
    if (strcmp(icn_quirk_at(i)->name, quirk) == 0) return i;
  fail_msg("lib/quirks.def has no row '%s'", quirk);
  return 0;
}

/* The device as its driver reports it, where the driver does what the row is about. */
static icn_device_desc reported(const names *n, icn_workaround workaround) {
  icn_device_desc desc = device_of(n);
  desc.has_subgroups = true;
  desc.fast_fma = true;
  desc.local_is_real = workaround != ICN_AVOID_LOCAL_TYPE;
  if (workaround == ICN_AVOID_MOST_UNITS) desc.compute_units = 9999;
  if (workaround == ICN_AVOID_NO_ITEMS) desc.max_work_group = desc.max_work_item[1] = 0;
  return desc;
}

/* What the work-around made of `before`. */
static void assert_worked_around(const icn_quirk *quirk, const icn_device_desc *before, const icn_device_desc *after) {
  char options[ICN_QUIRK_OPTIONS_BYTES];
  icn_quirks_build_options(after, options);
  switch (quirk->workaround) {
    case ICN_AVOID_UNITS_TIMES:
      assert_int_equal(after->compute_units, before->compute_units * quirk->number);
      break;
    case ICN_AVOID_MOST_UNITS:
      assert_int_equal(after->compute_units, quirk->number);
      break;
    case ICN_AVOID_MOST_ITEMS:
      assert_true(before->max_work_group > quirk->number);
      assert_int_equal(after->max_work_group, quirk->number);
      for (int k = 0; k < 3; k++) assert_true(after->max_work_item[k] <= quirk->number);
      break;
    case ICN_AVOID_NO_ITEMS:
      assert_int_equal(after->max_work_group, quirk->number);
      assert_int_equal(after->max_work_item[0], before->max_work_item[0]);
      assert_int_equal(after->max_work_item[1], quirk->number);
      break;
    case ICN_AVOID_LOCAL:
      assert_false(after->local_is_real);
      break;
    case ICN_AVOID_LOCAL_TYPE:
      assert_true(after->local_is_real);
      break;
    case ICN_AVOID_SUB_GROUPS:
      assert_false(after->has_subgroups);
      break;
    case ICN_AVOID_LAUNCHES:
      assert_true(after->launch_seconds > 0.99e-9 * quirk->number && after->launch_seconds < 1.01e-9 * quirk->number);
      break;
    case ICN_AVOID_FMA:
      assert_false(after->fast_fma);
      assert_non_null(strstr(options, "-cl-mad-enable"));
      break;
    case ICN_AVOID_ROWS:
      assert_string_equal(before->refused_rows, "");
      assert_string_equal(after->refused_rows, quirk->text);
      for (const char *row = quirk->text; *row != '\0'; row += strcspn(row, ",") + (row[strcspn(row, ",")] == ',')) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(row, ","), row);
        assert_non_null(icn_row_find(name)); /* a row that is there */
      }
      break;
    case ICN_AVOID_BUILD_OPTION:
      assert_non_null(strstr(options, quirk->text));
      break;
    case ICN_AVOID_LONG_QUEUES:
      assert_true(quirk->number > 0);
      assert_non_null(icn_quirk_of(after, quirk->workaround));
      break;
    default: /* the host asks for these */
      assert_non_null(icn_quirk_of(after, quirk->workaround));
      break;
  }
}

static void every_row_knows_whom_it_is_about(void **state) {
  (void)state;
  for (size_t i = 0; i < CASE_COUNT; i++) {
    const size_t row = row_of(QUIRK_CASES[i].quirk);
    const icn_quirk *quirk = icn_quirk_at(row);
    const icn_device_desc before = reported(&QUIRK_CASES[i].hit, quirk->workaround);
    icn_device_desc hit = before, miss = reported(&QUIRK_CASES[i].miss, quirk->workaround);
    icn_quirks_apply(&hit, NULL);
    icn_quirks_apply(&miss, NULL);
    if (!icn_quirk_active(&hit, row)) fail_msg("%s is not active on '%s'", quirk->name, hit.name);
    if (icn_quirk_active(&miss, row)) fail_msg("%s is active on '%s'", quirk->name, miss.name);
    assert_worked_around(quirk, &before, &hit);
  }
}

/* A row without a case above cannot come in. */
static void every_row_has_a_case_and_its_texts(void **state) {
  (void)state;
  for (size_t i = 0; i < icn_quirk_count(); i++) {
    const icn_quirk *quirk = icn_quirk_at(i);
    char text[ICN_QUIRK_TEXT_BYTES];
    size_t cases = 0;
    for (size_t k = 0; k < CASE_COUNT; k++) cases += strcmp(QUIRK_CASES[k].quirk, quirk->name) == 0;
    if (cases == 0) fail_msg("lib/quirks.def: row '%s' has no case in QUIRK_CASES", quirk->name);
    assert_true(quirk->breaks[0] != '\0' && quirk->evidence[0] != '\0');
    assert_null(strchr(icn_quirk_workaround_text(quirk, text), '%'));
    assert_true(text[0] != '\0');
    for (size_t k = 0; k < i; k++) assert_string_not_equal(icn_quirk_at(k)->name, quirk->name);
  }
}

static void what_changes_nothing_is_not_active(void **state) {
  (void)state;
  const names mali = {GPU, ARM, "Mali-T880", "1.2", "OpenCL 1.2 v1"};
  icn_device_desc desc = device_of(&mali);
  desc.local_is_real = false;
  desc.max_work_group = desc.max_work_item[0] = desc.max_work_item[1] = desc.max_work_item[2] = 64;
  icn_quirks_apply(&desc, NULL);
  assert_false(icn_quirk_active(&desc, row_of("mali_local_memory")));
  assert_false(icn_quirk_active(&desc, row_of("mali_t8xx_work_groups")));
  assert_true(icn_quirk_active(&desc, row_of("mali_t8xx_binaries")));
}

static void they_are_applied_once(void **state) {
  (void)state;
  const names radeon = {GPU, AMD, "gfx1030", "3570.0", "OpenCL 2.0"};
  icn_device_desc desc = device_of(&radeon);
  const uint32_t units = desc.compute_units;
  icn_quirks_apply(&desc, NULL);
  icn_quirks_apply(&desc, NULL);
  assert_int_equal(desc.compute_units, 2 * units);
}

static void switches_turn_rows_off_and_on(void **state) {
  (void)state;
  const names radeon = {GPU, AMD, "gfx1030", "3570.0", "OpenCL 2.0"};
  const size_t units = row_of("amd_dual_units"), profiling = row_of("mali_t6xx_profiling");
  static const struct {
    const char *switches;
    bool units, profiling;
  } CASES[] = {{NULL, true, false},
               {"", true, false},
               {"-amd_dual_units", false, false},
               {"+mali_t6xx_profiling", true, true},
               {"-amd_dual_units,+mali_t6xx_profiling", false, true},
               {"-all", false, false},
               {"+mali_t6xx_profiling, -all", false, true},
               {"-amd_dual_units,+amd_dual_units", true, false}};
  icn_error error;
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    icn_device_desc desc = device_of(&radeon);
    assert_int_equal(icn_quirks_check_switches(CASES[i].switches, &error), ICN_OK);
    icn_quirks_apply(&desc, CASES[i].switches);
    assert_int_equal(icn_quirk_active(&desc, units), CASES[i].units);
    assert_int_equal(icn_quirk_active(&desc, profiling), CASES[i].profiling);
  }
  assert_int_equal(icn_quirks_check_switches("-amd_dual_unit", &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "amd_dual_unit"));
  assert_int_equal(icn_quirks_check_switches("amd_dual_units", &error), ICN_ARGUMENT);
  assert_int_equal(icn_quirks_check_switches("+all", &error), ICN_ARGUMENT);
}

static void active_rows_are_printed(void **state) {
  (void)state;
  const names radeon = {GPU, AMD, "gfx1030", "3570.0", "OpenCL 2.0"};
  const icn_allocator allocator = icn_allocator_default();
  icn_device_desc desc = device_of(&radeon);
  icn_text text;
  icn_text_init(&text, &allocator);
  icn_quirks_apply(&desc, NULL);
  icn_quirks_print(&desc, &text);
  assert_non_null(text.data);
  assert_non_null(strstr(text.data, "quirk: amd_dual_units: "));
  assert_non_null(strstr(text.data, "MIOpen #677"));
  assert_non_null(strstr(text.data, "compute units are counted 2 times"));
  icn_text_fini(&text);
}

/* ----------------------------------------------------- rules for our kernels */

/* fma() is emulated on some GPUs: only where the compiler says that it is fast. */
static bool fma_is_guarded(const char *source) {
  for (const char *found = strstr(source, "fma("); found != NULL; found = strstr(found + 1, "fma(")) {
    const bool part_of_name = found > source && (found[-1] == '_' || (found[-1] >= 'a' && found[-1] <= 'z'));
    const char *guard = strstr(source, "FP_FAST_FMAF");
    const bool in_text = found[4] == ')'; /* "fma()" in a comment */
    if (!part_of_name && !in_text && (guard == NULL || guard > found)) return false;
  }
  return true;
}

static void no_kernel_needs_fma(void **state) {
  (void)state;
  assert_false(fma_is_guarded("y = fma(a, b, c);"));
  assert_true(fma_is_guarded("#ifdef FP_FAST_FMAF\ny = fma(a, b, c);\n#endif"));
  assert_true(icn_kernel_source_count > 0);
  for (size_t i = 0; i < icn_kernel_source_count; i++) {
    if (!fma_is_guarded(icn_kernel_sources[i].text)) fail_msg("%s calls fma() without FP_FAST_FMAF", icn_kernel_sources[i].name);
  }
}

/* One AMD driver cuts -D at a comma. */
static size_t check_options(const icn_row *row, const icn_problem *problem, const icn_device_desc *device) {
  icn_config config = {{0}};
  icn_reason why;
  icn_error error;
  icn_emit *emit = calloc(1, sizeof *emit);
  size_t launches = 0;
  assert_non_null(emit);
  if (icn_row_common_ok(problem, &why) && row->applies(problem, device, &why)) {
    row->configure(problem, device, &config);
    assert_int_equal(row->emit(problem, device, &config, emit, &error), ICN_OK);
    for (int k = 0; k < emit->launch_count; k++, launches++) {
      if (strpbrk(emit->launch[k].options, ",\"'\\") != NULL) fail_msg("row %s: build options '%s'", row->name, emit->launch[k].options);
    }
  }
  free(emit);
  return launches;
}

static void build_options_have_no_comma(void **state) {
  (void)state;
  const icn_device_desc devices[] = {icn_device_desc_example(ICN_DEVICE_CPU), icn_device_desc_example(ICN_DEVICE_GPU)};
  size_t launches = 0;
  for (size_t family = 0; icn_case_family(family) != NULL; family++) {
    icn_case_list list;
    icn_error error;
    assert_int_equal(icn_cases_make(icn_case_family(family), NULL, &list, &error), ICN_OK);
    for (size_t c = 0; c < list.count; c++)
      for (size_t i = 0; i < icn_row_count(); i++)
        for (int d = 0; d < 2 && icn_row_at(i)->op == list.cases[c].problem.op; d++)
          launches += check_options(icn_row_at(i), &list.cases[c].problem, &devices[d]);
    icn_cases_free(&list);
  }
  assert_true(launches > 1000);
}

/* Every kernel is found by icn_source_keep_kernel, alone, and no other is left. */
static void kernels_can_stand_alone(void **state) {
  (void)state;
  size_t kernels = 0;
  for (size_t i = 0; i < icn_kernel_source_count; i++) {
    const icn_kernel_source *file = &icn_kernel_sources[i];
    for (const char *at = strstr(file->text, "__kernel "); at != NULL; at = strstr(at + 1, "__kernel ")) {
      char name[64] = "", *copy = calloc(file->bytes + 1, 1);
      assert_non_null(copy);
      memcpy(copy, file->text, file->bytes);
      const char *type = strstr(at, "void ");
      if (type == NULL || sscanf(type, "void %63[a-z0-9_]", name) != 1) fail_msg("%s: a kernel without a name", file->name);
      icn_source_keep_kernel(copy, name);
      const char *left = strstr(copy, "__kernel");
      if (left == NULL || strstr(left + 1, "__kernel") != NULL) fail_msg("%s: '%s' does not stand alone", file->name, name);
      const char *end = strstr(left, "\n}\n");
      assert_non_null(end);
      assert_memory_equal(left, at, (size_t)(end - left)); /* itself untouched, where it was */
      assert_int_equal(left - copy, at - file->text);
      free(copy);
      kernels++;
    }
  }
  assert_true(kernels > 25);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(patterns_cover_whole_texts),
      cmocka_unit_test(families_go_by_names),
      cmocka_unit_test(every_row_knows_whom_it_is_about),
      cmocka_unit_test(every_row_has_a_case_and_its_texts),
      cmocka_unit_test(what_changes_nothing_is_not_active),
      cmocka_unit_test(they_are_applied_once),
      cmocka_unit_test(switches_turn_rows_off_and_on),
      cmocka_unit_test(active_rows_are_printed),
      cmocka_unit_test(no_kernel_needs_fma),
      cmocka_unit_test(build_options_have_no_comma),
      cmocka_unit_test(kernels_can_stand_alone),
  };
  return cmocka_run_group_tests_name("quirks", tests, NULL, NULL);
}
