/* Random graphs: planned with every table of rows and every switch, run on the host, compared with the reference bit for bit. */
#include "support/graph_builder.h"
#include "support/icn_test.h"
#include "support/plan_run.h"

/* A graph of `count` random nodes. Dimensions stay small; every operation that lowering treats specially is among them. */
static builder *random_graph(uint32_t *seed, int count) {
  builder *b = builder_new();
  int pool[64], used = 0;
  pool[used++] = add_input(b, shape4(1 + icn_test_random(seed) % 2, 4, 2, 1 + icn_test_random(seed) % 3));
  pool[used++] = add_input(b, shape2(2, 6));
  for (int n = 0; n < count && used < 60; n++) {
    int x = pool[icn_test_random(seed) % (uint32_t)used], y = pool[icn_test_random(seed) % (uint32_t)used];
    const icn_shape s = *shape_of(b, x);
    int axis = (int)(icn_test_random(seed) % (uint32_t)s.rank), made = -1;
    switch (icn_test_random(seed) % 13) {
      case 0:
      case 1:
        made = add_unary(b, x, NULL);
        break;
      case 2:
        if (icn_shape_equal(&s, shape_of(b, y))) made = add_sum(b, x, y);
        break;
      case 3:
      case 4: {
        int parts[3] = {x, icn_shape_equal(&s, shape_of(b, y)) ? y : add_unary(b, x, NULL), add_unary(b, x, NULL)};
        if (icn_shape_elems(&s) < 200) made = add_concat(b, parts, 3, axis);
        break;
      }
      case 5: {
        int64_t elems = icn_shape_elems(&s);
        icn_shape to = s.rank == 4 ? shape2(s.dim[0], elems / s.dim[0]) : shape4(s.dim[0], elems / s.dim[0], 1, 1);
        if (icn_test_random(seed) % 3 == 0) to = shape4(1, s.dim[0], elems / s.dim[0], 1);
        made = add_reshape(b, x, to);
        break;
      }
      case 6:
        made = add_slice(b, x, axis, s.dim[axis] - 1, s.dim[axis], -1);
        break;
      case 7:
        made = add_slice(b, x, axis, s.dim[axis] / 2, (s.dim[axis] + 1) / 2, 1);
        break;
      case 8:
        made = s.rank == 4 ? add_max_pool(b, x) : add_unary(b, x, NULL);
        break;
      case 9:
        made = add_softmax(b, x, axis);
        break;
      case 10:
        made = add_mean(b, x, axis);
        break;
      case 11:
        made = add_gram(b, x);
        break;
      default: {
        const int perms[2][4] = {{0, 2, 3, 1}, {1, 0, 3, 2}};
        made = s.rank == 4 ? add_transpose(b, x, perms[icn_test_random(seed) % 2]) : add_transpose(b, x, (const int[]){1, 0});
      }
    }
    if (made >= 0) pool[used++] = made;
  }
  for (int o = 0; o < 5; o++) add_output(b, pool[used - 1 - (int)(icn_test_random(seed) % (uint32_t)used)]);
  add_output(b, pool[used - 1]);
  return b;
}

static void random_graphs_compute_what_the_reference_computes(void **state) {
  (void)state;
  uint32_t seed = 424242;
  for (int round = 0; round < 150; round++) {
    builder *b = random_graph(&seed, 4 + round % 30);
    icn_error error;
    if (icn_graph_validate(&b->graph, &error) != ICN_OK) fail_msg("round %d: %s", round, error.message);
    check_all_ways(b, seed);
    builder_free(b);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_graphs_compute_what_the_reference_computes),
  };
  return cmocka_run_group_tests_name("plan_random", tests, NULL, NULL);
}
