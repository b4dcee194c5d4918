/* Shapes of the graph's inputs: what the model fixes, what the caller gives, and the batch. */
#include <stdio.h>
#include <string.h>

#include "import_internal.h"

static void list_inputs(const icn_source *source, char *text, size_t bytes) {
  size_t length = 0;
  text[0] = '\0';
  for (size_t i = 0; i < source->input_count && length + 1 < bytes; i++) {
    int written = snprintf(text + length, bytes - length, "%s'%.60s'", i == 0 ? "" : ", ", source->inputs[i].name);
    length += written < 0 ? 0 : (size_t)written;
  }
}

static icn_status check_given_shapes(const icn_source *source, const icn_input_shape *shapes, size_t count, icn_error *error) {
  icn_status status = ICN_OK;
  char names[240];
  list_inputs(source, names, sizeof names);
  for (size_t s = 0; s < count; s++) {
    ICN_REQUIRE(shapes[s].rank >= 0 && shapes[s].rank <= ICN_MAX_RANK, ICN_ARGUMENT, "a shape of rank %d was given; the limit is %d",
                shapes[s].rank, ICN_MAX_RANK);
    if (shapes[s].name == NULL) {
      ICN_REQUIRE(source->input_count == 1, ICN_ARGUMENT, "a shape without a name was given, but the model has %zu inputs: %s",
                  source->input_count, names);
      continue;
    }
    bool known = false;
    for (size_t i = 0; i < source->input_count; i++) known = known || strcmp(source->inputs[i].name, shapes[s].name) == 0;
    ICN_REQUIRE(known, ICN_ARGUMENT, "a shape was given for '%.60s', but the model has no such input; its inputs are: %s", shapes[s].name,
                names);
  }
done:
  return status;
}

static const icn_input_shape *given_shape(const icn_source_input *input, const icn_input_shape *shapes, size_t count) {
  const icn_input_shape *found = NULL;
  for (size_t s = 0; s < count; s++) {
    if (shapes[s].name == NULL || strcmp(shapes[s].name, input->name) == 0) found = &shapes[s];
  }
  return found;
}

/* "1x3x?x?" */
static const char *open_shape_text(const icn_shape *shape, char *text, size_t bytes) {
  size_t length = 0;
  snprintf(text, bytes, "scalar");
  for (int k = 0; k < shape->rank && length + 1 < bytes; k++) {
    const char *cross = k == 0 ? "" : "x";
    int written = shape->dim[k] < 0 ? snprintf(text + length, bytes - length, "%s?", cross)
                                    : snprintf(text + length, bytes - length, "%s%lld", cross, (long long)shape->dim[k]);
    length += written < 0 ? 0 : (size_t)written;
  }
  return text;
}

static icn_status merge_given(const icn_source_input *input, const icn_input_shape *given, icn_shape *shape, icn_error *error) {
  icn_status status = ICN_OK;
  char wanted[ICN_SHAPE_TEXT_BYTES], fixed[ICN_SHAPE_TEXT_BYTES];
  icn_shape asked = icn_shape_make(given->rank, given->dim);
  open_shape_text(&asked, wanted, sizeof wanted);
  open_shape_text(&input->shape, fixed, sizeof fixed);
  ICN_REQUIRE(!input->has_shape || input->shape.rank == given->rank, ICN_ARGUMENT,
              "input '%.100s': the shape %s was given (%d dimensions), but the model has %s (%d dimensions)", input->name, wanted,
              given->rank, fixed, input->shape.rank);
  for (int k = 0; k < given->rank; k++) {
    ICN_REQUIRE(given->dim[k] >= 1, ICN_ARGUMENT, "input '%.100s': dimension %d of the given shape %s must be at least 1", input->name, k,
                wanted);
    ICN_REQUIRE(!input->has_shape || input->shape.dim[k] < 0 || input->shape.dim[k] == given->dim[k], ICN_ARGUMENT,
                "input '%.100s': the shape %s was given, but dimension %d is fixed by the model (%s)", input->name, wanted, k, fixed);
  }
  *shape = asked;
done:
  return status;
}

static icn_status resolve_shape(const icn_source_input *input, const icn_input_shape *given, int64_t batch, icn_shape *shape,
                                icn_error *error) {
  icn_status status = ICN_OK;
  char text[ICN_SHAPE_TEXT_BYTES];
  *shape = input->shape;
  if (given != NULL) {
    ICN_TRY(merge_given(input, given, shape, error));
  } else {
    ICN_REQUIRE(input->has_shape, ICN_ARGUMENT,
                "input '%.100s' has no shape in the model: give one (--shape %.60s=1x3x224x224, for example)", input->name, input->name);
    if (shape->rank > 0 && shape->dim[0] < 0) shape->dim[0] = batch == 0 ? 1 : batch;
  }
  open_shape_text(shape, text, sizeof text);
  for (int k = 0; k < shape->rank; k++) {
    ICN_REQUIRE(shape->dim[k] >= 0, ICN_ARGUMENT,
                "input '%.100s': dimension %d of its shape %s is open in the model: give the whole shape (--shape %.60s=...)", input->name,
                k, text, input->name);
  }
  int64_t elems = icn_shape_elems(shape);
  ICN_REQUIRE(elems >= 0 && elems <= ICN_IMPORT_MAX_ELEMS, ICN_ARGUMENT, "input '%.100s': the shape %s has more than %lld elements",
              input->name, text, (long long)ICN_IMPORT_MAX_ELEMS);
done:
  return status;
}

/* A batch that no input can take must not be dropped silently. */
static icn_status check_batch(const icn_importer *im, int64_t batch, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(batch >= 0 && batch <= ICN_IMPORT_MAX_ELEMS, ICN_ARGUMENT, "the batch of %lld is out of range: 0 to %lld", (long long)batch,
              (long long)ICN_IMPORT_MAX_ELEMS);
  bool fits = batch <= 1 || im->graph->input_count == 0;
  for (size_t i = 0; i < im->graph->input_count; i++) {
    icn_shape shape = im->graph->values[im->graph->inputs[i]].shape;
    fits = fits || (shape.rank > 0 && shape.dim[0] == batch);
  }
  ICN_REQUIRE(fits, ICN_ARGUMENT, "a batch of %lld was asked for, but no input of the model leaves its first dimension open",
              (long long)batch);
done:
  return status;
}

icn_status icn_im_add_inputs(icn_importer *im, const icn_input_shape *shapes, size_t shape_count, int64_t batch, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_source *source = im->source;
  icn_graph *graph = im->graph;
  ICN_TRY(check_given_shapes(source, shapes, shape_count, error));
  graph->inputs = icn_arena_array(&graph->arena, source->input_count, sizeof(int));
  ICN_REQUIRE(graph->inputs != NULL, ICN_NO_MEMORY, "out of memory: the list of %zu graph inputs", source->input_count);
  for (size_t i = 0; i < source->input_count; i++) {
    const icn_source_input *input = &source->inputs[i];
    ICN_REQUIRE(input->onnx_type == ICN_ONNX_FLOAT, ICN_UNSUPPORTED,
                "input '%.100s' has element type %s (%d); only float32 inputs are supported", input->name,
                icn_import_type_name(input->onnx_type), input->onnx_type);
    icn_shape shape;
    ICN_TRY(resolve_shape(input, given_shape(input, shapes, shape_count), batch, &shape, error));
    int value = icn_graph_add_value(graph, input->name, &shape, ICN_F32);
    ICN_REQUIRE(value >= 0, ICN_NO_MEMORY, "out of memory: the graph input '%.100s'", input->name);
    graph->values[value].is_input = true;
    graph->inputs[graph->input_count++] = value;
    icn_im_find_name(im, input->name)->value = value;
  }
  ICN_TRY(check_batch(im, batch, error));
done:
  return status;
}
