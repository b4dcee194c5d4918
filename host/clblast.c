#include "clblast.h"

#include <stdio.h>
#include <string.h>

#include "clcall.h"

/* CLBlast's C interface (clblast_c.h), declared here so that building needs no CLBlast. */
enum { LAYOUT_ROW_MAJOR = 101, TRANSPOSE_NO = 111, TRANSPOSE_YES = 112 };
typedef int (*clblast_sgemm)(int layout, int a_transpose, int b_transpose, size_t m, size_t n, size_t k, float alpha, cl_mem a,
                             size_t a_offset, size_t a_ld, cl_mem b, size_t b_offset, size_t b_ld, float beta, cl_mem c, size_t c_offset,
                             size_t c_ld, cl_command_queue *queue, cl_event *event, cl_mem temp);
typedef int (*clblast_temp_bytes)(int layout, int a_transpose, int b_transpose, size_t m, size_t n, size_t k, size_t a_offset, size_t a_ld,
                                  size_t b_offset, size_t b_ld, size_t c_offset, size_t c_ld, cl_command_queue *queue, size_t *bytes);

static const char *const DEFAULT_NAMES[] = {
#if defined(_WIN32)
    "clblast.dll",
#else
    "libclblast.so.1",
    "libclblast.so",
#endif
};

/* How rows see in a device's description that CLBlast can be called. */
static const char EXTENSION[] = "icn_clblast";

void icn_clblast_mark(const icn_context *context, icn_device_desc *desc) {
  const size_t length = strlen(desc->extensions), room = sizeof desc->extensions - length;
  if (!icn_clblast_usable(context) || room <= sizeof EXTENSION + 1 || icn_device_desc_has_extension(desc, EXTENSION)) return;
  snprintf(desc->extensions + length, room, "%s%s", length == 0 ? "" : " ", EXTENSION);
}

void icn_clblast_open(icn_context *context) {
  if (!context->default_loader || context->device_count == 0) return;
  const char *wanted = icn_os_environment("CLINCEPTION_CLBLAST_LIBRARY");
  if (wanted != NULL) {
    if (strcmp(wanted, "none") != 0) context->clblast_library = icn_os_library_open(wanted);
  } else {
    for (size_t i = 0; i < sizeof DEFAULT_NAMES / sizeof DEFAULT_NAMES[0] && context->clblast_library == NULL; i++) {
      context->clblast_library = icn_os_library_open(DEFAULT_NAMES[i]);
    }
  }
  if (context->clblast_library == NULL) return;
  context->clblast_sgemm = icn_os_library_symbol(context->clblast_library, "CLBlastSgemmWithTempBuffer");
  context->clblast_temp_bytes = icn_os_library_symbol(context->clblast_library, "CLBlastSGemmTempBufferSize");
  if (context->clblast_sgemm == NULL || context->clblast_temp_bytes == NULL) {
    icn_clblast_close(context);
    return;
  }
  for (size_t i = 0; i < context->device_count; i++) {
    icn_clblast_mark(context, &context->devices[i].reported);
    icn_clblast_mark(context, &context->devices[i].desc);
  }
}

/* CLBlast keeps programs for the life of the process; they would keep our cl_context alive. The library stays loaded, as OpenCL does. */
void icn_clblast_close(icn_context *context) {
  void *symbol = context->clblast_library == NULL ? NULL : icn_os_library_symbol(context->clblast_library, "CLBlastClearCache");
  int (*clear_cache)(void);
  if (symbol != NULL) {
    memcpy(&clear_cache, &symbol, sizeof clear_cache);
    (void)clear_cache();
  }
  context->clblast_library = NULL;
  context->clblast_sgemm = NULL;
  context->clblast_temp_bytes = NULL;
}

bool icn_clblast_usable(const icn_context *context) { return context->clblast_sgemm != NULL; }

static int transposition(bool transpose) { return transpose ? TRANSPOSE_YES : TRANSPOSE_NO; }

/* CLBlast's own codes are below -1000; the others are OpenCL's. */
static icn_status check_code(int code, const char *call, const char *name, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(code == 0 || code > -1000, ICN_DEVICE, "%s: %s failed with CLBlast's code %d", name, call, code);
  ICN_CL_CODE(code, call, name);
done:
  return status;
}

static icn_status set_temp(icn_runtime *runtime, icn_clblast_gemm *gemm, const icn_buffer *planned, const char *name, icn_error *error) {
  icn_status status = ICN_OK;
  clblast_temp_bytes temp_bytes;
  size_t bytes = 0;
  memcpy(&temp_bytes, &runtime->context->clblast_temp_bytes, sizeof temp_bytes);
  int code = temp_bytes(LAYOUT_ROW_MAJOR, transposition(gemm->transpose_a), transposition(gemm->transpose_b), gemm->m, gemm->n, gemm->k,
                        gemm->offset_a, gemm->lda, gemm->offset_b, gemm->ldb, gemm->offset_c, gemm->ldc, &runtime->queue, &bytes);
  ICN_TRY(check_code(code, "CLBlastSGemmTempBufferSize(m, n, k)", name, error));
  ICN_REQUIRE(bytes <= planned->bytes, ICN_UNSUPPORTED, "%s: CLBlast wants %zu bytes for itself, %llu are planned", name, bytes,
              (unsigned long long)planned->bytes);
  gemm->temp = bytes > 0 ? planned->memory : NULL;
done:
  return status;
}

icn_status icn_clblast_bind(icn_runtime *runtime, const icn_launch *launch, icn_buffer *const operands[ICN_OPERAND_COUNT],
                            const int64_t offsets[ICN_OPERAND_COUNT], const char *name, icn_clblast_gemm *gemm, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_arg *args = launch->args;
  cl_mem *const memory[] = {&gemm->a, &gemm->b, &gemm->c};
  size_t *const offset[] = {&gemm->offset_a, &gemm->offset_b, &gemm->offset_c};
  size_t *const sizes[] = {&gemm->m, &gemm->n, &gemm->k, &gemm->lda, &gemm->ldb, &gemm->ldc};
  ICN_REQUIRE(icn_clblast_usable(runtime->context), ICN_UNSUPPORTED, "%s: the plan asks for CLBlast, which is not there", name);
  ICN_REQUIRE(launch->arg_count == 14, ICN_ARGUMENT, "%s: a CLBlast launch has 14 arguments, this one %d", name, launch->arg_count);
  for (int i = 0; i < 3; i++) {
    const icn_buffer *buffer = operands[args[i].as.operand];
    ICN_REQUIRE(buffer != NULL, ICN_ARGUMENT, "%s: operand %d of the CLBlast launch has no buffer", name, i);
    *memory[i] = buffer->memory;
    *offset[i] = (size_t)offsets[args[i].as.operand];
  }
  const icn_buffer *library = operands[args[3].as.operand];
  ICN_REQUIRE(library != NULL && offsets[args[3].as.operand] == 0, ICN_ARGUMENT, "%s: CLBlast's own memory has to begin a buffer", name);
  gemm->transpose_a = args[4].as.i != 0;
  gemm->transpose_b = args[5].as.i != 0;
  for (int i = 0; i < 6; i++) *sizes[i] = (size_t)args[6 + i].as.i;
  gemm->alpha = args[12].as.f;
  gemm->beta = args[13].as.f;
  ICN_TRY(set_temp(runtime, gemm, library, name, error));
done:
  return status;
}

icn_status icn_clblast_enqueue(icn_runtime *runtime, const icn_clblast_gemm *gemm, const char *name, cl_event *event, icn_error *error) {
  clblast_sgemm sgemm;
  memcpy(&sgemm, &runtime->context->clblast_sgemm, sizeof sgemm);
  int code = sgemm(LAYOUT_ROW_MAJOR, transposition(gemm->transpose_a), transposition(gemm->transpose_b), gemm->m, gemm->n, gemm->k,
                   gemm->alpha, gemm->a, gemm->offset_a, gemm->lda, gemm->b, gemm->offset_b, gemm->ldb, gemm->beta, gemm->c, gemm->offset_c,
                   gemm->ldc, &runtime->queue, event, gemm->temp);
  return check_code(code, "CLBlastSgemmWithTempBuffer(m, n, k)", name, error);
}
