/* A small network from its file to its result under the fake driver: what the fault tests play again and again. */
#ifndef ICN_TEST_PLAY_H
#define ICN_TEST_PLAY_H

#include "clinception/clinception.h"
#include "fault/fake_test.h"
#include "support/api_model.h"

enum { PLAY_SIZE = 16, PLAY_IMAGE = 3 * PLAY_SIZE * PLAY_SIZE, PLAY_WARNINGS = 64 };

typedef struct play_stage {
  fake_driver *driver; /* NULL: no OpenCL here */
  proto_writer file;
  float image[PLAY_IMAGE], want[10];
  char warnings[PLAY_WARNINGS][600]; /* of the last play */
  size_t warning_count;
  size_t host_blocks;          /* alive */
  size_t allocations, fail_at; /* the fail_at-th host allocation fails; 0: none */
} play_stage;

typedef struct play_scenario {
  const char *device; /* NULL: the first one, as the library chooses */
  bool without_opencl;
  const char *cache, *kernels; /* folders; NULL: as without */
  bool keeps_weights;          /* packed weights go to the cache, however few */
  uint32_t cores;
  const char *forced_rows;
  icn_schedule_kind schedule;
  bool watched;                             /* the run is submitted, has a callback, and is waited for with a time limit */
  bool untimed;                             /* without profile, so that only awaited launches have events */
  void (*after_context)(play_stage *stage); /* NULL, or called when the devices are known */
  icn_self_test self_test;
  void (*with_executor)(play_stage *stage, const icn_executor *executor); /* NULL, or called before the run */
} play_scenario;

/* cmocka's set-up and tear-down of a group: *state is the stage. */
int play_set_up(void **state);
int play_tear_down(void **state);
/* The stage with the driver as it is without settings; skips without OpenCL. */
play_stage *play_begin(void **state);
/* From nothing to a result and back to nothing. *right: a result was there and it is the expected one. */
icn_status play(play_stage *stage, const play_scenario *scenario, bool *right, icn_error *error);
/* After whatever happened: a status with a sentence, or a right result, and nothing left behind. */
void play_assert_orderly(const play_stage *stage, const char *what, size_t number, icn_status status, bool right, const icn_error *error);
/* How many warnings of the last play have `words`. */
size_t play_warnings_with(const play_stage *stage, const char *words);

#endif
