/* One picture through an executor: recipe, crops, runs, the best classes. */

#include <math.h>
#include <string.h>

#include "crops.h"
#include "executor.h"

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static bool names_probability(const char *name) {
  static const char *const PARTS[] = {"prob", "softmax"};
  for (size_t p = 0; p < sizeof PARTS / sizeof PARTS[0]; p++) {
    const size_t length = strlen(PARTS[p]);
    for (const char *at = name; *at != '\0'; at++) {
      size_t i = 0;
      while (i < length && lower(at[i]) == PARTS[p][i]) i++;
      if (i == length) return true;
    }
  }
  return false;
}

static int64_t elems_of(const icn_tensor_info *info) {
  int64_t elems = 1;
  for (int k = 0; k < info->rank; k++) elems *= info->dim[k];
  return elems;
}

/* True when output `a` is rather the classes than `b`. */
static bool is_better(const icn_tensor_info *a, const icn_tensor_info *b) {
  const bool a_named = names_probability(a->name), b_named = names_probability(b->name);
  if (a_named != b_named) return a_named;
  if (a->rank != b->rank) return a->rank < b->rank;
  return elems_of(a) > elems_of(b);
}

static icn_status find_classes(const icn_executor *executor, size_t *index, icn_error *error) {
  const int64_t batch = executor->inputs[0].dim[0];
  bool found = false;
  for (size_t i = 0; i < executor->graph.output_count; i++) {
    const icn_tensor_info *info = &executor->outputs[i];
    if (info->rank < 2 || info->dim[0] != batch || elems_of(info) < 1 || elems_of(info) > INT32_MAX) continue;
    if (found && !is_better(info, &executor->outputs[*index])) continue;
    *index = i;
    found = true;
  }
  if (found) return ICN_OK;
  return icn_error_set(error, ICN_UNSUPPORTED, "the model has no output [%lld, classes], so it does not classify", (long long)batch);
}

/* The `count` best of scores[classes] in falling order, equal ones by index; NaN is worse than everything. */
static size_t take_best(const float *scores, int64_t classes, icn_class *top, size_t count) {
  size_t taken = 0;
  for (int64_t c = 0; c < classes; c++) {
    const icn_class candidate = {(int)c, scores[c]};
    size_t place = taken;
    while (place > 0 && (candidate.score > top[place - 1].score ||
                         (top[place - 1].score != top[place - 1].score && candidate.score == candidate.score))) {
      place--;
    }
    if (place >= count) continue;
    const size_t moved = (taken < count ? taken : count - 1) - place;
    memmove(top + place + 1, top + place, moved * sizeof *top);
    top[place] = candidate;
    if (taken < count) taken++;
  }
  return taken;
}

static icn_status check_input(const icn_executor *executor, icn_error *error) {
  icn_status status = ICN_OK;
  char text[ICN_SHAPE_TEXT_BYTES];
  ICN_REQUIRE(executor->graph.input_count == 1, ICN_UNSUPPORTED, "the model has %zu inputs; classifying needs one, [1,3,height,width]",
              executor->graph.input_count);
  const icn_shape shape = icn_graph_whole_shape(&executor->graph, executor->graph.inputs[0]);
  ICN_REQUIRE(shape.rank == 4 && shape.dim[0] >= 1 && shape.dim[1] == 3 && shape.dim[2] > 0 && shape.dim[3] > 0 &&
                  shape.dim[2] <= INT32_MAX && shape.dim[3] <= INT32_MAX,
              ICN_UNSUPPORTED, "input '%s' is %s; classifying needs [1,3,height,width]", executor->inputs[0].name,
              icn_shape_text(&shape, text));
done:
  return status;
}

icn_status icn_executor_class_output(const icn_executor *executor, icn_class_output *output, icn_error *error) {
  icn_status status = ICN_OK;
  icn_error_clear(error);
  ICN_REQUIRE(executor != NULL && output != NULL, ICN_ARGUMENT, "icn_executor_class_output: %s is NULL",
              executor == NULL ? "executor" : "output");
  ICN_TRY(check_input(executor, error));
  ICN_TRY(find_classes(executor, &output->output, error));
  const icn_tensor_info *info = &executor->outputs[output->output];
  output->batch = info->dim[0];
  output->classes = elems_of(info) / info->dim[0];
  output->scores = icn_source_is_probability(&executor->model->source, info->name) || names_probability(info->name)
                       ? ICN_SCORES_PROBABILITIES
                       : ICN_SCORES_LOGITS;
done:
  return status;
}

/* Adds scores[classes], or what a softmax makes of them, to sums[classes]. */
static void add_scores(const float *scores, int64_t classes, bool are_logits, double *sums) {
  double largest = (double)scores[0], sum = 0.0;
  if (!are_logits) {
    for (int64_t c = 0; c < classes; c++) sums[c] += (double)scores[c];
    return;
  }
  for (int64_t c = 1; c < classes; c++) largest = (double)scores[c] > largest ? (double)scores[c] : largest;
  for (int64_t c = 0; c < classes; c++) sum += exp((double)scores[c] - largest);
  for (int64_t c = 0; c < classes; c++) sums[c] += exp((double)scores[c] - largest) / sum;
}

/* What one classification works in. */
typedef struct desk {
  float *tensor, *scores; /* [batch][3][height][width]; [batch][classes], at the end [classes] */
  double *sums;           /* [classes] */
  float **outputs;
} desk;

static icn_status desk_make(const icn_executor *executor, const icn_class_output *output, desk *d, icn_error *error) {
  const icn_allocator *allocator = &executor->context->allocator;
  const size_t elems = (size_t)elems_of(&executor->inputs[0]);
  d->tensor = icn_allocate_array(allocator, elems, sizeof *d->tensor);
  d->scores = icn_allocate_array(allocator, (size_t)(output->batch * output->classes), sizeof *d->scores);
  d->sums = icn_allocate_array(allocator, (size_t)output->classes, sizeof *d->sums);
  d->outputs = icn_allocate_array(allocator, executor->graph.output_count, sizeof *d->outputs);
  if (d->tensor == NULL || d->scores == NULL || d->sums == NULL || d->outputs == NULL)
    return icn_error_memory(error, elems * sizeof *d->tensor, "the image's tensor");
  memset(d->tensor, 0, elems * sizeof *d->tensor); /* places of a batch that no crop fills */
  for (int64_t c = 0; c < output->classes; c++) d->sums[c] = 0.0;
  d->outputs[output->output] = d->scores;
  return ICN_OK;
}

static void desk_fini(desk *d, const icn_allocator *allocator) {
  icn_release(allocator, d->tensor);
  icn_release(allocator, d->scores);
  icn_release(allocator, d->sums);
  icn_release(allocator, d->outputs);
}

static icn_status run_crops(icn_executor *executor, const icn_image *image, const icn_preprocess *preprocess, int crops, bool are_logits,
                            const icn_class_output *output, desk *d, icn_error *error) {
  icn_status status = ICN_OK;
  const int64_t *dim = executor->inputs[0].dim;
  for (int first = 0, count = 0; first < crops; first += count) {
    count = output->batch < crops - first ? (int)output->batch : crops - first;
    ICN_TRY(icn_image_to_crops(image, preprocess, crops, first, count, (int)dim[3], (int)dim[2], d->tensor, error));
    ICN_TRY(icn_executor_run(executor, &(const float *){d->tensor}, d->outputs, error));
    for (int k = 0; k < count; k++) add_scores(d->scores + k * output->classes, output->classes, are_logits, d->sums);
  }
done:
  return status;
}

icn_status icn_classify_crops(icn_executor *executor, const icn_image *image, const icn_preprocess *preprocess, int crops,
                              icn_scores scores, icn_class *top, size_t *count, icn_error *error) {
  icn_status status = ICN_OK;
  icn_class_output output;
  icn_preprocess own;
  icn_recipe_origin origin;
  desk d = {0};
  icn_error_clear(error);
  if (executor == NULL) return icn_error_set(error, ICN_ARGUMENT, "icn_classify: executor is NULL");
  ICN_REQUIRE(image != NULL && top != NULL && count != NULL, ICN_ARGUMENT, "icn_classify: %s is NULL",
              image == NULL ? "image"
              : top == NULL ? "top"
                            : "count");
  ICN_REQUIRE(icn_crops_exist(crops), ICN_ARGUMENT, "there are no %d crops of a picture; there are 1, 5, 10, 12 and 144", crops);
  ICN_REQUIRE(scores >= ICN_SCORES_AUTO && scores <= ICN_SCORES_LOGITS, ICN_ARGUMENT, "there is no icn_scores %d", (int)scores);
  ICN_TRY(icn_executor_class_output(executor, &output, error));
  if (scores == ICN_SCORES_AUTO) scores = crops == 1 ? ICN_SCORES_PROBABILITIES : output.scores;
  if (preprocess == NULL) {
    ICN_TRY(icn_model_recipe(executor->model, &own, &origin, error));
    preprocess = &own;
  }
  ICN_TRY(desk_make(executor, &output, &d, error));
  ICN_TRY(run_crops(executor, image, preprocess, crops, scores == ICN_SCORES_LOGITS, &output, &d, error));
  for (int64_t c = 0; c < output.classes; c++) d.scores[c] = (float)(d.sums[c] / crops);
  *count = take_best(d.scores, output.classes, top, *count);
done:
  desk_fini(&d, &executor->context->allocator);
  return status;
}

icn_status icn_classify(icn_executor *executor, const icn_image *image, const icn_preprocess *preprocess, icn_class *top, size_t *count,
                        icn_error *error) {
  icn_class_output output;
  icn_status status = executor == NULL ? ICN_OK : icn_executor_class_output(executor, &output, error);
  if (status != ICN_OK) return status;
  if (executor != NULL && output.batch != 1)
    return icn_error_set(error, ICN_UNSUPPORTED, "the executor's batch is %lld; one picture needs a batch of 1", (long long)output.batch);
  return icn_classify_crops(executor, image, preprocess, 1, ICN_SCORES_AUTO, top, count, error);
}
