/* Gives a plan's launches to the device's queues as a schedule says (lib/schedule.h). */
#ifndef ICN_HOST_DISPATCH_H
#define ICN_HOST_DISPATCH_H

#include "runtime_cl.h"
#include "schedule.h"

typedef struct icn_dispatch icn_dispatch;

/* The bound launch of a step for a slice. BORROWED by the dispatch while it lives. */
typedef icn_bound *(*icn_bound_of)(const void *user, size_t step, int slice);

/* Makes the schedule and what it needs: queues, or a recording of all launches. DEFAULT takes icn_schedule_default. A runtime around the
 * caller's queue (icn_runtime_wrap) takes IN_ORDER only. Fails: ICN_UNSUPPORTED (the device has no such queue, or cannot record),
 * ICN_DEVICE, ICN_NO_MEMORY. */
icn_status icn_dispatch_create(icn_runtime *runtime, const icn_plan *plan, icn_schedule_kind kind, icn_bound_of bound_of, const void *user,
                               icn_dispatch **result, icn_error *error);
void icn_dispatch_destroy(icn_dispatch *dispatch);
icn_schedule_kind icn_dispatch_kind(const icn_dispatch *dispatch);
/* Enqueues a run behind what is on the runtime's own queue; what is enqueued there afterwards comes behind the run. Unless the schedule is
 * IN_ORDER the last run has ended. */
icn_status icn_dispatch_enqueue(icn_dispatch *dispatch, icn_error *error);
/* The same in portions: after begin, each give enqueues at most `most` of the run's next launches (0: all that are left) and flushes;
 * *left of them are to come, and with 0 all has been enqueued as above. *given (NEW) ends with the launches of this portion; NULL: it is
 * not wanted. A recorded run is one launch. */
icn_status icn_dispatch_begin(icn_dispatch *dispatch, icn_error *error);
icn_status icn_dispatch_give(icn_dispatch *dispatch, size_t most, size_t *left, cl_event *given, icn_error *error);
/* Waits for all queues, the runtime's own included. */
icn_status icn_dispatch_finish(icn_dispatch *dispatch, icn_error *error);

#endif
