/* A small network run with a cache of packed weights in a folder of the test's own, and what can be seen of that. POSIX. */
#ifndef ICN_TEST_CACHE_PLAY_H
#define ICN_TEST_CACHE_PLAY_H

#include "context.h"
#include "support/api_model.h"

enum { CACHE_SIDE = 16, CACHE_IMAGE = 3 * CACHE_SIDE * CACHE_SIDE, CACHE_SCORES = 10 };

typedef struct cache_play {
  char folder[256];
  proto_writer file;
  float image[CACHE_IMAGE];
  const icn_allocator *allocator; /* NULL: the library's */
  uint64_t cache_bytes;           /* the option */
  const char *device;             /* as icn_context_find_device takes it */
  char log[65536];
  size_t warnings;
} cache_play;

/* What became of one executor. */
typedef struct cache_outcome {
  icn_status status;
  float scores[CACHE_SCORES];
  bool from_cache, packed; /* as the log says */
} cache_outcome;

/* cmocka's set-up and tear-down of a group: *state is the cache_play, its folder does not exist. */
int cache_play_set_up(void **state);
int cache_play_tear_down(void **state);
/* A context whose cache is the play's folder, or `folder`, and which keeps weights however few. NULL: there is no OpenCL device. */
icn_context *cache_play_context(cache_play *p, const char *folder);
/* One executor of the play's model in the context: made, run, destroyed. The log begins anew. */
cache_outcome cache_play_run(cache_play *p, icn_context *context, const char *rows, icn_precision precision);
/* Both at once, in a fresh context. Skips where there is no OpenCL. */
cache_outcome cache_play_once(cache_play *p, const char *folder, const char *rows);
void cache_play_assert_same(const cache_outcome *a, const cache_outcome *b);
size_t cache_play_log_count(const cache_play *p, const char *words);

/* Files of the folder that end in ".weights"; the first one's path. Anything else but programs fails the test. */
size_t cache_play_entries(const cache_play *p, char path[512]);
void cache_play_clear(const cache_play *p);
/* A file's bytes (free them), and the other way round, in place. */
unsigned char *cache_play_read(const char *path, size_t *bytes);
void cache_play_write(const char *path, const unsigned char *data, size_t bytes);

#endif
