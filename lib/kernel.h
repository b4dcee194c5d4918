/* Kernel rows: one row of kernels/kernels.def for each variant. A row says when it applies, how it is configured, what it costs, how
 * weights are packed, and which launches it makes. Rows are pure: the same problem and device give the same launches. */
#ifndef ICN_LIB_KERNEL_H
#define ICN_LIB_KERNEL_H

#include "device_desc.h"
#include "problem.h"

/* Operands of a launch, resolved to a buffer and an element offset by the plan. */
enum {
  ICN_OPERAND_IN = 0, /* + input index, 0..4 (constants are uploaded as dense f32, RESAMPLE's index as int32) */
  ICN_OPERAND_OUT = 5,
  ICN_OPERAND_PACKED = 6,   /* the row's packed weights */
  ICN_OPERAND_ZEROS = 7,    /* at least emit.zeros_elems floats of zero: where padding taps read */
  ICN_OPERAND_SCRATCH = 8,  /* + scratch index 0..1 */
  ICN_OPERAND_LIBRARY = 10, /* emit.library_bytes of memory for a called library, from the buffer's first byte on */
  ICN_OPERAND_COUNT = 11
};

typedef enum icn_arg_kind { ICN_ARG_TENSOR, ICN_ARG_INT, ICN_ARG_FLOAT, ICN_ARG_INT8, ICN_ARG_LOCAL } icn_arg_kind;

/* One or two kernel arguments. TENSOR becomes TWO: `__global float *base, int offset` (offset in elements, the view's offset included;
 * for PACKED, elements as it is packed: floats or halves). */
typedef struct icn_arg {
  icn_arg_kind kind;
  union {
    int32_t operand;
    int32_t i;
    float f;
    int32_t i8[8]; /* an int8 in the kernel: dims or strides of a tensor of any rank */
    uint32_t local_bytes;
  } as;
} icn_arg;

typedef enum icn_launch_kind {
  ICN_LAUNCH_KERNEL = 0,
  /* CLBlastSgemm, row-major. args: TENSOR a, TENSOR b, TENSOR c, TENSOR library, INT transpose_a, transpose_b, m, n, k, lda, ldb, ldc,
   * FLOAT alpha, beta. Only where the device's extensions name "icn_clblast" (the host adds it where it can call CLBlast). */
  ICN_LAUNCH_CLBLAST_GEMM
} icn_launch_kind;

enum { ICN_MAX_ARGS = 40, ICN_MAX_LAUNCHES = 4, ICN_MAX_SCRATCH = 2, ICN_OPTIONS_BYTES = 192 };

typedef struct icn_launch {
  icn_launch_kind kind;
  const char *file;                /* "conv_tile.cl" in kernels/ */
  const char *kernel;              /* function in it */
  char options[ICN_OPTIONS_BYTES]; /* "-D MR=14 -D NV=2": tile shapes, precision, features only, never sizes */
  uint32_t dims;
  size_t global[3], local[3]; /* local all 0: the runtime may choose; global is a multiple of local */
  uint32_t local_bytes;       /* of the __local arrays that the kernel declares (ICN_ARG_LOCAL come on top) */
  uint64_t constant_bytes;    /* of the argument that the kernel reads as __constant; 0: there is none */
  int arg_count;
  icn_arg args[ICN_MAX_ARGS];
  double flop, bytes; /* what it computes and moves at least; both 0: what the problem says (icn_emit_work) */
} icn_launch;

/* What a row makes of a problem. */
typedef struct icn_emit {
  int launch_count;
  icn_launch launch[ICN_MAX_LAUNCHES];
  uint64_t scratch_bytes[ICN_MAX_SCRATCH];
  uint64_t zeros_elems;
  /* A buffer of its own, shared by all layers: a library reads its operands in the arena while it writes there, which OpenCL does not
   * define for a part of the same buffer. */
  uint64_t library_bytes;
} icn_emit;

/* Starts a launch (NULL when the row made too many: a bug). Then set dims, global, local and push the arguments in the kernel's order. */
icn_launch *icn_emit_launch(icn_emit *emit, const char *file, const char *kernel);
void icn_launch_options(icn_launch *launch, const char *format, ...) ICN_PRINTF(2, 3);
void icn_launch_range(icn_launch *launch, uint32_t dims, size_t g0, size_t g1, size_t g2, size_t l0, size_t l1, size_t l2);
void icn_launch_tensor(icn_launch *launch, int operand);
void icn_launch_int(icn_launch *launch, int64_t value); /* asserts that it fits: applies() has checked */
void icn_launch_float(icn_launch *launch, float value);
void icn_launch_int8(icn_launch *launch, const int64_t value[8]);
void icn_launch_local(icn_launch *launch, size_t bytes);
/* For launches that do not do what the direct count says: Winograd has fewer products, transforms in addition, and larger weights. */
void icn_launch_work(icn_launch *launch, double flop, double bytes);
/* Of all launches; where none says it, the problem's direct count. */
void icn_emit_work(const icn_emit *emit, const icn_problem *problem, double *flop, double *bytes);
/* True when a launch reads or writes the operand. */
bool icn_emit_uses(const icn_emit *emit, int operand);
/* What the launch needs of a device's limits (lib/plan_limits.c): bytes of its arguments, of local memory. */
uint64_t icn_launch_argument_bytes(const icn_launch *launch);
uint64_t icn_launch_local_bytes(const icn_launch *launch);

enum { ICN_REASON_BYTES = 160 };
/* Why a row declined, for `plan --why`. */
typedef struct icn_reason {
  char text[ICN_REASON_BYTES];
} icn_reason;
/* Writes the reason and returns false: `return icn_decline(why, "...")`. `why` may be NULL. */
bool icn_decline(icn_reason *why, const char *format, ...) ICN_PRINTF(2, 3);
/* The same as a question; for launches of called libraries always true. */
bool icn_launch_within_limits(const icn_launch *launch, const icn_device_desc *device, icn_reason *why_not);

/* Tunable parameters of a row; each row names its own (see its .c). */
typedef struct icn_config {
  int32_t value[8];
} icn_config;

typedef enum icn_target { ICN_TARGET_ANY = 0, ICN_TARGET_CPU, ICN_TARGET_GPU } icn_target;

typedef struct icn_row {
  const char *name;
  icn_op op;
  icn_target target; /* the kind of device it is written for; it must be RIGHT on every device that it applies to */
  /* Every size it computes with fits 31 bits, limits are kept (work-group, local memory), the layout is one it reads: true; else a reason.
   * icn_row_common_ok() has already been checked. A row for the other kind of device does NOT decline: it costs more. */
  bool (*applies)(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not);
  void (*configure)(const icn_problem *problem, const icn_device_desc *device, icn_config *config);
  /* Expected seconds from operations, bytes and the device (lib/cost.h has the helpers). */
  double (*cost)(const icn_problem *problem, const icn_device_desc *device, const icn_config *config);
  /* Packed weights (NULL: none). pack() gets the constant inputs (NULL where not constant) and writes pack_bytes() bytes. */
  uint64_t (*pack_bytes)(const icn_problem *problem, const icn_config *config);
  void (*pack)(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed);
  icn_status (*emit)(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit, icn_error *error);
  double tolerance; /* c in |got - want| <= c * 2^-24 * sum |a * b| (random mode) */
} icn_row;

/* What the problem's precision adds to a row. With ICN_PRECISION_FP16W every row that packs holds its weights, biases included, as halves
 * that its kernels load as floats (kernels/common.clh); rows that do not pack read the model's own.
 *
 * Bytes on the device; floats that `packed` must have room for (pack() works in floats), which then begins with what goes to the device. */
bool icn_row_packs_halves(const icn_row *row, const icn_problem *problem);
uint64_t icn_row_pack_bytes(const icn_row *row, const icn_problem *problem, const icn_config *config);
uint64_t icn_row_pack_room(const icn_row *row, const icn_problem *problem, const icn_config *config);
void icn_row_pack(const icn_row *row, const icn_problem *problem, const icn_config *config, const icn_value *const *constants,
                  float *packed);
/* Adds what a kernel is told of the whole problem: halves for weights (-D HALF_WEIGHTS), turned channels (-D TURNED: a program of its own,
 * so that what all other convolutions run has no trace of them). */
icn_status icn_row_emit(const icn_row *row, const icn_problem *problem, const icn_device_desc *device, const icn_config *config,
                        icn_emit *emit, icn_error *error);
/* Bytes of a packed weight. */
static inline double icn_weight_bytes(const icn_problem *problem) { return problem->precision == ICN_PRECISION_FP16W ? 2 : 4; }

/* All rows, in the order of kernels/kernels.def. */
size_t icn_row_count(void);
const icn_row *icn_row_at(size_t index);
const icn_row *icn_row_find(const char *name);

/* False (declines) where the row is written in an extension of OpenCL C that the device lacks: it takes no problem there at all. */
bool icn_row_device_ok(const icn_row *row, const icn_device_desc *device, icn_reason *why_not);
/* What holds for every row: fp32, every view's extent below 2^31 elements. */
bool icn_row_common_ok(const icn_problem *problem, icn_reason *why_not);

#endif
