/* A planted fault for compilers that report registers: HELD values of type T stay alive across a loop. One float is little; 6 x 16 floats are more
 * than a Mali has registers for an item (64), 16 x 16 more than an Adreno has (192): the compiler spills, and fewer threads fit. */
#if HELD == 1
#define EACH(X) X(a, a)
#elif HELD == 6
#define EACH(X) X(a, b) X(b, c) X(c, d) X(d, e) X(e, f) X(f, a)
#else
#define EACH(X) X(a, b) X(b, c) X(c, d) X(d, e) X(e, f) X(f, g) X(g, h) X(h, i) X(i, j) X(j, k) X(k, l) X(l, m) X(m, n) X(n, o) X(o, p) X(p, a)
#endif
#define LOAD(value, next) T value = *at++;
#define MIX(value, next) value += factor * next;
#define STORE(value, next) *to++ = value;

__kernel void planted(__global const T *x, __global T *y, int count) {
  __global const T *at = x + get_global_id(0) * HELD;
  __global T *to = y + get_global_id(0) * HELD;
  EACH(LOAD)
  for (int step = 0; step < count; step++) {
    const T factor = x[step];
    EACH(MIX)
  }
  EACH(STORE)
}
