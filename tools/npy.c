#include "npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor.h"

enum { MAGIC_BYTES = 6, ALIGNMENT = 64, HEADER_BYTES = 512 };
static const char magic[] = "\x93NUMPY";

/* The header is a Python dictionary; this reads just the literals that NumPy writes there. */
typedef struct reader {
  const char *at, *end;
} reader;

typedef struct header {
  char descr[8];
  bool fortran, has_descr, has_order, has_shape;
  int rank;
  int64_t dim[ICN_MAX_RANK];
} header;

static void skip_space(reader *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t')) r->at++;
}

static bool accept(reader *r, char c) {
  skip_space(r);
  if (r->at == r->end || *r->at != c) return false;
  r->at++;
  return true;
}

static bool accept_word(reader *r, const char *word) {
  size_t length = strlen(word);
  skip_space(r);
  if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) return false;
  r->at += length;
  return true;
}

static bool read_string(reader *r, char *text, size_t bytes) {
  skip_space(r);
  if (r->at == r->end || (*r->at != '\'' && *r->at != '"')) return false;
  char quote = *r->at++;
  size_t length = 0;
  while (r->at < r->end && *r->at != quote && length + 1 < bytes) text[length++] = *r->at++;
  text[length] = '\0';
  return r->at < r->end && *r->at++ == quote;
}

static bool read_shape(reader *r, header *h) {
  if (!accept(r, '(')) return false;
  for (h->rank = 0; !accept(r, ')');) {
    skip_space(r);
    int64_t value = 0;
    const char *start = r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
      if (value > (INT64_C(1) << 40)) return false;
      value = value * 10 + (*r->at - '0');
    }
    if (r->at == start || h->rank == ICN_MAX_RANK) return false;
    h->dim[h->rank++] = value;
    if (!accept(r, ',')) return accept(r, ')');
  }
  return true;
}

static bool read_header(reader *r, header *h) {
  char key[16];
  memset(h, 0, sizeof *h);
  if (!accept(r, '{')) return false;
  while (!accept(r, '}')) {
    if (!read_string(r, key, sizeof key) || !accept(r, ':')) return false;
    if (strcmp(key, "descr") == 0 && !h->has_descr) {
      h->has_descr = read_string(r, h->descr, sizeof h->descr);
      if (!h->has_descr) return false;
    } else if (strcmp(key, "fortran_order") == 0 && !h->has_order) {
      h->fortran = accept_word(r, "True");
      if (!h->fortran && !accept_word(r, "False")) return false;
      h->has_order = true;
    } else if (strcmp(key, "shape") == 0 && !h->has_shape) {
      h->has_shape = read_shape(r, h);
      if (!h->has_shape) return false;
    } else {
      return false;
    }
    if (!accept(r, ',')) {
      if (!accept(r, '}')) return false;
      break;
    }
  }
  return h->has_descr && h->has_order && h->has_shape;
}

/* Finds the header's text; ICN_FORMAT where it is not there whole. */
static icn_status find_header(const uint8_t *bytes, size_t size, const char *name, reader *text, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(size > 0, ICN_FORMAT, "'%s' is empty, not a .npy file", name);
  ICN_REQUIRE(size >= MAGIC_BYTES + 4 && memcmp(bytes, magic, MAGIC_BYTES) == 0, ICN_FORMAT, "'%s' is not a .npy file", name);
  int version = bytes[6];
  ICN_REQUIRE(version >= 1 && version <= 3, ICN_FORMAT, "'%s' has .npy format version %d; versions 1 to 3 are read", name, version);
  size_t start = version == 1 ? 10 : 12, length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
  ICN_REQUIRE(size >= start, ICN_FORMAT, "'%s' is cut off inside its .npy header", name);
  if (version > 1) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
  ICN_REQUIRE(length <= size - start, ICN_FORMAT, "'%s' is cut off inside its .npy header: %zu bytes announced, %zu there", name, length,
              size - start);
  text->at = (const char *)bytes + start;
  text->end = text->at + length;
done:
  return status;
}

static float read_element(const uint8_t *bytes, size_t size, bool big) {
  uint64_t bits = 0;
  for (size_t i = 0; i < size; i++) bits = bits << 8 | bytes[big ? i : size - 1 - i];
  if (size == 8) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return (float)value;
  }
  uint32_t low = (uint32_t)bits;
  float value;
  memcpy(&value, &low, sizeof value);
  return value;
}

/* Element `i` of the array in C order stands at *at in the file: counts the dimensions up and keeps the file's index with them. */
static void convert(const uint8_t *bytes, size_t size, bool big, const header *h, npy *array) {
  int64_t index[ICN_MAX_RANK] = {0}, stride[ICN_MAX_RANK];
  int64_t step = 1;
  for (int k = 0; k < h->rank; k++) {
    int d = h->fortran ? k : h->rank - 1 - k;
    stride[d] = step;
    step *= h->dim[d];
  }
  int64_t at = 0;
  for (size_t i = 0; i < array->count; i++) {
    array->data[i] = read_element(bytes + (size_t)at * size, size, big);
    for (int d = h->rank - 1; d >= 0; d--) {
      at += stride[d];
      if (++index[d] < h->dim[d]) break;
      at -= stride[d] * h->dim[d];
      index[d] = 0;
    }
  }
}

icn_status npy_parse(const uint8_t *bytes, size_t size, const char *name, npy *array, icn_error *error) {
  icn_status status = ICN_OK;
  reader text = {0};
  header h;
  memset(array, 0, sizeof *array);
  ICN_TRY(find_header(bytes, size, name, &text, error));
  ICN_REQUIRE(read_header(&text, &h), ICN_FORMAT,
              "'%s' has a damaged .npy header: expected descr, fortran_order and a shape of at most %d dimensions", name, ICN_MAX_RANK);
  bool known =
      strlen(h.descr) == 3 && (h.descr[0] == '<' || h.descr[0] == '>') && h.descr[1] == 'f' && (h.descr[2] == '4' || h.descr[2] == '8');
  ICN_REQUIRE(known, ICN_UNSUPPORTED, "'%s' holds elements of type '%s'; expected float32 or float64 ('<f4', '>f4', '<f8', '>f8')", name,
              h.descr);
  size_t element = h.descr[2] == '4' ? 4 : 8, available = size - (size_t)(text.end - (const char *)bytes);
  const icn_shape shape = icn_shape_make(h.rank, h.dim);
  const int64_t count = icn_shape_elems(&shape);
  ICN_REQUIRE(count >= 0, ICN_FORMAT, "'%s' has a shape of more than 2^40 elements", name);
  ICN_REQUIRE((uint64_t)count * element == available, ICN_FORMAT, "'%s' holds %zu bytes of data, but its shape needs %llu", name, available,
              (unsigned long long)count * element);
  array->data = malloc(count > 0 ? (size_t)count * sizeof(float) : 1);
  if (array->data == NULL) {
    status = icn_error_memory(error, (size_t)count * sizeof(float), name);
    goto done;
  }
  array->rank = h.rank;
  memcpy(array->dim, h.dim, sizeof h.dim);
  array->count = (size_t)count;
  convert((const uint8_t *)text.end, element, h.descr[0] == '>', &h, array);
done:
  return status;
}

icn_status npy_load(const char *path, npy *array, icn_error *error) {
  icn_mapping mapping;
  memset(array, 0, sizeof *array);
  icn_status status = icn_os_map(path, &mapping, error);
  if (status != ICN_OK) return status;
  status = npy_parse(mapping.data, (size_t)mapping.bytes, path, array, error);
  icn_os_unmap(&mapping);
  return status;
}

void npy_fini(npy *array) {
  free(array->data);
  memset(array, 0, sizeof *array);
}

/* The text of a version 1.0 header, padded so that the data are aligned; its length with magic and all. */
static size_t format_header(int rank, const int64_t *dim, char out[HEADER_BYTES]) {
  memcpy(out, magic, MAGIC_BYTES);
  out[6] = 1;
  out[7] = 0;
  size_t at = 10;
  at += (size_t)snprintf(out + at, HEADER_BYTES - at, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
  for (int d = 0; d < rank; d++)
    at += (size_t)snprintf(out + at, HEADER_BYTES - at, "%s%lld%s", d > 0 ? " " : "", (long long)dim[d],
                           d + 1 < rank || rank == 1 ? "," : "");
  at += (size_t)snprintf(out + at, HEADER_BYTES - at, "), }");
  while ((at + 1) % ALIGNMENT != 0) out[at++] = ' ';
  out[at++] = '\n';
  out[8] = (char)((at - 10) & 0xFF);
  out[9] = (char)((at - 10) >> 8);
  return at;
}

icn_status npy_save(const char *path, int rank, const int64_t *dim, const float *data, icn_error *error) {
  char text[HEADER_BYTES];
  size_t length = format_header(rank, dim, text), count = 1;
  for (int d = 0; d < rank; d++) count *= (size_t)dim[d];
  uint8_t *file = malloc(length + count * 4);
  if (file == NULL) return icn_error_memory(error, length + count * 4, path);
  memcpy(file, text, length);
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, data + i, sizeof bits);
    for (int k = 0; k < 4; k++) file[length + 4 * i + (size_t)k] = (uint8_t)(bits >> (8 * k));
  }
  icn_status status = icn_os_write_file(path, file, length + count * 4, error);
  free(file);
  return status;
}
