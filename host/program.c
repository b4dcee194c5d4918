#include "program.h"

#include <stdio.h>
#include <string.h>

#include "cache.h"
#include "clcall.h"
#include "kernel.h"
#include "quirks.h"
#include "source_text.h"

struct icn_program {
  icn_program *next;
  char *file, *options; /* options as the row gave them */
  char *kernel;         /* NULL: all of the file's; else this one alone */
  cl_program program;
  icn_cache_key key;
  bool from_cache;
  bool unsaved; /* compiled here, not in the cache yet */
};

void icn_program_options(const icn_device_desc *desc, const char *row_options, char options[ICN_PROGRAM_OPTIONS_BYTES]) {
  char more[ICN_QUIRK_OPTIONS_BYTES];
  icn_quirks_build_options(desc, more);
  snprintf(options, ICN_PROGRAM_OPTIONS_BYTES, "-cl-std=CL1.2%s%s%s", row_options[0] == '\0' ? "" : " ", row_options, more);
}

/* --------------------------------------------------------------- build log */

/* The first line that says "error", else the first line that is not blank. */
static void first_error_line(const char *log, char *line, size_t bytes) {
  const char *chosen = NULL;
  size_t chosen_length = 0;
  for (const char *start = log; *start != '\0';) {
    size_t length = strcspn(start, "\r\n");
    size_t blank = strspn(start, " \t");
    bool says_error = false;
    for (size_t i = 0; i + 5 <= length && !says_error; i++) says_error = strncmp(start + i, "error", 5) == 0;
    if (blank < length && (chosen == NULL || says_error)) {
      chosen = start;
      chosen_length = length;
    }
    if (says_error) break;
    start += length;
    start += strspn(start, "\r\n");
  }
  snprintf(line, bytes, "%.*s", chosen == NULL ? 22 : (int)icn_min64((int64_t)chosen_length, 1000),
           chosen == NULL ? "the build log is empty" : chosen);
}

static void log_lines(const icn_logger *logger, icn_log_level level, const char *log) {
  for (const char *start = log; *start != '\0';) {
    size_t length = strcspn(start, "\r\n");
    if (length > 0) icn_log(logger, level, "%.*s", (int)icn_min64((int64_t)length, 1000), start);
    start += length;
    start += strspn(start, "\r\n");
  }
}

/* The program's build log (NEW), NULL when there is none. */
static char *read_build_log(const icn_share *share, cl_program program) {
  size_t bytes = 0;
  cl_int code = share->cl->clGetProgramBuildInfo(program, share->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes);
  if (code != CL_SUCCESS || bytes <= 1 || bytes > ((size_t)1 << 24)) return NULL;
  char *log = icn_allocate(&share->context->allocator, bytes + 1);
  if (log == NULL) return NULL;
  code = share->cl->clGetProgramBuildInfo(program, share->id, CL_PROGRAM_BUILD_LOG, bytes, log, NULL);
  log[code == CL_SUCCESS ? bytes : 0] = '\0';
  return log;
}

/* ICN_BUILD where the code says that this kernel is too much for the compiler; another one may not be. */
static icn_status build_status(cl_int code) {
  switch (code) {
    case CL_BUILD_PROGRAM_FAILURE:
    case CL_COMPILE_PROGRAM_FAILURE:
    case CL_LINK_PROGRAM_FAILURE:
    case CL_INVALID_BUILD_OPTIONS:
    case CL_INVALID_COMPILER_OPTIONS:
    case CL_INVALID_PROGRAM_EXECUTABLE:
    case CL_INVALID_KERNEL_NAME:
    case CL_INVALID_KERNEL_DEFINITION:
    case CL_OUT_OF_RESOURCES: /* of registers or local memory */
      return ICN_BUILD;
    default:
      return icn_cl_status(code);
  }
}

/* The line of the build log that matters (`line`), and all of it to the logger. */
static void report_build_log(const icn_share *share, const icn_program *entry, cl_program program, char *line, size_t bytes) {
  const icn_logger *logger = &share->context->logger;
  char *log = read_build_log(share, program);
  first_error_line(log == NULL ? "" : log, line, bytes);
  icn_log(logger, ICN_LOG_INFO, "build log of '%s' with options '%s' on '%s':", entry->file, entry->options, share->desc.name);
  log_lines(logger, ICN_LOG_INFO, log == NULL ? "(empty)" : log);
  icn_release(&share->context->allocator, log);
}

static icn_status fail_build(const icn_share *share, const icn_program *entry, cl_program program, cl_int code, icn_error *error) {
  char line[320];
  report_build_log(share, entry, program, line, sizeof line);
  return icn_error_set(error, build_status(code), "kernel file '%s' with options '%s' did not build on '%.40s' (%s): %s", entry->file,
                       entry->options, share->desc.name, icn_cl_error_name(code), line);
}

/* A program that was built, and yet clCreateKernel fails: some drivers compile only there. */
static icn_status fail_kernel(const icn_share *share, const icn_program *entry, const char *kernel, const char *subject, cl_int code,
                              icn_error *error) {
  char line[320];
  report_build_log(share, entry, entry->program, line, sizeof line);
  const bool says_why = strstr(line, "error") != NULL;
  return icn_error_set(error, build_status(code), "%s: '%.40s' gives no kernel '%s' of kernel file '%s' with options '%s' (%s)%s%s",
                       subject, share->desc.name, kernel, entry->file, entry->options, icn_cl_error_name(code), says_why ? ": " : "",
                       says_why ? line : "");
}

/* ------------------------------------------------------------------- build */

/* From the disk cache; false where it has no usable binary. */
static bool build_from_cache(icn_share *share, icn_program *entry, const char *options) {
  const icn_context *context = share->context;
  size_t bytes = 0;
  if (icn_quirk_of(&share->desc, ICN_AVOID_BINARIES) != NULL) return false;
  unsigned char *binary = icn_cache_load(share, &entry->key, entry->file, &bytes);
  if (binary == NULL) return false;
  const unsigned char *binaries[] = {binary};
  cl_int binary_status = CL_SUCCESS, code = CL_SUCCESS;
  cl_program program = share->cl->clCreateProgramWithBinary(share->cl_context, 1, &share->id, &bytes, binaries, &binary_status, &code);
  if (code == CL_SUCCESS) code = binary_status;
  if (code == CL_SUCCESS) code = share->cl->clBuildProgram(program, 1, &share->id, options, NULL, NULL);
  icn_release(&context->allocator, binary);
  if (code == CL_SUCCESS) {
    entry->program = program;
    entry->from_cache = true;
    return true;
  }
  if (program != NULL) (void)share->cl->clReleaseProgram(program);
  icn_log(&context->logger, ICN_LOG_WARNING, "program cache: the driver refused the binary of '%s' (%s); it is compiled anew", entry->file,
          icn_cl_error_name(code));
  icn_cache_remove(context, &entry->key);
  return false;
}

static bool wants_binary(const icn_share *share) {
  if (share->context->cache_dir == NULL || icn_quirk_of(&share->desc, ICN_AVOID_BINARIES) != NULL) return false;
  return share->context->cache_asked_for || icn_quirk_of(&share->desc, ICN_AVOID_UNASKED_CACHE) == NULL;
}

static icn_status build_from_source(icn_share *share, icn_program *entry, const icn_text *source, const char *options, icn_error *error) {
  icn_status status = ICN_OK;
  cl_int code = CL_SUCCESS;
  const char *text = source->data;
  size_t bytes = source->length;
  double start = icn_os_seconds();
  cl_program program = share->cl->clCreateProgramWithSource(share->cl_context, 1, &text, &bytes, &code);
  ICN_CL_CODE(code, "clCreateProgramWithSource(context, source)", entry->file);
  code = share->cl->clBuildProgram(program, 1, &share->id, options, NULL, NULL);
  if (code != CL_SUCCESS) ICN_TRY(fail_build(share, entry, program, code, error));
  icn_log(&share->context->logger, ICN_LOG_DEBUG, "built '%s' with options '%s' in %.3f s", entry->file, entry->options,
          icn_os_seconds() - start);
  if (entry->program != NULL) (void)share->cl->clReleaseProgram(entry->program);
  entry->program = program;
  entry->from_cache = false;
  entry->unsaved = wants_binary(share);
  program = NULL;
done:
  if (program != NULL) (void)share->cl->clReleaseProgram(program);
  return status;
}

/* A program's complete source and options, and what both come to. `kernel`: the only one of the file's that is kept, NULL: all of them.
 * *source is initialised here, and the caller's to free also after a failure. */
static icn_status describe(icn_share *share, const char *file, const char *row_options, const char *kernel, icn_text *source,
                           char options[ICN_PROGRAM_OPTIONS_BYTES], icn_cache_key *key, icn_error *error) {
  icn_status status = ICN_OK;
  icn_text_init(source, &share->context->allocator);
  ICN_TRY(icn_source_text(share->context->kernel_dir, file, source, error));
  if (kernel != NULL) icn_source_keep_kernel(source->data, kernel);
  icn_program_options(&share->desc, row_options, options);
  *key = icn_cache_key_of(&share->desc, source->data, source->length, options);
done:
  return status;
}

/* True where a program holds one kernel only. */
static bool kernels_are_alone(const icn_share *share) { return icn_quirk_of(&share->desc, ICN_AVOID_LARGE_PROGRAMS) != NULL; }

icn_status icn_program_key(icn_share *share, const char *file, const char *options, const char *kernel, icn_cache_key *key,
                           icn_error *error) {
  char all_options[ICN_PROGRAM_OPTIONS_BYTES];
  icn_text source;
  const icn_status status = describe(share, file, options, kernels_are_alone(share) ? kernel : NULL, &source, all_options, key, error);
  icn_text_fini(&source);
  return status;
}

/* `anew`: without the cache. */
static icn_status build(icn_share *share, icn_program *entry, bool anew, icn_error *error) {
  icn_status status = ICN_OK;
  char options[ICN_PROGRAM_OPTIONS_BYTES];
  icn_text source;
  ICN_TRY(describe(share, entry->file, entry->options, entry->kernel, &source, options, &entry->key, error));
  if (anew || !build_from_cache(share, entry, options)) ICN_TRY(build_from_source(share, entry, &source, options, error));
done:
  icn_text_fini(&source);
  return status;
}

/* Keeps a freshly compiled program's binary. Called after clCreateKernel: some drivers compile only there. */
static void save(icn_share *share, icn_program *entry) {
  const icn_context *context = share->context;
  size_t bytes = 0;
  entry->unsaved = false;
  cl_int code = share->cl->clGetProgramInfo(entry->program, CL_PROGRAM_BINARY_SIZES, sizeof bytes, &bytes, NULL);
  if (code != CL_SUCCESS || bytes == 0) {
    icn_log(&context->logger, ICN_LOG_DEBUG, "program cache: the driver gives no binary of '%s'", entry->file);
    return;
  }
  unsigned char *binary = icn_allocate(&context->allocator, bytes);
  if (binary == NULL) return;
  unsigned char *binaries[] = {binary};
  code = share->cl->clGetProgramInfo(entry->program, CL_PROGRAM_BINARIES, sizeof binaries, binaries, NULL);
  if (code == CL_SUCCESS) icn_cache_store(share, &entry->key, entry->file, binary, bytes);
  icn_release(&context->allocator, binary);
}

/* ------------------------------------------------------------------ lookup */

static void program_destroy(icn_share *share, icn_program *entry) {
  const icn_allocator *allocator = &share->context->allocator;
  if (entry->program != NULL) (void)share->cl->clReleaseProgram(entry->program);
  icn_release(allocator, entry->file);
  icn_release(allocator, entry->options);
  icn_release(allocator, entry->kernel);
  icn_release(allocator, entry);
}

static bool serves(const icn_program *known, const char *file, const char *options, const char *kernel) {
  if (strcmp(known->file, file) != 0 || strcmp(known->options, options) != 0) return false;
  return known->kernel == NULL || strcmp(known->kernel, kernel) == 0;
}

static icn_status find_or_build(icn_share *share, const char *file, const char *options, const char *kernel, icn_program **result,
                                icn_error *error) {
  icn_status status = ICN_OK;
  const icn_allocator *allocator = &share->context->allocator;
  icn_program *entry = NULL;
  *result = NULL;
  for (icn_program *known = share->programs; known != NULL; known = known->next) {
    if (!serves(known, file, options, kernel)) continue;
    *result = known;
    return ICN_OK;
  }
  entry = icn_allocate_array(allocator, 1, sizeof *entry);
  if (entry == NULL) return icn_error_memory(error, sizeof *entry, "a program");
  entry->file = icn_text_copy(allocator, file);
  entry->options = icn_text_copy(allocator, options);
  const bool alone = kernels_are_alone(share);
  if (alone) entry->kernel = icn_text_copy(allocator, kernel);
  if (entry->file == NULL || entry->options == NULL || (alone && entry->kernel == NULL)) {
    ICN_TRY(icn_error_memory(error, strlen(options) + 1, "a program"));
  }
  ICN_TRY(build(share, entry, false, error));
  entry->next = share->programs;
  share->programs = entry;
  *result = entry;
  entry = NULL;
done:
  if (entry != NULL) program_destroy(share, entry);
  return status;
}

/* clCreateKernel. Some drivers take a binary and only now find that it is of no use: then the program is compiled. */
static icn_status create_kernel(icn_share *share, icn_program *entry, const char *kernel, cl_kernel *result, cl_int *code,
                                icn_error *error) {
  icn_status status = ICN_OK;
  const icn_context *context = share->context;
  *result = share->cl->clCreateKernel(entry->program, kernel, code);
  if (*code == CL_SUCCESS || !entry->from_cache) return ICN_OK;
  icn_log(&context->logger, ICN_LOG_WARNING,
          "program cache: the driver refused the binary of '%s' (no kernel '%s', %s); it is compiled anew", entry->file, kernel,
          icn_cl_error_name(*code));
  icn_cache_remove(context, &entry->key);
  ICN_TRY(build(share, entry, true, error));
  *result = share->cl->clCreateKernel(entry->program, kernel, code);
done:
  return status;
}

icn_status icn_program_kernel(icn_share *share, const char *file, const char *options, const char *kernel, const char *subject,
                              cl_kernel *result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_program *entry = NULL;
  cl_int code = CL_SUCCESS;
  *result = NULL;
  icn_mutex_lock(share->mutex);
  ICN_TRY(find_or_build(share, file, options, kernel, &entry, error));
  ICN_TRY(create_kernel(share, entry, kernel, result, &code, error));
  if (code != CL_SUCCESS) ICN_TRY(fail_kernel(share, entry, kernel, subject, code, error));
  if (entry->unsaved) save(share, entry);
done:
  icn_mutex_unlock(share->mutex);
  return status;
}

void icn_programs_destroy(icn_share *share) {
  while (share->programs != NULL) {
    icn_program *entry = share->programs;
    share->programs = entry->next;
    program_destroy(share, entry);
  }
}
