#include "device.h"

#include <stdio.h>
#include <string.h>

#include "clcall.h"
#include "quirks.h"

enum { MAX_PLATFORMS = 64, MAX_DEVICES = 256 };

/* Queries of OpenCL 3.0 and of vendors, which the headers may not name. */
enum {
  DEVICE_PREFERRED_GROUP_MULTIPLE = 0x1067, /* 3.0 */
  DEVICE_MAX_NUM_SUB_GROUPS = 0x105C,       /* 2.1 */
  DEVICE_WAVEFRONT_WIDTH_AMD = 0x4043,
  DEVICE_SUB_GROUP_SIZES_INTEL = 0x4108,
  DEVICE_WARP_SIZE_NV = 0x4003
};

const char *icn_device_kind_name(icn_device_kind kind) {
  switch (kind) {
    case ICN_DEVICE_CPU:
      return "cpu";
    case ICN_DEVICE_GPU:
      return "gpu";
    case ICN_DEVICE_OTHER:
      return "other";
    case ICN_DEVICE_REFERENCE:
      return "reference";
  }
  return "unknown kind";
}

void icn_device_describe_reference(icn_device_desc *desc) {
  memset(desc, 0, sizeof *desc);
  snprintf(desc->name, sizeof desc->name, "reference");
  snprintf(desc->vendor, sizeof desc->vendor, "clinception");
  snprintf(desc->driver, sizeof desc->driver, "%s", icn_version());
  snprintf(desc->version, sizeof desc->version, "plain C, no OpenCL");
  snprintf(desc->platform, sizeof desc->platform, "clinception");
  desc->kind = ICN_DEVICE_REFERENCE;
  desc->compute_units = 1;
  desc->vector_width = 1;
  desc->wave = 1;
}

/* ------------------------------------------------------------- one device */

/* One line without blanks at its ends: some drivers pad their names. */
static void tidy(char *text) {
  size_t length = strlen(text), start = 0;
  for (size_t i = 0; i < length; i++) {
    if ((unsigned char)text[i] < ' ') text[i] = ' ';
  }
  while (length > 0 && text[length - 1] == ' ') text[--length] = '\0';
  while (text[start] == ' ') start++;
  memmove(text, text + start, length - start + 1);
}

/* A device's text into `text`, cut where it does not fit (at a blank, so that no extension's name is cut into another). */
static icn_status device_text(const icn_cl *cl, cl_device_id id, cl_device_info what, const char *call, char *text, size_t bytes,
                              icn_error *error) {
  icn_status status = ICN_OK;
  char longer[16384] = "";
  size_t length = 0;
  ICN_CL_CODE(cl->clGetDeviceInfo(id, what, 0, NULL, &length), call, NULL);
  ICN_REQUIRE(length < sizeof longer, ICN_DEVICE, "%s gives a text of %zu bytes, above our limit of %zu", call, length, sizeof longer);
  ICN_CL_CODE(cl->clGetDeviceInfo(id, what, length, longer, NULL), call, NULL);
  longer[length] = '\0';
  tidy(longer);
  length = strlen(longer);
  if (length >= bytes) {
    length = bytes - 1;
    while (length > 0 && longer[length] != ' ') length--;
    if (length == 0) length = bytes - 1;
  }
  memcpy(text, longer, length);
  text[length] = '\0';
done:
  return status;
}

/* Queries that every OpenCL 1.2 device answers. */
static icn_status describe_limits(const icn_cl *cl, cl_device_id id, icn_device_desc *desc, icn_error *error) {
  icn_status status = ICN_OK;
  cl_ulong global = 0, allocation = 0, local = 0, constant = 0, cache = 0;
  cl_uint units = 0, width = 0, align_bits = 0;
  size_t group = 0, items[16] = {0}, argument = 0;
  cl_uint dims = 0;
  cl_device_local_mem_type local_type = 0;
  cl_device_fp_config fp = 0;
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof global, &global, NULL));
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof allocation, &allocation, NULL));
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_LOCAL_MEM_SIZE, sizeof local, &local, NULL));
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE, sizeof constant, &constant, NULL));
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof cache, &cache, NULL));
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL));
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof width, &width, NULL));
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof align_bits, &align_bits, NULL));
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof group, &group, NULL));
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_MAX_PARAMETER_SIZE, sizeof argument, &argument, NULL));
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_LOCAL_MEM_TYPE, sizeof local_type, &local_type, NULL));
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_SINGLE_FP_CONFIG, sizeof fp, &fp, NULL));
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS, sizeof dims, &dims, NULL));
  ICN_REQUIRE(dims >= 3 && dims <= 16, ICN_DEVICE, "the device has %u work-item dimensions, expected 3 to 16", dims);
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_MAX_WORK_ITEM_SIZES, dims * sizeof items[0], items, NULL));
  desc->global_bytes = global;
  desc->max_allocation_bytes = allocation;
  desc->local_bytes = local;
  desc->constant_bytes = constant;
  desc->cache_bytes = cache;
  desc->compute_units = units;
  desc->vector_width = width < 1 ? 1 : width > 16 ? 16 : width;
  desc->base_align_bytes = align_bits / 8;
  desc->max_work_group = group;
  for (int k = 0; k < 3; k++) desc->max_work_item[k] = items[k];
  desc->argument_bytes = argument > UINT32_MAX ? UINT32_MAX : (uint32_t)argument;
  desc->local_is_real = local_type == CL_LOCAL;
  desc->fast_fma = (fp & CL_FP_FMA) != 0;
done:
  return status;
}

/* The sizes that a kernel may require, added up: powers of two. */
static uint32_t required_subgroup_sizes(const icn_cl *cl, cl_device_id id, const icn_device_desc *desc) {
  size_t sizes[32] = {0}, bytes = 0;
  uint32_t sum = 0;
  if (!icn_device_desc_has_extension(desc, "cl_intel_required_subgroup_size") ||
      cl->clGetDeviceInfo(id, DEVICE_SUB_GROUP_SIZES_INTEL, sizeof sizes, sizes, &bytes) != CL_SUCCESS)
    return 0;
  for (size_t i = 0; i < bytes / sizeof sizes[0] && i < 32; i++) {
    const bool is_power = sizes[i] != 0 && (sizes[i] & (sizes[i] - 1)) == 0;
    if (is_power && sizes[i] <= UINT32_MAX) sum |= (uint32_t)sizes[i];
  }
  return sum;
}

/* Features that only newer or certain devices know; a query that fails means no. */
static void describe_features(const icn_cl *cl, cl_device_id id, icn_device_desc *desc) {
  cl_device_fp_config fp64 = 0;
  cl_uint wave = 0, sub_groups = 0;
  size_t multiple = 0;
  desc->has_fp16 = icn_device_desc_has_extension(desc, "cl_khr_fp16");
  if (cl->clGetDeviceInfo(id, CL_DEVICE_DOUBLE_FP_CONFIG, sizeof fp64, &fp64, NULL) == CL_SUCCESS) desc->has_fp64 = fp64 != 0;
  desc->has_subgroups =
      icn_device_desc_has_extension(desc, "cl_khr_subgroups") || icn_device_desc_has_extension(desc, "cl_intel_subgroups");
  if (!desc->has_subgroups && desc->opencl_major >= 3) {
    cl_int code = cl->clGetDeviceInfo(id, DEVICE_MAX_NUM_SUB_GROUPS, sizeof sub_groups, &sub_groups, NULL);
    desc->has_subgroups = code == CL_SUCCESS && sub_groups > 0;
  }
  desc->subgroup_sizes = required_subgroup_sizes(cl, id, desc);
  desc->wave = 1;
  if (icn_device_desc_has_extension(desc, "cl_amd_device_attribute_query") &&
      cl->clGetDeviceInfo(id, DEVICE_WAVEFRONT_WIDTH_AMD, sizeof wave, &wave, NULL) == CL_SUCCESS && wave > 0) {
    desc->wave = wave;
  } else if (icn_device_desc_has_extension(desc, "cl_nv_device_attribute_query") &&
             cl->clGetDeviceInfo(id, DEVICE_WARP_SIZE_NV, sizeof wave, &wave, NULL) == CL_SUCCESS && wave > 0) {
    desc->wave = wave;
  } else if (desc->opencl_major >= 3 && desc->kind == ICN_DEVICE_GPU &&
             cl->clGetDeviceInfo(id, DEVICE_PREFERRED_GROUP_MULTIPLE, sizeof multiple, &multiple, NULL) == CL_SUCCESS && multiple > 0) {
    desc->wave = (uint32_t)icn_min64((int64_t)multiple, 1024);
  }
}

icn_status icn_device_describe(const icn_cl *cl, cl_device_id id, icn_device_desc *desc, icn_error *error) {
  icn_status status = ICN_OK;
  cl_device_type type = 0;
  cl_platform_id platform = NULL;
  char platform_name[1024] = "";
  memset(desc, 0, sizeof *desc);
  ICN_TRY(device_text(cl, id, CL_DEVICE_NAME, "clGetDeviceInfo(CL_DEVICE_NAME)", desc->name, sizeof desc->name, error));
  ICN_TRY(device_text(cl, id, CL_DEVICE_VENDOR, "clGetDeviceInfo(CL_DEVICE_VENDOR)", desc->vendor, sizeof desc->vendor, error));
  ICN_TRY(device_text(cl, id, CL_DRIVER_VERSION, "clGetDeviceInfo(CL_DRIVER_VERSION)", desc->driver, sizeof desc->driver, error));
  ICN_TRY(device_text(cl, id, CL_DEVICE_VERSION, "clGetDeviceInfo(CL_DEVICE_VERSION)", desc->version, sizeof desc->version, error));
  ICN_TRY(
      device_text(cl, id, CL_DEVICE_EXTENSIONS, "clGetDeviceInfo(CL_DEVICE_EXTENSIONS)", desc->extensions, sizeof desc->extensions, error));
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL));
  ICN_CL(cl->clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof platform_name - 1, platform_name, NULL));
  tidy(platform_name);
  memcpy(desc->platform, platform_name, sizeof desc->platform - 1); /* a longer one is cut */
  ICN_CL(cl->clGetDeviceInfo(id, CL_DEVICE_TYPE, sizeof type, &type, NULL));
  desc->kind = (type & CL_DEVICE_TYPE_GPU) != 0 ? ICN_DEVICE_GPU : (type & CL_DEVICE_TYPE_CPU) != 0 ? ICN_DEVICE_CPU : ICN_DEVICE_OTHER;
  ICN_REQUIRE(sscanf(desc->version, "OpenCL %u.%u", &desc->opencl_major, &desc->opencl_minor) == 2, ICN_DEVICE,
              "device '%s' has the version text '%s', expected 'OpenCL X.Y'", desc->name, desc->version);
  ICN_TRY(describe_limits(cl, id, desc, error));
  describe_features(cl, id, desc);
done:
  return status;
}

/* ------------------------------------------------------------ enumeration */

/* Why the device cannot be used, or NULL. */
static const char *unusable_reason(const icn_cl *cl, const icn_device *device) {
  cl_bool available = CL_FALSE, compiler = CL_FALSE, little = CL_FALSE;
  if (device->reported.opencl_major * 10 + device->reported.opencl_minor < 12) return "it is below OpenCL 1.2";
  cl_int code = cl->clGetDeviceInfo(device->id, CL_DEVICE_AVAILABLE, sizeof available, &available, NULL);
  if (code != CL_SUCCESS || !available) return "it is not available";
  code = cl->clGetDeviceInfo(device->id, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL);
  if (code != CL_SUCCESS || !compiler) return "it has no compiler";
  code = cl->clGetDeviceInfo(device->id, CL_DEVICE_ENDIAN_LITTLE, sizeof little, &little, NULL);
  if (code != CL_SUCCESS || !little) return "it is big-endian";
  return NULL;
}

typedef struct device_list {
  icn_device *items;
  size_t count, capacity;
  char first_reason[400];
} device_list;

static icn_status list_reserve(device_list *list, size_t more, const icn_allocator *allocator, icn_error *error) {
  if (list->count + more <= list->capacity) return ICN_OK;
  size_t capacity = list->count + more;
  icn_device *items = icn_allocate_array(allocator, capacity, sizeof *items);
  if (items == NULL) return icn_error_memory(error, capacity * sizeof *items, "the list of devices");
  if (list->count > 0) memcpy(items, list->items, list->count * sizeof *items);
  icn_release(allocator, list->items);
  list->items = items;
  list->capacity = capacity;
  return ICN_OK;
}

/* Logs why something is not in the list, and keeps the first reason for the sentence of an empty list. */
static void leave_out(device_list *list, const icn_logger *logger, icn_log_level level, const char *format, ...) ICN_PRINTF(4, 5);
static void leave_out(device_list *list, const icn_logger *logger, icn_log_level level, const char *format, ...) {
  char reason[sizeof list->first_reason];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  icn_log(logger, level, "%s", reason);
  if (list->first_reason[0] == '\0') memcpy(list->first_reason, reason, sizeof reason);
}

/* Adds one platform's usable devices; a failing platform or device is a log line, not an error. */
static icn_status add_platform(const icn_cl *cl, cl_platform_id platform, device_list *list, const icn_allocator *allocator,
                               const icn_logger *logger, icn_error *error) {
  cl_device_id ids[MAX_DEVICES];
  cl_uint count = 0;
  cl_int code = cl->clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, MAX_DEVICES, ids, &count);
  if (code != CL_SUCCESS || count == 0) {
    char name[128] = "?";
    (void)cl->clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name - 1, name, NULL);
    leave_out(list, logger, code == CL_DEVICE_NOT_FOUND ? ICN_LOG_INFO : ICN_LOG_WARNING, "platform '%s' lists no devices (%s)", name,
              code == CL_SUCCESS ? "CL_SUCCESS, 0 devices" : icn_cl_error_name(code));
    return ICN_OK;
  }
  if (count > MAX_DEVICES) count = MAX_DEVICES;
  icn_status status = list_reserve(list, count, allocator, error);
  if (status != ICN_OK) return status;
  for (cl_uint i = 0; i < count; i++) {
    icn_device *device = &list->items[list->count];
    icn_error problem;
    device->platform = platform;
    device->id = ids[i];
    device->index = (int)list->count;
    if (icn_device_describe(cl, ids[i], &device->reported, &problem) != ICN_OK) {
      leave_out(list, logger, ICN_LOG_WARNING, "a device is left out: %s", problem.message);
      continue;
    }
    const char *reason = unusable_reason(cl, device);
    if (reason != NULL) {
      leave_out(list, logger, ICN_LOG_WARNING, "device '%s' is left out: %s", device->reported.name, reason);
      continue;
    }
    list->count++;
  }
  return ICN_OK;
}

/* One line each at the level of information: they are listed by icn_device_quirk too. */
static void log_quirks(const icn_device_desc *desc, const icn_logger *logger) {
  char done[ICN_QUIRK_TEXT_BYTES];
  for (size_t i = 0; i < icn_quirk_count(); i++) {
    if (!icn_quirk_active(desc, i)) continue;
    icn_log(logger, ICN_LOG_INFO, "device '%s': quirk %s: %s; %s", desc->name, icn_quirk_at(i)->name, icn_quirk_at(i)->breaks,
            icn_quirk_workaround_text(icn_quirk_at(i), done));
  }
}

icn_status icn_device_enumerate(const icn_cl *cl, const char *quirk_switches, const icn_allocator *allocator, const icn_logger *logger,
                                icn_device **devices, size_t *count, icn_error *error) {
  icn_status status = ICN_OK;
  cl_platform_id platforms[MAX_PLATFORMS];
  cl_uint platform_count = 0;
  device_list list = {0};
  cl_int code = cl->clGetPlatformIDs(MAX_PLATFORMS, platforms, &platform_count);
  ICN_REQUIRE(code == CL_SUCCESS && platform_count > 0, ICN_NO_DEVICE,
              "OpenCL is there, but no driver for it (clGetPlatformIDs: %s, %u platforms)",
              code == 0 ? "CL_SUCCESS" : icn_cl_error_name(code), platform_count);
  if (platform_count > MAX_PLATFORMS) platform_count = MAX_PLATFORMS;
  for (cl_uint i = 0; i < platform_count; i++) ICN_TRY(add_platform(cl, platforms[i], &list, allocator, logger, error));
  ICN_REQUIRE(list.count > 0, ICN_NO_DEVICE, "OpenCL has %u platform%s, but no usable device: %s", platform_count,
              platform_count == 1 ? "" : "s", list.first_reason);
  for (size_t i = 0; i < list.count; i++) {
    list.items[i].desc = list.items[i].reported;
    icn_quirks_apply(&list.items[i].desc, quirk_switches);
    log_quirks(&list.items[i].desc, logger);
  }
done:
  if (status != ICN_OK) {
    icn_release(allocator, list.items);
    list = (device_list){0};
  }
  *devices = list.items;
  *count = list.count;
  return status;
}
