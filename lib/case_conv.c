/* CONV and CONV_TRANSPOSE: every distinct convolution of two Inception networks (smaller images), and small cases that hurt. */
#include <string.h>

#include "case_families.h"
#include "network_layers.h"

/* A window with everything that may differ between h and w. */
typedef struct window {
  int64_t kernel[2], stride[2], dilation[2], begin[2], end[2], groups;
} window;

static icn_params params_of(const window *w) {
  icn_params p = {.groups = w->groups};
  for (int k = 0; k < 2; k++) {
    p.kernel[k] = w->kernel[k];
    p.stride[k] = w->stride[k];
    p.dilation[k] = w->dilation[k];
    p.pad_begin[k] = w->begin[k];
    p.pad_end[k] = w->end[k];
  }
  return p;
}

static icn_case *add(icn_case_list *list, int64_t n, int64_t c, int64_t h, int64_t w, int64_t oc, const window *win) {
  const icn_params params = params_of(win);
  return icn_case_add_conv(list, n, c, h, w, oc, &params, 0);
}

/* A square window of `size` with "same" padding. */
static icn_case *add_square(icn_case_list *list, int64_t n, int64_t c, int64_t side, int64_t oc, int64_t size) {
  const int64_t pad = size / 2;
  return add(list, n, c, side, side, oc, &(window){{size, size}, {1, 1}, {1, 1}, {pad, pad}, {pad, pad}, 1});
}

static int shrink(int side, int kernel) {
  const int most = kernel > 5 ? 13 : 9;
  return side < most ? side : most;
}

static void add_network(icn_case_list *list, const icn_network_layer *layers, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const icn_network_layer *l = &layers[i];
    const icn_params params = icn_network_layer_params(l);
    icn_case *c = icn_case_add_conv(list, 1, l->ic, shrink(l->h, l->kh), shrink(l->w, l->kw), l->oc, &params, ICN_CASE_LARGE);
    c->problem.epilogue.function = ICN_FN_RELU;
  }
}

static void add_windows(icn_case_list *list) {
  static const window WINDOWS[] = {
      {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1}, /* 1x1 */
      {{1, 1}, {2, 3}, {1, 1}, {0, 0}, {0, 0}, 1}, /* 1x1 with a stride */
      {{1, 1}, {1, 1}, {1, 1}, {1, 2}, {2, 1}, 1}, /* 1x1 with padding: whole outputs of bias alone */
      {{3, 3}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1}, /* no padding */
      {{3, 3}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 1}, /* TensorFlow's SAME */
      {{3, 3}, {1, 1}, {2, 3}, {2, 3}, {2, 3}, 1}, /* dilation */
      {{2, 4}, {3, 1}, {1, 2}, {1, 0}, {0, 3}, 1}, /* even window, asymmetric everything */
      {{1, 7}, {1, 1}, {1, 1}, {0, 3}, {0, 3}, 1}, {{7, 1}, {1, 1}, {1, 1}, {3, 0}, {3, 0}, 1},
      {{5, 5}, {4, 4}, {1, 1}, {2, 2}, {2, 2}, 1}, {{9, 11}, {1, 1}, {1, 1}, {5, 6}, {5, 6}, 1}, /* larger than the image */
      {{3, 3}, {7, 7}, {1, 1}, {1, 1}, {1, 1}, 1},                                               /* stride larger than the window */
      {{3, 3}, {2, 2}, {1, 1}, {1, 0}, {1, 0}, 1}, /* padded above and below alone: a row of the window is one run of x */
  };
  static const int64_t SIZES[][4] = {{3, 7, 7, 5}, {1, 5, 8, 33}, {16, 7, 6, 16}}; /* c, h, w, oc */
  for (size_t i = 0; i < sizeof WINDOWS / sizeof WINDOWS[0]; i++)
    for (size_t k = 0; k < sizeof SIZES / sizeof SIZES[0]; k++)
      add(list, 1, SIZES[k][0], SIZES[k][1], SIZES[k][2], SIZES[k][3], &WINDOWS[i]);
}

static void add_channels(icn_case_list *list) {
  static const int64_t CHANNELS[] = {1, 3, 5, 31, 33, 47, 49, 65, 80};
  for (size_t i = 0; i < sizeof CHANNELS / sizeof CHANNELS[0]; i++) {
    add_square(list, 1, 3, 5, CHANNELS[i], 3);
    add_square(list, 1, CHANNELS[i], 5, 6, 3);
    add_square(list, 1, 8, 3, CHANNELS[i], 1);
  }
  add_square(list, 1, 1, 1, 1, 1);
  add_square(list, 1, 1024, 4, 32, 1); /* pixels 4 KiB apart */
  add_square(list, 1, 2048, 3, 7, 1);
  add_square(list, 3, 6, 7, 40, 3); /* tiles across images */
  add_square(list, 2, 16, 13, 16, 3);
  add_square(list, 5, 7, 1, 19, 3); /* 1x1 images */
  add_square(list, 7, 33, 3, 65, 1);
  icn_case *c = add_square(list, 1, 192, 67, 96, 1); /* more pixels than a core's cache holds, several panels: computed in blocks */
  c->flags |= ICN_CASE_LARGE;
  c = add(list, 1, 192, 95, 95, 96, &(window){{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 2});
  c->flags |= ICN_CASE_LARGE;
}

static void add_groups(icn_case_list *list) {
  static const int64_t GROUPS[][3] = {{4, 6, 2}, {6, 9, 3}, {8, 8, 8}, {5, 5, 5}, {33, 33, 33}, {4, 12, 4}, {96, 64, 2}, {17, 34, 17}};
  for (size_t i = 0; i < sizeof GROUPS / sizeof GROUPS[0]; i++)
    for (int64_t stride = 1; stride <= 2; stride++)
      add(list, 2, GROUPS[i][0], 6, 5, GROUPS[i][1], &(window){{3, 3}, {stride, stride}, {1, 1}, {1, 1}, {1, 1}, GROUPS[i][2]});
  add(list, 1, 16, 9, 9, 16, &(window){{3, 5}, {1, 2}, {2, 1}, {2, 2}, {1, 0}, 16});
}

static void add_residual(icn_case *c) { icn_case_input(c, ICN_CONV_RESIDUAL, 4, c->problem.out.shape.dim); }

static void add_epilogues(icn_case_list *list) {
  static const icn_epilogue EPILOGUES[] = {{ICN_FN_IDENTITY, 0, 0, 0},
                                           {ICN_FN_RELU, 0, 0, 0},
                                           {ICN_FN_CLIP, -0.5f, 1.5f, 0},
                                           {ICN_FN_CLIP, 1.5f, -0.5f, 0},
                                           {ICN_FN_LEAKY_RELU, 0.25f, 0, 0}};
  static const int64_t OUTPUTS[] = {5, 48};
  for (size_t e = 0; e < sizeof EPILOGUES / sizeof EPILOGUES[0]; e++)
    for (size_t k = 0; k < 2; k++)
      for (int residual = 0; residual < 2; residual++) {
        icn_case *c = add_square(list, 1, 6, 5, OUTPUTS[k], 3);
        c->problem.epilogue = EPILOGUES[e];
        if (residual) add_residual(c);
        c = add(list, 1, 20, 5, 5, 20, &(window){{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 20});
        c->problem.epilogue = EPILOGUES[e];
        if (residual) add_residual(c);
      }
}

/* Channels without the activation before those with it; more of either than a register tile is wide, and a number that is no multiple of
 * one. */
static void add_linear(icn_case_list *list) {
  static const struct {
    int64_t c, oc;
    int32_t from;
  } SIZES[] = {{6, 48, 16}, {5, 33, 16}, {7, 176, 32}, {4, 240, 192}, {3, 20, 5}, {6, 64, 64}};
  static const icn_epilogue EPILOGUES[] = {{ICN_FN_RELU, 0, 0, 0}, {ICN_FN_CLIP, -0.5f, 1.5f, 0}};
  for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++)
    for (size_t e = 0; e < sizeof EPILOGUES / sizeof EPILOGUES[0]; e++)
      for (int residual = 0; residual < 2; residual++) {
        icn_case *c = add_square(list, SIZES[i].c, 7, 6, SIZES[i].oc, residual ? 3 : 1);
        c->problem.epilogue = EPILOGUES[e];
        c->problem.epilogue.from = SIZES[i].from;
        if (residual) add_residual(c);
      }
  icn_case *c = add(list, 2, 8, 5, 5, 24, &(window){{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 2}); /* groups: only the universal row */
  c->problem.epilogue = (icn_epilogue){ICN_FN_RELU, 0, 0, 16};
  c = add(list, 1, 32, 5, 5, 32, &(window){{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 32});
  c->problem.epilogue = (icn_epilogue){ICN_FN_RELU, 0, 0, 16};
}

/* Lines that some channels have turned. Where the window turns: inside of every tile, at the panels of some rows, at those of all. */
static void add_turned(icn_case_list *list) {
  static const window LINES[] = {
      {{1, 3}, {1, 1}, {1, 1}, {0, 1}, {0, 1}, 1}, {{3, 1}, {1, 1}, {1, 1}, {1, 0}, {1, 0}, 1},
      {{1, 5}, {1, 1}, {1, 2}, {0, 4}, {0, 4}, 1},                                              /* dilated */
      {{4, 1}, {1, 1}, {1, 1}, {2, 0}, {1, 0}, 1},                                              /* even, padded unequally */
      {{7, 1}, {2, 2}, {1, 1}, {3, 0}, {3, 0}, 1}, {{1, 3}, {1, 1}, {1, 1}, {1, 2}, {1, 2}, 1}, /* padded on all sides */
  };
  static const struct {
    int64_t n, c, h, w, oc;
    int32_t turned;
  } SIZES[] = {{1, 6, 8, 8, 96, 48}, {2, 17, 7, 5, 128, 64},  {1, 4, 9, 6, 97, 64},   {2, 3, 5, 8, 201, 192}, {1, 5, 6, 7, 14, 5},
               {1, 7, 3, 3, 40, 8},  {1, 40, 5, 6, 136, 128}, {2, 48, 4, 5, 300, 256}}; /* the last two: at the panels of all, deep enough
                                                                                           for parts */
  enum { LINE_COUNT = sizeof LINES / sizeof LINES[0], SIZE_COUNT = sizeof SIZES / sizeof SIZES[0] };
  for (int i = 0; i < LINE_COUNT * SIZE_COUNT; i++) {
    const int line = i / SIZE_COUNT, size = i % SIZE_COUNT, kind = line + size;
    icn_case *c = add(list, SIZES[size].n, SIZES[size].c, SIZES[size].h, SIZES[size].w, SIZES[size].oc, &LINES[line]);
    c->problem.turned = SIZES[size].turned;
    if (kind % 2 == 0) c->problem.epilogue.function = ICN_FN_RELU;
    if (kind % 3 == 0) icn_case_constant(c, ICN_CONV_SCALE, 1, (const int64_t[]){SIZES[size].oc});
    if (kind % 4 == 0) add_residual(c);
    if (kind % 5 == 0) c->problem.epilogue = (icn_epilogue){ICN_FN_CLIP, -0.5f, 1.5f, SIZES[size].turned % 16 == 0 ? 16 : 0};
    if (kind % 7 == 1) c->flags |= ICN_CASE_SPECIAL;
  }
  icn_case *c = add(list, 2, 5, 6, 7, 9, &LINES[0]); /* the input in the model's order: only the universal row reads it */
  c->flags |= ICN_CASE_VIEWS_GIVEN;
  c->problem.turned = 4;
  c->problem.in[ICN_CONV_X] = icn_view_dense(&c->problem.in[ICN_CONV_X].shape);
  c->problem.out = icn_view_device(&c->problem.out.shape, 12);
  c = add(list, 1, 384, 8, 8, 768, &LINES[0]); /* as the network has it */
  c->flags |= ICN_CASE_LARGE;
  c->problem.turned = 384;
}

/* Weight scale, no bias, weights that are not constant. */
static void add_inputs(icn_case_list *list) {
  static const int64_t SIZES[][3] = {{4, 7, 1}, {7, 7, 7}, {4, 40, 1}, {40, 40, 40}}; /* c, oc, groups */
  for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
    const window win = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, SIZES[i][2]};
    icn_case *c = add(list, 1, SIZES[i][0], 5, 6, SIZES[i][1], &win);
    icn_case_constant(c, ICN_CONV_SCALE, 1, (const int64_t[]){SIZES[i][1]});
    c = add(list, 1, SIZES[i][0], 5, 6, SIZES[i][1], &win);
    c->problem.present &= ~(1U << ICN_CONV_BIAS);
    c->problem.constant &= ~(1U << ICN_CONV_BIAS);
    memset(&c->problem.in[ICN_CONV_BIAS], 0, sizeof c->problem.in[ICN_CONV_BIAS]);
    c = add(list, 1, SIZES[i][0], 5, 6, SIZES[i][1], &win);
    c->problem.constant = 0;
  }
}

/* Input or output in the model's order: only the universal row reads them. */
static void add_views(icn_case_list *list) {
  static const window SAME = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1};
  icn_case *c = add(list, 2, 5, 6, 7, 9, &SAME);
  c->flags |= ICN_CASE_VIEWS_GIVEN;
  c->problem.in[ICN_CONV_X] = icn_view_dense(&c->problem.in[ICN_CONV_X].shape);
  c->problem.out = icn_view_device(&c->problem.out.shape, 12);
  c = add(list, 2, 5, 6, 7, 9, &SAME);
  c->flags |= ICN_CASE_VIEWS_GIVEN;
  c->problem.in[ICN_CONV_X] = icn_view_device(&c->problem.in[ICN_CONV_X].shape, 0);
  c->problem.out = icn_view_dense(&c->problem.out.shape);
}

static void add_transposed(icn_case_list *list) {
  static const window WINDOWS[] = {
      {{3, 3}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1}, {{3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, 1}, {{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, 1},
      {{4, 3}, {3, 2}, {1, 2}, {1, 0}, {2, 1}, 1}, {{3, 3}, {2, 1}, {2, 2}, {1, 1}, {1, 1}, 2}, {{1, 5}, {1, 3}, {1, 1}, {0, 2}, {0, 2}, 3},
  };
  for (size_t i = 0; i < sizeof WINDOWS / sizeof WINDOWS[0]; i++)
    for (int64_t more = 0; more < 2; more++) { /* output padding */
      const window *w = &WINDOWS[i];
      const int64_t n = 2, c = 6, h = 4, wide = 5, oc = 6;
      int64_t out[2];
      const int64_t in[2] = {h, wide};
      for (int k = 0; k < 2; k++)
        out[k] = (in[k] - 1) * w->stride[k] + w->dilation[k] * (w->kernel[k] - 1) + 1 - w->begin[k] - w->end[k] + more;
      icn_case *x = icn_case_add(list, ICN_OP_CONV_TRANSPOSE, 0);
      x->problem.params = params_of(w);
      x->problem.epilogue.function = more ? ICN_FN_RELU : ICN_FN_IDENTITY;
      icn_case_input(x, ICN_CONV_X, 4, (const int64_t[]){n, c, h, wide});
      icn_case_constant(x, ICN_CONV_WEIGHT, 4, (const int64_t[]){c, oc / w->groups, w->kernel[0], w->kernel[1]});
      if (more) icn_case_constant(x, ICN_CONV_BIAS, 1, (const int64_t[]){oc});
      icn_case_output(x, 4, (const int64_t[]){n, oc, out[0], out[1]});
    }
}

/* NaN and infinity in the input: they reach exactly the outputs whose windows cover them, through every epilogue. */
static void add_specials(icn_case_list *list) {
  static const window SAME = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1}, ODD = {{2, 3}, {2, 1}, {1, 2}, {1, 0}, {0, 2}, 1},
                      ONE = {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1}, DEPTHWISE = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 20},
                      GROUPS = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 2};
  static const struct {
    int64_t n, c, h, w, oc;
    const window *window;
  } CASES[] = {{1, 3, 9, 9, 5, &SAME},  {2, 6, 7, 8, 48, &SAME},       {1, 4, 8, 7, 33, &ODD},
               {1, 17, 6, 6, 40, &ONE}, {2, 20, 7, 6, 20, &DEPTHWISE}, {1, 4, 7, 7, 6, &GROUPS}};
  static const icn_epilogue EPILOGUES[] = {{ICN_FN_IDENTITY, 0, 0, 0}, {ICN_FN_RELU, 0, 0, 0}, {ICN_FN_CLIP, -0.5f, 1.5f, 0}};
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
    for (size_t e = 0; e < sizeof EPILOGUES / sizeof EPILOGUES[0]; e++) {
      icn_case *c = add(list, CASES[i].n, CASES[i].c, CASES[i].h, CASES[i].w, CASES[i].oc, CASES[i].window);
      c->flags |= ICN_CASE_SPECIAL;
      c->problem.epilogue = EPILOGUES[e];
      if (e == 1) add_residual(c);
    }
}

/* Few input channels, as first layers have them: windows and strides of usual networks, every number of channels, odd numbers of outputs,
 * more than one image, activations behind linear channels. */
static void add_first(icn_case_list *list) {
  static const window WINDOWS[] = {{{3, 3}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, 1},
                                   {{7, 7}, {2, 2}, {1, 1}, {3, 3}, {3, 3}, 1},
                                   {{5, 4}, {1, 3}, {2, 1}, {2, 0}, {1, 2}, 1}};
  static const int64_t SIZES[][5] = {{1, 3, 15, 17, 32}, {2, 1, 13, 11, 24}, {1, 4, 14, 13, 65}, {3, 2, 12, 9, 7}};
  for (size_t i = 0; i < sizeof WINDOWS / sizeof WINDOWS[0]; i++)
    for (size_t k = 0; k < sizeof SIZES / sizeof SIZES[0]; k++) {
      icn_case *c = add(list, SIZES[k][0], SIZES[k][1], SIZES[k][2], SIZES[k][3], SIZES[k][4], &WINDOWS[i]);
      c->problem.epilogue = (icn_epilogue){(i + k) % 2 == 0 ? ICN_FN_RELU : ICN_FN_LEAKY_RELU, 0.25f, 0, k == 0 ? 8 : k == 2 ? 40 : 0};
      if ((i + k) % 3 == 0) add_residual(c);
    }
}

/* Stride 2 on few channels without room between pixels, which winograd_s2d folds: every window with paddings of 0 to 3, more outputs than
 * a panel has and no whole vectors of them, images smaller than a tile. */
static void add_s2d_windows(icn_case_list *list) {
  static const window WINDOWS[] = {{{3, 3}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, 1}, {{3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, 1},
                                   {{5, 5}, {2, 2}, {1, 1}, {2, 2}, {2, 2}, 1}, {{5, 5}, {2, 2}, {1, 1}, {0, 1}, {3, 2}, 1},
                                   {{7, 7}, {2, 2}, {1, 1}, {3, 3}, {3, 3}, 1}, {{7, 7}, {2, 2}, {1, 1}, {2, 0}, {3, 1}, 1}};
  static const int64_t SIZES[][5] = {{2, 1, 23, 29, 33}, {1, 2, 30, 27, 70}, {2, 3, 31, 34, 24}, {1, 4, 28, 33, 129}};
  static const icn_epilogue EPILOGUES[] = {{ICN_FN_RELU, 0, 0, 0}, {ICN_FN_CLIP, -0.5f, 1.5f, 0}, {ICN_FN_IDENTITY, 0, 0, 0}};
  for (size_t i = 0; i < sizeof WINDOWS / sizeof WINDOWS[0]; i++)
    for (size_t k = 0; k < sizeof SIZES / sizeof SIZES[0]; k++) {
      icn_case *c = add(list, SIZES[k][0], SIZES[k][1], SIZES[k][2], SIZES[k][3], SIZES[k][4], &WINDOWS[i]);
      c->problem.epilogue = EPILOGUES[(i + k) % 3];
      if ((i + k) % 4 == 1) add_residual(c);
      if ((i + k) % 5 == 2) icn_case_constant(c, ICN_CONV_SCALE, 1, (const int64_t[]){SIZES[k][4]});
      if ((i + k) % 4 == 2) c->flags |= ICN_CASE_SPECIAL;
    }
  for (int64_t c = 1; c <= 4; c++) {
    add(list, 2, c, 1, 1, 20, &WINDOWS[4]);
    add(list, 1, c, 1, 9, 5, &WINDOWS[2]);
    add(list, 1, c, 12, 1, 5, &WINDOWS[1]);
  }
}

static void give_views(icn_case *c, int64_t x_stride, int64_t y_stride) {
  c->flags |= ICN_CASE_VIEWS_GIVEN;
  c->problem.in[ICN_CONV_X] = icn_view_device(&c->problem.in[ICN_CONV_X].shape, x_stride);
  c->problem.out = icn_view_device(&c->problem.out.shape, y_stride);
  c->problem.out.offset = 5;
}

/* Windows that end with the image: for each m some of these do, and a vector of the last pixel would be read beyond it. The output's
 * pixels are apart; the input's in the last case, too, which is not folded. */
static void add_s2d_ends(icn_case_list *list) {
  static const int64_t SIDES[][2] = {{3, 10}, {3, 14}, {5, 12}, {5, 16}, {7, 14}, {7, 18}};
  for (size_t i = 0; i < sizeof SIDES / sizeof SIDES[0]; i++)
    for (int64_t c = 1; c <= 4; c++) {
      const window w = {{SIDES[i][0], SIDES[i][0]}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, 1};
      give_views(add(list, 1 + c % 2, c, SIDES[i][1], SIDES[i][1], 8, &w), 0, 11);
    }
  const window w = {{7, 7}, {2, 2}, {1, 1}, {3, 3}, {3, 3}, 1};
  for (int64_t gap = 0; gap < 2; gap++) {
    icn_case *c = add(list, 2, 3, 25, 30, 40, &w);
    c->problem.epilogue.function = ICN_FN_RELU;
    give_views(c, 3 + gap, 56);
  }
}

void icn_cases_conv(icn_case_list *list) {
  add_windows(list);
  add_channels(list);
  add_groups(list);
  add_epilogues(list);
  add_linear(list);
  add_turned(list);
  add_inputs(list);
  add_views(list);
  add_specials(list);
  add_transposed(list);
  size_t count;
  const icn_network_layer *layers = icn_inception_v3_layers(&count);
  add_network(list, layers, count);
  layers = icn_googlenet_layers(&count);
  add_network(list, layers, count);
  add_first(list);
  add_s2d_windows(list);
  add_s2d_ends(list);
}
