#include "part_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "magnitude.h"
#include "problem_part.h"
#include "ref.h"
#include "winograd_bound.h"

enum { TILES = 4, LEAST_SAMPLES = 48, MOST_SAMPLES = 128, MOST_NOT_FINITE = 4 };
static const double WHOLE_FLOP = 2e5; /* up to here all is compared */
static const double BUDGET_FLOP = 1.5e5;
static const double SLACK = 4; /* a false alarm costs a row, and what is wrong is wrong by far more than rounding */

typedef struct checking {
  const icn_problem *problem;
  const icn_row *row;
  icn_winograd_form form;
  const void *const *in;
  const float *got;
  const icn_allocator *allocator;
  double tolerance;
  float winograd; /* the most that a Winograd error's magnitude was above a direct sum's in the tiles so far */
  icn_part_check *check;
} checking;

/* How errors are reckoned: as the row computes, or single elements of a Winograd row, whose bound takes as long as a tile's does. */
typedef enum bound { AS_THE_ROW, LOOSELY } bound;

/* What one part needs, dense in the model's order. */
typedef struct part_data {
  icn_problem dense;
  float *input[ICN_MAX_INPUTS]; /* of RESAMPLE's index the same bits */
  float *got, *want, *magnitude;
} part_data;

/* ---------------------------------------------------------------- one part */

static icn_status gather(const checking *c, const icn_view *view, const float *base, float **dense, icn_error *error) {
  const size_t elems = (size_t)icn_max64(icn_shape_elems(&view->shape), 1);
  *dense = icn_allocate_array(c->allocator, elems, sizeof **dense);
  if (*dense == NULL) return icn_error_memory(error, elems * sizeof **dense, "a kernel's self-test");
  if (base != NULL) icn_view_gather(view, base, *dense);
  return ICN_OK;
}

/* In place of a direct sum's, which is there. A single element's is reckoned from how much more it was in whole tiles: with values drawn
 * at random that differs little, and what is wrong is wrong by far more. */
static icn_status winograd_magnitude(checking *c, bound kind, const void *const in[ICN_MAX_INPUTS], part_data *data, icn_error *error) {
  icn_status status = ICN_OK;
  float *direct = data->magnitude, *tile = NULL;
  const int64_t count = icn_shape_elems(&data->dense.out.shape);
  if (kind == LOOSELY) {
    for (int64_t i = 0; i < count; i++) direct[i] *= (float)SLACK * c->winograd;
    return ICN_OK;
  }
  ICN_TRY(gather(c, &data->dense.out, NULL, &tile, error));
  ICN_TRY(icn_winograd_magnitude(&data->dense, c->form, in, tile, c->allocator, error));
  for (int64_t i = 0; i < count; i++)
    if (direct[i] > 0 && isfinite(tile[i])) c->winograd = fmaxf(c->winograd, tile[i] / direct[i]);
  memcpy(direct, tile, (size_t)count * sizeof *tile);
done:
  icn_release(c->allocator, tile);
  return status;
}

static icn_status compute(checking *c, const icn_problem *part, bound kind, part_data *data, icn_error *error) {
  icn_status status = ICN_OK;
  const void *in[ICN_MAX_INPUTS] = {NULL};
  data->dense = *part;
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (!icn_problem_has(part, i)) continue;
    ICN_TRY(gather(c, &part->in[i], c->in[i], &data->input[i], error));
    data->dense.in[i] = icn_view_dense(&part->in[i].shape);
    in[i] = data->input[i];
  }
  data->dense.out = icn_view_dense(&part->out.shape);
  ICN_TRY(gather(c, &part->out, c->got, &data->got, error));
  ICN_TRY(gather(c, &part->out, NULL, &data->want, error));
  ICN_TRY(gather(c, &part->out, NULL, &data->magnitude, error));
  ICN_TRY(icn_ref_compute(&data->dense, in, data->want, c->allocator, error));
  ICN_TRY(icn_magnitude(&data->dense, in, data->want, data->magnitude, c->allocator, error));
  if (c->form.m > 0) ICN_TRY(winograd_magnitude(c, kind, in, data, error));
done:
  return status;
}

/* "element 0,3,5,7 is 1.5, the reference has 2.5 (rounding explains 1e-06)" */
static void describe(const checking *c, const icn_box *box, const part_data *data, int64_t element) {
  char index[100] = "";
  size_t length = 0;
  uint32_t bits;
  int64_t at[ICN_MAX_RANK] = {0}, rest = element;
  const icn_shape *shape = &data->dense.out.shape;
  for (int k = shape->rank - 1; k >= 0; k--) {
    at[k] = box->first[k] + rest % shape->dim[k];
    rest /= shape->dim[k];
  }
  for (int k = 0; k < shape->rank && length < sizeof index; k++)
    length += (size_t)snprintf(index + length, sizeof index - length, "%s%lld", k == 0 ? " " : ",", (long long)at[k]);
  memcpy(&bits, &data->got[element], sizeof bits);
  if (bits == ICN_UNWRITTEN)
    snprintf(c->check->text, sizeof c->check->text, "element%s was not written, it should be %.7g", index, (double)data->want[element]);
  else
    snprintf(c->check->text, sizeof c->check->text, "element%s is %.7g, it should be %.7g (rounding explains %.2g)", index,
             (double)data->got[element], (double)data->want[element], icn_error_allowed(c->tolerance, data->magnitude[element]));
}

/* Sums of values near the largest float may overflow on their way to a finite one, in a right row as well: nothing is asked of them where
 * the magnitude is infinite, and of Winograd's tiles the same. What was not written is wrong whatever it should be. */
static double error_of(const checking *c, const part_data *data, int64_t i) {
  uint32_t bits;
  memcpy(&bits, &data->got[i], sizeof bits);
  return bits == ICN_UNWRITTEN ? (double)INFINITY : icn_error_part(data->got[i], data->want[i], data->magnitude[i], c->tolerance, true);
}

static void judge(const checking *c, const icn_box *box, bound kind, const part_data *data) {
  const double most = kind == LOOSELY ? 1 : SLACK; /* the other one has it in its magnitude */
  const int64_t count = icn_shape_elems(&data->dense.out.shape);
  for (int64_t i = 0; i < count; i++) {
    const double part = error_of(c, data, i);
    if (part > c->check->part) c->check->part = part;
    if (part > most && !c->check->wrong) describe(c, box, data, i);
    c->check->wrong = c->check->wrong || part > most;
  }
  c->check->compared += (size_t)count;
}

static icn_status check_box(checking *c, const icn_box *wanted, bound kind, icn_error *error) {
  icn_problem part;
  part_data data;
  icn_box box = *wanted;
  memset(&data, 0, sizeof data);
  box.slack = c->form.m == 0 || kind == LOOSELY ? 0 : 1 + c->form.m * icn_max64(c->problem->params.stride[0], c->problem->params.stride[1]);
  icn_problem_part(c->problem, &box, &part);
  const icn_status status = compute(c, &part, kind, &data, error);
  if (status == ICN_OK) judge(c, &box, kind, &data);
  for (int i = 0; i < ICN_MAX_INPUTS; i++) icn_release(c->allocator, data.input[i]);
  icn_release(c->allocator, data.got);
  icn_release(c->allocator, data.want);
  icn_release(c->allocator, data.magnitude);
  return status;
}

/* ----------------------------------------------------------------- samples */

/* The box that has element `index`: that alone, or of Winograd the tile, for a tile's errors are relative to all that is in it. */
static icn_box box_at(const checking *c, bound kind, const int64_t index[ICN_MAX_RANK]) {
  const icn_shape *shape = &c->problem->out.shape;
  icn_box box;
  memset(&box, 0, sizeof box);
  for (int k = 0; k < shape->rank; k++) {
    const int64_t side = kind == AS_THE_ROW && c->form.m > 0 && k >= 2 ? c->form.m : 1;
    box.first[k] = index[k] / side * side;
    box.count[k] = icn_min64(side, shape->dim[k] - box.first[k]);
  }
  return box;
}

/* Values that are not finite: the first few, each with the reference's word on it. */
static icn_status check_not_finite(checking *c, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_view *view = &c->problem->out;
  const int64_t elems = icn_shape_elems(&view->shape);
  int64_t index[ICN_MAX_RANK] = {0}, at = view->offset;
  int found = 0;
  for (int64_t i = 0; i < elems && found < MOST_NOT_FINITE && !c->check->wrong; i++) {
    if (!isfinite(c->got[at])) {
      const icn_box box = box_at(c, AS_THE_ROW, index);
      found++;
      ICN_TRY(check_box(c, &box, AS_THE_ROW, error));
    }
    for (int k = view->shape.rank - 1; k >= 0; k--) {
      at += view->stride[k];
      if (++index[k] < view->shape.dim[k]) break;
      at -= view->stride[k] * view->shape.dim[k];
      index[k] = 0;
    }
  }
done:
  return status;
}

/* Steps of a sequence that fills a box of `rank` dims evenly (Roberts, "The unreasonable effectiveness of quasirandom sequences"): powers
 * of the inverse of the root of x^(rank+1) = x + 1. */
static void find_steps(int rank, double steps[ICN_MAX_RANK]) {
  double root = 2, step = 1;
  for (int i = 0; i < 40; i++) root = pow(1 + root, 1.0 / (rank + 1));
  for (int k = 0; k < rank; k++) steps[k] = step /= root;
}

/* Two corners of the output, two where its ends are mixed, then that sequence. */
static void sample_at(const icn_shape *shape, const double steps[ICN_MAX_RANK], int number, int64_t index[ICN_MAX_RANK]) {
  for (int k = 0; k < shape->rank; k++) {
    const bool end = number == 1 || (number > 1 && (number - 2) % 2 == k % 2);
    double whole;
    if (number < 4)
      index[k] = end ? shape->dim[k] - 1 : 0;
    else
      index[k] = icn_min64((int64_t)(modf(0.5 + number * steps[k], &whole) * (double)shape->dim[k]), shape->dim[k] - 1);
  }
}

/* By what the reference, its magnitude and gathering cost. */
static int sample_count(const icn_problem *problem, double elems) {
  const double work = 2 * (icn_problem_flop(problem) / elems / 2 + 16);
  return (int)fmin(fmax(BUDGET_FLOP / work, LEAST_SAMPLES), MOST_SAMPLES);
}

static icn_status check_samples(checking *c, icn_error *error) {
  icn_status status = ICN_OK;
  const int count = sample_count(c->problem, (double)c->check->elements), tiles = c->form.m > 0 ? TILES : count;
  int64_t index[ICN_MAX_RANK] = {0};
  double steps[ICN_MAX_RANK] = {0};
  find_steps(c->problem->out.shape.rank, steps);
  for (int i = 0; i < count; i++) {
    const bound kind = i < tiles ? AS_THE_ROW : LOOSELY;
    sample_at(&c->problem->out.shape, steps, i, index);
    const icn_box box = box_at(c, kind, index);
    ICN_TRY(check_box(c, &box, kind, error));
  }
done:
  return status;
}

icn_status icn_check_parts(const icn_problem *problem, const icn_row *row, const icn_config *config, const void *const in[ICN_MAX_INPUTS],
                           const float *got, const icn_allocator *allocator, icn_part_check *check, icn_error *error) {
  icn_status status = ICN_OK;
  checking c = {.problem = problem,
                .row = row,
                .form = icn_row_winograd_form(row, config),
                .in = in,
                .got = got,
                .allocator = allocator,
                .tolerance = icn_row_tolerance(row, problem),
                .winograd = 1,
                .check = check};
  memset(check, 0, sizeof *check);
  const int64_t elems = icn_shape_elems(&problem->out.shape);
  check->elements = (size_t)elems;
  if (elems == 0) return ICN_OK;
  ICN_TRY(check_not_finite(&c, error));
  if (icn_problem_flop(problem) + (double)elems <= WHOLE_FLOP && c.form.m == 0) {
    const icn_box box = icn_box_whole(problem);
    ICN_TRY(check_box(&c, &box, AS_THE_ROW, error));
  } else {
    ICN_TRY(check_samples(&c, error));
  }
done:
  return status;
}
