/* What the error of a computed tensor is relative to: the kernel tests and `check` judge every element by it. */
#ifndef ICN_LIB_MAGNITUDE_H
#define ICN_LIB_MAGNITUDE_H

#include "problem.h"

/* magnitude[i] of output i in the model's order: sum |a * b| (the reference on absolute values, without the epilogue's function) for
 * operations that sum, |want| for most others. A row that sums directly is right when |got - want| <= row->tolerance * 2^-24 * magnitude;
 * for Winograd rows winograd_bound.h has the magnitude. `problem` has dense views, in[] are its inputs, want[] is what the reference made
 * of them. Fails: ICN_NO_MEMORY. */
icn_status icn_magnitude(const icn_problem *problem, const void *const in[ICN_MAX_INPUTS], const float *want, float *magnitude,
                         const icn_allocator *allocator, icn_error *error);

/* Half-precision weights: the least number with all 11 bits, and what rounding to 11 bits adds to a tolerance (2^-11 of a product). */
#define ICN_LEAST_NORMAL_HALF 0x1p-14F
#define ICN_HALF_TOLERANCE    0x1p13

/* `tolerance` of a row for data of any kind, not only the tests' random ones: long sums of numbers with one sign round on ever larger
 * partial sums, as a random walk whose length is the number of terms: c = max(tolerance, 2 sqrt(terms)) (Higham and Mary, "A new approach
 * to probabilistic rounding error analysis", 2019, theorem 2.4, with the constant that a million elements want). */
double icn_sum_tolerance(const icn_problem *problem, double tolerance);
/* tolerance * 2^-24 * magnitude, and room for a flushed denormal. */
double icn_error_allowed(double tolerance, float magnitude);
/* The difference of two elements as a part of what is allowed: 0 for the same value, at most 1 for a right one; infinity where one is NaN
 * or infinite and the other is not. `spreads`: a NaN or infinity nearby (its magnitude is not finite) may have reached this element too. */
double icn_error_part(float got, float want, float magnitude, double tolerance, bool spreads);

#endif
