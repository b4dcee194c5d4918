/* Reads .npy files of float32, for tests: a whole file at once, NULL when anything is not as expected. */
#ifndef ICN_TESTS_NPY_READ_H
#define ICN_TESTS_NPY_READ_H

#include "tensor.h"

typedef struct npy_array {
  icn_shape shape;
  float *data; /* malloc */
} npy_array;

/* False when the file is absent or not float32. The data are in C order. Free `data` with free(). */
bool npy_read(const char *path, npy_array *array);

#endif
