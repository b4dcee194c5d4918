/* Programs of the fake driver. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/fake_internal.h"

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

/* Lines that take back the macros of what the real device has and the claimed one has not. */
static void write_prefix(cl_context context, char *text, size_t bytes) {
  cl_device_id id = NULL, ids[64];
  char extensions[16384] = "";
  cl_ulong fast;
  size_t length = 0;
  text[0] = '\0';
  if (fake_number(FAKE_fast_fma, &fast) && fast == 0) length += (size_t)snprintf(text, bytes, "#undef FP_FAST_FMAF\n");
  if (fake_target.clGetContextInfo(context, CL_CONTEXT_DEVICES, sizeof ids, ids, NULL) == CL_SUCCESS) id = ids[0];
  if (id == NULL || fake_text(FAKE_extensions) == NULL) return;
  if (fake_target.clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, sizeof extensions - 1, extensions, NULL) != CL_SUCCESS) return;
  for (char *word = strtok(extensions, " "); word != NULL; word = strtok(NULL, " ")) {
    if (!claims(word, strlen(word)) && length < bytes) length += (size_t)snprintf(text + length, bytes - length, "#undef %s\n", word);
  }
}

cl_program fake_create_program(cl_context context, cl_uint count, const char **texts, const size_t *bytes, cl_int *code) {
  char prefix[8192];
  write_prefix(context, prefix, sizeof prefix - 16);
  const char **all_texts = calloc(count + 1, sizeof *all_texts);
  size_t *all_bytes = calloc(count + 1, sizeof *all_bytes);
  cl_program made = NULL;
  if (all_texts != NULL && all_bytes != NULL && prefix[0] != '\0') {
    strcat(prefix, "#line 1\n");
    all_texts[0] = prefix;
    for (cl_uint i = 0; i < count; i++) all_texts[i + 1] = texts[i];
    for (cl_uint i = 0; i < count && bytes != NULL; i++) all_bytes[i + 1] = bytes[i]; /* 0: up to the NUL */
    made = fake_target.clCreateProgramWithSource(context, count + 1, all_texts, all_bytes, code);
  } else {
    made = fake_target.clCreateProgramWithSource(context, count, texts, bytes, code);
  }
  free(all_texts);
  free(all_bytes);
  return made;
}
