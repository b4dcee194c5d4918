/* Status, error, allocator, arena: what every file of the library stands on. No OpenCL, no I/O. */
#ifndef ICN_LIB_BASE_H
#define ICN_LIB_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clinception/clinception.h"

#if defined(__MINGW32__)
#define ICN_PRINTF(a, b) __attribute__((format(gnu_printf, a, b)))
#elif defined(__GNUC__)
#define ICN_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define ICN_PRINTF(a, b)
#endif

/* A fallible function has `icn_status status = ICN_OK;`, a parameter `icn_error *error` (may be NULL) and one label `done:`. */
#define ICN_FAIL(code, ...)                             \
  do {                                                  \
    status = icn_error_set(error, (code), __VA_ARGS__); \
    goto done;                                          \
  } while (0)
#define ICN_REQUIRE(condition, code, ...)          \
  do {                                             \
    if (!(condition)) ICN_FAIL(code, __VA_ARGS__); \
  } while (0)
#define ICN_TRY(call)                \
  do {                               \
    status = (call);                 \
    if (status != ICN_OK) goto done; \
  } while (0)

/* Writes one sentence and returns `code`, so that `return icn_error_set(...)` works. `error` may be NULL. */
icn_status icn_error_set(icn_error *error, icn_status code, const char *format, ...) ICN_PRINTF(3, 4);
void icn_error_clear(icn_error *error);

/* ICN_NO_MEMORY with the size that was asked for. */
icn_status icn_error_memory(icn_error *error, size_t bytes, const char *what);

/* Public structs that may grow begin with `size_t struct_bytes`, the size that the caller was compiled with. Zeroes that many bytes and
 * sets it; nothing for NULL. */
void icn_struct_init(void *given, size_t struct_bytes);
/* Overwrites ours[0..bytes), which holds the defaults, with what the caller's struct has of it. False when that was not initialised, or has
 * fields set that are behind the end of ours. */
bool icn_struct_read(void *ours, size_t bytes, const void *given);

/* ------------------------------------------------------------- host memory */

/* The C library's allocator, 64-byte aligned. */
icn_allocator icn_allocator_default(void);
/* NULL when memory ran out or bytes is 0. Not cleared. */
void *icn_allocate(const icn_allocator *allocator, size_t bytes);
/* count * size with the product checked; cleared to zero. NULL on overflow or no memory. */
void *icn_allocate_array(const icn_allocator *allocator, size_t count, size_t size);
void icn_release(const icn_allocator *allocator, void *memory);

/* Bump allocation for things that live and die together (a graph, a plan): no single release. Blocks are 64-byte aligned. */
typedef struct icn_arena_block icn_arena_block;
typedef struct icn_arena {
  icn_allocator allocator;
  icn_arena_block *blocks;
} icn_arena;

void icn_arena_init(icn_arena *arena, const icn_allocator *allocator);
void icn_arena_fini(icn_arena *arena);
/* Cleared to zero, aligned to 64 bytes when >= 64 bytes, else to 16; NULL when memory ran out. */
void *icn_arena_allocate(icn_arena *arena, size_t bytes);
void *icn_arena_array(icn_arena *arena, size_t count, size_t size);
/* A copy of text[0..length) with a NUL. */
char *icn_arena_text(icn_arena *arena, const char *text, size_t length);
char *icn_arena_format(icn_arena *arena, const char *format, ...) ICN_PRINTF(2, 3);

/* Makes room in a growing arena-owned array: returns `items` or a larger copy with room for count + 1, NULL when memory ran out. */
void *icn_arena_grow(icn_arena *arena, void *items, size_t count, size_t *capacity, size_t size);

/* -------------------------------------------------------------------- text */

/* A growing NUL-terminated string. After a failed allocation `failed` is set and further appends do nothing. */
typedef struct icn_text {
  icn_allocator allocator;
  char *data;
  size_t length, capacity;
  bool failed;
} icn_text;
void icn_text_init(icn_text *text, const icn_allocator *allocator);
void icn_text_fini(icn_text *text);
void icn_text_append(icn_text *text, const char *format, ...) ICN_PRINTF(2, 3);

/* True when `name` is one of the comma-separated names in `list` (NULL: none; "all" is everything). */
bool icn_list_has(const char *list, const char *name);

/* ------------------------------------------------------------- checked sums */

/* a * b into *product; false on overflow or a negative factor. */
bool icn_mul_ok(int64_t a, int64_t b, int64_t *product);

static inline int64_t icn_min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t icn_max64(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t icn_div_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* Logging as the context was told to; a NULL logger is silence. */
void icn_log(const icn_logger *logger, icn_log_level level, const char *format, ...) ICN_PRINTF(3, 4);

#endif
