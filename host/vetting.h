/* Whether a plan's kernels may be used: what is known of them (kernel_file.h), the self-test of those that nobody has tested on this device
 * and driver (selftest.h), and rows in quarantine.
 *
 * Before the program of an untested kernel is built, and until it was run for the first time, a marker with the row's name lies in the
 * file. When a process ends meanwhile (a crash, a hang that somebody ended), the next one finds the marker of a process that is gone, and
 * does without the row. A kernel that the driver did not build is not tried again for a day. What everybody knows costs nothing: no run,
 * no writing. */
#ifndef ICN_HOST_VETTING_H
#define ICN_HOST_VETTING_H

#include "executor.h"
#include "kernel_file.h"
#include "selftest.h"

/* One kernel of the plan that was tested: a row, configured, on a problem. */
typedef struct icn_vetted {
  const char *layer, *row, *problem; /* the first of `layers` layers that it computes */
  size_t layers;
  icn_part_check check;
  double seconds;
} icn_vetted;

typedef struct icn_vetting_watch {
  void *user;
  void (*tested)(void *user, const icn_vetted *kernel, size_t number, size_t count);
} icn_vetting_watch;

typedef struct icn_vetting_kernel icn_vetting_kernel;

typedef struct icn_vetting {
  icn_executor *executor;
  bool on, always;
  bool writes;        /* what is found can be remembered; false after the first failure */
  icn_kernel_log log; /* what was known at the beginning */
  icn_kernel_log found;
  char device[400], driver[400], date[32];
  char process[ICN_OS_PROCESS_BYTES + 24]; /* its mark, and which vetting of it this is */
  const char *marked;                      /* the row with a marker, NULL: none */
  bool building;                           /* says it */
  bool marker_stays;                       /* one of ours lies in the file */
  bool succeeded;                          /* there is a plan whose kernels all build; set by who plans */
  bool refused_from_memory;                /* a kernel, because it was not built within the last day */
  bool tries_refused;                      /* no longer */
  icn_arena arena;
  icn_vetting_kernel *kernels; /* of the plan at hand, kernel_count of them */
  size_t kernel_count;
  int *kernel_of; /* by layer */
  icn_selftest_room room;
  size_t tested;
  double seconds;
  const icn_vetting_watch *watch; /* NULL: nobody */
} icn_vetting;

/* `mode` is not ICN_SELF_TEST_DEFAULT. Fails: ICN_NO_MEMORY. *v wants icn_vetting_end whatever is returned. */
icn_status icn_vetting_begin(icn_vetting *v, icn_executor *executor, icn_self_test mode, icn_error *error);
/* The executor has a plan. Fails with *refused, a row of it: ICN_MISMATCH (known to compute wrongly), ICN_DEVICE (in quarantine), ICN_BUILD
 * (known not to build); else ICN_NO_MEMORY, ICN_IO. */
icn_status icn_vetting_plan(icn_vetting *v, const char **refused, icn_error *error);
/* No plan was found: true, once, where kernels were refused from memory. They may build now, so all is to be tried anew. */
bool icn_vetting_tries_again(icn_vetting *v);
/* Before the programs of a layer are built: its row is what a crash from now on is due to. */
void icn_vetting_enter(icn_vetting *v, size_t layer);
/* They were not, for this reason. Remembered for a day, so that the next start does not wait for the compiler again, if in the end there
 * is a plan (v->succeeded): where no row is left something else may be wrong, such as a full disk. */
void icn_vetting_refused(icn_vetting *v, size_t layer, const icn_error *problem);
/* All is bound: tests what is not known. Fails with *refused: ICN_MISMATCH; else ICN_NO_MEMORY, ICN_DEVICE. With a watch all are tested,
 * and a wrong one is no failure. */
icn_status icn_vetting_run(icn_vetting *v, const char **refused, icn_error *error);
/* Remembers what was found and takes the marker away. */
void icn_vetting_end(icn_vetting *v);
/* Tests every kernel of an executor that was made without a self-test, and remembers what was found. Its context keeps constants
 * (context.keep_constants), or else it is ICN_STATE. Fails: ICN_NO_MEMORY, ICN_DEVICE, ICN_IO. */
icn_status icn_vetting_all(icn_executor *executor, const icn_vetting_watch *watch, icn_error *error);

#endif
