#include "device_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "context.h"

typedef enum value_kind {
  VALUE_TEXT,
  VALUE_WORDS,
  VALUE_UINT,   /* cl_uint, cl_bool */
  VALUE_ULONG,  /* cl_ulong, bit fields */
  VALUE_SIZE,   /* size_t, one or several */
  VALUE_VERSION /* cl_name_version, one or several: the versions, or with a name "name 1.2" */
} value_kind;

typedef struct property {
  const char *name;
  cl_device_info query;
  value_kind kind;
} property;

#define LINE(name)  {#name, CL_DEVICE_##name, VALUE_TEXT},
#define WORDS(name) {#name, CL_DEVICE_##name, VALUE_WORDS},
#define UINT(name)  {#name, CL_DEVICE_##name, VALUE_UINT},
#define ULONG(name) {#name, CL_DEVICE_##name, VALUE_ULONG},
#define SIZE(name)  {#name, CL_DEVICE_##name, VALUE_SIZE},
/* clang-format off */
static const property PROPERTIES[] = {
    LINE(NAME) LINE(VENDOR) UINT(VENDOR_ID) LINE(VERSION) {"DRIVER_VERSION", CL_DRIVER_VERSION, VALUE_TEXT},
    LINE(PROFILE) LINE(OPENCL_C_VERSION) {"OPENCL_C_ALL_VERSIONS", 0x1066, VALUE_VERSION}, {"OPENCL_C_FEATURES", 0x106F, VALUE_VERSION}, LINE(BUILT_IN_KERNELS)
    {"IL_VERSION", 0x105B, VALUE_WORDS}, {"LATEST_CONFORMANCE_VERSION_PASSED", 0x1072, VALUE_TEXT}, WORDS(EXTENSIONS)
    ULONG(TYPE) UINT(MAX_COMPUTE_UNITS) UINT(MAX_CLOCK_FREQUENCY) UINT(ADDRESS_BITS) UINT(ENDIAN_LITTLE)
    ULONG(GLOBAL_MEM_SIZE) ULONG(MAX_MEM_ALLOC_SIZE) UINT(GLOBAL_MEM_CACHE_TYPE) ULONG(GLOBAL_MEM_CACHE_SIZE)
    UINT(GLOBAL_MEM_CACHELINE_SIZE) UINT(LOCAL_MEM_TYPE) ULONG(LOCAL_MEM_SIZE) ULONG(MAX_CONSTANT_BUFFER_SIZE) UINT(MAX_CONSTANT_ARGS)
    SIZE(MAX_PARAMETER_SIZE) UINT(MEM_BASE_ADDR_ALIGN) UINT(HOST_UNIFIED_MEMORY) UINT(ERROR_CORRECTION_SUPPORT)
    SIZE(MAX_WORK_GROUP_SIZE) UINT(MAX_WORK_ITEM_DIMENSIONS) SIZE(MAX_WORK_ITEM_SIZES)
    {"PREFERRED_WORK_GROUP_SIZE_MULTIPLE", 0x1067, VALUE_SIZE}, {"MAX_NUM_SUB_GROUPS", 0x105C, VALUE_UINT},
    {"SUB_GROUP_INDEPENDENT_FORWARD_PROGRESS", 0x105D, VALUE_UINT}, {"SUB_GROUP_SIZES_INTEL", 0x4108, VALUE_SIZE},
    {"WAVEFRONT_WIDTH_AMD", 0x4043, VALUE_UINT}, {"WARP_SIZE_NV", 0x4003, VALUE_UINT}, {"BOARD_NAME_AMD", 0x4038, VALUE_TEXT},
    UINT(NATIVE_VECTOR_WIDTH_FLOAT) UINT(NATIVE_VECTOR_WIDTH_HALF) UINT(NATIVE_VECTOR_WIDTH_DOUBLE) UINT(NATIVE_VECTOR_WIDTH_INT)
    UINT(PREFERRED_VECTOR_WIDTH_FLOAT) UINT(PREFERRED_VECTOR_WIDTH_HALF)
    ULONG(SINGLE_FP_CONFIG) {"HALF_FP_CONFIG", 0x1033, VALUE_ULONG} ,
    ULONG(DOUBLE_FP_CONFIG) ULONG(EXECUTION_CAPABILITIES) ULONG(QUEUE_PROPERTIES) SIZE(PROFILING_TIMER_RESOLUTION)
    UINT(IMAGE_SUPPORT) SIZE(IMAGE2D_MAX_WIDTH) SIZE(IMAGE2D_MAX_HEIGHT) SIZE(IMAGE_MAX_BUFFER_SIZE)
    UINT(PARTITION_MAX_SUB_DEVICES) SIZE(PRINTF_BUFFER_SIZE) UINT(COMPILER_AVAILABLE) UINT(LINKER_AVAILABLE)
    {"SVM_CAPABILITIES", 0x1053, VALUE_ULONG}, {"NON_UNIFORM_WORK_GROUP_SUPPORT", 0x1065, VALUE_UINT},
    {"WORK_GROUP_COLLECTIVE_FUNCTIONS_SUPPORT", 0x1068, VALUE_UINT}, {"COMMAND_BUFFER_CAPABILITIES_KHR", 0x12A9, VALUE_ULONG},
};
/* clang-format on */

typedef struct name_version { /* cl_name_version of OpenCL 3.0 */
  cl_uint version;
  char name[64];
} name_version;

typedef union answer {
  char text[16384];
  cl_uint uint;
  cl_ulong ulong;
  size_t size[2048];
  name_version versions[200];
} answer;

/* "1.2", or "name 1.2" where all names are not the same one. */
static void version_words(const answer *a, size_t count, char *text, size_t bytes) {
  size_t at = 0;
  for (size_t i = 0; i < count && at + 100 < bytes; i++) {
    const name_version *v = &a->versions[i];
    const bool is_feature = strncmp(v->name, "__opencl_c", 10) == 0;
    at += (size_t)snprintf(text + at, bytes - at, "%s%.63s%s%u.%u", i > 0 ? " " : "", is_feature ? v->name : "", is_feature ? ":" : "",
                           v->version >> 22, v->version >> 12 & 0x3FFU);
  }
}

static void size_words(const answer *a, size_t count, char *text, size_t bytes) {
  size_t at = 0;
  for (size_t i = 0; i < count && at + 30 < bytes; i++)
    at += (size_t)snprintf(text + at, bytes - at, "%s%zu", i > 0 ? " " : "", a->size[i]);
}

/* Drivers pad their texts, and some end them with more than one NUL. */
static void tidy(char *text) {
  size_t length = strlen(text), start = 0;
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)text[i] < ' ' || text[i] == 0x7F) text[i] = ' ';
  while (length > 0 && text[length - 1] == ' ') text[--length] = '\0';
  while (text[start] == ' ') start++;
  memmove(text, text + start, length - start + 1);
}

static void tell(const property *p, answer *a, size_t bytes, icn_fact_fn *fact, void *user) {
  char text[16384] = "";
  switch (p->kind) {
    case VALUE_TEXT:
    case VALUE_WORDS:
      a->text[bytes < sizeof a->text ? bytes : sizeof a->text - 1] = '\0';
      tidy(a->text);
      fact(user, p->name, p->kind == VALUE_TEXT ? ICN_FACT_TEXT : ICN_FACT_WORDS, a->text);
      return;
    case VALUE_VERSION:
      version_words(a, bytes / sizeof(name_version), text, sizeof text);
      fact(user, p->name, ICN_FACT_WORDS, text);
      return;
    case VALUE_UINT:
      snprintf(text, sizeof text, "%u", a->uint);
      break;
    case VALUE_ULONG:
      snprintf(text, sizeof text, "%" PRIu64, (uint64_t)a->ulong);
      break;
    case VALUE_SIZE:
      size_words(a, bytes / sizeof(size_t), text, sizeof text);
      break;
  }
  fact(user, p->name, ICN_FACT_NUMBERS, text);
}

const icn_device_desc *icn_device_description(const icn_device *device) { return &device->reported; }

void icn_device_facts(const icn_context *context, const icn_device *device, icn_fact_fn *fact, void *user) {
  if (device->desc.kind == ICN_DEVICE_REFERENCE) return;
  for (size_t i = 0; i < sizeof PROPERTIES / sizeof PROPERTIES[0]; i++) {
    answer a;
    size_t bytes = 0;
    memset(&a, 0, sizeof a);
    cl_int code = context->cl.clGetDeviceInfo(device->id, PROPERTIES[i].query, 0, NULL, &bytes);
    if (code != CL_SUCCESS || bytes == 0 || bytes >= sizeof a) continue;
    code = context->cl.clGetDeviceInfo(device->id, PROPERTIES[i].query, bytes, &a, NULL);
    if (code == CL_SUCCESS) tell(&PROPERTIES[i], &a, bytes, fact, user);
  }
}
