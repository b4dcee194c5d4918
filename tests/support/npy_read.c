#include "npy_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shape after "'shape': (" in a header such as {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }. */
static bool read_shape(const char *header, icn_shape *shape, bool *fortran) {
  const char *at = strstr(header, "'shape': (");
  memset(shape, 0, sizeof *shape);
  *fortran = strstr(header, "'fortran_order': True") != NULL;
  if (at == NULL || strstr(header, "'<f4'") == NULL) return false;
  for (at += strlen("'shape': ("); *at != ')';) {
    char *end;
    long long dim = strtoll(at, &end, 10);
    if (end == at || dim < 0 || shape->rank == ICN_MAX_RANK) return false;
    shape->dim[shape->rank++] = dim;
    for (at = end; *at == ',' || *at == ' ';) at++;
  }
  return icn_shape_elems(shape) >= 0;
}

/* Fortran order, the first index fastest, to C order. */
static bool reorder(npy_array *array) {
  const icn_shape *shape = &array->shape;
  size_t elems = (size_t)icn_shape_elems(shape);
  float *ordered = malloc((elems + 1) * sizeof(float));
  if (ordered == NULL) return false;
  for (size_t i = 0; i < elems; i++) {
    size_t rest = i, at = 0;
    for (int k = 0; k < shape->rank; k++) { /* i counts in Fortran order */
      size_t index = rest % (size_t)shape->dim[k], stride = 1;
      rest /= (size_t)shape->dim[k];
      for (int j = k + 1; j < shape->rank; j++) stride *= (size_t)shape->dim[j];
      at += index * stride;
    }
    ordered[at] = array->data[i];
  }
  free(array->data);
  array->data = ordered;
  return true;
}

static bool read_array(FILE *file, npy_array *array) {
  unsigned char start[10];
  char header[4096];
  if (fread(start, 1, sizeof start, file) != sizeof start || memcmp(start, "\x93NUMPY\x01", 7) != 0) return false;
  size_t header_bytes = (size_t)start[8] | (size_t)start[9] << 8;
  if (header_bytes >= sizeof header || fread(header, 1, header_bytes, file) != header_bytes) return false;
  header[header_bytes] = '\0';
  bool fortran;
  if (!read_shape(header, &array->shape, &fortran)) return false;
  size_t elems = (size_t)icn_shape_elems(&array->shape);
  array->data = malloc((elems + 1) * sizeof(float));
  if (array->data == NULL || fread(array->data, sizeof(float), elems, file) != elems) return false;
  return !fortran || reorder(array);
}

bool npy_read(const char *path, npy_array *array) {
  memset(array, 0, sizeof *array);
  FILE *file = fopen(path, "rb");
  if (file == NULL) return false;
  bool right = read_array(file, array);
  fclose(file);
  if (right) return true;
  free(array->data);
  array->data = NULL;
  return false;
}
