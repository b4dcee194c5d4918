/* Pictures made ahead: while the device computes one batch, threads decode the pictures of the next and cut their crops out. */
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"
#include "os.h"

struct eval_ahead {
  evaluation *e;
  icn_allocator allocator;
  icn_mutex *mutex; /* guards next and failure */
  icn_worker **workers;
  icn_image **images; /* of each pending picture, from its first crop to its last */
  int buffer;
  size_t first, count, next, end; /* rows; pending pictures */
  icn_error failure;              /* one that ends the run */
};

eval_ahead *eval_ahead_open(evaluation *e) {
  eval_ahead *a = tool_allocate(1, sizeof *a);
  a->e = e;
  a->allocator = icn_allocator_default();
  a->mutex = icn_mutex_create(&a->allocator);
  a->workers = tool_allocate((size_t)e->o.threads, sizeof *a->workers);
  a->images = tool_allocate(e->pending_count, sizeof *a->images);
  if (a->mutex == NULL) exit(tool_fail("out of memory: a mutex could not be made"));
  return a;
}

/* A picture that cannot be read, or is too elongated to be resized, is counted; what is wrong with the recipe is wrong with all. */
static void note(eval_ahead *a, size_t picture, const icn_error *error) {
  const char *name = a->e->data.pictures[picture].name;
  icn_error named = *error;
  if (strstr(error->message, name) == NULL) (void)icn_error_set(&named, error->status, "'%.200s': %.280s", name, error->message);
  if (error->status == ICN_ARGUMENT || error->status == ICN_NO_MEMORY) {
    icn_mutex_lock(a->mutex);
    a->failure = named;
    icn_mutex_unlock(a->mutex);
  } else {
    a->e->problems[picture] = tool_format("%s", named.message);
  }
}

/* The crops of one pending picture that are among the rows. */
static void make(eval_ahead *a, size_t p) {
  const evaluation *e = a->e;
  const size_t crops = (size_t)e->o.crops, picture = e->pending[p], end = a->first + a->count;
  const size_t from = p * crops > a->first ? p * crops : a->first, to = (p + 1) * crops < end ? (p + 1) * crops : end;
  icn_error error;
  if (e->problems[picture] != NULL) return;
  if (a->images[p] == NULL && dataset_load(&e->data, e->s.context, picture, &a->images[p], &error) != ICN_OK) {
    note(a, picture, &error);
    return;
  }
  for (size_t i = 0; i < e->model_count; i++) {
    const eval_model *m = &e->models[i];
    float *tensor = m->tensor[a->buffer] + (from - a->first) * m->elems;
    if (icn_image_to_crops(a->images[p], &m->recipe, (int)crops, (int)(from - p * crops), (int)(to - from), m->width, m->height, tensor,
                           &error) == ICN_OK)
      continue;
    note(a, picture, &error);
    break;
  }
  if (to < (p + 1) * crops && e->problems[picture] == NULL) return;
  icn_image_destroy(a->images[p]);
  a->images[p] = NULL;
}

static void work(void *user) {
  eval_ahead *a = user;
  for (;;) {
    icn_mutex_lock(a->mutex);
    const size_t p = a->next++;
    const bool failed = a->failure.status != ICN_OK;
    icn_mutex_unlock(a->mutex);
    if (p >= a->end || failed) return;
    make(a, p);
  }
}

void eval_ahead_start(eval_ahead *a, int buffer, size_t first, size_t count) {
  const size_t crops = (size_t)a->e->o.crops;
  a->buffer = buffer;
  a->first = first;
  a->count = count;
  a->next = first / crops;
  a->end = count == 0 ? a->next : (first + count - 1) / crops + 1;
  const size_t pictures = a->end - a->next;
  for (size_t i = 0; i < (size_t)a->e->o.threads && i < pictures; i++) a->workers[i] = icn_worker_start(&a->allocator, work, a);
}

int eval_ahead_wait(eval_ahead *a) {
  for (size_t i = 0; i < (size_t)a->e->o.threads; i++) {
    icn_worker_join(a->workers[i]);
    a->workers[i] = NULL;
  }
  work(a); /* what no thread has done */
  return a->failure.status == ICN_OK ? TOOL_OK : tool_error(&a->failure);
}

void eval_ahead_close(eval_ahead *a) {
  if (a == NULL) return;
  for (size_t i = 0; i < (size_t)a->e->o.threads; i++) icn_worker_join(a->workers[i]);
  for (size_t i = 0; i < a->e->pending_count; i++) icn_image_destroy(a->images[i]);
  icn_mutex_destroy(a->mutex);
  free(a->workers);
  free(a->images);
  free(a);
}
