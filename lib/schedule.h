/* In which order, on which queues and behind which waits a plan's steps are given to the device. Pure data, made from the plan's
 * dependencies; host/dispatch.c carries it out. */
#ifndef ICN_LIB_SCHEDULE_H
#define ICN_LIB_SCHEDULE_H

#include "plan.h"

enum { ICN_SCHEDULE_QUEUES_MAX = 4 }; /* as many as an Inception block has branches */

/* One launch of a run. */
typedef struct icn_command {
  int step, slice; /* of the plan */
  int queue;
  int *waits; /* earlier commands that must have ended, and that nothing else here makes sure of */
  int wait_count;
  bool awaited; /* a later command waits for it */
} icn_command;

typedef struct icn_schedule {
  icn_arena arena;
  icn_schedule_kind kind; /* never DEFAULT */
  int queue_count;
  icn_command *commands; /* in the order in which they are given to the queues */
  size_t count;
  int ends[ICN_SCHEDULE_QUEUES_MAX]; /* QUEUES: the last command of each queue, -1: none */
} icn_schedule;

/* "in-order", "out-of-order", "queues", "recorded"; "default" for DEFAULT. */
const char *icn_schedule_name(icn_schedule_kind kind);
/* What is taken where nobody says anything else: IN_ORDER. A step of these networks fills a device by itself, so that there is little to
 * gain from two at once, and two at once share the caches. */
icn_schedule_kind icn_schedule_default(void);

/* IN_ORDER and RECORDED: one queue that keeps the order, no waits. OUT_OF_ORDER: one queue that does not, every dependency is a wait.
 * QUEUES: queues that keep their order; a step follows one that it depends on, or goes to the queue with the least to do, and waits for
 * those on other queues. The first step of a slice (plan.h) waits for all of the slice before it. The plan must outlive nothing: what is
 * needed is copied. Fails: ICN_ARGUMENT (DEFAULT, or no kind), ICN_UNSUPPORTED (a library's launches, which know no waits, in anything but
 * IN_ORDER), ICN_NO_MEMORY. */
icn_status icn_schedule_make(const icn_plan *plan, icn_schedule_kind kind, const icn_allocator *allocator, icn_schedule *schedule,
                             icn_error *error);
void icn_schedule_fini(icn_schedule *schedule);
/* Proves that no two commands that may run at once share bytes that one of them writes, and that every step runs once for each of its
 * slices. ICN_MISMATCH: which two. */
icn_status icn_schedule_check(const icn_plan *plan, const icn_schedule *schedule, icn_error *error);

#endif
