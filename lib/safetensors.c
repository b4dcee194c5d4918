/* The header is read by yyjson, all of whose functions are this file's own: nothing of it is seen outside, and what is not called is not
 * in the library. */
#include "safetensors.h"

#include <stdlib.h>
#include <string.h>

#define YYJSON_DISABLE_WRITER       1
#define YYJSON_DISABLE_UTILS        1
#define YYJSON_DISABLE_INCR_READER  1
#define YYJSON_DISABLE_NON_STANDARD 1
#define yyjson_api                  static
#include <yyjson.c>

enum { LENGTH_BYTES = 8, LARGEST_HEADER = 100 * 1000 * 1000, NAMED = 80 /* bytes of a name in a message */ };

static const struct {
  const char *name;
  icn_dtype dtype;
} TYPES[] = {
    {"F64", ICN_F64}, {"F32", ICN_F32}, {"F16", ICN_F16}, {"BF16", ICN_BF16}, {"I64", ICN_I64},
    {"I32", ICN_I32}, {"I8", ICN_I8},   {"U8", ICN_U8},   {"BOOL", ICN_BOOL},
};
enum { TYPE_COUNT = sizeof TYPES / sizeof *TYPES };

/* Where a tensor's data are, behind the header. */
typedef struct place {
  uint64_t begin, end;
  const char *name;
} place;

typedef struct reader {
  const uint8_t *data; /* behind the header */
  uint64_t bytes;
  icn_arena *arena;
  icn_error *error;
} reader;

/* ------------------------------------------------------------------ memory */

static void *json_allocate(void *user, size_t bytes) { return icn_allocate(user, bytes); }

static void json_release(void *user, void *memory) { icn_release(user, memory); }

static void *json_resize(void *user, void *memory, size_t before, size_t bytes) {
  void *moved = icn_allocate(user, bytes);
  if (moved == NULL) return NULL;
  if (memory != NULL) memcpy(moved, memory, before < bytes ? before : bytes);
  icn_release(user, memory);
  return moved;
}

/* -------------------------------------------------------------- one tensor */

/* Numbers are left as they are written: a count is digits, no sign, no point, no exponent. */
static bool read_count(yyjson_val *value, uint64_t *count) {
  const char *digits = yyjson_is_raw(value) ? yyjson_get_raw(value) : "";
  const size_t length = yyjson_is_raw(value) ? yyjson_get_len(value) : 0;
  *count = 0;
  for (size_t i = 0; i < length; i++) {
    if (digits[i] < '0' || digits[i] > '9' || *count > (INT64_MAX - 9) / 10) return false;
    *count = *count * 10 + (uint64_t)(digits[i] - '0');
  }
  return length > 0;
}

/* The three parts of an entry, each once; others are left for later versions of the format. */
static icn_status find_parts(const reader *r, const char *name, yyjson_val *entry, yyjson_val *parts[3]) {
  static const char *const NAMES[3] = {"dtype", "shape", "data_offsets"};
  icn_status status = ICN_OK;
  icn_error *error = r->error;
  yyjson_val *key;
  ICN_REQUIRE(yyjson_is_obj(entry), ICN_FORMAT, "the header says of the tensor '%.*s' something that is no JSON object", NAMED, name);
  yyjson_obj_iter iterator = yyjson_obj_iter_with(entry);
  while ((key = yyjson_obj_iter_next(&iterator)) != NULL) {
    for (int k = 0; k < 3; k++) {
      if (!yyjson_equals_str(key, NAMES[k])) continue;
      ICN_REQUIRE(parts[k] == NULL, ICN_FORMAT, "the header says the %s of the tensor '%.*s' twice", NAMES[k], NAMED, name);
      parts[k] = yyjson_obj_iter_get_val(key);
    }
  }
  for (int k = 0; k < 3; k++)
    ICN_REQUIRE(parts[k] != NULL, ICN_FORMAT, "the header does not say the %s of the tensor '%.*s'", NAMES[k], NAMED, name);
done:
  return status;
}

static icn_status read_type(const reader *r, yyjson_val *value, icn_stored_tensor *tensor) {
  icn_status status = ICN_OK;
  icn_error *error = r->error;
  ICN_REQUIRE(yyjson_is_str(value), ICN_FORMAT, "the dtype of the tensor '%.*s' is no text such as \"F32\"", NAMED, tensor->name);
  tensor->type = icn_arena_text(r->arena, yyjson_get_str(value), yyjson_get_len(value));
  if (tensor->type == NULL) ICN_TRY(icn_error_memory(error, yyjson_get_len(value), "the name of an element type"));
  for (size_t i = 0; i < TYPE_COUNT; i++) {
    if (strcmp(tensor->type, TYPES[i].name) != 0) continue;
    tensor->supported = true;
    tensor->dtype = TYPES[i].dtype;
  }
done:
  return status;
}

static icn_status read_shape(const reader *r, yyjson_val *value, icn_stored_tensor *tensor) {
  icn_status status = ICN_OK;
  icn_error *error = r->error;
  yyjson_val *item;
  ICN_REQUIRE(yyjson_is_arr(value), ICN_FORMAT, "the shape of the tensor '%.*s' is no list of numbers", NAMED, tensor->name);
  ICN_REQUIRE(yyjson_arr_size(value) <= ICN_MAX_RANK, ICN_UNSUPPORTED, "the shape of the tensor '%.*s' has %zu dimensions, more than %d",
              NAMED, tensor->name, yyjson_arr_size(value), ICN_MAX_RANK);
  yyjson_arr_iter iterator = yyjson_arr_iter_with(value);
  while ((item = yyjson_arr_iter_next(&iterator)) != NULL) {
    uint64_t dim;
    ICN_REQUIRE(read_count(item, &dim), ICN_FORMAT, "dimension %d in the shape of the tensor '%.*s' is no count", (int)tensor->shape.rank,
                NAMED, tensor->name);
    tensor->shape.dim[tensor->shape.rank++] = (int64_t)dim;
  }
done:
  return status;
}

static icn_status read_offsets(const reader *r, yyjson_val *value, const char *name, place *at) {
  icn_status status = ICN_OK;
  icn_error *error = r->error;
  ICN_REQUIRE(yyjson_is_arr(value) && yyjson_arr_size(value) == 2 && read_count(yyjson_arr_get(value, 0), &at->begin) &&
                  read_count(yyjson_arr_get(value, 1), &at->end),
              ICN_FORMAT, "the data_offsets of the tensor '%.*s' are not two counts of bytes", NAMED, name);
  ICN_REQUIRE(at->begin <= at->end && at->end <= r->bytes, ICN_FORMAT,
              "the data of the tensor '%.*s' are said to be bytes %llu to %llu behind the header, where the file has %llu", NAMED, name,
              (unsigned long long)at->begin, (unsigned long long)at->end, (unsigned long long)r->bytes);
  at->name = name;
done:
  return status;
}

static icn_status check_size(const reader *r, const icn_stored_tensor *tensor, const place *at) {
  icn_status status = ICN_OK;
  icn_error *error = r->error;
  char shape[ICN_SHAPE_TEXT_BYTES];
  if (!tensor->supported) return ICN_OK; /* no telling how many bytes an element has */
  const int64_t elems = icn_shape_elems(&tensor->shape);
  const bool fits = elems >= 0 && elems <= INT64_MAX / 8; /* times the bytes of an element */
  const uint64_t needed = fits ? (uint64_t)elems * icn_dtype_bytes(tensor->dtype) : UINT64_MAX;
  ICN_REQUIRE(fits, ICN_FORMAT, "the shape %s of the tensor '%.*s' is too large", icn_shape_text(&tensor->shape, shape), NAMED,
              tensor->name);
  ICN_REQUIRE(needed == at->end - at->begin, ICN_FORMAT, "the tensor '%.*s' has %llu bytes of data, its shape %s of %s needs %llu", NAMED,
              tensor->name, (unsigned long long)(at->end - at->begin), icn_shape_text(&tensor->shape, shape), tensor->type,
              (unsigned long long)needed);
done:
  return status;
}

static icn_status read_name(const reader *r, yyjson_val *key, const char **name) {
  icn_status status = ICN_OK;
  icn_error *error = r->error;
  const size_t length = yyjson_get_len(key);
  *name = icn_arena_text(r->arena, yyjson_get_str(key), length);
  if (*name == NULL) ICN_TRY(icn_error_memory(error, length + 1, "the name of a tensor"));
  ICN_REQUIRE(strlen(*name) == length, ICN_FORMAT, "the name '%.*s' of a tensor goes on behind a character NUL", NAMED, *name);
done:
  return status;
}

static icn_status read_tensor(const reader *r, yyjson_val *key, icn_stored_tensor *tensor, place *at) {
  icn_status status = ICN_OK;
  yyjson_val *parts[3] = {NULL, NULL, NULL};
  ICN_TRY(read_name(r, key, &tensor->name));
  ICN_TRY(find_parts(r, tensor->name, yyjson_obj_iter_get_val(key), parts));
  ICN_TRY(read_type(r, parts[0], tensor));
  ICN_TRY(read_shape(r, parts[1], tensor));
  ICN_TRY(read_offsets(r, parts[2], tensor->name, at));
  ICN_TRY(check_size(r, tensor, at));
  tensor->data = r->data + at->begin;
done:
  return status;
}

/* ---------------------------------------------------------------- together */

static int by_name(const void *left, const void *right) {
  return strcmp(((const icn_stored_tensor *)left)->name, ((const icn_stored_tensor *)right)->name);
}

static int by_place(const void *left, const void *right) {
  const place *a = left, *b = right;
  if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
  return a->end != b->end ? (a->end < b->end ? -1 : 1) : strcmp(a->name, b->name);
}

/* One behind the other, from the header's end to the file's. */
static icn_status check_places(const reader *r, place *places, size_t count) {
  icn_status status = ICN_OK;
  icn_error *error = r->error;
  uint64_t end = 0;
  if (count > 1) qsort(places, count, sizeof *places, by_place);
  for (size_t i = 0; i < count; i++) {
    const place *p = &places[i];
    ICN_REQUIRE(p->begin >= end, ICN_FORMAT, "the data of the tensors '%.*s' and '%.*s' overlap", NAMED, places[i - 1].name, NAMED,
                p->name); /* `end` is 0 before the first */
    ICN_REQUIRE(p->begin == end, ICN_FORMAT, "the %llu bytes before the data of the tensor '%.*s' belong to no tensor",
                (unsigned long long)(p->begin - end), NAMED, p->name);
    end = p->end;
  }
  ICN_REQUIRE(end == r->bytes, ICN_FORMAT, "the last %llu bytes of the file belong to no tensor", (unsigned long long)(r->bytes - end));
done:
  return status;
}

static icn_status check_names(const reader *r, const icn_safetensors *file) {
  for (size_t i = 1; i < file->count; i++) {
    if (strcmp(file->tensors[i - 1].name, file->tensors[i].name) == 0)
      return icn_error_set(r->error, ICN_FORMAT, "there are two tensors of the name '%.*s'", NAMED, file->tensors[i].name);
  }
  return ICN_OK;
}

/* Texts by name: of no meaning for the tensors. */
static icn_status check_metadata(const reader *r, yyjson_val *metadata) {
  icn_status status = ICN_OK;
  icn_error *error = r->error;
  yyjson_val *key;
  ICN_REQUIRE(yyjson_is_obj(metadata), ICN_FORMAT, "the header's __metadata__ is no JSON object");
  yyjson_obj_iter iterator = yyjson_obj_iter_with(metadata);
  while ((key = yyjson_obj_iter_next(&iterator)) != NULL)
    ICN_REQUIRE(yyjson_is_str(yyjson_obj_iter_get_val(key)), ICN_FORMAT, "'%.*s' in the header's __metadata__ is no text", NAMED,
                yyjson_get_str(key));
done:
  return status;
}

static icn_status read_header(const reader *r, yyjson_val *root, icn_safetensors *file) {
  icn_status status = ICN_OK;
  icn_error *error = r->error;
  yyjson_val *key, *metadata = NULL;
  ICN_REQUIRE(yyjson_is_obj(root), ICN_FORMAT, "the header is no JSON object");
  const size_t most = yyjson_obj_size(root);
  file->tensors = icn_arena_array(r->arena, most + 1, sizeof *file->tensors);
  place *places = icn_arena_array(r->arena, most + 1, sizeof *places);
  if (file->tensors == NULL || places == NULL) ICN_TRY(icn_error_memory(error, most * sizeof *file->tensors, "the list of tensors"));
  yyjson_obj_iter iterator = yyjson_obj_iter_with(root);
  while ((key = yyjson_obj_iter_next(&iterator)) != NULL) {
    if (yyjson_equals_str(key, "__metadata__")) {
      ICN_REQUIRE(metadata == NULL, ICN_FORMAT, "the header has two __metadata__");
      metadata = yyjson_obj_iter_get_val(key);
      ICN_TRY(check_metadata(r, metadata));
    } else {
      ICN_TRY(read_tensor(r, key, &file->tensors[file->count], &places[file->count]));
      file->count++;
    }
  }
  if (file->count > 1) qsort(file->tensors, file->count, sizeof *file->tensors, by_name);
  ICN_TRY(check_names(r, file));
  ICN_TRY(check_places(r, places, file->count));
done:
  return status;
}

static icn_status header_length(const uint8_t *data, size_t bytes, uint64_t *length, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(bytes >= LENGTH_BYTES, ICN_FORMAT,
              "a safetensors file begins with %d bytes that tell the length of its header, this one has %zu", LENGTH_BYTES, bytes);
  *length = 0;
  for (int k = 0; k < LENGTH_BYTES; k++) *length |= (uint64_t)data[k] << 8 * k;
  ICN_REQUIRE(*length <= LARGEST_HEADER, ICN_FORMAT,
              "this is no safetensors file, or a damaged one: its header would have %llu bytes, and at most %d are allowed",
              (unsigned long long)*length, LARGEST_HEADER);
  ICN_REQUIRE(*length <= bytes - LENGTH_BYTES, ICN_FORMAT, "the header is said to have %llu bytes, and only %zu follow in the file",
              (unsigned long long)*length, bytes - LENGTH_BYTES);
  ICN_REQUIRE(*length > 0 && data[LENGTH_BYTES] == '{', ICN_FORMAT,
              "the header does not begin with '{', as that of a safetensors file does");
done:
  return status;
}

icn_status icn_safetensors_parse(const void *data, size_t bytes, icn_arena *arena, icn_safetensors *file, icn_error *error) {
  icn_status status = ICN_OK;
  const yyjson_alc allocator = {json_allocate, json_resize, json_release, &arena->allocator};
  yyjson_doc *json = NULL;
  yyjson_read_err reason = {0};
  uint64_t length = 0;
  *file = (icn_safetensors){NULL, 0};
  ICN_TRY(header_length(data, bytes, &length, error));
  const char *header = (const char *)data + LENGTH_BYTES;
  /* It does not write to the header: that would be YYJSON_READ_INSITU. */
  json = yyjson_read_opts((char *)(uintptr_t)header, (size_t)length, YYJSON_READ_NUMBER_AS_RAW, &allocator, &reason);
  if (json == NULL && reason.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
    ICN_TRY(icn_error_memory(error, (size_t)length, "the header of a safetensors file"));
  ICN_REQUIRE(json != NULL, ICN_FORMAT, "the header is not JSON: %s, at its byte %zu", reason.msg, reason.pos);
  const reader r = {(const uint8_t *)header + length, bytes - LENGTH_BYTES - length, arena, error};
  ICN_TRY(read_header(&r, yyjson_doc_get_root(json), file));
done:
  yyjson_doc_free(json);
  if (status != ICN_OK) *file = (icn_safetensors){NULL, 0};
  return status;
}

const icn_stored_tensor *icn_safetensors_find(const icn_safetensors *file, const char *name) {
  const icn_stored_tensor wanted = {.name = name};
  return file->count == 0 ? NULL : bsearch(&wanted, file->tensors, file->count, sizeof *file->tensors, by_name);
}
