/* The models of an evaluation: loading, agreeing on classes, running rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"

int eval_load_models(evaluation *e, const text_list *paths) {
  int code = TOOL_OK;
  e->models = tool_allocate(paths->count, sizeof *e->models);
  for (size_t i = 0; i < paths->count && code == TOOL_OK; i++) {
    eval_model *m = &e->models[e->model_count++];
    m->path = paths->items[i];
    code = session_load_model(&e->s, &e->o.session, m->path, &m->model);
    if (code == TOOL_OK) code = recipe_make("evaluate", &e->o.recipe, m->model, &m->recipe, &m->origin);
  }
  return code;
}

static int prepare(evaluation *e, eval_model *m) {
  icn_error error;
  e->o.session.batch = session_batch_is_open(&e->s, m->model) ? (long)e->rows : 0; /* else its own, in as many runs as that takes */
  int code = session_executor(&e->s, &e->o.session, m->model, e->s.devices[0], false, false, &m->executor);
  if (code != TOOL_OK) return code;
  if (icn_executor_class_output(m->executor, &m->output, &error) != ICN_OK) return tool_fail("'%s': %s", m->path, error.message);
  const icn_tensor_info input = icn_executor_input(m->executor, 0);
  const size_t batch = (size_t)m->output.batch, rows = (e->rows + batch - 1) / batch * batch;
  m->height = (int)input.dim[2];
  m->width = (int)input.dim[3];
  m->elems = tensor_elems(&input) / batch;
  m->are_logits = (e->o.scores != ICN_SCORES_AUTO ? e->o.scores : m->output.scores) == ICN_SCORES_LOGITS;
  for (int k = 0; k < 2; k++) m->tensor[k] = tool_allocate(rows * m->elems, sizeof *m->tensor[k]);
  m->scores = tool_allocate(rows * (size_t)m->output.classes, sizeof *m->scores);
  m->outputs = tool_allocate(icn_executor_output_count(m->executor), sizeof *m->outputs);
  return TOOL_OK;
}

/* With --background the models with the most classes leave out their first one. */
static int agree(evaluation *e) {
  int64_t most = 0;
  for (size_t i = 0; i < e->model_count; i++) most = e->models[i].output.classes > most ? e->models[i].output.classes : most;
  if (e->o.background && most < 2) return tool_fail("--background: a model with one class has no background class besides");
  for (size_t i = 0; i < e->model_count; i++) e->models[i].skipped = e->o.background && e->models[i].output.classes == most;
  for (size_t i = 0; i < e->model_count; i++) {
    const eval_model *a = &e->models[0], *b = &e->models[i];
    if (a->output.classes - (int64_t)a->skipped == b->output.classes - (int64_t)b->skipped) continue;
    return tool_fail("the models disagree: '%s' has %lld classes, '%s' %lld%s", a->path, (long long)a->output.classes, b->path,
                     (long long)b->output.classes,
                     llabs(a->output.classes - b->output.classes) == 1 && !e->o.background
                         ? " (where the first of the larger number is 'background', say --background)"
                         : "");
  }
  e->classes = (size_t)e->models[0].output.classes - e->models[0].skipped;
  return TOOL_OK;
}

int eval_prepare_models(evaluation *e) {
  int code = TOOL_OK;
  for (size_t i = 0; i < e->model_count && code == TOOL_OK; i++) code = prepare(e, &e->models[i]);
  return code == TOOL_OK ? agree(e) : code;
}

int eval_run_model(eval_model *m, int buffer, size_t count) {
  icn_error error;
  const size_t batch = (size_t)m->output.batch, classes = (size_t)m->output.classes;
  for (size_t row = 0; row < count; row += batch) {
    m->outputs[m->output.output] = m->scores + row * classes;
    if (icn_executor_run(m->executor, &(const float *){m->tensor[buffer] + row * m->elems}, m->outputs, &error) != ICN_OK)
      return tool_error(&error);
  }
  return TOOL_OK;
}

void eval_add_row(const eval_model *m, size_t row, size_t classes, double *sums) {
  const float *scores = m->scores + row * (size_t)m->output.classes + m->skipped;
  double largest = (double)scores[0], sum = 0.0;
  if (!m->are_logits) { /* without a background class the others' probabilities are as they are */
    for (size_t c = 0; c < classes; c++) sums[c] += (double)scores[c];
    return;
  }
  for (size_t c = 1; c < classes; c++) largest = (double)scores[c] > largest ? (double)scores[c] : largest;
  for (size_t c = 0; c < classes; c++) sum += exp((double)scores[c] - largest);
  for (size_t c = 0; c < classes; c++) sums[c] += exp((double)scores[c] - largest) / sum;
}

void eval_models_fini(evaluation *e) {
  for (size_t i = 0; i < e->model_count; i++) {
    eval_model *m = &e->models[i];
    icn_executor_destroy(m->executor);
    icn_model_destroy(m->model);
    free(m->tensor[0]);
    free(m->tensor[1]);
    free(m->scores);
    free(m->outputs);
  }
  free(e->models);
}
