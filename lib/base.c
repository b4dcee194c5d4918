#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(_WIN32)
#include <malloc.h>
#endif

enum { ALIGNMENT = 64, BLOCK_BYTES = 64 * 1024 };

icn_status icn_error_set(icn_error *error, icn_status code, const char *format, ...) {
  if (error == NULL) return code;
  char message[ICN_MESSAGE_BYTES]; /* the arguments may point into the old message */
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  error->status = code;
  memcpy(error->message, message, sizeof message);
  return code;
}

void icn_error_clear(icn_error *error) {
  if (error == NULL) return;
  error->status = ICN_OK;
  error->message[0] = '\0';
}

icn_status icn_error_memory(icn_error *error, size_t bytes, const char *what) {
  return icn_error_set(error, ICN_NO_MEMORY, "out of memory: %zu bytes for %s could not be allocated", bytes, what);
}

/* ------------------------------------------------------------- host memory */

static void *default_allocate(void *user, size_t bytes) {
  (void)user;
  if (bytes > SIZE_MAX - ALIGNMENT) return NULL;
#if defined(_WIN32)
  return _aligned_malloc(bytes, ALIGNMENT);
#else
  /* aligned_alloc is missing from Android's older C libraries, so the pointer that malloc gave stands before the block. */
  char *raw = malloc(bytes + ALIGNMENT);
  if (raw == NULL) return NULL;
  char *block = raw + ALIGNMENT - (uintptr_t)raw % ALIGNMENT;
  memcpy(block - sizeof raw, &raw, sizeof raw);
  return block;
#endif
}

static void default_release(void *user, void *memory) {
  (void)user;
  if (memory == NULL) return;
#if defined(_WIN32)
  _aligned_free(memory);
#else
  char *raw;
  memcpy(&raw, (char *)memory - sizeof raw, sizeof raw);
  free(raw);
#endif
}

icn_allocator icn_allocator_default(void) { return (icn_allocator){NULL, default_allocate, default_release}; }

void *icn_allocate(const icn_allocator *allocator, size_t bytes) {
  if (bytes == 0) return NULL;
  return allocator->allocate(allocator->user, bytes);
}

void *icn_allocate_array(const icn_allocator *allocator, size_t count, size_t size) {
  if (count == 0 || size == 0 || count > SIZE_MAX / size) return NULL;
  void *memory = icn_allocate(allocator, count * size);
  if (memory != NULL) memset(memory, 0, count * size);
  return memory;
}

void icn_release(const icn_allocator *allocator, void *memory) {
  if (memory != NULL) allocator->release(allocator->user, memory);
}

/* -------------------------------------------------------- structs that grow */

enum { LONGEST_STRUCT = 4096 }; /* longer than any of ours will be: struct_bytes was never set */

void icn_struct_init(void *given, size_t struct_bytes) {
  if (given == NULL || struct_bytes < sizeof struct_bytes) return;
  memset(given, 0, struct_bytes);
  memcpy(given, &struct_bytes, sizeof struct_bytes);
}

bool icn_struct_read(void *ours, size_t bytes, const void *given) {
  size_t given_bytes;
  memcpy(&given_bytes, given, sizeof given_bytes);
  if (given_bytes < sizeof given_bytes || given_bytes > LONGEST_STRUCT) return false;
  for (size_t i = bytes; i < given_bytes; i++) {
    if (((const unsigned char *)given)[i] != 0) return false;
  }
  memcpy(ours, given, given_bytes < bytes ? given_bytes : bytes);
  memcpy(ours, &bytes, sizeof bytes);
  return true;
}

/* ------------------------------------------------------------------- arena */

struct icn_arena_block {
  icn_arena_block *next;
  size_t used, capacity;
};

static size_t block_header_bytes(void) { return (sizeof(icn_arena_block) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

void icn_arena_init(icn_arena *arena, const icn_allocator *allocator) {
  arena->allocator = *allocator;
  arena->blocks = NULL;
}

void icn_arena_fini(icn_arena *arena) {
  while (arena->blocks != NULL) {
    icn_arena_block *block = arena->blocks;
    arena->blocks = block->next;
    icn_release(&arena->allocator, block);
  }
}

static icn_arena_block *add_block(icn_arena *arena, size_t bytes) {
  size_t header = block_header_bytes();
  size_t capacity = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
  icn_arena_block *block = icn_allocate(&arena->allocator, header + capacity);
  if (block == NULL) return NULL;
  block->used = 0;
  block->capacity = capacity;
  /* A block for one large thing goes behind the first, so that the half-full one keeps being used. */
  if (arena->blocks != NULL && bytes > BLOCK_BYTES / 2) {
    block->next = arena->blocks->next;
    arena->blocks->next = block;
  } else {
    block->next = arena->blocks;
    arena->blocks = block;
  }
  return block;
}

void *icn_arena_allocate(icn_arena *arena, size_t bytes) {
  if (bytes == 0) bytes = 1;
  if (bytes > SIZE_MAX / 2) return NULL;
  size_t alignment = bytes >= ALIGNMENT ? ALIGNMENT : 16;
  icn_arena_block *block = arena->blocks;
  size_t start = block == NULL ? 0 : (block->used + alignment - 1) / alignment * alignment;
  if (block == NULL || start > block->capacity || bytes > block->capacity - start) {
    block = add_block(arena, bytes);
    if (block == NULL) return NULL;
    start = 0;
  }
  block->used = start + bytes;
  char *memory = (char *)block + block_header_bytes() + start;
  memset(memory, 0, bytes);
  return memory;
}

void *icn_arena_array(icn_arena *arena, size_t count, size_t size) {
  if (size != 0 && count > SIZE_MAX / size) return NULL;
  return icn_arena_allocate(arena, count * size);
}

char *icn_arena_text(icn_arena *arena, const char *text, size_t length) {
  char *copy = length == SIZE_MAX ? NULL : icn_arena_allocate(arena, length + 1);
  if (copy != NULL && length > 0) memcpy(copy, text, length);
  return copy;
}

char *icn_arena_format(icn_arena *arena, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *text = length < 0 ? NULL : icn_arena_allocate(arena, (size_t)length + 1);
  if (text == NULL) return NULL;
  va_start(arguments, format);
  vsnprintf(text, (size_t)length + 1, format, arguments);
  va_end(arguments);
  return text;
}

void *icn_arena_grow(icn_arena *arena, void *items, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity) return items;
  size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
  void *larger = icn_arena_array(arena, wanted, size);
  if (larger == NULL) return NULL;
  if (count > 0) memcpy(larger, items, count * size);
  *capacity = wanted;
  return larger;
}

/* -------------------------------------------------------------------- text */

void icn_text_init(icn_text *text, const icn_allocator *allocator) {
  memset(text, 0, sizeof *text);
  text->allocator = *allocator;
}

void icn_text_fini(icn_text *text) {
  icn_release(&text->allocator, text->data);
  text->data = NULL;
  text->length = text->capacity = 0;
}

static bool text_reserve(icn_text *text, size_t bytes) {
  if (bytes <= text->capacity) return true;
  size_t capacity = bytes < 256 ? 256 : bytes * 2;
  char *data = icn_allocate(&text->allocator, capacity);
  if (data == NULL) return false;
  if (text->length > 0) memcpy(data, text->data, text->length);
  icn_release(&text->allocator, text->data);
  text->data = data;
  text->capacity = capacity;
  return true;
}

void icn_text_append(icn_text *text, const char *format, ...) {
  if (text == NULL || text->failed) return;
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length < 0 || !text_reserve(text, text->length + (size_t)length + 1)) {
    text->failed = true;
    return;
  }
  va_start(arguments, format);
  vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
  va_end(arguments);
  text->length += (size_t)length;
}

bool icn_list_has(const char *list, const char *name) {
  size_t length = strlen(name);
  for (const char *item = list; item != NULL && *item != '\0';) {
    const char *comma = strchr(item, ',');
    size_t item_length = comma == NULL ? strlen(item) : (size_t)(comma - item);
    if (item_length == length && strncmp(item, name, length) == 0) return true;
    if (item_length == 3 && strncmp(item, "all", 3) == 0) return true;
    item = comma == NULL ? NULL : comma + 1;
  }
  return false;
}

bool icn_mul_ok(int64_t a, int64_t b, int64_t *product) {
  if (a < 0 || b < 0) return false;
  if (a != 0 && b > INT64_MAX / a) return false;
  *product = a * b;
  return true;
}

void icn_log(const icn_logger *logger, icn_log_level level, const char *format, ...) {
  if (logger == NULL || logger->log == NULL || level > logger->level) return;
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  logger->log(logger->user, level, line);
}
