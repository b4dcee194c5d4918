/* The kernel cases: problems that every kernel row must compute as the reference does. The kernel tests and `clinception report` run them.
 *
 * A case is a problem, how its inputs are drawn, and a seed: nothing of a device. They come in families, a file each (case_*.c): every
 * distinct convolution and pool of two Inception networks (on smaller images) and small problems that hurt. A case is tried
 *   - in two layouts: DENSE (device layout, no gaps) and STRIDED (rank 4: pixel stride > channels and channel offset > 0; others: an
 * offset);
 *   - in two modes: EXACT (small integers: every sum is exact in fp32, so results are compared bit for bit, where the operation allows it)
 *     and RANDOM: |got - want| <= tolerance * 2^-24 * magnitude, where magnitude is sum|a * b| (the reference on absolute values, without
 *     epilogue) for operations that sum, and |want| for the others. */
#ifndef ICN_LIB_CASES_H
#define ICN_LIB_CASES_H

#include "problem.h"

enum {
  ICN_CASE_LARGE = 1,       /* takes long on a slow device */
  ICN_CASE_VIEWS_GIVEN = 2, /* the problem's views are used as they are (one layout) instead of DENSE and STRIDED */
  ICN_CASE_POSITIVE = 4,    /* inputs are positive (log, sqrt, pow) */
  ICN_CASE_SPECIAL = 8, /* inputs (not weights) hold NaN, infinities, -0, halves, huge and tiny values here and there (RANDOM mode only) */
  ICN_CASE_NO_EXACT = 16, /* only the RANDOM mode */
  ICN_CASE_WIDE = 32      /* random inputs in [-20, 20] instead of [-1, 1] */
};

typedef struct icn_case {
  icn_problem problem; /* every view dense, unless VIEWS_GIVEN; its key is the case's name */
  unsigned flags;
  uint64_t seed;
} icn_case;

typedef struct icn_case_list {
  icn_allocator allocator;
  icn_case *cases;
  size_t count, capacity;
  bool failed;    /* memory ran out */
  icn_case spare; /* what the adding functions then write to */
} icn_case_list;

/* The families' names in order; NULL behind the last. */
const char *icn_case_family(size_t index);
/* All cases of a family. `allocator` may be NULL: the C library's. Fails: ICN_ARGUMENT for a family that is none, ICN_NO_MEMORY. */
icn_status icn_cases_make(const char *family, const icn_allocator *allocator, icn_case_list *list, icn_error *error);
void icn_cases_free(icn_case_list *list);

typedef enum icn_case_mode { ICN_CASE_EXACT, ICN_CASE_RANDOM, ICN_CASE_MODES } icn_case_mode;
typedef enum icn_case_layout { ICN_CASE_DENSE, ICN_CASE_STRIDED, ICN_CASE_LAYOUTS } icn_case_layout;
const char *icn_case_mode_name(icn_case_mode mode);
const char *icn_case_layout_name(icn_case_layout layout);

/* True when the case has this mode: EXACT needs a reference whose result is exact in fp32 for small integers, so that rows must give the
 * same bits. */
bool icn_case_has_mode(const icn_case *c, icn_case_mode mode);
/* The problem with the views of a layout; false when the case has no such layout. */
bool icn_case_problem(const icn_case *c, icn_case_layout layout, icn_problem *problem);

/* The logical tensors of a case, dense in the model's order, and what the reference makes of them. */
typedef struct icn_case_data {
  icn_allocator allocator;
  const icn_case *source;
  icn_problem dense; /* the same problem with every view dense */
  icn_case_mode mode;
  void *input[ICN_MAX_INPUTS]; /* float, or int32_t for RESAMPLE's index */
  float *want, *magnitude;     /* magnitude: RANDOM mode only */
} icn_case_data;

/* Fills the inputs from the case's seed and computes the reference. Fails: ICN_NO_MEMORY. */
icn_status icn_case_data_make(icn_case_data *data, const icn_case *c, icn_case_mode mode, const icn_allocator *allocator, icn_error *error);
void icn_case_data_free(icn_case_data *data);

/* ------------------------------------------------------------ what the families are written with */

/* A new case (cleared; groups, kernel, stride and dilation are 1). The pointer is good until the next call and never NULL. */
icn_case *icn_case_add(icn_case_list *list, icn_op op, unsigned flags);
/* Makes input `input` present with this shape. */
void icn_case_input(icn_case *c, int input, int rank, const int64_t *dim);
/* The same for a constant (weights): always dense in the model's order, given to the row's pack(). */
void icn_case_constant(icn_case *c, int input, int rank, const int64_t *dim);
void icn_case_output(icn_case *c, int rank, const int64_t *dim);
/* A convolution: x [n][c][h][w], constant weights [oc][c/groups][kh][kw], constant bias, output size by the formula. params.stride,
 * dilation, pads and groups come from `params`; add residual, weight scale or epilogue afterwards. */
icn_case *icn_case_add_conv(icn_case_list *list, int64_t n, int64_t c, int64_t h, int64_t w, int64_t oc, const icn_params *params,
                            unsigned flags);
/* Output size of a window: floor((in + pads - dilation * (kernel - 1) - 1) / stride) + 1, on axis 0 (h) or 1 (w). */
int64_t icn_case_window_output(const icn_params *params, int axis, int64_t in);

#endif
