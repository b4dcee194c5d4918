/* What selection and kernels need to know of a device: limits, features, calibration. Plain data, a text file on disk, so that a plan for a
 * device that is not here is still a unit test. */
#ifndef ICN_LIB_DEVICE_DESC_H
#define ICN_LIB_DEVICE_DESC_H

#include "base.h"

typedef struct icn_device_desc {
  char name[128], vendor[128], version[128], platform[128];
  char driver[320];      /* Qualcomm's has some 200 characters, and ends with what matters: the compiler's version */
  char extensions[4096]; /* space-separated */
  icn_device_kind kind;
  uint32_t compute_units;
  uint64_t global_bytes, max_allocation_bytes, local_bytes, constant_bytes, cache_bytes;
  bool local_is_real;      /* CL_LOCAL: dedicated; false: it is ordinary memory */
  uint64_t max_work_group; /* work-items */
  uint64_t max_work_item[3];
  uint32_t argument_bytes; /* CL_DEVICE_MAX_PARAMETER_SIZE */
  uint32_t vector_width;   /* CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT: 16, 8, 4, 1 */
  uint32_t wave;           /* preferred work-group size multiple; 1 when unknown */
  uint32_t base_align_bytes;
  uint32_t opencl_major, opencl_minor;
  bool fast_fma; /* the driver claims fused multiply-add; kernels ask FP_FAST_FMAF, which the compiler defines where it is fast */
  bool has_fp16, has_fp64, has_subgroups;
  /* The sizes that a kernel may require of its sub-groups (cl_intel_required_subgroup_size), added up: 56 is 8, 16, 32. 0: none known. */
  uint32_t subgroup_sizes;
  /* Rows (comma-separated) whose kernel does not compile here or, compiled, is above this device's limits; selection declines them. Known
   * only once a program is built, so it is no part of the text. */
  char refused_rows[512];
  /* A plan did not fit the device's memory: rows that pack weights into much more than they are (Winograd) decline. No part of the text. */
  bool memory_is_short;
  /* Winograd rows choose no larger m of F(m, r) than this, unless they have only larger ones; 0: any. Asked by what looks for plans that
   * need less memory (plan_fit.h). No part of the text. */
  int32_t most_winograd_m;
  /* What lib/quirks.c made of it: whether it was there, and the active rows of lib/quirks.def, a bit each. No part of the text either: a
   * recorded device is what the driver reported, and the table of today is applied to it. */
  bool quirks_applied;
  uint64_t quirks;
  /* calibration (icn_device_measure); 0: not measured */
  double flop_per_second, bytes_per_second, launch_seconds;
} icn_device_desc;

/* The description as `key: value` lines in a fixed order, first line "clinception device 1". */
void icn_device_desc_print(const icn_device_desc *desc, icn_text *text);
/* Reads it back. Lines that start with '#' are comments (a recorded device says there where it comes from), but the first line stays the
 * first. Unknown keys are refused, missing limits are refused by name. Fails: ICN_FORMAT with the line's number. */
icn_status icn_device_desc_parse(const char *data, size_t bytes, icn_device_desc *desc, icn_error *error);
bool icn_device_desc_has_extension(const icn_device_desc *desc, const char *extension);
/* A middling CPU / GPU description for tests (16-wide CPU of 2 units; 64-item GPU of 16 units). */
icn_device_desc icn_device_desc_example(icn_device_kind kind);

#endif
