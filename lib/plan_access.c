/* What a step touches, from the plan alone: dependencies are made from it and the checker proves the plan by it. */
#include <string.h>

#include "lower.h"

static void set_range(icn_access *access) {
  const icn_view *view = &access->view;
  access->begin = access->end = view->offset;
  for (int k = 0; k < view->shape.rank; k++) {
    if (view->shape.dim[k] == 0) return;
  }
  for (int k = 0; k < view->shape.rank; k++) {
    int64_t reach = (view->shape.dim[k] - 1) * view->stride[k];
    if (reach > 0) access->end += reach;
    if (reach < 0) access->begin += reach;
  }
  access->end++;
}

static icn_view flat(uint64_t bytes) {
  int64_t elems = (int64_t)((bytes + sizeof(float) - 1) / sizeof(float));
  icn_shape shape = icn_shape_make(1, &elems);
  return icn_view_dense(&shape);
}

static icn_view operand_view(const icn_plan *plan, const icn_plan_layer *layer, int operand) {
  if (operand == ICN_OPERAND_OUT) return layer->problem.out;
  if (operand < ICN_OPERAND_OUT) return layer->problem.in[operand];
  if (operand == ICN_OPERAND_LIBRARY) return flat(layer->emit.library_bytes);
  if (operand >= ICN_OPERAND_SCRATCH) return flat(layer->emit.scratch_bytes[operand - ICN_OPERAND_SCRATCH]);
  if (operand == ICN_OPERAND_ZEROS) return flat(layer->emit.zeros_elems * sizeof(float));
  return flat(plan->buffers[layer->place[operand].buffer].bytes);
}

/* The view of all slices, from that of the first one. A slice's images are neighbours, so that they are one dimension with the slices. */
static void add_slices(icn_view *view, int slices, int64_t slice_elems) {
  if (slice_elems == 0 || view->shape.rank == 0) return;
  if (view->shape.dim[0] == 1) view->stride[0] = slice_elems;
  view->shape.dim[0] *= slices;
}

int icn_plan_accesses(const icn_plan *plan, const icn_plan_step *step, icn_access accesses[ICN_OPERAND_COUNT]) {
  const icn_plan_layer *layer = &plan->layers[step->layer];
  const icn_launch *launch = &layer->emit.launch[step->launch];
  unsigned seen = 0;
  int count = 0;
  for (int a = 0; a < launch->arg_count; a++) {
    int operand = launch->args[a].as.operand;
    if (launch->args[a].kind != ICN_ARG_TENSOR || (seen >> operand & 1U) != 0) continue;
    seen |= 1U << operand;
    icn_access *access = &accesses[count++];
    access->buffer = layer->place[operand].buffer;
    access->writes = operand == ICN_OPERAND_OUT || operand >= ICN_OPERAND_SCRATCH;
    access->view = operand_view(plan, layer, operand);
    access->sliced = layer->slice_elems[operand] > 0;
    add_slices(&access->view, layer->slices, layer->slice_elems[operand]);
    access->view.offset += layer->place[operand].offset;
    set_range(access);
  }
  return count;
}

/* Elements from pixel to pixel when the view is channels [c0, c0 + C) of pixels that wide, else 0. */
static int64_t pixel_of(const icn_view *view) {
  if (!icn_view_is_nhwc(view)) return 0;
  int64_t pixel = icn_view_pixel_stride(view);
  return pixel > view->shape.dim[1] ? pixel : 0;
}

bool icn_accesses_overlap(const icn_access *a, const icn_access *b) {
  if (a->buffer != b->buffer || a->begin >= b->end || b->begin >= a->end) return false;
  int64_t pixel = pixel_of(&a->view);
  if (pixel == 0 || pixel != pixel_of(&b->view)) return true;
  /* Branches of one concat: each element of `a` lies at (a0 + channel) modulo the pixel, each of `b` likewise. */
  int64_t distance = (b->view.offset - a->view.offset) % pixel;
  if (distance < 0) distance += pixel;
  return distance < a->view.shape.dim[1] || distance + b->view.shape.dim[1] > pixel;
}

bool icn_accesses_conflict(const icn_access *a, int a_count, const icn_access *b, int b_count) {
  for (int i = 0; i < a_count; i++) {
    for (int j = 0; j < b_count; j++) {
      if ((a[i].writes || b[j].writes) && icn_accesses_overlap(&a[i], &b[j])) return true;
    }
  }
  return false;
}
