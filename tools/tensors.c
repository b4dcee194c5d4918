#include "tensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(tensors *t, icn_tensor_info info) {
  t->info = tool_grow(t->info, t->count + 1, sizeof *t->info);
  t->data = tool_grow(t->data, t->count + 1, sizeof *t->data);
  info.name = tool_format("%s", info.name);
  t->info[t->count] = info;
  t->data[t->count++] = tool_allocate(tensor_elems(&info), sizeof(float));
}

tensors tensors_of_inputs(const icn_executor *executor) {
  tensors t = {0};
  for (size_t i = 0; i < icn_executor_input_count(executor); i++) add(&t, icn_executor_input(executor, i));
  return t;
}

tensors tensors_of_outputs(const icn_executor *executor) {
  tensors t = {0};
  for (size_t i = 0; i < icn_executor_output_count(executor); i++) add(&t, icn_executor_output(executor, i));
  return t;
}

int tensors_of_values(icn_executor *executor, tensors *values) {
  icn_error error;
  *values = (tensors){0};
  for (size_t i = 0; i < icn_executor_value_count(executor); i++) {
    add(values, icn_executor_value(executor, i));
    if (icn_executor_read_value(executor, i, values->data[i], &error) != ICN_OK) return tool_error(&error);
  }
  return TOOL_OK;
}

void tensors_fini(tensors *t) {
  for (size_t i = 0; i < t->count; i++) {
    free((void *)t->info[i].name);
    free(t->data[i]);
  }
  free(t->info);
  free(t->data);
  *t = (tensors){0};
}

size_t tensors_find(const tensors *t, const char *name) {
  size_t i = 0;
  while (i < t->count && strcmp(t->info[i].name, name) != 0) i++;
  return i;
}

/* A 32-bit linear congruential generator (Numerical Recipes); its upper 24 bits are exact floats. */
void tensors_randomise(tensors *t) {
  uint32_t state = 20240607;
  for (size_t i = 0; i < t->count; i++) {
    size_t count = tensor_elems(&t->info[i]);
    for (size_t k = 0; k < count; k++) {
      state = state * UINT32_C(1664525) + UINT32_C(1013904223);
      t->data[i][k] = (float)(state >> 8) / 16777216.0F;
    }
  }
}

int tensors_set_image(tensors *t, const icn_context *context, const char *path, const icn_preprocess *recipe) {
  icn_error error;
  icn_image *image = NULL;
  if (t->count != 1 || t->info[0].rank != 4 || t->info[0].dim[1] != 3) {
    char shape[SHAPE_TEXT_BYTES] = "none";
    if (t->count > 0) tensor_shape_text(&t->info[0], shape);
    return tool_fail("the model takes no picture: it has %zu inputs, the first of shape %s, but one of shape Nx3xHxW is needed", t->count,
                     shape);
  }
  const int64_t *dim = t->info[0].dim;
  if (icn_image_load(context, path, &image, &error) != ICN_OK) return tool_error(&error);
  icn_status status = icn_image_to_tensor(image, recipe, (int)dim[3], (int)dim[2], t->data[0], &error);
  icn_image_destroy(image);
  if (status != ICN_OK) return tool_error(&error);
  size_t one = (size_t)(3 * dim[2] * dim[3]);
  for (size_t n = 1; n < (size_t)dim[0]; n++) memcpy(t->data[0] + n * one, t->data[0], one * sizeof(float));
  return TOOL_OK;
}

int tensors_run(icn_executor *executor, const tensors *inputs, tensors *outputs) {
  icn_error error;
  icn_status status = icn_executor_run(executor, (const float *const *)inputs->data, outputs->data, &error);
  return status == ICN_OK ? TOOL_OK : tool_error(&error);
}

static double distance(double a, double b) {
  if (isnan(a) && isnan(b)) return 0.0;
  if (isinf(a) || isinf(b)) return a == b ? 0.0 : (double)INFINITY;
  return isnan(a) || isnan(b) ? (double)INFINITY : fabs(a - b);
}

difference tensors_compare(const float *a, const float *b, size_t count) {
  difference d = {0.0, 0.0, 0};
  for (size_t i = 0; i < count; i++) {
    double apart = distance((double)a[i], (double)b[i]), size = fabs((double)b[i]);
    if (apart > d.largest) {
      d.largest = apart;
      d.at = i;
    }
    if (isfinite(size) && size > d.magnitude) d.magnitude = size;
  }
  return d;
}

double difference_relative(const difference *d) { return d->magnitude > 0.0 ? d->largest / d->magnitude : d->largest; }
