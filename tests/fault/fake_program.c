/* Programs of the fake driver: what the compiler sees, builds that fail, kernels that cannot be made, binaries that are of no use. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/fake_internal.h"

static void *no_object(cl_int given, cl_int *code) {
  if (code != NULL) *code = given;
  return NULL;
}

/* ------------------------------------------------------------------ source */

static bool claims(const char *extension, size_t length) {
  const char *list = fake_text(FAKE_extensions);
  for (const char *word = list + strspn(list, " "); *word != '\0'; word += strspn(word, " ")) {
    const size_t bytes = strcspn(word, " ");
    if (bytes == length && strncmp(word, extension, length) == 0) return true;
    word += bytes;
  }
  return false;
}

/* Lines that take back the macros of what the real device has and the claimed one has not, as far as the source asks for them (what it does
 * not ask for would only keep the driver's own cache from knowing it). */
static void write_prefix(cl_context context, const char *source, char *text, size_t bytes) {
  static const char FAST_FMA[] = "FP_FAST_FMAF";
  cl_device_id id = NULL, ids[64];
  char extensions[16384] = "";
  cl_ulong fast;
  size_t length = 0;
  char *rest = NULL;
  text[0] = '\0';
  if (fake_number(FAKE_fast_fma, &fast) && fast == 0 && strstr(source, FAST_FMA) != NULL) {
    length += (size_t)snprintf(text, bytes, "#undef %s\n", FAST_FMA);
  }
  if (fake_target.clGetContextInfo(context, CL_CONTEXT_DEVICES, sizeof ids, ids, NULL) == CL_SUCCESS) id = ids[0];
  if (id == NULL || fake_text(FAKE_extensions) == NULL) return;
  if (fake_target.clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, sizeof extensions - 1, extensions, NULL) != CL_SUCCESS) return;
  for (char *word = strtok_r(extensions, " ", &rest); word != NULL && length < bytes; word = strtok_r(NULL, " ", &rest)) {
    if (strstr(source, word) == NULL || claims(word, strlen(word))) continue;
    length += (size_t)snprintf(text + length, bytes - length, "#undef %s\n", word);
  }
}

/* The texts as one. */
static char *join(cl_uint count, const char **texts, const size_t *bytes) {
  size_t length = 0;
  for (cl_uint i = 0; i < count; i++) length += bytes == NULL || bytes[i] == 0 ? strlen(texts[i]) : bytes[i];
  char *whole = calloc(length + 1, 1);
  for (cl_uint i = 0, at = 0; i < count && whole != NULL; i++) {
    const size_t part = bytes == NULL || bytes[i] == 0 ? strlen(texts[i]) : bytes[i];
    memcpy(whole + at, texts[i], part);
    at += (cl_uint)part;
  }
  return whole;
}

cl_program fake_create_program(cl_context context, cl_uint count, const char **texts, const size_t *bytes, cl_int *code) {
  char prefix[8192];
  char *source = join(count, texts, bytes);
  if (source == NULL) return no_object(CL_OUT_OF_HOST_MEMORY, code);
  write_prefix(context, source, prefix, sizeof prefix);
  const char *parts[] = {prefix, prefix[0] == '\0' ? "" : "#line 1\n", source};
  cl_program made = fake_target.clCreateProgramWithSource(context, 3, parts, NULL, code);
  fake_object *known = made == NULL ? NULL : fake_object_make(made);
  if (known != NULL) known->source = source;
  if (known == NULL) free(source);
  return made;
}

/* ------------------------------------------------------------------- build */

/* True when the program has a kernel with `part` in its name: "__kernel attributes void name(". */
static bool has_kernel(cl_program program, const char *part) {
  const fake_object *known = fake_object_find(program);
  if (part == NULL || known == NULL || known->source == NULL) return false;
  for (const char *at = strstr(known->source, "__kernel"); at != NULL; at = strstr(at + 1, "__kernel")) {
    char name[256] = "";
    const char *type = strstr(at, "void ");
    if (type != NULL && sscanf(type, "void %255[A-Za-z0-9_]", name) == 1 && strstr(name, part) != NULL) return true;
  }
  return false;
}

cl_int fake_build(cl_program program, cl_uint count, const cl_device_id *ids, const char *options,
                  void(CL_CALLBACK *notify)(cl_program, void *), void *user) {
  fake_lock();
  snprintf(fake.options, sizeof fake.options, "%s", options == NULL ? "" : options);
  fake_unlock();
  if (has_kernel(program, fake_text(FAKE_crash_build))) {
    fake_note("the compiler crashes on '%s'", fake_text(FAKE_crash_build));
    abort();
  }
  if (has_kernel(program, fake_text(FAKE_build_fails))) {
    fake_note("the build of '%s' fails", fake_text(FAKE_build_fails));
    fake_object_find(program)->failed = true;
    return CL_BUILD_PROGRAM_FAILURE;
  }
  return fake_target.clBuildProgram(program, count, ids, options, notify, user);
}

cl_int fake_build_info(cl_program program, cl_device_id id, cl_program_build_info what, size_t n, void *value, size_t *bytes) {
  const fake_object *known = fake_object_find(program);
  const cl_build_status failed = CL_BUILD_ERROR;
  const char *log = fake_text(FAKE_build_log);
  if (known == NULL || !known->failed) return fake_target.clGetProgramBuildInfo(program, id, what, n, value, bytes);
  if (what == CL_PROGRAM_BUILD_STATUS) return fake_answer(&failed, sizeof failed, n, value, bytes);
  if (what != CL_PROGRAM_BUILD_LOG) return fake_target.clGetProgramBuildInfo(program, id, what, n, value, bytes);
  if (log == NULL) log = "fake.cl:1:1: error: the fake compiler gave up";
  return fake_answer(log, strlen(log) + 1, n, value, bytes);
}

cl_kernel fake_create_kernel(cl_program program, const char *name, cl_int *code) {
  long failure = 0;
  const fake_object *known = fake_object_find(program);
  const char *binary = fake_text(FAKE_binary);
  if (fake_rule(FAKE_kernel_fails, name, &failure)) {
    fake_note("kernel '%s' cannot be made: %ld", name, failure);
    return no_object((cl_int)failure, code);
  }
  if (known != NULL && known->source == NULL && binary != NULL && strcmp(binary, "kernelless") == 0) {
    fake_note("the binary has no kernel '%s'", name);
    return no_object(CL_INVALID_KERNEL_NAME, code);
  }
  cl_kernel made = fake_target.clCreateKernel(program, name, code);
  if (made != NULL) (void)fake_object_make(made);
  return made;
}

/* ---------------------------------------------------------------- binaries */

cl_program fake_create_from_binary(cl_context context, cl_uint count, const cl_device_id *ids, const size_t *bytes,
                                   const unsigned char **data, cl_int *each, cl_int *code) {
  cl_program made = fake_target.clCreateProgramWithBinary(context, count, ids, bytes, data, each, code);
  if (made != NULL) (void)fake_object_make(made);
  return made;
}

/* binary: "empty" (none is given), "corrupt" (noise), "kernelless" (see fake_create_kernel). */
cl_int fake_program_info(cl_program program, cl_program_info what, size_t n, void *value, size_t *bytes) {
  const char *binary = fake_text(FAKE_binary);
  size_t length = 0;
  const bool empty = binary != NULL && strcmp(binary, "empty") == 0, corrupt = binary != NULL && strcmp(binary, "corrupt") == 0;
  if (empty && what == CL_PROGRAM_BINARIES) return CL_SUCCESS;
  const cl_int code = fake_target.clGetProgramInfo(program, what, n, value, bytes);
  if (code != CL_SUCCESS || value == NULL) return code;
  if (empty && what == CL_PROGRAM_BINARY_SIZES) {
    fake_note("a binary is empty");
    *(size_t *)value = 0;
  }
  if (corrupt && what == CL_PROGRAM_BINARIES &&
      fake_target.clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof length, &length, NULL) == CL_SUCCESS) {
    fake_note("a binary is noise");
    for (size_t i = 0; i < length; i++) (*(unsigned char **)value)[i] = (unsigned char)(i * 167 >> 3);
  }
  return code;
}
