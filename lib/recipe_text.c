/* Recipes as text. */
#include "recipe_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_DIGITS = 15, MOST_EXPONENT = 22 };

static const char *const RESIZES[] = {
    [ICN_RESIZE_BICUBIC] = "bicubic", [ICN_RESIZE_BILINEAR] = "bilinear", [ICN_RESIZE_NEAREST] = "nearest"};

/* A word or a part of one. */
typedef struct piece {
  const char *start;
  size_t length;
} piece;

static bool is(piece p, const char *word) { return p.length == strlen(word) && memcmp(p.start, word, p.length) == 0; }

/* The piece up to the next `separator`; *rest is what is behind it, of length 0 and NULL when there is none. */
static piece cut(piece whole, char separator, piece *rest) {
  const char *at = memchr(whole.start, separator, whole.length);
  if (at == NULL) {
    *rest = (piece){NULL, 0};
    return whole;
  }
  const size_t length = (size_t)(at - whole.start);
  *rest = (piece){at + 1, whole.length - length - 1};
  return (piece){whole.start, length};
}

/* ----------------------------------------------------------------- numbers */

static double power_of_ten(int exponent) {
  double power = 1.0;
  while (exponent-- > 0) power *= 10.0; /* exact up to 10^22 */
  return power;
}

static bool read_exponent(piece p, int *exponent) {
  const bool minus = p.length > 0 && p.start[0] == '-', sign = minus || (p.length > 0 && p.start[0] == '+');
  int value = 0;
  if (p.length == sign || p.length > 3) return false;
  for (size_t i = sign; i < p.length; i++) {
    if (p.start[i] < '0' || p.start[i] > '9') return false;
    value = value * 10 + (p.start[i] - '0');
  }
  *exponent = minus ? -value : value;
  return true;
}

/* Correctly rounded: the digits and the power of ten are whole numbers that a double holds. */
static bool read_decimal(piece p, double *number) {
  const bool minus = p.length > 0 && p.start[0] == '-';
  int digits = 0, behind = 0, exponent = 0;
  bool point = false;
  double value = 0.0;
  size_t i = minus;
  for (; i < p.length && p.start[i] != 'e'; i++) {
    const char c = p.start[i];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9' || ++digits > MOST_DIGITS) return false;
    value = value * 10.0 + (c - '0');
    behind += point;
  }
  if (digits == 0) return false;
  if (i < p.length && !read_exponent((piece){p.start + i + 1, p.length - i - 1}, &exponent)) return false;
  exponent -= behind;
  if (exponent > MOST_EXPONENT || exponent < -MOST_EXPONENT) return false;
  value = exponent < 0 ? value / power_of_ten(-exponent) : value * power_of_ten(exponent);
  *number = minus ? -value : value;
  return true;
}

/* "0.5" or "1/255" */
static bool read_number(piece p, float *number) {
  piece under;
  double above = 0.0, below = 1.0;
  const piece over = cut(p, '/', &under);
  if (!read_decimal(over, &above)) return false;
  if (under.start != NULL && (!read_decimal(under, &below) || below == 0.0)) return false;
  const double value = above / below;
  if (!(fabs(value) <= 1e30)) return false;
  *number = under.start != NULL ? (float)above / (float)below : (float)value; /* as C reads "1.0F / 255.0F" */
  return true;
}

static bool read_numbers(piece p, float numbers[3]) {
  piece rest = p;
  int count = 0;
  while (rest.start != NULL) {
    const piece one = cut(rest, ',', &rest);
    if (count == 3 || !read_number(one, &numbers[count])) return false;
    count++;
  }
  if (count == 1) numbers[1] = numbers[2] = numbers[0];
  return count != 2;
}

static bool read_whole(piece p, int largest, int *number) {
  float value;
  if (p.length > 6 || memchr(p.start, '.', p.length) != NULL || !read_number(p, &value)) return false;
  if (value < 1.0F || value > (float)largest || value != floorf(value)) return false;
  *number = (int)value;
  return true;
}

/* ----------------------------------------------------------------- reading */

static bool set_resize(piece value, icn_preprocess *p) {
  for (size_t i = 0; i < sizeof RESIZES / sizeof *RESIZES; i++) {
    if (!is(value, RESIZES[i])) continue;
    p->resize = (icn_resize)i;
    return true;
  }
  return false;
}

static bool set_shorter(piece value, icn_preprocess *p) {
  if (is(value, "none")) {
    p->resize_shorter = 0;
    return true;
  }
  if (is(value, "8/7")) {
    p->resize_shorter = -1;
    return true;
  }
  return read_whole(value, 32768, &p->resize_shorter);
}

static bool set_central(piece value, icn_preprocess *p) {
  float percent;
  if (value.length < 2 || value.start[value.length - 1] != '%') return false;
  value.length--;
  if (!read_number(value, &percent) || !(percent >= 0.1F && percent <= 100.0F)) return false;
  p->central = (float)((double)percent / 100.0);
  return true;
}

static bool set_order(piece value, icn_preprocess *p) {
  p->bgr = is(value, "bgr");
  return p->bgr != 0 || is(value, "rgb");
}

static bool set_scale(piece value, icn_preprocess *p) { return read_number(value, &p->scale); }
static bool set_mean(piece value, icn_preprocess *p) { return read_numbers(value, p->mean); }
static bool set_std(piece value, icn_preprocess *p) {
  return read_numbers(value, p->std) && p->std[0] != 0.0F && p->std[1] != 0.0F && p->std[2] != 0.0F;
}

static const struct {
  const char *key;
  bool (*set)(piece value, icn_preprocess *preprocess);
  const char *expected;
} KEYS[] = {
    {"resize", set_resize, "bicubic, bilinear or nearest"},
    {"shorter", set_shorter, "a number of pixels from 1 to 32768, 8/7 or none"},
    {"central", set_central, "a percentage such as 87.5%, from 0.1%"},
    {"order", set_order, "rgb or bgr"},
    {"scale", set_scale, "a number such as 1/255"},
    {"mean", set_mean, "one number, or three with commas"},
    {"std", set_std, "one number, or three with commas, none of them 0"},
};

static icn_status read_word(piece word, icn_preprocess *preprocess, icn_error *error) {
  piece value;
  const piece key = cut(word, '=', &value);
  for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
    if (!is(key, KEYS[i].key) || value.start == NULL) continue;
    if (KEYS[i].set(value, preprocess)) return ICN_OK;
    return icn_error_set(error, ICN_FORMAT, "the recipe's '%.*s' is not right: %s= wants %s", word.length < 60 ? (int)word.length : 60,
                         word.start, KEYS[i].key, KEYS[i].expected);
  }
  return icn_error_set(error, ICN_FORMAT,
                       "the recipe has a word '%.*s' that nobody knows; behind its name stand resize=, shorter=, central=, order=, scale=, "
                       "mean= and std=",
                       word.length < 60 ? (int)word.length : 60, word.start);
}

icn_status icn_recipe_read(const char *text, icn_preprocess *preprocess, icn_error *error) {
  icn_status status = ICN_OK;
  char name[32];
  bool changed = false;
  piece rest;
  ICN_REQUIRE(strlen(text) < ICN_RECIPE_TEXT_BYTES, ICN_FORMAT, "the recipe is a text of %zu characters; at most %d are read", strlen(text),
              ICN_RECIPE_TEXT_BYTES - 1);
  const piece first = cut((piece){text, strlen(text)}, ' ', &rest);
  ICN_REQUIRE(first.length > 0 && first.length < sizeof name, ICN_FORMAT, "the recipe '%.60s' does not begin with the name of one", text);
  memcpy(name, first.start, first.length);
  name[first.length] = '\0';
  if (icn_preprocess_recipe(preprocess, name, NULL) != ICN_OK)
    ICN_FAIL(ICN_FORMAT, "the recipe begins with '%s', but there are unit, torchvision, tf-slim, keras and caffe", name);
  while (rest.start != NULL) {
    const piece word = cut(rest, ' ', &rest);
    if (word.length == 0) continue; /* several spaces */
    ICN_TRY(read_word(word, preprocess, error));
    changed = true;
  }
  if (changed) preprocess->name = text;
done:
  return status;
}

/* ----------------------------------------------------------------- writing */

/* The fewest digits that are read as this number; the locale's decimal mark, whatever it is, becomes a point. */
static const char *number_text(float number, char text[40]) {
  if (number == 1.0F / 255.0F) return "1/255";
  for (int digits = 3; digits <= 9; digits++) {
    char raw[40];
    size_t length = 0;
    float back = 0.0F;
    snprintf(raw, sizeof raw, "%.*g", digits, (double)number);
    for (const char *c = raw; *c != '\0'; c++) {
      const bool plain = (*c >= '0' && *c <= '9') || *c == '-' || *c == 'e';
      if (plain)
        text[length++] = *c;
      else if (*c != '+' && (length == 0 || text[length - 1] != '.'))
        text[length++] = '.';
    }
    text[length] = '\0';
    if (read_number((piece){text, length}, &back) && back == number) break;
  }
  return text;
}

static void append(char *text, const char *word, const char *value) {
  const size_t length = strlen(text);
  snprintf(text + length, ICN_RECIPE_TEXT_BYTES - length, " %s=%s", word, value);
}

static void append_three(char *text, const char *word, const float number[3]) {
  char value[128], one[3][40];
  const char *a = number_text(number[0], one[0]), *b = number_text(number[1], one[1]), *c = number_text(number[2], one[2]);
  if (number[0] == number[1] && number[1] == number[2])
    snprintf(value, sizeof value, "%s", a);
  else
    snprintf(value, sizeof value, "%s,%s,%s", a, b, c);
  append(text, word, value);
}

static bool same_three(const float a[3], const float b[3]) { return a[0] == b[0] && a[1] == b[1] && a[2] == b[2]; }

/* The percentage that is read as this part. */
static void append_central(char *text, float part) {
  char value[48], number[40];
  snprintf(value, sizeof value, "%s%%", number_text((float)((double)part * 100.0), number));
  append(text, "central", value);
}

static void write_differences(const icn_preprocess *p, const icn_preprocess *base, char *text) {
  char number[40];
  if (p->resize != base->resize) append(text, "resize", RESIZES[p->resize]);
  if (p->resize_shorter != base->resize_shorter) {
    snprintf(number, sizeof number, "%d", p->resize_shorter);
    append(text, "shorter", p->resize_shorter < 0 ? "8/7" : p->resize_shorter == 0 ? "none" : number);
  }
  if (p->central != base->central) append_central(text, p->central);
  if ((p->bgr != 0) != (base->bgr != 0)) append(text, "order", p->bgr != 0 ? "bgr" : "rgb");
  if (p->scale != base->scale) append(text, "scale", number_text(p->scale, number));
  if (!same_three(p->mean, base->mean)) append_three(text, "mean", p->mean);
  if (!same_three(p->std, base->std)) append_three(text, "std", p->std);
}

icn_status icn_recipe_write(const icn_preprocess *preprocess, char text[ICN_RECIPE_TEXT_BYTES], icn_error *error) {
  static const char *const NAMES[] = {"unit", "torchvision", "tf-slim", "keras", "caffe"};
  icn_status status = ICN_OK;
  char one[ICN_RECIPE_TEXT_BYTES];
  icn_preprocess base, back;
  ICN_TRY(icn_preprocess_check(preprocess, 32768, 32768, error));
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) { /* the one that needs the fewest words behind it */
    ICN_TRY(icn_preprocess_recipe(&base, NAMES[i], error));
    snprintf(one, sizeof one, "%s", base.name);
    write_differences(preprocess, &base, one);
    if (i == 0 || strlen(one) < strlen(text)) memcpy(text, one, strlen(one) + 1);
  }
  if (icn_recipe_read(text, &back, NULL) != ICN_OK) /* numbers beyond what the text has */
    ICN_FAIL(ICN_ARGUMENT, "the recipe's numbers are too large or too small for a text: %.100s", text);
done:
  return status;
}
