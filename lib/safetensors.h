/* Reads safetensors files in place: 8 bytes with the length of a JSON header (little-endian), the header, the tensors' data.
 *
 *     {"__metadata__": {"format": "pt"}, "fc.weight": {"dtype": "F32", "shape": [1000, 2048], "data_offsets": [0, 8192000]}, ...}
 *
 * Offsets count from the header's end. As the format demands, every byte behind the header belongs to exactly one tensor. */
#ifndef ICN_LIB_SAFETENSORS_H
#define ICN_LIB_SAFETENSORS_H

#include "tensor.h"

typedef struct icn_stored_tensor {
  const char *name;
  const char *type; /* as the file says it: "BF16" */
  bool supported;   /* false: a type that we cannot read; then `dtype` means nothing */
  icn_dtype dtype;
  icn_shape shape;
  const void *data; /* dense little-endian, in the file's bytes, may be unaligned */
} icn_stored_tensor;

typedef struct icn_safetensors {
  icn_stored_tensor *tensors; /* by name, in the order of strcmp */
  size_t count;
} icn_safetensors;

/* `data` must stay as long as the tensors are read; names lie in `arena`. The header may have 100 million bytes, as in the format's own
 * reader. Fails: ICN_FORMAT, ICN_UNSUPPORTED (more dimensions than ICN_MAX_RANK), ICN_NO_MEMORY. */
icn_status icn_safetensors_parse(const void *data, size_t bytes, icn_arena *arena, icn_safetensors *file, icn_error *error);

/* NULL: there is none. */
const icn_stored_tensor *icn_safetensors_find(const icn_safetensors *file, const char *name);

#endif
