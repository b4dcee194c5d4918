/* One operator case: a folder with model.onnx, in_NAME.npy for each graph input and out_NAME.npy for each expected output. */
#ifndef ICN_TESTS_ONNX_CASE_H
#define ICN_TESTS_ONNX_CASE_H

#include "tensor.h"

/* |have - want| <= absolute + relative * |want| */
typedef struct case_tolerance {
  double relative, absolute;
} case_tolerance;

typedef enum case_outcome {
  CASE_RIGHT,    /* every output within the tolerance */
  CASE_WRONG,    /* computed, and not so */
  CASE_DECLINED, /* ICN_UNSUPPORTED; the text says why */
  CASE_FAILED    /* any other status, or files that cannot be read */
} case_outcome;

typedef struct case_result {
  case_outcome outcome;
  size_t nodes; /* operations that were left to compute: 0 where everything was folded at load */
  char text[ICN_MESSAGE_BYTES];
} case_result;

/* Parsed, imported, rewritten by the passes but the disabled ones ("all": none runs), and computed by the plain C reference. */
case_result onnx_case_reference(const char *folder, const char *disabled_passes, case_tolerance tolerance);

/* The same through the public API on `device`; `nodes` counts the layers of its plan, copies in and out aside. */
case_result onnx_case_device(icn_context *context, const icn_device *device, const char *folder, const char *disabled_passes,
                             case_tolerance tolerance);

/* Compares one output with out_NAME.npy; writes result->text where it differs. */
bool onnx_case_compare(const char *folder, const char *name, const icn_shape *shape, const float *have, case_tolerance tolerance,
                       case_result *result);
/* A failing status as an outcome with its sentence. */
void onnx_case_fail(case_result *result, icn_status status, const icn_error *error);

/* A whole file (with one byte to spare), NULL when it cannot be read; free with free(). */
uint8_t *onnx_case_read_file(const char *path, size_t *bytes);

/* The lines of a text file that lists cases: the first word of each. Returns NULL when there is no such file; free with
 * onnx_case_free_list. */
char **onnx_case_list(const char *path, size_t *count);
void onnx_case_free_list(char **names, size_t count);

#endif
