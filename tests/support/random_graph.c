#include "support/random_graph.h"

#include "support/plan_run.h"

typedef struct pool {
  int item[64], count;
} pool;

static int pick(const pool *values, uint32_t *seed) { return values->item[icn_test_random(seed) % (uint32_t)values->count]; }

static int random_join(builder *b, int x, int y, int axis) {
  const icn_shape s = *shape_of(b, x);
  const int parts[3] = {x, icn_shape_equal(&s, shape_of(b, y)) ? y : add_unary(b, x, NULL), add_unary(b, x, NULL)};
  return icn_shape_elems(&s) < 200 ? add_concat(b, parts, 3, axis) : -1;
}

static int random_reshape(builder *b, uint32_t *seed, int x) {
  const icn_shape s = *shape_of(b, x);
  const int64_t elems = icn_shape_elems(&s);
  icn_shape to = s.rank == 4 ? shape2(s.dim[0], elems / s.dim[0]) : shape4(s.dim[0], elems / s.dim[0], 1, 1);
  if (icn_test_random(seed) % 3 == 0) to = shape4(1, s.dim[0], elems / s.dim[0], 1);
  return add_reshape(b, x, to);
}

static int random_transpose(builder *b, uint32_t *seed, int x) {
  const int perms[2][4] = {{0, 2, 3, 1}, {1, 0, 3, 2}};
  return shape_of(b, x)->rank == 4 ? add_transpose(b, x, perms[icn_test_random(seed) % 2]) : add_transpose(b, x, (const int[]){1, 0});
}

/* The value that one more node of `values` makes, -1: none was made. */
static int random_node(builder *b, uint32_t *seed, const pool *values) {
  const int x = pick(values, seed), y = pick(values, seed);
  const icn_shape s = *shape_of(b, x);
  const int axis = (int)(icn_test_random(seed) % (uint32_t)s.rank);
  switch (icn_test_random(seed) % 13) {
    case 0:
    case 1:
      return add_unary(b, x, NULL);
    case 2:
      return icn_shape_equal(&s, shape_of(b, y)) ? add_sum(b, x, y) : -1;
    case 3:
    case 4:
      return random_join(b, x, y, axis);
    case 5:
      return random_reshape(b, seed, x);
    case 6:
      return add_slice(b, x, axis, s.dim[axis] - 1, s.dim[axis], -1);
    case 7:
      return add_slice(b, x, axis, s.dim[axis] / 2, (s.dim[axis] + 1) / 2, 1);
    case 8:
      return s.rank == 4 ? add_max_pool(b, x) : add_unary(b, x, NULL);
    case 9:
      return add_softmax(b, x, axis);
    case 10:
      return add_mean(b, x, axis);
    case 11:
      return add_gram(b, x);
    default:
      return random_transpose(b, seed, x);
  }
}

builder *random_graph(uint32_t *seed, int count, int64_t images, int outputs) {
  builder *b = builder_new();
  pool values = {{0}, 0};
  values.item[values.count++] = add_input(b, shape4(images, 4, 2, 1 + icn_test_random(seed) % 3));
  values.item[values.count++] = add_input(b, shape2(images < 2 ? 2 : images, 6));
  for (int n = 0; n < count && values.count < 60; n++) {
    const int made = random_node(b, seed, &values);
    if (made >= 0) values.item[values.count++] = made;
  }
  for (int o = 1; o < outputs; o++) add_output(b, values.item[values.count - 1 - (int)(icn_test_random(seed) % (uint32_t)values.count)]);
  add_output(b, values.item[values.count - 1]);
  return b;
}
