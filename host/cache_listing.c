/* What lies in the cache's folder, for people: kinds, sizes, ages, damage. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "weight_file.h"

struct icn_cache_listing {
  const icn_context *context;
  icn_arena arena;
  icn_cache_entry *entries;
  size_t count, capacity;
  bool check, failed; /* failed: no memory */
};

const char *icn_context_cache_folder(const icn_context *context) { return context == NULL ? NULL : context->cache_dir; }
uint64_t icn_context_cache_bytes(const icn_context *context) { return context == NULL ? 0 : context->cache_bytes; }

static bool path_of(const icn_context *context, const char *name, char path[ICN_CACHE_PATH_BYTES]) {
  const int length = snprintf(path, ICN_CACHE_PATH_BYTES, "%s/%s", context->cache_dir, name);
  return length > 0 && length < ICN_CACHE_PATH_BYTES;
}

/* ------------------------------------------------------------- one entry */

/* Bytes of the character there where it is UTF-8 and nothing that a terminal obeys, else 0. */
static size_t shown_character(const char *text) {
  static const struct {
    unsigned char first, last, least, most; /* the byte, and the one behind it */
    size_t bytes;
  } KINDS[] = {{' ', '~', 0, 0xFF, 1},      {0xC2, 0xC2, 0xA0, 0xBF, 2}, {0xC3, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
               {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
               {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
  const unsigned char *c = (const unsigned char *)text;
  for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
    if (c[0] < KINDS[i].first || c[0] > KINDS[i].last || c[1] < KINDS[i].least || c[1] > KINDS[i].most) continue;
    for (size_t k = 2; k < KINDS[i].bytes; k++)
      if (c[k] < 0x80 || c[k] > 0xBF) return 0; /* the terminator is none of these */
    return KINDS[i].bytes;
  }
  return 0;
}

/* The text of a file, which may hold anything, as it may be shown on a terminal or in JSON. A name that was cut in the middle of a
 * character ends with half of one. */
static const char *shown_text(icn_cache_listing *listing, const char *text, size_t bytes) {
  const char *end = memchr(text, '\0', bytes);
  char *copy = icn_arena_text(&listing->arena, text, end == NULL ? bytes : (size_t)(end - text));
  if (copy == NULL) return "";
  for (char *c = copy; *c != '\0';) {
    const size_t length = shown_character(c);
    if (length == 0) *c = '?';
    c += length == 0 ? 1 : length;
  }
  return copy;
}

static const char *look_at_weights(icn_cache_listing *listing, const icn_mapping *mapping, const icn_cache_key *key,
                                   icn_cache_entry *entry) {
  icn_weight_file_header header;
  const char *problem = icn_weight_file_problem(mapping->data, mapping->bytes, key);
  if (problem != NULL) return problem;
  icn_weight_file_read_header(mapping->data, &header);
  entry->subject = shown_text(listing, header.subject, sizeof header.subject);
  for (size_t i = 0; listing->check && i < header.count; i++) {
    icn_weight_file_row row;
    icn_weight_file_read_row(mapping->data, i, &row);
    if (!icn_weight_file_whole(mapping->data, &row)) return "the checksum of its weights is wrong";
  }
  return NULL;
}

static const char *look_at_program(icn_cache_listing *listing, const icn_mapping *mapping, const icn_cache_key *key,
                                   icn_cache_entry *entry) {
  icn_program_header header;
  const char *problem = icn_cache_program_problem(mapping, key, &header); /* all of it: programs are small */
  if (problem == NULL) entry->subject = shown_text(listing, header.subject, sizeof header.subject);
  return problem;
}

/* Fills subject and problem from the file. */
static void look_inside(icn_cache_listing *listing, const icn_cache_key *key, icn_cache_entry *entry) {
  char path[ICN_CACHE_PATH_BYTES];
  icn_mapping mapping;
  icn_error error;
  const char *problem = "its name is too long";
  if (path_of(listing->context, entry->name, path)) {
    if (icn_os_map(path, &mapping, &error) != ICN_OK) {
      problem = icn_arena_text(&listing->arena, error.message, strlen(error.message));
      if (problem == NULL) problem = "it cannot be read";
    } else {
      problem = entry->kind == ICN_CACHE_WEIGHTS ? look_at_weights(listing, &mapping, key, entry)
                                                 : look_at_program(listing, &mapping, key, entry);
      icn_os_unmap(&mapping);
    }
  }
  if (problem != NULL) entry->problem = problem;
}

static bool visit(void *user, const char *name, uint64_t bytes, int64_t changed) {
  icn_cache_listing *listing = user;
  icn_cache_key key;
  icn_cache_entry entry = {.subject = "", .problem = "", .bytes = bytes, .last_used = changed};
  const bool stale = icn_cache_is_temporary(name) && changed < icn_os_clock() - ICN_CACHE_STALE_SECONDS;
  if (icn_cache_key_of_name(name, ICN_CACHE_PROGRAM_SUFFIX, &key)) entry.kind = ICN_CACHE_PROGRAM;
  if (icn_cache_key_of_name(name, ICN_CACHE_WEIGHTS_SUFFIX, &key)) entry.kind = ICN_CACHE_WEIGHTS;
  if (stale) entry.kind = ICN_CACHE_LEFTOVER;
  if (entry.kind == 0) return true;
  entry.name = icn_arena_text(&listing->arena, name, strlen(name));
  icn_cache_entry *grown = icn_arena_grow(&listing->arena, listing->entries, listing->count, &listing->capacity, sizeof *grown);
  listing->failed = entry.name == NULL || grown == NULL;
  if (listing->failed) return false;
  if (entry.kind == ICN_CACHE_LEFTOVER)
    entry.problem = "the process that wrote it has not finished";
  else
    look_inside(listing, &key, &entry);
  listing->entries = grown;
  listing->entries[listing->count++] = entry;
  return true;
}

/* --------------------------------------------------------------- the list */

/* The last used first, then by name. */
static int compare(const void *left, const void *right) {
  const icn_cache_entry *a = left, *b = right;
  if (a->last_used != b->last_used) return a->last_used > b->last_used ? -1 : 1;
  return strcmp(a->name, b->name);
}

static icn_status check_folder(const icn_context *context, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(context->cache_dir != NULL, ICN_STATE, "there is no cache: it was turned off, or the user has no cache folder");
  const char *problem = icn_os_folder_problem(context->cache_dir);
  ICN_REQUIRE(problem == NULL, ICN_IO, "the cache folder '%s' is not used: %s", context->cache_dir, problem);
done:
  return status;
}

icn_status icn_cache_list(const icn_context *context, int check, icn_cache_listing **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_cache_listing *listing = NULL;
  icn_error_clear(error);
  ICN_REQUIRE(context != NULL && result != NULL, ICN_ARGUMENT, "icn_cache_list: %s is NULL", context == NULL ? "context" : "listing");
  *result = NULL;
  ICN_TRY(check_folder(context, error));
  listing = icn_allocate_array(&context->allocator, 1, sizeof *listing);
  if (listing == NULL) ICN_TRY(icn_error_memory(error, sizeof *listing, "the list of the cache"));
  listing->context = context;
  listing->check = check != 0;
  icn_arena_init(&listing->arena, &context->allocator);
  const bool read = icn_os_list_files(context->cache_dir, visit, listing) || !icn_os_exists(context->cache_dir);
  ICN_REQUIRE(read, ICN_IO, "the cache folder '%s' cannot be read", context->cache_dir);
  if (listing->failed) ICN_TRY(icn_error_memory(error, sizeof *listing->entries, "the list of the cache"));
  if (listing->count > 0) qsort(listing->entries, listing->count, sizeof *listing->entries, compare);
  *result = listing;
  return ICN_OK;
done:
  icn_cache_listing_destroy(listing);
  return status;
}

void icn_cache_listing_destroy(icn_cache_listing *listing) {
  if (listing == NULL) return;
  const icn_allocator allocator = listing->context->allocator;
  icn_arena_fini(&listing->arena);
  icn_release(&allocator, listing);
}

size_t icn_cache_listing_count(const icn_cache_listing *listing) { return listing == NULL ? 0 : listing->count; }

icn_cache_entry icn_cache_listing_entry(const icn_cache_listing *listing, size_t index) {
  if (index >= icn_cache_listing_count(listing)) return (icn_cache_entry){.name = "", .subject = "", .problem = ""};
  return listing->entries[index];
}

icn_status icn_cache_listing_remove(const icn_cache_listing *listing, size_t index, icn_error *error) {
  icn_status status = ICN_OK;
  char path[ICN_CACHE_PATH_BYTES];
  icn_error_clear(error);
  ICN_REQUIRE(index < icn_cache_listing_count(listing), ICN_ARGUMENT, "entry %zu is out of range: there are %zu", index,
              icn_cache_listing_count(listing));
  ICN_REQUIRE(path_of(listing->context, listing->entries[index].name, path), ICN_IO, "the name of entry %zu is too long", index);
  ICN_REQUIRE(icn_os_remove(path) || !icn_os_exists(path), ICN_IO, "'%s' cannot be removed", path);
done:
  return status;
}
