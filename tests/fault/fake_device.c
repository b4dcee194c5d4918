/* What the fake driver says of its device and platform. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/fake_internal.h"

/* Queries of vendors and of versions above the one in the headers' macros. */
enum {
  WAVEFRONT_WIDTH_AMD = 0x4043,
  WARP_SIZE_NV = 0x4003,
  SUB_GROUP_SIZES_INTEL = 0x4108,
  BASE_OF_2_0 = 0x104A,
  BASE_OF_2_1 = 0x105B,
  BASE_OF_3_0 = 0x105E
};

typedef enum form { AS_TEXT, AS_UINT, AS_ULONG, AS_SIZE, AS_BITS } form;

/* Properties that are one setting. */
static const struct {
  cl_device_info what;
  fake_setting setting;
  form form;
} LIES[] = {
    {CL_DEVICE_NAME, FAKE_name, AS_TEXT},
    {CL_DEVICE_VENDOR, FAKE_vendor, AS_TEXT},
    {CL_DRIVER_VERSION, FAKE_driver, AS_TEXT},
    {CL_DEVICE_VERSION, FAKE_version, AS_TEXT},
    {CL_DEVICE_MAX_COMPUTE_UNITS, FAKE_compute_units, AS_UINT},
    {CL_DEVICE_GLOBAL_MEM_SIZE, FAKE_global_bytes, AS_ULONG},
    {CL_DEVICE_MAX_MEM_ALLOC_SIZE, FAKE_max_allocation_bytes, AS_ULONG},
    {CL_DEVICE_LOCAL_MEM_SIZE, FAKE_local_bytes, AS_ULONG},
    {CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE, FAKE_constant_bytes, AS_ULONG},
    {CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, FAKE_cache_bytes, AS_ULONG},
    {CL_DEVICE_MAX_WORK_GROUP_SIZE, FAKE_max_work_group, AS_SIZE},
    {CL_DEVICE_MAX_PARAMETER_SIZE, FAKE_argument_bytes, AS_SIZE},
    {CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, FAKE_vector_width, AS_UINT},
    {CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT, FAKE_vector_width, AS_UINT},
    {CL_DEVICE_MEM_BASE_ADDR_ALIGN, FAKE_base_align_bytes, AS_BITS},
    {CL_DEVICE_PREFERRED_WORK_GROUP_SIZE_MULTIPLE, FAKE_wave, AS_SIZE},
    {CL_DEVICE_MAX_NUM_SUB_GROUPS, FAKE_has_subgroups, AS_UINT},
};

cl_int fake_answer(const void *data, size_t length, size_t n, void *value, size_t *bytes) {
  if (bytes != NULL) *bytes = length;
  if (value == NULL) return CL_SUCCESS;
  if (n < length) return CL_INVALID_VALUE;
  memcpy(value, data, length);
  return CL_SUCCESS;
}

static cl_int answer_number(cl_ulong number, form as, size_t n, void *value, size_t *bytes) {
  const cl_uint small = (cl_uint)(as == AS_BITS ? number * 8 : number);
  const size_t size = (size_t)number;
  if (as == AS_ULONG) return fake_answer(&number, sizeof number, n, value, bytes);
  if (as == AS_SIZE) return fake_answer(&size, sizeof size, n, value, bytes);
  return fake_answer(&small, sizeof small, n, value, bytes);
}

bool fake_is_below(int major, int minor) {
  int claimed_major = 0, claimed_minor = 0;
  const char *version = fake_text(FAKE_version);
  if (version == NULL || sscanf(version, "OpenCL %d.%d", &claimed_major, &claimed_minor) != 2) return false;
  return claimed_major * 100 + claimed_minor < major * 100 + minor;
}

static bool is_newer_than_claimed(cl_device_info what) {
  if (what >= BASE_OF_3_0 && what < 0x1080) return fake_is_below(3, 0);
  if (what >= BASE_OF_2_1 && what < BASE_OF_3_0) return fake_is_below(2, 1);
  return what >= BASE_OF_2_0 && what < BASE_OF_2_1 && fake_is_below(2, 0);
}

/* The extensions without the library's own marks, which stand in recorded devices. */
static cl_int answer_extensions(const char *list, size_t n, void *value, size_t *bytes) {
  char *kept = calloc(strlen(list) + 2, 1), *end = kept;
  if (kept == NULL) return CL_OUT_OF_HOST_MEMORY;
  for (const char *word = list + strspn(list, " "); *word != '\0'; word += strspn(word, " ")) {
    const size_t length = strcspn(word, " ");
    if (strncmp(word, "icn_", 4) != 0) {
      memcpy(end, word, length);
      end += length;
      *end++ = ' ';
    }
    word += length;
  }
  const cl_int code = fake_answer(kept, strlen(kept) + 1, n, value, bytes);
  free(kept);
  return code;
}

static cl_int answer_items(cl_device_id id, size_t n, void *value, size_t *bytes) {
  static const fake_setting ITEMS[] = {FAKE_max_work_item_x, FAKE_max_work_item_y, FAKE_max_work_item_z};
  const cl_int code = fake_target.clGetDeviceInfo(id, CL_DEVICE_MAX_WORK_ITEM_SIZES, n, value, bytes);
  for (size_t k = 0; k < 3 && code == CL_SUCCESS && value != NULL; k++) {
    cl_ulong items;
    if (fake_number(ITEMS[k], &items)) ((size_t *)value)[k] = (size_t)items;
  }
  return code;
}

/* One bit of the sum is one size. */
static cl_int answer_subgroup_sizes(cl_ulong sum, size_t n, void *value, size_t *bytes) {
  size_t sizes[32], count = 0;
  for (size_t bit = 0; bit < 32; bit++)
    if ((sum >> bit & 1) != 0) sizes[count++] = (size_t)1 << bit;
  return fake_answer(sizes, count * sizeof sizes[0], n, value, bytes);
}

static cl_int answer_fp_config(cl_device_id id, cl_device_info what, size_t n, void *value, size_t *bytes) {
  cl_ulong has;
  cl_device_fp_config config = 0;
  const cl_int code = fake_target.clGetDeviceInfo(id, what, sizeof config, &config, NULL);
  if (code != CL_SUCCESS) return code;
  if (what == CL_DEVICE_SINGLE_FP_CONFIG && fake_number(FAKE_fast_fma, &has)) {
    config = has != 0 ? config | CL_FP_FMA : config & ~(cl_device_fp_config)CL_FP_FMA;
  }
  if (what == CL_DEVICE_DOUBLE_FP_CONFIG && fake_number(FAKE_has_fp64, &has) && has == 0) config = 0;
  return fake_answer(&config, sizeof config, n, value, bytes);
}

static cl_int answer_kind(size_t n, void *value, size_t *bytes) {
  const char *kind = fake_text(FAKE_kind);
  const cl_device_type type = strcmp(kind, "gpu") == 0   ? CL_DEVICE_TYPE_GPU
                              : strcmp(kind, "cpu") == 0 ? CL_DEVICE_TYPE_CPU
                                                         : CL_DEVICE_TYPE_ACCELERATOR;
  return fake_answer(&type, sizeof type, n, value, bytes);
}

static cl_int answer_queue_properties(cl_device_id id, cl_device_info what, size_t n, void *value, size_t *bytes) {
  cl_ulong profiling;
  const cl_int code = fake_target.clGetDeviceInfo(id, what, n, value, bytes);
  if (code == CL_SUCCESS && value != NULL && fake_number(FAKE_profiling, &profiling) && profiling == 0) {
    *(cl_command_queue_properties *)value &= ~(cl_command_queue_properties)CL_QUEUE_PROFILING_ENABLE;
  }
  return code;
}

/* A part of a device has as many compute units as it has. */
static bool is_part(cl_device_id id) {
  cl_device_id parent = NULL;
  return fake_target.clGetDeviceInfo(id, CL_DEVICE_PARENT_DEVICE, sizeof parent, &parent, NULL) == CL_SUCCESS && parent != NULL;
}

cl_int fake_device_info(cl_device_id id, cl_device_info what, size_t n, void *value, size_t *bytes) {
  cl_ulong number;
  if (is_newer_than_claimed(what)) return CL_INVALID_VALUE;
  if (what == CL_DEVICE_MAX_COMPUTE_UNITS && is_part(id)) return fake_target.clGetDeviceInfo(id, what, n, value, bytes);
  for (size_t i = 0; i < sizeof LIES / sizeof LIES[0]; i++) {
    const char *text = fake_text(LIES[i].setting);
    if (LIES[i].what != what || text == NULL) continue;
    if (LIES[i].form == AS_TEXT) return fake_answer(text, strlen(text) + 1, n, value, bytes);
    (void)fake_number(LIES[i].setting, &number);
    return answer_number(number, LIES[i].form, n, value, bytes);
  }
  if (what == CL_DEVICE_EXTENSIONS && fake_text(FAKE_extensions) != NULL) {
    return answer_extensions(fake_text(FAKE_extensions), n, value, bytes);
  }
  if (what == CL_DEVICE_LOCAL_MEM_TYPE && fake_number(FAKE_local_is_real, &number)) {
    return answer_number(number != 0 ? CL_LOCAL : CL_GLOBAL, AS_UINT, n, value, bytes);
  }
  /* Asked only where the extension is claimed. */
  if ((what == WAVEFRONT_WIDTH_AMD || what == WARP_SIZE_NV) && fake_number(FAKE_wave, &number)) {
    return answer_number(number, AS_UINT, n, value, bytes);
  }
  if (what == SUB_GROUP_SIZES_INTEL && fake_number(FAKE_subgroup_sizes, &number)) return answer_subgroup_sizes(number, n, value, bytes);
  if (what == CL_DEVICE_TYPE && fake_text(FAKE_kind) != NULL) return answer_kind(n, value, bytes);
  if (what == CL_DEVICE_MAX_WORK_ITEM_SIZES) return answer_items(id, n, value, bytes);
  if (what == CL_DEVICE_SINGLE_FP_CONFIG || what == CL_DEVICE_DOUBLE_FP_CONFIG) return answer_fp_config(id, what, n, value, bytes);
  if (what == CL_DEVICE_QUEUE_PROPERTIES) return answer_queue_properties(id, what, n, value, bytes);
  return fake_target.clGetDeviceInfo(id, what, n, value, bytes);
}

cl_int fake_platform_info(cl_platform_id id, cl_platform_info what, size_t n, void *value, size_t *bytes) {
  const char *text = what == CL_PLATFORM_NAME      ? fake_text(FAKE_platform)
                     : what == CL_PLATFORM_VERSION ? fake_text(FAKE_platform_version)
                                                   : NULL;
  if (text != NULL) return fake_answer(text, strlen(text) + 1, n, value, bytes);
  return fake_target.clGetPlatformInfo(id, what, n, value, bytes);
}
