/* Resizing as Pillow does it: two separable passes (columns first, then rows), each in 22-bit fixed point and rounded to 8 bits; when the
 * picture gets smaller, the filter is stretched by the ratio (antialiasing). Pictures resized here and there agree value by value. */
#include <math.h>
#include <string.h>

#include "image.h"

enum { PRECISION_BITS = 32 - 8 - 2, CHANNELS = 3 };

typedef struct filter {
  double (*weight)(double x);
  double support; /* weight is 0 from here on */
} filter;

static double bilinear_weight(double x) {
  x = fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic convolution with a = -0.5. */
static double bicubic_weight(double x) {
  const double a = -0.5;
  x = fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

/* One output pixel of one axis: the weighted sum of `count` source pixels from `first` on. */
typedef struct tap_range {
  int first, count;
} tap_range;

typedef struct taps {
  tap_range *ranges;
  int32_t *weights; /* [outputs][stride], fixed point */
  int stride;
} taps;

static void taps_fini(taps *t, const icn_allocator *allocator) {
  icn_release(allocator, t->ranges);
  icn_release(allocator, t->weights);
}

static tap_range tap_weights(const filter *f, int in_size, double scale, int64_t out, double *weights) {
  double stretch = scale > 1.0 ? scale : 1.0, support = f->support * stretch;
  double center = ((double)out + 0.5) * scale, sum = 0.0;
  double low = center - support + 0.5, high = center + support + 0.5;
  int first = low > 0.0 ? (int)low : 0, end = high < in_size ? (int)high : in_size;
  for (int i = 0; i < end - first; i++) {
    weights[i] = f->weight((i + first - center + 0.5) * (1.0 / stretch));
    sum += weights[i];
  }
  for (int i = 0; i < end - first; i++) weights[i] = sum != 0.0 ? weights[i] / sum : weights[i];
  return (tap_range){first, end - first};
}

/* Taps for the outputs [start, start + count) of an axis resized from in_size to full_size. */
static icn_status taps_make(const icn_allocator *allocator, const filter *f, int in_size, int64_t full_size, int64_t start, int count,
                            taps *t, icn_error *error) {
  icn_status status = ICN_OK;
  double scale = (double)in_size / (double)full_size;
  double reach = ceil(f->support * (scale > 1.0 ? scale : 1.0));
  t->stride = reach * 2 + 1 < in_size ? (int)reach * 2 + 1 : in_size;
  t->ranges = icn_allocate_array(allocator, (size_t)count, sizeof *t->ranges);
  t->weights = icn_allocate_array(allocator, (size_t)count * (size_t)t->stride, sizeof *t->weights);
  double *exact = icn_allocate_array(allocator, (size_t)t->stride, sizeof *exact);
  if (t->ranges == NULL || t->weights == NULL || exact == NULL) {
    status = icn_error_memory(error, (size_t)count * (size_t)t->stride * sizeof *t->weights, "the weights of a resize");
    goto done;
  }
  for (int i = 0; i < count; i++) {
    t->ranges[i] = tap_weights(f, in_size, scale, start + i, exact);
    for (int k = 0; k < t->ranges[i].count; k++) {
      double fixed = exact[k] * (1 << PRECISION_BITS);
      t->weights[(size_t)i * (size_t)t->stride + (size_t)k] = (int32_t)(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    }
  }
done:
  icn_release(allocator, exact);
  return status;
}

static uint8_t to_byte(int32_t sum) {
  if (sum <= 0) return 0;
  sum >>= PRECISION_BITS;
  return (uint8_t)(sum > 255 ? 255 : sum);
}

/* One row, each pixel from its neighbours in the row. */
static void resize_row(const uint8_t *in, const taps *t, int width, uint8_t *out) {
  for (int x = 0; x < width; x++) {
    const int32_t *weight = t->weights + (size_t)x * (size_t)t->stride;
    const uint8_t *pixel = in + (size_t)t->ranges[x].first * CHANNELS;
    int32_t red = 1 << (PRECISION_BITS - 1), green = red, blue = red;
    for (int k = 0; k < t->ranges[x].count; k++, pixel += CHANNELS) {
      red += pixel[0] * weight[k];
      green += pixel[1] * weight[k];
      blue += pixel[2] * weight[k];
    }
    out[x * CHANNELS] = to_byte(red);
    out[x * CHANNELS + 1] = to_byte(green);
    out[x * CHANNELS + 2] = to_byte(blue);
  }
}

/* One row from the rows of a column-resized picture above and below it. */
static void resize_column(const uint8_t *in, size_t row_bytes, const int32_t *weight, int count, int32_t *sums, uint8_t *out) {
  for (size_t i = 0; i < row_bytes; i++) sums[i] = 1 << (PRECISION_BITS - 1);
  for (int k = 0; k < count; k++, in += row_bytes)
    for (size_t i = 0; i < row_bytes; i++) sums[i] += in[i] * weight[k];
  for (size_t i = 0; i < row_bytes; i++) out[i] = to_byte(sums[i]);
}

static icn_status check_intermediate(int64_t width, int64_t height, icn_error *error) {
  if (height <= ((INT64_C(1) << 30) / CHANNELS) / width) return ICN_OK;
  return icn_error_set(error, ICN_UNSUPPORTED, "the picture is too elongated to be resized: %lldx%lld pixels between the two passes",
                       (long long)width, (long long)height);
}

/* The first pass over the source rows [row, row + rows): those that the second one needs. */
static void pass_columns(const icn_pixels *source, int row, int rows, const icn_resize_window *w, const taps *t, uint8_t *out) {
  size_t out_bytes = (size_t)w->width * CHANNELS;
  for (int y = 0; y < rows; y++, out += out_bytes) {
    const uint8_t *in = source->data + (size_t)(row + y) * source->row_bytes;
    if (w->full_width == source->width)
      memcpy(out, in + (size_t)w->x * CHANNELS, out_bytes);
    else
      resize_row(in, t, w->width, out);
  }
}

static icn_status resize_filtered(const icn_allocator *allocator, const icn_pixels *source, const filter *f, const icn_resize_window *w,
                                  uint8_t *output, icn_error *error) {
  icn_status status = ICN_OK;
  taps across = {0}, down = {0};
  uint8_t *middle = NULL;
  int32_t *sums = NULL;
  size_t row_bytes = (size_t)w->width * CHANNELS;
  bool same_height = w->full_height == source->height;
  if (w->full_width != source->width) ICN_TRY(taps_make(allocator, f, source->width, w->full_width, w->x, w->width, &across, error));
  if (same_height) { /* Pillow leaves out a pass that changes nothing, and so its rounding */
    pass_columns(source, (int)w->y, w->height, w, &across, output);
    goto done;
  }
  ICN_TRY(taps_make(allocator, f, source->height, w->full_height, w->y, w->height, &down, error));
  int first = down.ranges[0].first, rows = down.ranges[w->height - 1].first + down.ranges[w->height - 1].count - first;
  ICN_TRY(check_intermediate(w->width, rows, error));
  middle = icn_allocate(allocator, row_bytes * (size_t)rows);
  sums = icn_allocate_array(allocator, row_bytes, sizeof *sums);
  if (middle == NULL || sums == NULL) {
    status = icn_error_memory(error, row_bytes * (size_t)rows, "a picture between two passes of a resize");
    goto done;
  }
  pass_columns(source, first, rows, w, &across, middle);
  for (int y = 0; y < w->height; y++)
    resize_column(middle + (size_t)(down.ranges[y].first - first) * row_bytes, row_bytes, down.weights + (size_t)y * (size_t)down.stride,
                  down.ranges[y].count, sums, output + (size_t)y * row_bytes);
done:
  icn_release(allocator, sums);
  icn_release(allocator, middle);
  taps_fini(&across, allocator);
  taps_fini(&down, allocator);
  return status;
}

/* The pixel under each output pixel's middle. */
static void resize_nearest(const icn_pixels *source, const icn_resize_window *w, uint8_t *output) {
  double step_x = (double)source->width / (double)w->full_width, step_y = (double)source->height / (double)w->full_height;
  for (int y = 0; y < w->height; y++) {
    int64_t from_y = icn_min64((int64_t)(((double)(w->y + y) + 0.5) * step_y), source->height - 1);
    const uint8_t *row = source->data + (size_t)from_y * source->row_bytes;
    for (int x = 0; x < w->width; x++, output += CHANNELS) {
      int64_t from_x = icn_min64((int64_t)(((double)(w->x + x) + 0.5) * step_x), source->width - 1);
      memcpy(output, row + from_x * CHANNELS, CHANNELS);
    }
  }
}

icn_status icn_pixels_resize(const icn_allocator *allocator, const icn_pixels *source, icn_resize resize, const icn_resize_window *window,
                             uint8_t *output, icn_error *error) {
  static const filter bicubic = {bicubic_weight, 2.0}, bilinear = {bilinear_weight, 1.0};
  if (resize == ICN_RESIZE_NEAREST) {
    resize_nearest(source, window, output);
    return ICN_OK;
  }
  return resize_filtered(allocator, source, resize == ICN_RESIZE_BILINEAR ? &bilinear : &bicubic, window, output, error);
}
