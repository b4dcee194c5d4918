#include "weight_cache.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct icn_weight_entry {
  icn_context *context;
  char path[ICN_CACHE_PATH_BYTES];
  icn_cache_key key;
  char *head;                                  /* header and rows, up to the first weight */
  icn_os_reader reader;                        /* of one that is read */
  bool reading;                                /* `reader` is open */
  void *weight;                                /* the one that was read last, and the zeros behind it */
  char subject[ICN_WEIGHT_FILE_SUBJECT_BYTES]; /* and the rest, of one that is written */
  icn_os_writer writer;
  bool writing; /* `writer` is open */
  uint64_t bytes;
  size_t count, written;
};

/* One cause (a full disk, a folder that cannot be made) shows at each executor: the first is a warning, the others are for those who ask
 * for more. */
static void complain(icn_context *context, const char *format, ...) {
  char line[4096 + 256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  icn_mutex_lock(context->mutex);
  const bool first = !context->weights_complained;
  context->weights_complained = true;
  icn_mutex_unlock(context->mutex);
  icn_log(&context->logger, first ? ICN_LOG_WARNING : ICN_LOG_INFO, "weight cache: %s", line);
}

bool icn_weight_cache_wanted(const icn_context *context, uint64_t bytes) {
  return bytes >= context->weights_least && bytes <= context->cache_bytes && icn_cache_usable(context);
}

/* --------------------------------------------------------------- eviction */

/* What lies in the folder: all of it, and the entry that was not used for the longest time. */
typedef struct survey {
  const icn_context *context;
  const char *not_this; /* the name of the entry that room is made for */
  uint64_t bytes;
  char oldest[256];
  uint64_t oldest_bytes;
  int64_t oldest_time, before; /* those older than the latter alone; those of equal times in the order of their names */
  char before_name[256];
} survey;

static bool is_earlier(int64_t time, const char *name, int64_t than_time, const char *than_name) {
  return time != than_time ? time < than_time : strcmp(name, than_name) < 0;
}

static void remove_named(const icn_context *context, const char *name) {
  char path[ICN_CACHE_PATH_BYTES];
  const int length = snprintf(path, sizeof path, "%s/%s", context->cache_dir, name);
  if (length > 0 && (size_t)length < sizeof path) (void)icn_os_remove(path);
}

static bool look(void *user, const char *name, uint64_t bytes, int64_t changed) {
  survey *s = user;
  icn_cache_key key;
  if (icn_cache_is_temporary(name) && changed < icn_os_clock() - ICN_CACHE_STALE_SECONDS) remove_named(s->context, name);
  if (!icn_cache_key_of_name(name, ICN_CACHE_WEIGHTS_SUFFIX, &key)) return true;
  if (strcmp(name, s->not_this) == 0) return true; /* it is about to be replaced */
  s->bytes += bytes;
  if (strlen(name) >= sizeof s->oldest || !is_earlier(s->before, s->before_name, changed, name)) return true; /* could not be removed */
  if (s->oldest[0] != '\0' && !is_earlier(changed, name, s->oldest_time, s->oldest)) return true;
  snprintf(s->oldest, sizeof s->oldest, "%s", name);
  s->oldest_bytes = bytes;
  s->oldest_time = changed;
  return true;
}

/* Removes weights that were not used for the longest time until `coming` bytes are below the limit with those that stay. Each round looks
 * at the folder anew, since other processes do the same, and at entries younger than the last one, which may have refused to go. */
static void make_room(const icn_context *context, const char *name, uint64_t coming) {
  survey s = {.context = context, .not_this = name, .before = INT64_MIN};
  do {
    s.bytes = 0;
    s.oldest[0] = '\0';
    if (!icn_os_list_files(context->cache_dir, look, &s)) return;
    if (s.bytes + coming <= context->cache_bytes || s.oldest[0] == '\0') return;
    icn_log(&context->logger, ICN_LOG_INFO, "weight cache: %s goes, %llu bytes, to stay below %llu", s.oldest,
            (unsigned long long)s.oldest_bytes, (unsigned long long)context->cache_bytes);
    remove_named(context, s.oldest);
    s.before = s.oldest_time;
    snprintf(s.before_name, sizeof s.before_name, "%s", s.oldest);
  } while (true);
}

/* ----------------------------------------------------------------- opening */

/* The key fits; this is for a hash that met twice. */
static bool has_lengths(const void *head, const uint64_t *bytes, size_t count) {
  icn_weight_file_header header;
  icn_weight_file_read_header(head, &header);
  if (header.count != count) return false;
  for (size_t i = 0; i < count; i++) {
    icn_weight_file_row row;
    icn_weight_file_read_row(head, i, &row);
    if (row.bytes != bytes[i]) return false;
  }
  return true;
}

/* What a reader of `count` weights holds: their header and table, and room for the largest weight. */
static bool allocate_reading(icn_weight_entry *entry, const uint64_t *bytes, size_t count) {
  const icn_allocator *allocator = &entry->context->allocator;
  const uint64_t head = icn_weight_file_room(icn_weight_file_head_bytes(count));
  uint64_t largest = 1;
  for (size_t i = 0; i < count; i++) largest = bytes[i] > largest ? bytes[i] : largest;
  largest = icn_weight_file_room(largest);
  if (head > SIZE_MAX / 2 || largest > SIZE_MAX / 2) return false;
  entry->head = icn_allocate_array(allocator, 1, (size_t)head);
  entry->weight = icn_allocate(allocator, (size_t)largest);
  return entry->head != NULL && entry->weight != NULL;
}

static void stop_reading(icn_weight_entry *entry) {
  const icn_allocator *allocator = &entry->context->allocator;
  if (entry->reading) icn_os_reader_close(&entry->reader);
  entry->reading = false;
  icn_release(allocator, entry->weight);
  icn_release(allocator, entry->head);
  entry->weight = entry->head = NULL;
}

/* Reads header and table; why they are of no use, or NULL. */
static const char *read_head(icn_weight_entry *entry, const icn_cache_key *key, const uint64_t *bytes, size_t count) {
  const uint64_t room = icn_weight_file_room(icn_weight_file_head_bytes(count)), all = entry->reader.bytes;
  const uint64_t there = room < all ? room : all;
  if (icn_os_reader_read(&entry->reader, 0, entry->head, (size_t)there, NULL) != ICN_OK) return "it cannot be read";
  const char *problem = icn_weight_file_head_problem(entry->head, there, all, key);
  return problem != NULL || has_lengths(entry->head, bytes, count) ? problem : "it belongs to other weights";
}

static bool open_to_read(icn_weight_entry *entry, const icn_cache_key *key, const uint64_t *bytes, size_t count) {
  if (icn_os_reader_open(entry->path, &entry->reader, NULL) != ICN_OK) return false; /* the ordinary miss */
  entry->reading = true;
  if (!allocate_reading(entry, bytes, count)) {
    stop_reading(entry);
    return false;
  }
  const char *problem = read_head(entry, key, bytes, count);
  if (problem == NULL) {
    (void)icn_os_touch(entry->path); /* of no use in a folder that is read-only */
    return true;
  }
  complain(entry->context, "an entry is not used: %s (%s)", problem, entry->path);
  stop_reading(entry);
  return false;
}

/* The file is begun with zeros where its head will stand. */
static bool open_to_write(icn_weight_entry *entry, const uint64_t *bytes, size_t count) {
  const icn_context *context = entry->context;
  icn_error problem;
  const uint64_t head = icn_weight_file_head_bytes(count), room = icn_weight_file_room(head);
  if (head > SIZE_MAX / 2) return false;
  entry->head = icn_allocate_array(&context->allocator, 1, (size_t)room);
  if (entry->head == NULL) return false;
  icn_weight_file_row *rows = (icn_weight_file_row *)(void *)(entry->head + sizeof(icn_weight_file_header));
  for (size_t i = 0; i < count; i++) rows[i].bytes = bytes[i];
  entry->count = count;
  entry->bytes = icn_weight_file_place(rows, count);
  if (entry->bytes > context->cache_bytes) {
    icn_log(&context->logger, ICN_LOG_INFO, "weight cache: %llu bytes are above its limit of %llu and are not kept",
            (unsigned long long)entry->bytes, (unsigned long long)context->cache_bytes);
    return false;
  }
  icn_error_clear(&problem);
  if (!icn_os_make_folder(context->cache_dir)) {
    complain(entry->context, "the folder '%s' cannot be made; weights are packed anew each time", context->cache_dir);
    return false;
  }
  make_room(context, strrchr(entry->path, '/') + 1, entry->bytes);
  entry->writing = icn_os_writer_open_in_cache(entry->path, &entry->writer, &problem) == ICN_OK;
  if (entry->writing && icn_os_writer_append(&entry->writer, entry->head, (size_t)room, &problem) == ICN_OK) return true;
  complain(entry->context, "packed weights are not kept: %s", problem.message);
  return false;
}

icn_weight_entry *icn_weight_cache_open(icn_context *context, const icn_cache_key *key, const uint64_t *bytes, size_t count,
                                        const char *subject, bool anew) {
  icn_weight_entry *entry = icn_allocate_array(&context->allocator, 1, sizeof *entry);
  if (entry == NULL) return NULL;
  entry->context = context;
  entry->key = *key;
  snprintf(entry->subject, sizeof entry->subject, "%s", subject);
  if (icn_cache_path(context, key, ICN_CACHE_WEIGHTS_SUFFIX, entry->path)) {
    if (!anew && open_to_read(entry, key, bytes, count)) return entry;
    if (open_to_write(entry, bytes, count)) return entry;
  }
  icn_weight_entry_close(entry, false);
  return NULL;
}

/* --------------------------------------------------------------------- use */

bool icn_weight_entry_has(const icn_weight_entry *entry) { return entry->reading; }

bool icn_weight_entry_is_of(const icn_weight_entry *entry, const icn_cache_key *key) {
  return memcmp(entry->key.bytes, key->bytes, sizeof key->bytes) == 0;
}

const void *icn_weight_entry_read(icn_weight_entry *entry, size_t index, icn_weight_hash *hash) {
  icn_weight_file_row row;
  icn_weight_file_read_row(entry->head, index, &row);
  *hash = row.hash;
  const size_t room = (size_t)icn_weight_file_room(row.bytes); /* of one of the lengths that were asked for */
  if (icn_os_reader_read(&entry->reader, row.offset, entry->weight, room, NULL) != ICN_OK)
    complain(entry->context, "an entry is not used: weight %zu cannot be read (%s)", index, entry->path);
  else if (icn_weight_file_weight_whole(entry->weight, &row))
    return entry->weight;
  else
    complain(entry->context, "an entry is not used: the checksum of weight %zu is wrong (%s)", index, entry->path);
  return NULL;
}

static void give_up(icn_weight_entry *entry, const icn_error *problem) {
  complain(entry->context, "packed weights are not kept: %s", problem->message);
  icn_os_writer_abandon(&entry->writer);
  entry->writing = false;
}

void icn_weight_entry_write(icn_weight_entry *entry, const void *data, const icn_weight_hash *hash) {
  static const char ZEROS[ICN_WEIGHT_FILE_PAGE];
  icn_error problem;
  if (!entry->writing || entry->written == entry->count) return;
  icn_weight_file_row *rows = (icn_weight_file_row *)(void *)(entry->head + sizeof(icn_weight_file_header));
  icn_weight_file_row *row = &rows[entry->written++];
  row->hash = *hash;
  icn_status status = icn_os_writer_append(&entry->writer, data, (size_t)row->bytes, &problem);
  if (status == ICN_OK)
    status = icn_os_writer_append(&entry->writer, ZEROS, (size_t)(icn_weight_file_room(row->bytes) - row->bytes), &problem);
  if (status != ICN_OK) give_up(entry, &problem);
}

static void finish(icn_weight_entry *entry) {
  icn_error problem;
  entry->writing = false;
  icn_weight_file_seal(entry->head, &entry->key, entry->subject, entry->bytes, entry->count);
  if (icn_os_writer_finish(&entry->writer, entry->head, (size_t)icn_weight_file_head_bytes(entry->count), &problem) != ICN_OK) {
    /* On Windows a file that another process reads cannot be replaced: the other one has written the same there. */
    if (!icn_os_exists(entry->path)) complain(entry->context, "packed weights are not kept: %s", problem.message);
    return;
  }
  icn_log(&entry->context->logger, ICN_LOG_DEBUG, "weight cache: %llu bytes kept in '%s'", (unsigned long long)entry->bytes, entry->path);
}

void icn_weight_entry_close(icn_weight_entry *entry, bool keep) {
  if (entry == NULL) return;
  const icn_allocator *allocator = &entry->context->allocator;
  if (entry->reading) stop_reading(entry);
  if (entry->writing && keep && entry->written == entry->count) finish(entry);
  if (entry->writing) icn_os_writer_abandon(&entry->writer);
  icn_release(allocator, entry->head);
  icn_release(allocator, entry);
}
