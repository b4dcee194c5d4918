/* What the rows of the light operations share: loops over views of one shape, cost of moving bytes, and small checks. */
#ifndef ICN_LIB_ROW_SUPPORT_H
#define ICN_LIB_ROW_SUPPORT_H

#include "kernel.h"

enum { ICN_LOOP_RANK = 8, ICN_LOOP_VIEWS = 4 };

/* One loop nest over up to four views: element (i0..i7) of view v is at offset + sum i_k * stride[v][k]. Dims are sorted so that the first
 * view's strides fall, and neighbours are merged where every view allows it: most copies and element-wise problems become one or two dims.
 * Right-aligned: dim[7] is the innermost, unused leading dims are 1 with stride 0. */
typedef struct icn_loop {
  int rank; /* dims in use, at least 1 */
  int64_t dim[ICN_LOOP_RANK];
  int64_t stride[ICN_LOOP_VIEWS][ICN_LOOP_RANK];
} icn_loop;

/* Views are broadcast to `shape` by NumPy's rule (right-aligned, dims of 1 repeat). */
icn_loop icn_loop_make(const icn_shape *shape, const icn_view *const *views, int view_count);
/* The same over the dims whose bit in `keep` is set (views have the rank of `shape`). */
icn_loop icn_loop_make_masked(const icn_shape *shape, uint32_t keep, const icn_view *const *views, int view_count);
int64_t icn_loop_elems(const icn_loop *loop);
/* Pushes rank as an int, dim and the first view_count strides as int8. */
void icn_launch_loop(icn_launch *launch, const icn_loop *loop, int view_count);

/* The loop without its innermost dim (which is dim[7] of the argument), for kernels that go along runs. */
icn_loop icn_loop_outer(const icn_loop *loop);

/* How a *_run kernel cuts its work: vectors of `vector`, `chunk` elements of a run and `rows` outer rows an item. */
typedef struct icn_run_cut {
  int vector;
  int64_t chunk, rows;
} icn_run_cut;
/* About `item_elems` elements an item, chunk a multiple of `vector`. */
icn_run_cut icn_run_cut_make(int64_t run, int64_t outer, int vector, int64_t item_elems);
/* Sets options (-D VW) and range, nothing else. Groups of one item where a piece is long (kernels for CPU devices), else of 64. */
void icn_launch_runs(icn_launch *launch, const icn_device_desc *device, const icn_run_cut *cut, int64_t run, int64_t outer);
/* True when the innermost dim is contiguous in view 0, contiguous or repeated in the others, and at least `least` long. */
bool icn_loop_has_runs(const icn_loop *loop, int view_count, int64_t least, icn_reason *why_not);

static inline int64_t icn_round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

/* Ranges come with a work-group size: left to the runtime, PoCL takes another one for each range and compiles the kernel again for it.
 *
 * One-dimensional, at least `items` work-items in groups of 64 (of the largest size, where the device has less). */
void icn_launch_items(icn_launch *launch, const icn_device_desc *device, int64_t items);
/* Groups of exactly one item, as kernels for CPU devices want them. */
void icn_launch_single_items(icn_launch *launch, int64_t g0, int64_t g1, int64_t g2);
/* Three-dimensional, groups of `group` items or less: 1 for kernels that are written for CPU devices, else 64. Groups lie along dim 0 and,
 * if `along_1` is set, along dim 1; these ranges are rounded up, so the kernel must check its position there. */
void icn_launch_grid(icn_launch *launch, const icn_device_desc *device, int64_t group, bool along_1, int64_t g0, int64_t g1, int64_t g2);

/* Vector width for rows that are written for CPU devices: 4, 8 or 16. */
int icn_cpu_vector(const icn_device_desc *device);
/* Order of the register tiles of a matrix product on a CPU device: blocks of so many tiles, in each all panels of weights, one after the
 * other. Either the tiles' input stays in a core's cache, or all of it comes by once for each panel: whatever moves fewer bytes. */
int64_t icn_cpu_tile_block(const icn_device_desc *device, int64_t tiles, double tile_bytes, int64_t panels, double panel_bytes);
/* True when work-groups of `across` x `down` items with so much local memory are possible on the device (declines otherwise). A GPU whose
 * local memory is ordinary memory gets no row that uses it: what a tile there saves costs as much as it would have. */
bool icn_group_ok(const icn_device_desc *device, uint64_t across, uint64_t down, uint64_t local_bytes, icn_reason *why_not);

/* Seconds to move every byte of the problem once and do `flop` operations at the device's rates, times how much slower this row's kernel is
 * on CPU devices (and all others that are no GPU) or on GPUs; plus the launch. */
double icn_row_cost(const icn_problem *problem, const icn_device_desc *device, double flop, double on_cpu, double on_gpu);

#endif
