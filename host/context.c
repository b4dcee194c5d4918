/* Contexts: options, logger, allocator, the list of devices. Works without any OpenCL. */

#include "context.h"

#include <stdio.h>
#include <string.h>

#include "clblast.h"
#include "quirks.h"
#include "share.h"
#include "shipped.h"
#include "tune_file.h"

const char *icn_version(void) {
#define TEXT_OF(number)                   #number
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)
  return VERSION_TEXT(ICN_VERSION_MAJOR, ICN_VERSION_MINOR, ICN_VERSION_PATCH);
}

const char *icn_status_name(icn_status status) {
  static const char *const NAMES[] = {"ICN_OK",     "ICN_ARGUMENT",    "ICN_STATE",     "ICN_NO_MEMORY", "ICN_IO",
                                      "ICN_FORMAT", "ICN_UNSUPPORTED", "ICN_NO_DEVICE", "ICN_DEVICE",    "ICN_DEVICE_MEMORY",
                                      "ICN_BUILD",  "ICN_MISMATCH",    "ICN_CANCELLED"};
  int number = (int)status;
  if (number < 0 || number >= (int)(sizeof NAMES / sizeof NAMES[0])) return "unknown status";
  return NAMES[number];
}

char *icn_text_copy(const icn_allocator *allocator, const char *text) {
  size_t bytes = strlen(text) + 1;
  char *copy = icn_allocate(allocator, bytes);
  if (copy != NULL) memcpy(copy, text, bytes);
  return copy;
}

void icn_text_destroy(const icn_context *context, char *text) {
  if (context != NULL) icn_release(&context->allocator, text);
}

/* ------------------------------------------------------------------ create */

void icn_context_options_init_sized(icn_context_options *options, size_t struct_bytes) { icn_struct_init(options, struct_bytes); }

/* The caller's options, whatever the size of the struct that it was compiled with. */
static icn_status read_options(const icn_context_options *given, icn_context_options *options, icn_error *error) {
  icn_status status = ICN_OK;
  icn_context_options_init(options);
  if (given == NULL) return ICN_OK;
  ICN_REQUIRE(icn_struct_read(options, sizeof *options, given), ICN_ARGUMENT,
              "the context options were not initialised (icn_context_options_init), or have fields that this library does not know");
  ICN_REQUIRE(options->allocator == NULL || (options->allocator->allocate != NULL && options->allocator->release != NULL), ICN_ARGUMENT,
              "the allocator needs both functions, allocate and release");
done:
  return status;
}

/* Option, else environment variable; "none" is kept as it is. */
static const char *option_text(const char *option, const char *variable) { return option != NULL ? option : icn_os_environment(variable); }

/* Weights of all networks that one works with at a time, on most machines; and what is packed in the time that opening a file takes. */
static const uint64_t DEFAULT_CACHE_BYTES = (uint64_t)1 << 30, LEAST_WEIGHT_BYTES = (uint64_t)1 << 18;

static icn_status set_cache_bytes(icn_context *context, const icn_context_options *options, icn_error *error) {
  icn_status status = ICN_OK;
  uint64_t bytes = 0;
  const char *text = icn_os_environment("CLINCEPTION_CACHE_BYTES");
  context->weights_least = LEAST_WEIGHT_BYTES;
  context->cache_bytes = options->cache_bytes != 0 ? options->cache_bytes : DEFAULT_CACHE_BYTES;
  if (options->cache_bytes != 0 || text == NULL) return ICN_OK;
  for (const char *digit = text; *digit != '\0'; digit++) {
    ICN_REQUIRE(*digit >= '0' && *digit <= '9' && bytes <= UINT64_MAX / 20, ICN_ARGUMENT,
                "CLINCEPTION_CACHE_BYTES is '%.60s', expected a number of bytes such as 1073741824, or 0 for no packed weights", text);
    bytes = bytes * 10 + (uint64_t)(*digit - '0');
  }
  context->cache_bytes = bytes;
done:
  return status;
}

/* Programs from a folder that others write to would run with this user's rights. */
static void check_cache_folder(icn_context *context) {
  if (context->cache_dir == NULL) return;
  context->cache_problem = icn_os_folder_problem(context->cache_dir);
  if (context->cache_problem != NULL)
    icn_log(&context->logger, ICN_LOG_WARNING, "the cache folder '%s' is not used: %s", context->cache_dir, context->cache_problem);
}

static icn_status set_folders(icn_context *context, const icn_context_options *options, icn_error *error) {
  icn_status status = ICN_OK;
  char folder[4096];
  const char *cache = option_text(options->cache_dir, "CLINCEPTION_CACHE_DIR");
  context->cache_asked_for = cache != NULL;
  if (cache == NULL && icn_os_cache_folder(folder, sizeof folder)) cache = folder;
  if (cache != NULL && strcmp(cache, "none") != 0) {
    context->cache_dir = icn_text_copy(&context->allocator, cache);
    if (context->cache_dir == NULL) ICN_TRY(icn_error_memory(error, strlen(cache) + 1, "the name of the cache folder"));
  }
  const char *kernels = option_text(options->kernel_dir, "CLINCEPTION_KERNEL_DIR");
  if (kernels != NULL) {
    context->kernel_dir = icn_text_copy(&context->allocator, kernels);
    if (context->kernel_dir == NULL) ICN_TRY(icn_error_memory(error, strlen(kernels) + 1, "the name of the kernel folder"));
  }
  check_cache_folder(context);
done:
  return status;
}

/* "none": neither the user's lines nor the shipped ones. "shipped": only these. */
static icn_status set_tune_file(icn_context *context, const icn_context_options *options, icn_error *error) {
  char path[4096];
  const char *file = option_text(options->tune_file, "CLINCEPTION_TUNE_FILE");
  if (file != NULL && strcmp(file, "none") == 0) return ICN_OK;
  context->shipped = icn_shipped_tuning;
  context->shipped_bytes = icn_shipped_tuning_bytes;
  if (file == NULL && icn_tuning_default_path(path, sizeof path)) file = path;
  if (file == NULL || strcmp(file, "shipped") == 0) return ICN_OK;
  context->tune_file = icn_text_copy(&context->allocator, file);
  return context->tune_file != NULL ? ICN_OK : icn_error_memory(error, strlen(file) + 1, "the name of the tuning file");
}

static icn_status set_self_test(icn_context *context, icn_error *error) {
  static const char *const NAMES[] = {"on", "off", "always"};
  const char *wanted = icn_os_environment("CLINCEPTION_SELF_TEST");
  context->self_test = ICN_SELF_TEST_ON;
  if (wanted == NULL) return ICN_OK;
  for (int i = 0; i < 3; i++) {
    if (strcmp(wanted, NAMES[i]) != 0) continue;
    context->self_test = (icn_self_test)(ICN_SELF_TEST_ON + i);
    return ICN_OK;
  }
  return icn_error_set(error, ICN_ARGUMENT, "CLINCEPTION_SELF_TEST is '%.60s', expected on, off or always", wanted);
}

static icn_status set_quirks(icn_context *context, const icn_context_options *options, icn_error *error) {
  const char *quirks = option_text(options->quirks, "CLINCEPTION_QUIRKS");
  if (quirks == NULL) return ICN_OK;
  icn_status status = icn_quirks_check_switches(quirks, error);
  if (status != ICN_OK) return status;
  context->quirks = icn_text_copy(&context->allocator, quirks);
  return context->quirks != NULL ? ICN_OK : icn_error_memory(error, strlen(quirks) + 1, "the names of quirks");
}

/* No OpenCL is not an error: the sentence is kept. */
static icn_status open_devices(icn_context *context, const char *library, icn_error *error) {
  icn_error problem;
  icn_error_clear(&problem);
  context->default_loader = option_text(library, "CLINCEPTION_OPENCL_LIBRARY") == NULL;
  icn_status status = icn_cl_open(&context->cl, library, &problem);
  if (status == ICN_OK) {
    status = icn_device_enumerate(&context->cl, context->quirks, &context->allocator, &context->logger, &context->devices,
                                  &context->device_count, &problem);
  }
  if (status == ICN_NO_DEVICE) {
    memcpy(context->opencl_problem, problem.message, sizeof problem.message);
    icn_log(&context->logger, ICN_LOG_INFO, "no OpenCL devices: %s", problem.message);
    return ICN_OK;
  }
  return status == ICN_OK ? ICN_OK : icn_error_set(error, status, "%s", problem.message);
}

icn_status icn_context_create(const icn_context_options *given, icn_context **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_context_options options;
  icn_context *context = NULL;
  icn_error_clear(error);
  ICN_REQUIRE(result != NULL, ICN_ARGUMENT, "icn_context_create: context is NULL");
  *result = NULL;
  ICN_TRY(read_options(given, &options, error));
  icn_allocator allocator = options.allocator != NULL ? *options.allocator : icn_allocator_default();
  context = icn_allocate_array(&allocator, 1, sizeof *context);
  if (context == NULL) ICN_TRY(icn_error_memory(error, sizeof *context, "the context"));
  context->allocator = allocator;
  if (options.logger != NULL) context->logger = *options.logger;
  context->reference.index = -1;
  icn_device_describe_reference(&context->reference.desc);
  context->reference.reported = context->reference.desc;
  context->mutex = icn_mutex_create(&allocator);
  context->shares = icn_allocate_array(&allocator, 1, sizeof *context->shares);
  if (context->mutex == NULL || context->shares == NULL) ICN_TRY(icn_error_memory(error, sizeof *context->shares, "the context"));
  ICN_TRY(set_folders(context, &options, error));
  ICN_TRY(set_cache_bytes(context, &options, error));
  ICN_TRY(set_tune_file(context, &options, error));
  ICN_TRY(set_quirks(context, &options, error));
  ICN_TRY(set_self_test(context, error));
  ICN_TRY(open_devices(context, options.opencl_library, error));
  icn_clblast_open(context);
done:
  if (status != ICN_OK) {
    icn_context_destroy(context);
    context = NULL;
  }
  if (result != NULL) *result = context;
  return status;
}

void icn_context_destroy(icn_context *context) {
  if (context == NULL) return;
  icn_allocator allocator = context->allocator;
  icn_shares_release(context);
  icn_release(&allocator, context->shares);
  icn_mutex_destroy(context->mutex);
  icn_release(&allocator, context->devices);
  icn_release(&allocator, context->cache_dir);
  icn_release(&allocator, context->kernel_dir);
  icn_release(&allocator, context->tune_file);
  icn_release(&allocator, context->quirks);
  icn_release(&allocator, context->right);
  icn_clblast_close(context);
  icn_cl_close(&context->cl);
  icn_release(&allocator, context);
}

const char *icn_context_opencl_problem(const icn_context *context) { return context == NULL ? "" : context->opencl_problem; }

/* ----------------------------------------------------------------- devices */

size_t icn_context_device_count(const icn_context *context) { return context == NULL ? 0 : context->device_count; }

const icn_device *icn_context_device(const icn_context *context, size_t index) {
  return context == NULL || index >= context->device_count ? NULL : &context->devices[index];
}

icn_device_info icn_device_get_info(const icn_device *device) {
  if (device == NULL) return (icn_device_info){.index = -1, .name = "", .vendor = "", .driver = "", .version = "", .platform = ""};
  const icn_device_desc *desc = &device->reported;
  return (icn_device_info){.index = device->index,
                           .kind = desc->kind,
                           .name = desc->name,
                           .vendor = desc->vendor,
                           .driver = desc->driver,
                           .version = desc->version,
                           .platform = desc->platform,
                           .compute_units = desc->compute_units,
                           .global_bytes = desc->global_bytes,
                           .max_allocation_bytes = desc->max_allocation_bytes,
                           .local_bytes = desc->local_bytes};
}

size_t icn_device_quirk_count(const icn_device *device) {
  size_t count = 0;
  for (size_t i = 0; device != NULL && i < icn_quirk_count(); i++) count += icn_quirk_active(&device->desc, i) ? 1 : 0;
  return count;
}

icn_quirk_info icn_device_quirk(const icn_device *device, size_t index) {
  icn_quirk_info info = {"", "", "", ""};
  for (size_t i = 0; device != NULL && i < icn_quirk_count(); i++) {
    if (!icn_quirk_active(&device->desc, i)) continue;
    if (index-- > 0) continue;
    const icn_quirk *quirk = icn_quirk_at(i);
    info = (icn_quirk_info){quirk->name, quirk->breaks, "", quirk->evidence};
    (void)icn_quirk_workaround_text(quirk, info.workaround);
    break;
  }
  return info;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/* True when `part` stands in `text`, without regard to case (of ASCII letters). */
static bool contains_text(const char *text, const char *part) {
  for (; *text != '\0'; text++) {
    size_t i = 0;
    while (part[i] != '\0' && lower(text[i]) == lower(part[i])) i++;
    if (part[i] == '\0') return true;
  }
  return false;
}

static bool equals_text(const char *a, const char *b) { return strlen(a) == strlen(b) && contains_text(a, b); }

/* "0 'name' (cpu), 1 'name' (gpu)" of the devices whose name has `part`, cut where it does not fit. */
static void list_devices(const icn_context *context, const char *part, char *text, size_t bytes) {
  size_t length = 0;
  text[0] = '\0';
  for (size_t i = 0; i < context->device_count && length + 1 < bytes; i++) {
    const icn_device_desc *desc = &context->devices[i].desc;
    if (!contains_text(desc->name, part)) continue;
    int added = snprintf(text + length, bytes - length, "%s%zu '%.60s' (%s)", length == 0 ? "" : ", ", i, desc->name,
                         icn_device_kind_name(desc->kind));
    length += added < 0 ? 0 : (size_t)added;
  }
}

static icn_status fail_not_found(const icn_context *context, const char *wanted, icn_error *error) {
  char list[ICN_MESSAGE_BYTES - 120];
  if (context->device_count == 0) {
    return icn_error_set(error, ICN_NO_DEVICE, "no device '%.60s': %.340s; only the reference device is there", wanted,
                         context->opencl_problem);
  }
  list_devices(context, "", list, sizeof list);
  return icn_error_set(error, ICN_NO_DEVICE, "no device '%.60s'; there are: %s, reference", wanted, list);
}

static const icn_device *first_of_kind(const icn_context *context, icn_device_kind kind) {
  for (size_t i = 0; i < context->device_count; i++) {
    if (context->devices[i].desc.kind == kind) return &context->devices[i];
  }
  return NULL;
}

static bool is_number(const char *text) { return text[0] != '\0' && strspn(text, "0123456789") == strlen(text); }

/* A whole name wins over names that contain it; two devices that fit equally well are an error. */
static icn_status find_by_name(const icn_context *context, const char *wanted, const icn_device **device, icn_error *error) {
  const icn_device *whole = NULL, *part = NULL;
  size_t wholes = 0, parts = 0;
  for (size_t i = 0; i < context->device_count; i++) {
    const icn_device *candidate = &context->devices[i];
    if (!contains_text(candidate->desc.name, wanted)) continue;
    parts++;
    part = candidate;
    if (!equals_text(candidate->desc.name, wanted)) continue;
    wholes++;
    whole = candidate;
  }
  if (wholes == 1 || parts == 1) {
    *device = wholes == 1 ? whole : part;
    return ICN_OK;
  }
  if (parts == 0) return fail_not_found(context, wanted, error);
  char list[ICN_MESSAGE_BYTES - 120];
  list_devices(context, wanted, list, sizeof list);
  return icn_error_set(error, ICN_ARGUMENT, "'%.60s' fits several devices: %s; say which by its number", wanted, list);
}

icn_status icn_context_find_device(const icn_context *context, const char *wanted, const icn_device **device, icn_error *error) {
  icn_error_clear(error);
  if (device == NULL || context == NULL) {
    return icn_error_set(error, ICN_ARGUMENT, "icn_context_find_device: %s is NULL", context == NULL ? "context" : "device");
  }
  *device = NULL;
  if (wanted == NULL || wanted[0] == '\0') {
    *device = first_of_kind(context, ICN_DEVICE_GPU);
    if (*device == NULL) *device = first_of_kind(context, ICN_DEVICE_CPU);
    if (*device != NULL) return ICN_OK;
    if (context->device_count == 0) {
      return icn_error_set(error, ICN_NO_DEVICE, "no OpenCL device: %.400s; the reference device has to be asked for by name",
                           context->opencl_problem);
    }
    return fail_not_found(context, "cpu or gpu", error);
  }
  if (equals_text(wanted, "reference")) {
    *device = &context->reference;
  } else if (equals_text(wanted, "cpu")) {
    *device = first_of_kind(context, ICN_DEVICE_CPU);
  } else if (equals_text(wanted, "gpu")) {
    *device = first_of_kind(context, ICN_DEVICE_GPU);
  } else if (is_number(wanted)) {
    size_t index = 0;
    for (const char *digit = wanted; *digit != '\0' && index <= context->device_count; digit++) index = index * 10 + (size_t)(*digit - '0');
    *device = icn_context_device(context, index);
  } else {
    return find_by_name(context, wanted, device, error);
  }
  return *device != NULL ? ICN_OK : fail_not_found(context, wanted, error);
}
