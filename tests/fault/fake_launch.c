/* Launches of kernels that the fake driver miscompiles, crashes in or never finishes. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/fake_internal.h"

/* ---------------------------------------------------------------- crash, hang */

static cl_event held[1024];
static size_t held_count;

void fake_release_hanging(void) {
  fake_lock();
  for (size_t i = 0; i < held_count; i++) {
    (void)fake_target.clSetUserEventStatus(held[i], CL_COMPLETE);
    (void)fake_target.clReleaseEvent(held[i]);
  }
  held_count = 0;
  fake_unlock();
}

/* An event that nobody sets. */
static cl_event make_held(cl_command_queue queue) {
  cl_context context = NULL;
  cl_event event = NULL;
  if (fake_target.clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL) != CL_SUCCESS) return NULL;
  fake_lock();
  if (held_count < sizeof held / sizeof held[0]) event = fake_target.clCreateUserEvent(context, NULL);
  if (event != NULL) held[held_count++] = event;
  fake_unlock();
  return event;
}

/* -------------------------------------------------------------- wrong results */

/* A setting "PART:HOW"; "*" is every kernel. */
static bool is_wrong(const char *name, char how[32]) {
  char part[128] = "";
  const char *rule = fake_text(FAKE_wrong);
  snprintf(how, 32, "one");
  return rule != NULL && sscanf(rule, "%127[^:]:%31s", part, how) >= 1 && (strcmp(part, "*") == 0 || strstr(name, part) != NULL);
}

static float worse(float value, const char *how) { return strcmp(how, "nan") == 0 ? NAN : 2 * value + 1; }

/* Makes words that the kernel has written wrong, or takes all back ("nothing"). Returns how many. */
static size_t spoil(fake_object *known, size_t argument, const float *before, float *after, size_t words, const char *how) {
  size_t written = 0, seen = 0, first = 0;
  for (size_t i = 0; i < words; i++) written += memcmp(&before[i], &after[i], sizeof(float)) != 0;
  if (written == 0 && known->arguments[argument].was_wrong) { /* the same numbers as at the run before */
    first = known->arguments[argument].wrong_at;
    after[first] = worse(after[first], how);
    return 1;
  }
  if (strcmp(how, "nothing") == 0) memcpy(after, before, words * sizeof(float));
  if (written == 0 || strcmp(how, "nothing") == 0) return written;
  for (size_t i = 0; i < words; i++) {
    if (memcmp(&before[i], &after[i], sizeof(float)) == 0) continue;
    if (seen++ != written / 2 && strcmp(how, "all") != 0) continue;
    after[i] = worse(after[i], how);
    known->arguments[argument].was_wrong = true;
    known->arguments[argument].wrong_at = i;
  }
  return strcmp(how, "all") == 0 ? written : 1;
}

typedef struct copies {
  float *before[FAKE_MAX_ARGUMENTS]; /* the buffers among the arguments, as they were */
} copies;

static float *read_buffer(cl_command_queue queue, cl_mem buffer, size_t *words) {
  const fake_object *known = fake_object_find(buffer);
  if (known == NULL) return NULL;
  *words = known->bytes / sizeof(float);
  float *data = malloc(known->bytes + 1);
  if (data != NULL) (void)fake_target.clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, known->bytes, data, 0, NULL, NULL);
  return data;
}

/* The first mention of a buffer: a tensor may be read and written by one kernel. */
static bool is_first(const fake_object *kernel, size_t argument) {
  for (size_t i = 0; i < argument; i++) {
    if (kernel->arguments[i].buffer == kernel->arguments[argument].buffer) return false;
  }
  return kernel->arguments[argument].buffer != NULL;
}

static void copy_buffers(cl_command_queue queue, const fake_object *kernel, copies *kept) {
  size_t words;
  for (size_t i = 0; i < FAKE_MAX_ARGUMENTS; i++) {
    kept->before[i] = is_first(kernel, i) ? read_buffer(queue, kernel->arguments[i].buffer, &words) : NULL;
  }
}

static void spoil_buffers(cl_command_queue queue, fake_object *kernel, copies *kept, const char *name, const char *how) {
  size_t spoilt = 0, words = 0;
  for (size_t i = 0; i < FAKE_MAX_ARGUMENTS; i++) {
    if (kept->before[i] == NULL) continue;
    const cl_mem buffer = kernel->arguments[i].buffer;
    float *after = read_buffer(queue, buffer, &words);
    const size_t here = after == NULL ? 0 : spoil(kernel, i, kept->before[i], after, words, how);
    if (here > 0) (void)fake_target.clEnqueueWriteBuffer(queue, buffer, CL_TRUE, 0, words * sizeof(float), after, 0, NULL, NULL);
    spoilt += here;
    free(after);
    free(kept->before[i]);
  }
  fake_note("kernel '%s': %zu words of its result are wrong", name, spoilt);
}

/* ------------------------------------------------------------------ launch */

/* The launch after one more event. */
static cl_int launch_after(cl_event extra, cl_command_queue queue, cl_kernel kernel, cl_uint dims, const size_t *offset,
                           const size_t *global, const size_t *local, cl_uint waits, const cl_event *wait, cl_event *event) {
  cl_event *all = calloc(waits + 1, sizeof(cl_event));
  if (all == NULL || extra == NULL) {
    free(all);
    return CL_OUT_OF_HOST_MEMORY;
  }
  all[0] = extra;
  for (cl_uint i = 0; i < waits; i++) all[i + 1] = wait[i];
  const cl_int code = fake_target.clEnqueueNDRangeKernel(queue, kernel, dims, offset, global, local, waits + 1, all, event);
  free(all);
  return code;
}

cl_int fake_launch(cl_command_queue queue, cl_kernel kernel, cl_uint dims, const size_t *offset, const size_t *global, const size_t *local,
                   cl_uint waits, const cl_event *wait, cl_event *event) {
  char name[256], how[32];
  const char *crash = fake_text(FAKE_crash), *hang = fake_text(FAKE_hang);
  copies kept;
  fake_kernel_name(kernel, name);
  if (crash != NULL && strstr(name, crash) != NULL) {
    fake_note("the launch of '%s' crashes", name);
    abort();
  }
  if (hang != NULL && (strcmp(hang, "*") == 0 || strstr(name, hang) != NULL)) {
    fake_note("the launch of '%s' never ends", name);
    return launch_after(make_held(queue), queue, kernel, dims, offset, global, local, waits, wait, event);
  }
  fake_object *known = is_wrong(name, how) ? fake_object_find(kernel) : NULL;
  if (known == NULL || known->arguments == NULL) {
    return fake_target.clEnqueueNDRangeKernel(queue, kernel, dims, offset, global, local, waits, wait, event);
  }
  copy_buffers(queue, known, &kept);
  const cl_int code = fake_target.clEnqueueNDRangeKernel(queue, kernel, dims, offset, global, local, waits, wait, event);
  spoil_buffers(queue, known, &kept, name, how);
  return code;
}
