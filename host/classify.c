/* One picture through an executor: recipe, run, the best classes. */

#include <string.h>

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
  bool found = false;
  for (size_t i = 0; i < executor->graph.output_count; i++) {
    const icn_tensor_info *info = &executor->outputs[i];
    if (info->rank < 2 || info->dim[0] != 1 || elems_of(info) < 1 || elems_of(info) > INT32_MAX) continue;
    if (found && !is_better(info, &executor->outputs[*index])) continue;
    *index = i;
    found = true;
  }
  if (found) return ICN_OK;
  return icn_error_set(error, ICN_UNSUPPORTED, "the model has no output [1, classes], so it does not classify");
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
  ICN_REQUIRE(shape.rank == 4 && shape.dim[0] == 1 && shape.dim[1] == 3 && shape.dim[2] > 0 && shape.dim[3] > 0 &&
                  shape.dim[2] <= INT32_MAX && shape.dim[3] <= INT32_MAX,
              ICN_UNSUPPORTED, "input '%s' is %s; classifying needs [1,3,height,width]", executor->inputs[0].name,
              icn_shape_text(&shape, text));
done:
  return status;
}

icn_status icn_classify(icn_executor *executor, const icn_image *image, const icn_preprocess *preprocess, icn_class *top, size_t *count,
                        icn_error *error) {
  icn_status status = ICN_OK;
  float *tensor = NULL, *scores = NULL;
  float **outputs = NULL;
  size_t chosen = 0;
  icn_error_clear(error);
  if (executor == NULL) return icn_error_set(error, ICN_ARGUMENT, "icn_classify: executor is NULL");
  const icn_allocator *allocator = &executor->context->allocator;
  ICN_REQUIRE(image != NULL && top != NULL && count != NULL, ICN_ARGUMENT, "icn_classify: %s is NULL",
              image == NULL ? "image"
              : top == NULL ? "top"
                            : "count");
  ICN_TRY(check_input(executor, error));
  ICN_TRY(find_classes(executor, &chosen, error));
  const int64_t *dim = executor->inputs[0].dim, classes = elems_of(&executor->outputs[chosen]);
  tensor = icn_allocate_array(allocator, (size_t)elems_of(&executor->inputs[0]), sizeof *tensor);
  scores = icn_allocate_array(allocator, (size_t)classes, sizeof *scores);
  outputs = icn_allocate_array(allocator, executor->graph.output_count, sizeof *outputs);
  if (tensor == NULL || scores == NULL || outputs == NULL) {
    ICN_TRY(icn_error_memory(error, (size_t)elems_of(&executor->inputs[0]) * sizeof *tensor, "the image's tensor"));
  }
  ICN_TRY(icn_image_to_tensor(image, preprocess, (int)dim[3], (int)dim[2], tensor, error));
  outputs[chosen] = scores;
  ICN_TRY(icn_executor_run(executor, &(const float *){tensor}, outputs, error));
  *count = take_best(scores, classes, top, *count);
done:
  icn_release(allocator, tensor);
  icn_release(allocator, scores);
  icn_release(allocator, outputs);
  return status;
}
