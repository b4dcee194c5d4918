/* What many devices' plans of one network choose, as a text small enough to keep: devices with equal plans are one group, and for each
 * distinct problem there is a line for each choice with the groups that make it. A change of selection is a diff of these lines. */
#ifndef ICN_TESTS_PLAN_DIGEST_H
#define ICN_TESTS_PLAN_DIGEST_H

#include "plan.h"

typedef struct plan_digest plan_digest;

plan_digest *plan_digest_new(void);
void plan_digest_free(plan_digest *digest);
/* Devices in the order in which they shall be named. Out of memory ends the test. */
void plan_digest_add(plan_digest *digest, const char *device, const icn_plan *plan);
/* A device that the network does not fit on, and the sentence that says so. */
void plan_digest_refuse(plan_digest *digest, const char *device, const char *why);
void plan_digest_print(const plan_digest *digest, icn_text *text);

#endif
