/* What `clinception tune` has to measure: the distinct problems of one model, or of the networks of --all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "tune_summary.h"

/* The batches of --all: one picture at a time, and as many as are worth waiting for. */
static const long BATCHES[] = {1, 8};
enum { BATCH_COUNT = sizeof BATCHES / sizeof BATCHES[0] };

/* Its networks: those whose weights most people have. Another one is named beside it. */
static const char *const NETWORKS_OF_ALL[] = {"builtin:inception_v3", "builtin:googlenet_bn"};
enum { NETWORKS_OF_ALL_COUNT = sizeof NETWORKS_OF_ALL / sizeof NETWORKS_OF_ALL[0] };

/* ------------------------------------------------------------------ models */

/* What all models have in common is there once. */
static void add_problems(tune *t, const icn_tune_problem *found, size_t count) {
  t->problems = tool_grow(t->problems, t->problem_count + count + 1, sizeof *t->problems);
  for (size_t i = 0; i < count; i++) {
    size_t p = 0;
    while (p < t->problem_count && strcmp(t->problems[p].key, found[i].key) != 0) p++;
    if (p < t->problem_count)
      t->problems[p].layers += found[i].layers;
    else
      t->problems[t->problem_count++] = found[i];
  }
}

static int plan_one(tune *t, icn_model *model, const char *path, long batch) {
  const icn_allocator allocator = icn_allocator_default(); /* the session's context has no other */
  icn_tune_problem *found = NULL;
  icn_error error;
  icn_plan_options options;
  size_t count = 0;
  icn_plan_options_init(&options);
  options.device = t->device;
  options.batch = batch;
  options.shapes = t->s.shapes;
  options.shape_count = t->s.shape_count;
  options.disabled_passes = t->so.passes_off;
  options.precision = session_precision(&t->so);
  if (icn_tune_problems(model, &options, &found, &count, &error) != ICN_OK) return tool_error(&error);
  const size_t before = t->problem_count;
  add_problems(t, found, count);
  icn_release(&allocator, found);
  t->networks = tool_grow(t->networks, t->network_count + 1, sizeof *t->networks);
  t->networks[t->network_count++] =
      (tuned_network){.path = path, .batch = batch > 0 ? batch : 1, .problems = count, .added = t->problem_count - before};
  return TOOL_OK;
}

static bool batch_is_open(const icn_model *model) {
  for (size_t i = 0; i < icn_model_input_count(model); i++) {
    const icn_tensor_info input = icn_model_input(model, i);
    if (input.rank > 0 && input.dim[0] < 0) return true;
  }
  return false;
}

/* One model, in the batches of --all where it leaves that open and --batch does not say which. */
static int plan_model(tune *t, const char *path) {
  icn_model *model = NULL;
  int code = session_load_model(&t->s, &t->so, path, &model);
  const size_t count = code == TOOL_OK && t->all && t->so.batch == 0 && batch_is_open(model) ? BATCH_COUNT : 1;
  for (size_t i = 0; i < count && code == TOOL_OK; i++) code = plan_one(t, model, path, count > 1 ? BATCHES[i] : t->so.batch);
  icn_model_destroy(model);
  return code;
}

/* The most expensive first. */
static int by_cost(const void *left, const void *right) {
  const icn_tune_problem *a = left, *b = right;
  const double cost_a = a->expected_seconds * (double)a->layers, cost_b = b->expected_seconds * (double)b->layers;
  if (cost_a != cost_b) return cost_a > cost_b ? -1 : 1;
  return strcmp(a->key, b->key);
}

int tune_find_problems(tune *t) {
  int code = TOOL_OK;
  for (size_t i = 0; t->all && i < NETWORKS_OF_ALL_COUNT && code == TOOL_OK; i++) code = plan_model(t, NETWORKS_OF_ALL[i]);
  for (size_t i = 0; i < t->models.count && code == TOOL_OK; i++) code = plan_model(t, t->models.items[i]);
  if (code == TOOL_OK && t->problem_count > 1) qsort(t->problems, t->problem_count, sizeof *t->problems, by_cost);
  return code;
}

/* ------------------------------------------------------------------- known */

/* The lines of the tuning file, of which not all need be good. */
static int read_file(const tune *t, const char *device, icn_tunedb *db) {
  const icn_allocator allocator = icn_allocator_default();
  icn_mapping mapping = {NULL, 0, NULL};
  icn_error error;
  char sentence[ICN_MESSAGE_BYTES];
  if (icn_os_map(t->path, &mapping, &error) != ICN_OK) return tool_error(&error);
  icn_status status = icn_tunedb_parse(db, mapping.data, (size_t)mapping.bytes, device, &allocator, &error);
  icn_os_unmap(&mapping);
  if (status != ICN_OK) return tool_error(&error);
  if (icn_tunedb_complaint(db, t->path, sentence, sizeof sentence)) fprintf(stderr, "clinception: warning: %s\n", sentence);
  if (icn_tunedb_outdated(db, t->path, sentence, sizeof sentence)) fprintf(stderr, "clinception: warning: %s\n", sentence);
  return TOOL_OK;
}

int tune_leave_known(tune *t, const char *device) {
  icn_tunedb db;
  size_t count = 0;
  if (!icn_os_exists(t->path)) return TOOL_OK;
  const int code = read_file(t, device, &db);
  if (code != TOOL_OK) return code;
  for (size_t i = 0; i < t->problem_count; i++) {
    const bool known = icn_tunedb_knows(&db, t->problems[i].key);
    t->known += known ? 1 : 0;
    if (!known || t->fresh) t->problems[count++] = t->problems[i];
  }
  t->problem_count = count;
  icn_tunedb_fini(&db);
  return TOOL_OK;
}

void tune_free_problems(tune *t) {
  free(t->networks);
  free(t->problems);
  free(t->results);
}
