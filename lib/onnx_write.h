/* Writes a source as an ONNX ModelProto, piece by piece. */
#ifndef ICN_LIB_ONNX_WRITE_H
#define ICN_LIB_ONNX_WRITE_H

#include "source.h"

/* Takes what was encoded, in its order. */
typedef struct icn_onnx_sink {
  void *user;
  icn_status (*take)(void *user, const void *data, size_t bytes, icn_error *error);
} icn_onnx_sink;

/* What built-in networks consist of: attributes that are numbers, lists of them and texts; float tensors, written as float32 whatever they
 * are held as, and the preprocessing recipe. shapes[i] is that of output i, a dimension of -1 is open. Fails: ICN_UNSUPPORTED (another kind
 * of attribute or tensor; more than 2 GiB, which is what a protocol buffer may have), and as the sink does. */
icn_status icn_onnx_write(const icn_source *source, const icn_shape *shapes, const icn_onnx_sink *sink, icn_error *error);

#endif
