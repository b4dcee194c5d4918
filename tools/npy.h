/* NumPy's .npy files (format versions 1 to 3), as float32 in C order. */
#ifndef ICN_TOOLS_NPY_H
#define ICN_TOOLS_NPY_H

#include "os.h"

typedef struct npy {
  int rank;
  int64_t dim[ICN_MAX_RANK];
  size_t count;
  float *data; /* malloc'ed; npy_fini */
} npy;

/* float32 and float64 of either byte order, C or Fortran order; float64 is rounded to float32. `name` is the file's, for messages.
 * Fails: ICN_FORMAT (damaged), ICN_UNSUPPORTED (another type of element, rank above 8), ICN_NO_MEMORY. */
icn_status npy_parse(const uint8_t *bytes, size_t size, const char *name, npy *array, icn_error *error);
/* The same from a file; also fails: ICN_IO. */
icn_status npy_load(const char *path, npy *array, icn_error *error);
void npy_fini(npy *array);

/* Writes version 1.0, little-endian float32, whole or not at all. */
icn_status npy_save(const char *path, int rank, const int64_t *dim, const float *data, icn_error *error);

#endif
