/* What translators are written with: failures, inputs and attributes of the node at hand, and the making of values. */
#include <stdio.h>
#include <string.h>

#include "import_internal.h"

/* ------------------------------------------------------------------ errors */

int icn_im_fail(icn_importer *im, icn_status code, const char *format, ...) {
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  char sentence[ICN_MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  im->status = im->node == NULL ? icn_error_set(im->error, code, "the graph's outputs: %s", sentence)
                                : icn_error_set(im->error, code, "node '%.100s' (%.60s): %s", im->node->name, im->node->op, sentence);
  return ICN_NO_VALUE;
}

int icn_im_no_memory(icn_importer *im) { return icn_im_fail(im, ICN_NO_MEMORY, "out of memory while the node was translated"); }

/* ------------------------------------------------------ inputs, attributes */

int icn_im_input(const icn_importer *im, size_t k) { return k < im->node->input_count ? im->inputs[k] : ICN_NO_VALUE; }

icn_shape icn_im_shape(const icn_importer *im, int value) {
  icn_shape scalar;
  memset(&scalar, 0, sizeof scalar);
  return value == ICN_NO_VALUE ? scalar : im->graph->values[value].shape;
}

bool icn_im_is_constant(const icn_importer *im, int value) { return value != ICN_NO_VALUE && im->graph->values[value].data != NULL; }

bool icn_im_is_float(const icn_importer *im, int value) {
  if (value == ICN_NO_VALUE) return false;
  return icn_dtype_is_float(im->graph->values[value].dtype);
}

const icn_source_attr *icn_im_attr(const icn_importer *im, const char *name) {
  for (size_t i = 0; i < im->node->attr_count; i++) {
    if (strcmp(im->node->attrs[i].name, name) == 0) return &im->node->attrs[i];
  }
  return NULL;
}

int64_t icn_im_int(const icn_importer *im, const char *name, int64_t otherwise) {
  const icn_source_attr *attr = icn_im_attr(im, name);
  return attr == NULL ? otherwise : attr->i;
}

float icn_im_float(const icn_importer *im, const char *name, float otherwise) {
  const icn_source_attr *attr = icn_im_attr(im, name);
  return attr == NULL ? otherwise : attr->f;
}

const char *icn_im_string(const icn_importer *im, const char *name, const char *otherwise) {
  const icn_source_attr *attr = icn_im_attr(im, name);
  return attr == NULL ? otherwise : attr->s;
}

const int64_t *icn_im_ints(const icn_importer *im, const char *name, size_t *count) {
  static const int64_t NOTHING[1] = {0};
  const icn_source_attr *attr = icn_im_attr(im, name);
  *count = attr == NULL ? 0 : attr->count;
  if (attr == NULL) return NULL;
  return attr->count == 0 ? NOTHING : attr->ints;
}

/* The constant input k, or NULL when absent or on failure. */
static const icn_value *constant_input(icn_importer *im, size_t k, const char *what, int64_t *count) {
  int input = icn_im_input(im, k);
  *count = 0;
  if (input == ICN_NO_VALUE || !icn_im_ok(im)) return NULL;
  if (!icn_im_is_constant(im, input)) {
    icn_im_fail(im, ICN_UNSUPPORTED, "its input %zu (%s) is computed at run time; it must be a constant", k, what);
    return NULL;
  }
  const icn_value *value = &im->graph->values[input];
  *count = icn_shape_elems(&value->shape);
  if (*count >= 0 && *count <= ICN_IMPORT_MAX_SIZE / 64) return value;
  icn_im_fail(im, ICN_UNSUPPORTED, "its input %zu (%s) has too many elements", k, what);
  *count = 0;
  return NULL;
}

const int64_t *icn_im_constant_ints(icn_importer *im, size_t k, const char *what, size_t *count) {
  int64_t elems;
  *count = 0;
  const icn_value *value = constant_input(im, k, what, &elems);
  if (value == NULL) return NULL;
  if (elems > 0 && icn_im_is_float(im, icn_im_input(im, k))) {
    icn_im_fail(im, ICN_FORMAT, "its input %zu (%s) is %s; integers are expected", k, what, icn_dtype_name(value->dtype));
    return NULL;
  }
  int64_t *numbers = icn_arena_array(&im->scratch, (size_t)elems, sizeof(int64_t));
  if (numbers == NULL) icn_im_no_memory(im);
  for (int64_t i = 0; i < elems && numbers != NULL; i++) numbers[i] = icn_const_i64(value, i);
  if (numbers != NULL) *count = (size_t)elems;
  return numbers;
}

const float *icn_im_constant_floats(icn_importer *im, size_t k, const char *what, size_t *count) {
  int64_t elems;
  *count = 0;
  const icn_value *value = constant_input(im, k, what, &elems);
  if (value == NULL) return NULL;
  float *numbers = icn_arena_array(&im->scratch, (size_t)elems, sizeof(float));
  if (numbers == NULL) icn_im_no_memory(im);
  for (int64_t i = 0; i < elems && numbers != NULL; i++) numbers[i] = icn_const_f32(value, i);
  if (numbers != NULL) *count = (size_t)elems;
  return numbers;
}

const int64_t *icn_im_ints_either(icn_importer *im, const char *name, size_t k, size_t *count) {
  const int64_t *attribute = icn_im_ints(im, name, count);
  return attribute != NULL ? attribute : icn_im_constant_ints(im, k, name, count);
}

int icn_im_axis(icn_importer *im, int64_t axis, int rank) {
  if (axis >= -rank && axis < rank) return (int)(axis < 0 ? axis + rank : axis);
  icn_im_fail(im, ICN_FORMAT, "axis %lld is out of range for a tensor of rank %d", (long long)axis, rank);
  return 0;
}

uint32_t icn_im_axes(icn_importer *im, const int64_t *axes, size_t count, int rank) {
  uint32_t bits = 0;
  for (size_t i = 0; i < count && icn_im_ok(im); i++) {
    uint32_t bit = 1U << icn_im_axis(im, axes[i], rank);
    if (icn_im_ok(im) && (bits & bit) != 0) icn_im_fail(im, ICN_FORMAT, "axis %lld is given twice", (long long)axes[i]);
    bits |= bit;
  }
  return bits;
}

/* ------------------------------------------------------------------ shapes */

int64_t icn_im_check_shape(icn_importer *im, const icn_shape *shape) {
  char text[ICN_SHAPE_TEXT_BYTES];
  if (!icn_im_ok(im)) return -1;
  for (int k = 0; k < shape->rank; k++) {
    if (shape->dim[k] >= 0) continue;
    icn_im_fail(im, ICN_FORMAT, "its result would have the shape %s", icn_shape_text(shape, text));
    return -1;
  }
  int64_t elems = icn_shape_elems(shape);
  if (elems >= 0 && elems <= ICN_IMPORT_MAX_ELEMS) return elems;
  icn_im_fail(im, ICN_UNSUPPORTED, "its result %s has more than %lld elements", icn_shape_text(shape, text),
              (long long)ICN_IMPORT_MAX_ELEMS);
  return -1;
}

bool icn_im_broadcast(icn_importer *im, const icn_shape *a, const icn_shape *b, icn_shape *shape) {
  const icn_shape *longer = a->rank >= b->rank ? a : b, *shorter = a->rank >= b->rank ? b : a;
  *shape = *longer;
  for (int k = 0; k < shorter->rank; k++) {
    int64_t *dim = &shape->dim[longer->rank - shorter->rank + k];
    if (*dim == 1) *dim = shorter->dim[k];
    if (shorter->dim[k] == *dim || shorter->dim[k] == 1) continue;
    char a_text[ICN_SHAPE_TEXT_BYTES], b_text[ICN_SHAPE_TEXT_BYTES];
    icn_im_fail(im, ICN_FORMAT, "the shapes %s and %s do not broadcast", icn_shape_text(a, a_text), icn_shape_text(b, b_text));
    return false;
  }
  return true;
}

/* ------------------------------------------------------------------ values */

static const char *step_label(icn_op op, const icn_params *params) {
  bool has_function = op == ICN_OP_UNARY || op == ICN_OP_BINARY || op == ICN_OP_REDUCE;
  return has_function ? icn_function_name(params->function) : icn_op_name(op);
}

/* "OUTPUT/label", with a number where that is taken. In scratch: the graph copies it. */
static const char *step_name(icn_importer *im, const char *label) {
  const char *base = im->node->outputs[0][0] != '\0' ? im->node->outputs[0] : im->node->name;
  for (;;) {
    const char *name = icn_arena_format(&im->scratch, "%s/%s.%u", base, label, ++im->steps);
    if (name == NULL || icn_im_find_name(im, name) == NULL) return name;
  }
}

/* Operations that leave their only input as it is. */
static bool changes_nothing(const icn_importer *im, icn_op op, const icn_params *params, const int *inputs, int count,
                            const icn_shape *shape) {
  icn_shape from = icn_im_shape(im, inputs[0]);
  if (!icn_shape_equal(&from, shape)) return false;
  if (op == ICN_OP_RESHAPE || op == ICN_OP_EXPAND) return true;
  if (op == ICN_OP_CONCAT) return count == 1;
  bool same = op == ICN_OP_TRANSPOSE || op == ICN_OP_SLICE || op == ICN_OP_PAD;
  for (int k = 0; k < shape->rank; k++) {
    if (op == ICN_OP_TRANSPOSE) same = same && params->perm[k] == k;
    if (op == ICN_OP_SLICE) same = same && params->begin[k] == 0 && params->step[k] == 1;
    if (op == ICN_OP_PAD) same = same && params->begin[k] == 0 && params->end[k] == 0;
  }
  return same;
}

/* Either all inputs are numbers of a float type, or all are integers and then constants; tables of RESAMPLE are our own. */
static bool check_types(icn_importer *im, icn_op op, const int *inputs, int count) {
  int tensors = op == ICN_OP_RESAMPLE ? 1 : count, floats = 0, present = 0;
  for (int k = 0; k < tensors; k++) {
    if (inputs[k] == ICN_NO_VALUE) continue;
    present++;
    floats += icn_im_is_float(im, inputs[k]) ? 1 : 0;
  }
  if (floats == 0 || floats == present) return true;
  icn_im_fail(im, ICN_FORMAT, "its inputs mix float and integer tensors");
  return false;
}

/* True when the result can be computed now: every input is a constant or has no elements. */
static bool is_known(const icn_importer *im, const int *inputs, int count) {
  for (int k = 0; k < count; k++) {
    if (inputs[k] == ICN_NO_VALUE || icn_im_is_constant(im, inputs[k])) continue;
    icn_shape shape = icn_im_shape(im, inputs[k]);
    if (icn_shape_elems(&shape) != 0) return false;
  }
  return true;
}

static int add_node(icn_importer *im, icn_op op, const icn_params *params, const int *inputs, int count, const icn_shape *shape) {
  const char *value_name = step_name(im, step_label(op, params));
  const char *node_name = icn_arena_format(&im->scratch, "%s/%s", im->node->name, step_label(op, params));
  if (value_name == NULL || node_name == NULL) return icn_im_no_memory(im);
  int value = icn_graph_add_node(im->graph, op, node_name, im->node->op, inputs, count, params, value_name, shape);
  return value < 0 ? icn_im_no_memory(im) : value;
}

int icn_im_emit(icn_importer *im, icn_op op, const icn_params *params, const int *inputs, int count, const icn_shape *shape) {
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  int64_t elems = icn_im_check_shape(im, shape);
  if (elems < 0 || !check_types(im, op, inputs, count)) return ICN_NO_VALUE;
  if (changes_nothing(im, op, params, inputs, count, shape)) return inputs[0];
  if (op == ICN_OP_RESHAPE && icn_im_is_constant(im, inputs[0])) return icn_im_alias(im, inputs[0], shape);
  if (elems == 0 || is_known(im, inputs, count)) return icn_im_fold(im, op, params, inputs, count, shape);
  return add_node(im, op, params, inputs, count, shape);
}

int icn_im_unary(icn_importer *im, icn_function function, int x, float alpha, float beta, float gamma) {
  icn_params params = {.function = function, .alpha = alpha, .beta = beta, .gamma = gamma};
  icn_shape shape = icn_im_shape(im, x);
  return icn_im_emit(im, ICN_OP_UNARY, &params, &x, 1, &shape);
}

int icn_im_binary(icn_importer *im, icn_function function, int a, int b) {
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  icn_params params = {.function = function};
  icn_shape shape, a_shape = icn_im_shape(im, a), b_shape = icn_im_shape(im, b);
  if (!icn_im_broadcast(im, &a_shape, &b_shape, &shape)) return ICN_NO_VALUE;
  return icn_im_emit(im, ICN_OP_BINARY, &params, (int[]){a, b}, 2, &shape);
}

int icn_im_reduce(icn_importer *im, icn_function function, int x, uint32_t axes) {
  icn_params params = {.function = function, .axes = axes};
  icn_shape shape = icn_im_shape(im, x);
  for (int k = 0; k < shape.rank; k++) {
    if ((axes >> k & 1U) != 0) shape.dim[k] = 1;
  }
  return icn_im_emit(im, ICN_OP_REDUCE, &params, &x, 1, &shape);
}

int icn_im_reshape(icn_importer *im, int x, const icn_shape *shape) {
  icn_params params = {0};
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  icn_shape from = icn_im_shape(im, x);
  char from_text[ICN_SHAPE_TEXT_BYTES], to_text[ICN_SHAPE_TEXT_BYTES];
  int64_t elems = icn_im_check_shape(im, shape);
  if (elems >= 0 && elems != icn_shape_elems(&from)) {
    return icn_im_fail(im, ICN_FORMAT, "%s cannot be reshaped to %s: the element counts differ", icn_shape_text(&from, from_text),
                       icn_shape_text(shape, to_text));
  }
  return icn_im_emit(im, ICN_OP_RESHAPE, &params, &x, 1, shape);
}

int icn_im_transpose(icn_importer *im, int x, const int32_t *perm) {
  icn_params params = {0};
  icn_shape from = icn_im_shape(im, x), shape = from;
  for (int k = 0; k < from.rank; k++) {
    params.perm[k] = perm[k];
    shape.dim[k] = from.dim[perm[k]];
  }
  return icn_im_emit(im, ICN_OP_TRANSPOSE, &params, &x, 1, &shape);
}

int icn_im_slice(icn_importer *im, int x, const int64_t *begin, const int64_t *step, const icn_shape *shape) {
  icn_params params = {0};
  for (int k = 0; k < shape->rank; k++) {
    params.begin[k] = begin[k];
    params.step[k] = step == NULL ? 1 : step[k];
  }
  return icn_im_emit(im, ICN_OP_SLICE, &params, &x, 1, shape);
}

int icn_im_expand(icn_importer *im, int x, const icn_shape *shape) {
  icn_params params = {0};
  icn_shape padded = *shape, from = icn_im_shape(im, x);
  for (int k = 0; k < shape->rank; k++) {
    int source = k - (shape->rank - from.rank);
    padded.dim[k] = source < 0 ? 1 : from.dim[source];
  }
  int view = icn_im_reshape(im, x, &padded); /* EXPAND keeps the rank */
  return icn_im_emit(im, ICN_OP_EXPAND, &params, &view, 1, shape);
}

int icn_im_concat(icn_importer *im, const int *inputs, int count, int axis) {
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  icn_params params = {.axis = axis};
  icn_shape shape = icn_im_shape(im, inputs[0]);
  int *kept = icn_arena_array(&im->scratch, (size_t)count, sizeof(int));
  if (kept == NULL) return icn_im_no_memory(im);
  int kept_count = 0;
  shape.dim[axis] = 0;
  for (int i = 0; i < count; i++) {
    icn_shape part = icn_im_shape(im, inputs[i]);
    if (part.dim[axis] > ICN_IMPORT_MAX_ELEMS - shape.dim[axis]) return icn_im_fail(im, ICN_UNSUPPORTED, "its result is too large");
    shape.dim[axis] += part.dim[axis];
    if (part.dim[axis] > 0) kept[kept_count++] = inputs[i];
  }
  if (kept_count == 0) kept[kept_count++] = inputs[0];
  return icn_im_emit(im, ICN_OP_CONCAT, &params, kept, kept_count, &shape);
}

/* The step of an arithmetic progression (0 when it is none). */
static int64_t progression_step(const int64_t *index, size_t count) {
  if (count < 2) return 1;
  int64_t step = index[1] - index[0];
  for (size_t i = 2; i < count; i++) {
    if (index[i] - index[i - 1] != step) return 0;
  }
  return step;
}

int icn_im_gather(icn_importer *im, int x, int axis, const int64_t *index, size_t count) {
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  icn_shape shape = icn_im_shape(im, x);
  shape.dim[axis] = (int64_t)count;
  int64_t begin[ICN_MAX_RANK] = {0}, step[ICN_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
  step[axis] = progression_step(index, count);
  begin[axis] = count > 0 ? index[0] : 0;
  if (step[axis] != 0) return icn_im_slice(im, x, begin, step, &shape);
  if (icn_im_check_shape(im, &shape) < 0) return ICN_NO_VALUE;
  icn_params params = {.axis = axis};
  icn_shape table = icn_shape_make(2, (int64_t[]){(int64_t)count, 1});
  void *indices, *weights;
  int index_value = icn_im_new_constant(im, &table, ICN_I32, &indices);
  int weight_value = icn_im_new_constant(im, &table, ICN_F32, &weights);
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  for (size_t i = 0; i < count; i++) {
    ((int32_t *)indices)[i] = (int32_t)index[i];
    ((float *)weights)[i] = 1.0F;
  }
  return icn_im_emit(im, ICN_OP_RESAMPLE, &params, (int[]){x, index_value, weight_value}, 3, &shape);
}

/* --------------------------------------------------------------- constants */

int icn_im_new_constant(icn_importer *im, const icn_shape *shape, icn_dtype dtype, void **data) {
  *data = NULL;
  int64_t elems = icn_im_check_shape(im, shape);
  if (elems < 0) return ICN_NO_VALUE;
  int64_t bytes = elems * (int64_t)icn_dtype_bytes(dtype);
  if (bytes > im->folded_limit - im->folded_bytes) {
    return icn_im_fail(im, ICN_UNSUPPORTED, "its constant result has %lld bytes; all computed constants may have %lld together",
                       (long long)bytes, (long long)im->folded_limit);
  }
  im->folded_bytes += bytes;
  const char *name = step_name(im, "constant");
  *data = icn_arena_allocate(&im->graph->constants, (size_t)bytes);
  int value = name == NULL || *data == NULL ? -1 : icn_graph_add_constant(im->graph, name, shape, dtype, *data);
  return value < 0 ? icn_im_no_memory(im) : value;
}

int icn_im_constant(icn_importer *im, const icn_shape *shape, icn_dtype dtype, const void *data) {
  void *copy;
  int value = icn_im_new_constant(im, shape, dtype, &copy);
  if (icn_im_ok(im) && icn_shape_elems(shape) > 0) memcpy(copy, data, (size_t)icn_shape_elems(shape) * icn_dtype_bytes(dtype));
  return value;
}

int icn_im_scalar(icn_importer *im, float value) {
  icn_shape scalar = icn_shape_make(0, NULL);
  return icn_im_constant(im, &scalar, ICN_F32, &value);
}

int icn_im_as_float(icn_importer *im, int x) {
  if (!icn_im_ok(im) || icn_im_is_float(im, x)) return x;
  if (!icn_im_is_constant(im, x)) return icn_im_fail(im, ICN_UNSUPPORTED, "an integer tensor is computed at run time");
  icn_shape shape = icn_im_shape(im, x);
  void *data;
  int value = icn_im_new_constant(im, &shape, ICN_F32, &data);
  for (int64_t i = 0; icn_im_ok(im) && i < icn_shape_elems(&shape); i++)
    ((float *)data)[i] = (float)icn_const_i64(&im->graph->values[x], i);
  return value;
}

int icn_im_alias(icn_importer *im, int x, const icn_shape *shape) {
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  const char *name = step_name(im, "constant");
  const icn_value *from = &im->graph->values[x];
  int value = name == NULL ? -1 : icn_graph_add_constant(im->graph, name, shape, from->dtype, from->data);
  return value < 0 ? icn_im_no_memory(im) : value;
}

/* ----------------------------------------------------------------- outputs */

void icn_im_set_output(icn_importer *im, size_t k, int value) {
  if (!icn_im_ok(im)) return;
  const char *text = im->node->outputs[k];
  if (text[0] == '\0') return;
  icn_im_find_name(im, text)->value = value;
  icn_value *made = &im->graph->values[value];
  if (made->is_input || icn_im_find_name(im, made->name) != NULL) return; /* already has a name of the model */
  char *name = icn_arena_text(&im->graph->arena, text, strlen(text));
  if (name != NULL) made->name = name;
  if (name == NULL) {
    icn_im_no_memory(im);
    return;
  }
  if (made->producer < 0) return;
  char *node_name = icn_arena_text(&im->graph->arena, im->node->name, strlen(im->node->name));
  if (node_name == NULL) icn_im_no_memory(im);
  if (node_name != NULL && k == 0) im->graph->nodes[made->producer].name = node_name;
}
