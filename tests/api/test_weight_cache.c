/* Packed weights in the cache: a hit gives what a miss gives, and nothing that happens to an entry makes a result wrong. */

#define _XOPEN_SOURCE 700
#include "support/cache_play.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "os.h"
#include "support/icn_test.h"
#include "weight_key.h"

static void a_hit_gives_what_a_miss_gives(void **state) {
  cache_play *p = *state;
  char path[512];
  cache_play_clear(p);
  const cache_outcome without = cache_play_once(p, "none", NULL);
  assert_true(without.packed && !without.from_cache);
  const cache_outcome miss = cache_play_once(p, NULL, NULL);
  assert_true(miss.packed && !miss.from_cache);
  assert_int_equal(cache_play_entries(p, path), 1);
  const cache_outcome hit = cache_play_once(p, NULL, NULL);
  assert_true(hit.from_cache && !hit.packed);
  assert_int_equal(cache_play_entries(p, path), 1);
  cache_play_assert_same(&without, &miss);
  cache_play_assert_same(&without, &hit);
  assert_int_equal(p->warnings, 0);
}

/* Other rows, another precision: entries of their own. */
static void another_plan_has_another_entry(void **state) {
  cache_play *p = *state;
  char path[512];
  cache_play_clear(p);
  icn_context *context = cache_play_context(p, NULL);
  if (context == NULL) skip();
  static const char *const ROWS[] = {"conv_tile,matmul_packed", "conv_direct,matmul_direct", "conv_gpu,matmul_packed_gpu"};
  for (size_t i = 0; i < 3; i++) {
    const cache_outcome miss = cache_play_run(p, context, ROWS[i], ICN_PRECISION_FP32);
    assert_true(miss.packed);
    assert_int_equal(cache_play_entries(p, path), i + 1);
    const cache_outcome hit = cache_play_run(p, context, ROWS[i], ICN_PRECISION_FP32);
    assert_true(hit.from_cache);
    cache_play_assert_same(&miss, &hit);
  }
  const cache_outcome half = cache_play_run(p, context, ROWS[0], ICN_PRECISION_FP16W);
  assert_true(half.packed);
  assert_int_equal(cache_play_entries(p, path), 4);
  const cache_outcome half_again = cache_play_run(p, context, ROWS[0], ICN_PRECISION_FP16W);
  assert_true(half_again.from_cache);
  cache_play_assert_same(&half, &half_again);
  icn_context_destroy(context);
}

static bool same_key(const icn_executor *executor, const icn_cache_key *key) {
  const icn_cache_key now = icn_weight_key(executor);
  return memcmp(now.bytes, key->bytes, sizeof now.bytes) == 0;
}

/* Whatever else packing looks at, one thing at a time, of every layer that packs. */
static void each_part_of_a_plan_counts(void **state) {
  cache_play *p = *state;
  const icn_input_shape shape = {.name = NULL, .rank = 4, .dim = {1, 3, CACHE_SIDE, CACHE_SIDE}};
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_error error;
  size_t packing = 0;
  icn_context *context = cache_play_context(p, "none");
  if (context == NULL) skip();
  context->keep_constants = true; /* the key is made of them, here once more after the executor was made */
  icn_model *model = api_model_load(context, &p->file);
  icn_executor_options_init(&options);
  options.shapes = &shape;
  options.shape_count = 1;
  options.forced_rows = "conv_tile,matmul_packed";
  if (icn_executor_create(model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
  const icn_cache_key key = icn_weight_key(executor);
  assert_true(same_key(executor, &key));
  for (size_t i = 0; i < executor->plan.buffer_count; i++) {
    icn_plan_buffer *buffer = &executor->plan.buffers[i];
    if (buffer->kind != ICN_BUFFER_PACKED) continue;
    icn_plan_layer *layer = &executor->plan.layers[buffer->index];
    const icn_plan_layer kept = *layer;
    packing++;
    layer->choice.row = icn_row_find("conv_item");
    assert_false(same_key(executor, &key));
    *layer = kept;
    layer->choice.config.value[7]++;
    assert_false(same_key(executor, &key));
    *layer = kept;
    layer->problem.precision = ICN_PRECISION_FP16W;
    assert_false(same_key(executor, &key));
    *layer = kept;
    layer->problem.epilogue.function = ICN_FN_CLIP;
    assert_false(same_key(executor, &key));
    *layer = kept;
    buffer->bytes += 4;
    assert_false(same_key(executor, &key));
    buffer->bytes -= 4;
  }
  assert_true(packing >= 3);
  assert_true(same_key(executor, &key));
  icn_executor_destroy(executor);
  icn_model_destroy(model);
  icn_context_destroy(context);
}

/* Where element `index` of one of the model's tensors lies in its file: by its value, as api_model.c makes it. */
static unsigned char *find_element(const cache_play *p, uint32_t seed, float scale, size_t count, size_t index) {
  float values[256];
  assert_true(count <= 256);
  api_fill(values, count, seed);
  const float wanted = values[index] * scale;
  for (size_t at = 0; at + sizeof wanted <= p->file.bytes; at++)
    if (memcmp((const char *)p->file.data + at, &wanted, sizeof wanted) == 0) return (unsigned char *)p->file.data + at;
  fail_msg("element %zu of tensor %u is not in the file", index, seed);
  return NULL;
}

/* The last bit of a weight, then its sign: another model, of the same size. */
static void a_changed_model_is_another_one(void **state) {
  static const struct {
    uint32_t seed;
    float scale;
    size_t count;
  } TENSORS[] = {{1, 0.3f, 216}, {2, 0.1f, 8}, {3, 0.4f, 96}, {4, 0.5f, 200}, {5, 0.5f, 10}};
  cache_play *p = *state;
  char path[512];
  size_t expected = 1;
  cache_play_clear(p);
  icn_context *context = cache_play_context(p, NULL), *without = cache_play_context(p, "none");
  if (context == NULL) skip();
  const cache_outcome first = cache_play_run(p, context, NULL, ICN_PRECISION_FP32);
  for (size_t i = 0; i < 6 * sizeof TENSORS / sizeof TENSORS[0]; i++) {
    const size_t t = i / 6, count = TENSORS[t].count, index = i % 3 == 0 ? 0 : i % 3 == 1 ? count / 2 : count - 1;
    unsigned char *element = find_element(p, TENSORS[t].seed, TENSORS[t].scale, count, index);
    const bool last_bit = i % 6 < 3;
    element[last_bit ? 0 : 3] ^= last_bit ? 1 : 0x80;
    const cache_outcome packed = cache_play_run(p, without, NULL, ICN_PRECISION_FP32);
    const cache_outcome cached = cache_play_run(p, context, NULL, ICN_PRECISION_FP32);
    element[last_bit ? 0 : 3] ^= last_bit ? 1 : 0x80;
    assert_true(cached.packed);
    cache_play_assert_same(&packed, &cached);
    if (!last_bit && t != 2) assert_memory_not_equal(packed.scores, first.scores, sizeof first.scores);
    assert_int_equal(cache_play_entries(p, path), ++expected);
  }
  const cache_outcome last = cache_play_run(p, context, NULL, ICN_PRECISION_FP32);
  assert_true(last.from_cache);
  cache_play_assert_same(&first, &last);
  icn_context_destroy(context);
  icn_context_destroy(without);
}

/* A model in memory whose byte changes at the n-th allocation, as a mapped file does that somebody writes to. */
typedef struct changer {
  unsigned char *byte; /* NULL: none */
  size_t allocations, change_at;
} changer;

static void *change_allocate(void *user, size_t bytes) {
  changer *c = user;
  if (++c->allocations == c->change_at && c->byte != NULL) *c->byte ^= 0x80;
  const icn_allocator inner = icn_allocator_default();
  return inner.allocate(inner.user, bytes);
}

static void change_release(void *user, void *memory) {
  (void)user;
  const icn_allocator inner = icn_allocator_default();
  inner.release(inner.user, memory);
}

/* What came of it then may be this or that model; what is kept must be right for the model that it is kept for. */
static void a_model_that_changes_meanwhile_leaves_no_wrong_entry(void **state) {
  cache_play *p = *state;
  changer c = {NULL, 0, 0};
  const icn_allocator allocator = {&c, change_allocate, change_release};
  char path[512];
  unsigned char *element = find_element(p, 3, 0.4f, 96, 1);
  cache_play_clear(p);
  p->allocator = &allocator;
  icn_context *context = cache_play_context(p, NULL);
  if (context == NULL) skip();
  const cache_outcome want = cache_play_run(p, context, NULL, ICN_PRECISION_FP32);
  size_t unkept = 0;
  for (size_t at = 1;; at++) {
    while (cache_play_entries(p, path) > 0) assert_true(icn_os_remove(path));
    c = (changer){element, 0, at};
    (void)cache_play_run(p, context, NULL, ICN_PRECISION_FP32);
    c.byte = NULL;
    if (c.allocations < at) break; /* it came to its end unchanged */
    *element ^= 0x80;
    unkept += cache_play_entries(p, path) == 0;
    const cache_outcome after = cache_play_run(p, context, NULL, ICN_PRECISION_FP32);
    if (memcmp(after.scores, want.scores, sizeof want.scores) != 0) fail_msg("changed at allocation %zu: a wrong entry was kept", at);
  }
  assert_true(unkept > 0);
  icn_context_destroy(context);
  p->allocator = NULL;
}

typedef struct damaged {
  cache_play *p;
  icn_context *context;
  cache_outcome want;
  char path[512];
  unsigned char *data;
  size_t bytes;
} damaged;

static bool begin_damage(cache_play *p, damaged *d) {
  cache_play_clear(p);
  d->p = p;
  d->context = cache_play_context(p, NULL);
  if (d->context == NULL) return false;
  d->want = cache_play_run(p, d->context, NULL, ICN_PRECISION_FP32);
  assert_int_equal(cache_play_entries(p, d->path), 1);
  d->data = cache_play_read(d->path, &d->bytes);
  return true;
}

static void end_damage(damaged *d) {
  free(d->data);
  icn_context_destroy(d->context);
}

/* With the entry as it now lies there: packed anew with one warning, the result is right, and the entry is whole again. */
static void assert_replaced(damaged *d, const char *what, size_t number) {
  cache_play *p = d->p;
  p->warnings = 0;
  d->context->weights_complained = false;
  const cache_outcome outcome = cache_play_run(p, d->context, NULL, ICN_PRECISION_FP32);
  if (!outcome.packed || outcome.from_cache) fail_msg("%s %zu: the entry was used", what, number);
  cache_play_assert_same(&outcome, &d->want);
  if (p->warnings != 1) fail_msg("%s %zu: %zu warnings, expected one: %s", what, number, p->warnings, p->log);
  size_t bytes = 0;
  unsigned char *now = cache_play_read(d->path, &bytes);
  if (bytes != d->bytes || memcmp(now, d->data, bytes) != 0) fail_msg("%s %zu: the entry was not written anew", what, number);
  free(now);
}

static void no_altered_byte_is_used(void **state) {
  damaged d;
  if (!begin_damage(*state, &d)) skip();
  icn_weight_file_header header;
  icn_weight_file_read_header(d.data, &header);
  const size_t head = (size_t)icn_weight_file_head_bytes(header.count);
  for (size_t at = 0; at < d.bytes; at += at < head ? 1 : 211) { /* unit.weight_file has every byte */
    d.data[at] ^= 0x21;
    cache_play_write(d.path, d.data, d.bytes);
    d.data[at] ^= 0x21;
    assert_replaced(&d, "byte", at);
  }
  end_damage(&d);
}

static void no_cut_off_entry_is_used(void **state) {
  damaged d;
  if (!begin_damage(*state, &d)) skip();
  for (size_t bytes = 0; bytes < d.bytes; bytes += bytes < 300 ? 1 : 997) {
    cache_play_write(d.path, d.data, bytes);
    if (bytes > 0) assert_replaced(&d, "length", bytes);
  }
  end_damage(&d);
}

/* An entry that somebody cuts off or writes to, in place, at the n-th allocation of who reads it. */
typedef struct spoiler {
  const damaged *d;
  size_t allocations, spoil_at;
  bool cut;
} spoiler;

static void spoil(const spoiler *s) {
  const int file = open(s->d->path, O_WRONLY);
  assert_true(file >= 0);
  if (s->cut) assert_int_equal(ftruncate(file, 4096), 0);
  const char *zeros = calloc(1, s->d->bytes);
  assert_non_null(zeros);
  const size_t bytes = s->cut ? 0 : s->d->bytes - 4096;
  assert_int_equal(pwrite(file, zeros, bytes, 4096), bytes);
  free((void *)zeros);
  assert_int_equal(close(file), 0);
}

static void *spoil_allocate(void *user, size_t bytes) {
  spoiler *s = user;
  if (++s->allocations == s->spoil_at) spoil(s);
  const icn_allocator inner = icn_allocator_default();
  return inner.allocate(inner.user, bytes);
}

/* Neither a signal nor a wrong result, whenever it happens. */
static void an_entry_may_be_spoilt_while_it_is_read(void **state) {
  cache_play *p = *state;
  damaged d;
  spoiler s = {&d, 0, 0, false};
  const icn_allocator allocator = {&s, spoil_allocate, change_release};
  size_t unused = 0;
  p->allocator = &allocator;
  if (!begin_damage(p, &d)) skip();
  for (int cut = 0; cut < 2; cut++) {
    for (size_t at = 1;; at++) {
      cache_play_write(d.path, d.data, d.bytes);
      s = (spoiler){&d, 0, at, cut != 0};
      const cache_outcome outcome = cache_play_run(p, d.context, NULL, ICN_PRECISION_FP32);
      const bool reached = s.allocations >= at;
      s.spoil_at = 0;
      cache_play_assert_same(&outcome, &d.want);
      unused += outcome.packed;
      if (!reached) break;
    }
  }
  assert_true(unused > 2);
  end_damage(&d);
  p->allocator = NULL;
}

/* A whole entry under the name of another one. */
static void no_foreign_entry_is_used(void **state) {
  cache_play *p = *state;
  damaged d;
  if (!begin_damage(p, &d)) skip();
  const cache_outcome other = cache_play_run(p, d.context, "conv_direct,matmul_direct", ICN_PRECISION_FP32);
  assert_true(other.packed);
  assert_true(icn_os_remove(d.path));
  char path[512];
  assert_int_equal(cache_play_entries(p, path), 1);
  size_t bytes = 0;
  unsigned char *data = cache_play_read(path, &bytes);
  cache_play_write(d.path, data, bytes);
  free(data);
  assert_replaced(&d, "foreign entry", 1);
  assert_int_equal(cache_play_log_count(p, "other weights"), 1);
  end_damage(&d);
}

static void entries_of_another_version_are_replaced(void **state) {
  damaged d;
  if (!begin_damage(*state, &d)) skip();
  icn_weight_file_header header;
  unsigned char *changed = malloc(d.bytes);
  assert_non_null(changed);
  memcpy(changed, d.data, d.bytes);
  icn_weight_file_read_header(changed, &header);
  memcpy(header.version, "0.0.9", 6);
  memcpy(changed, &header, sizeof header);
  cache_play_write(d.path, changed, d.bytes);
  assert_replaced(&d, "version", 9);
  assert_int_equal(cache_play_log_count(d.p, "another version"), 1);
  free(changed);
  end_damage(&d);
}

/* ----------------------------------------------------------------- at once */

enum { THREADS = 4, ROUNDS = 6 };

typedef struct worker {
  cache_play play;
  icn_context *context; /* NULL: its own each time */
  cache_outcome outcomes[ROUNDS];
} worker;

static void *work(void *argument) {
  worker *w = argument;
  for (int i = 0; i < ROUNDS; i++) {
    icn_context *context = w->context != NULL ? w->context : cache_play_context(&w->play, NULL);
    w->outcomes[i] = cache_play_run(&w->play, context, NULL, ICN_PRECISION_FP32);
    if (w->context == NULL) icn_context_destroy(context);
  }
  return NULL;
}

static void work_at_once(cache_play *p, bool one_context) {
  static worker workers[THREADS];
  pthread_t threads[THREADS];
  char path[512];
  const cache_outcome want = cache_play_once(p, "none", NULL);
  cache_play_clear(p);
  icn_context *context = cache_play_context(p, NULL);
  context->logger.log = NULL; /* the play's log is for one thread */
  context->logger.level = 0;
  for (int i = 0; i < THREADS; i++) {
    workers[i].play = *p;
    workers[i].context = one_context ? context : NULL;
    assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  for (int i = 0; i < THREADS; i++)
    for (int k = 0; k < ROUNDS; k++) cache_play_assert_same(&want, &workers[i].outcomes[k]);
  for (int i = 0; i < THREADS && !one_context; i++) assert_int_equal(workers[i].play.warnings, 0);
  assert_int_equal(cache_play_entries(p, path), 1); /* and no temporary */
  icn_context_destroy(context);
  assert_true(cache_play_once(p, NULL, NULL).from_cache);
}

static void threads_share_an_entry(void **state) {
  work_at_once(*state, false);
  work_at_once(*state, true);
}

/* ------------------------------------------------------------------ memory */

typedef struct counter {
  size_t allocations, fail_at, blocks;
} counter;

static void *count_allocate(void *user, size_t bytes) {
  counter *c = user;
  if (++c->allocations == c->fail_at) return NULL;
  const icn_allocator inner = icn_allocator_default();
  void *block = inner.allocate(inner.user, bytes);
  if (block != NULL) c->blocks++;
  return block;
}

static void count_release(void *user, void *memory) {
  counter *c = user;
  const icn_allocator inner = icn_allocator_default();
  if (memory != NULL) c->blocks--;
  inner.release(inner.user, memory);
}

/* Each host allocation of an executor fails in turn: a status or the right result, nothing leaks, and an entry is whole or not there. */
static void fail_allocations(cache_play *p, counter *c, icn_context *context, const cache_outcome *want, bool with_entry) {
  size_t failed = 0;
  char path[512];
  for (size_t at = 1;; at++) {
    if (!with_entry && cache_play_entries(p, path) > 0) assert_true(icn_os_remove(path));
    const size_t blocks = c->blocks;
    c->allocations = 0;
    c->fail_at = at;
    const cache_outcome outcome = cache_play_run(p, context, NULL, ICN_PRECISION_FP32);
    const bool reached = c->allocations >= at;
    c->fail_at = 0;
    if (outcome.status == ICN_OK) cache_play_assert_same(&outcome, want);
    if (c->blocks != blocks) fail_msg("allocation %zu fails: %zu blocks, %zu before", at, c->blocks, blocks);
    if (!reached) break;
    failed++;
    if (cache_play_entries(p, path) == 0) continue;
    const cache_outcome after = cache_play_run(p, context, NULL, ICN_PRECISION_FP32);
    assert_true(after.from_cache);
    cache_play_assert_same(&after, want);
  }
  assert_true(failed > 50);
}

static void every_allocation_may_fail(void **state) {
  cache_play *p = *state;
  counter c = {0, 0, 0};
  const icn_allocator allocator = {&c, count_allocate, count_release};
  cache_play_clear(p);
  p->allocator = &allocator;
  icn_context *context = cache_play_context(p, NULL);
  if (context != NULL) {
    const cache_outcome want = cache_play_run(p, context, NULL, ICN_PRECISION_FP32); /* the programs are there from now on */
    fail_allocations(p, &c, context, &want, false);
    fail_allocations(p, &c, context, &want, true);
    icn_context_destroy(context);
  }
  p->allocator = NULL;
  assert_int_equal(c.blocks, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_hit_gives_what_a_miss_gives),
      cmocka_unit_test(another_plan_has_another_entry),
      cmocka_unit_test(each_part_of_a_plan_counts),
      cmocka_unit_test(a_changed_model_is_another_one),
      cmocka_unit_test(a_model_that_changes_meanwhile_leaves_no_wrong_entry),
      cmocka_unit_test(no_altered_byte_is_used),
      cmocka_unit_test(no_cut_off_entry_is_used),
      cmocka_unit_test(an_entry_may_be_spoilt_while_it_is_read),
      cmocka_unit_test(no_foreign_entry_is_used),
      cmocka_unit_test(entries_of_another_version_are_replaced),
      cmocka_unit_test(threads_share_an_entry),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests_name("weight_cache", tests, cache_play_set_up, cache_play_tear_down);
}
