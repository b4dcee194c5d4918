/* CLBlast, where it is installed: one more way to compute a GEMM. Opened at run time; nothing links it. It calls OpenCL through the
 * system's own loader, so it is used with the default loader only. */
#ifndef ICN_HOST_CLBLAST_H
#define ICN_HOST_CLBLAST_H

#include "runtime_cl.h"

typedef struct icn_clblast_gemm {
  bool transpose_a, transpose_b;
  size_t m, n, k, lda, ldb, ldc;
  float alpha, beta;
  cl_mem a, b, c;
  size_t offset_a, offset_b, offset_c;
  cl_mem temp; /* where CLBlast puts padded copies; NULL: it makes none */
} icn_clblast_gemm;

/* Opens the library for a context (nothing happens when it is not there). */
void icn_clblast_open(icn_context *context);
void icn_clblast_close(icn_context *context);
/* True when the context can make CLBlast calls. */
bool icn_clblast_usable(const icn_context *context);
/* Adds "icn_clblast" to a description's extensions where CLBlast can be called: rows look for it there. */
void icn_clblast_mark(const icn_context *context, icn_device_desc *desc);

/* Reads the launch's arguments; CLBlast's own memory is one of them, so that a run allocates nothing. Fails: ICN_UNSUPPORTED without
 * CLBlast or when it wants more memory than was planned, ICN_ARGUMENT (an operand is missing). */
icn_status icn_clblast_bind(icn_runtime *runtime, const icn_launch *launch, icn_buffer *const operands[ICN_OPERAND_COUNT],
                            const int64_t offsets[ICN_OPERAND_COUNT], const char *name, icn_clblast_gemm *gemm, icn_error *error);
icn_status icn_clblast_enqueue(icn_runtime *runtime, const icn_clblast_gemm *gemm, const char *name, cl_event *event, icn_error *error);

#endif
