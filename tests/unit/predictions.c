/* Kept predictions: what is written is read again, and each way in which a file can lie is refused in one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/model/predictions.h"

static const char *const path = "/tmp/equant-predictions";
static struct eq_model model;
static struct eq_pool *pool;

/* Where the header's numbers lie. */
enum {
  VERSION = 8,
  DIGEST = 16,
  BODY = 24,
  VOCAB = 32,
  WIDTH = 40,
  ROWS = 48,
  SEGMENTS = 56,
  CONTEXT = 64,
  STRIDE = 72,
  UNSCORED = 80,
  WHOLE = 88,
  FULL = 96,
  SCALE = 120,
  SOFTCAP = 128,
  HAS_BIAS = 136,
  MODEL = 144,
  RECIPE = 152,
  HEADER = 160
};

static const struct eq_kept_how how = { .cut = { .context = 32, .stride = 16 }, .prefix = 1, .mask = -1 };

/* The bytes of a small good file, at a multiple of 8. */
struct bytes {
  char *p;
  size_t n;
};

static struct bytes good_file(void) {
  struct eq_err err = { 0 };
  const struct eq_treatment **treatments = calloc(model.n_params, sizeof *treatments);
  struct eq_predictions_writer *w = eq_predictions_create(path, &model, treatments, "none", how, &err);
  float rows[5 * 16];
  for (size_t i = 0; i < 5 * 16; i++) rows[i] = (float)i;
  assert_non_null(w);
  assert_int_equal(model.config.dims[EQ_D_EMBED], 16);
  for (uint32_t i = 0; i < 3; i++)
    assert_true(eq_predictions_add_segment(w, eq_kept_key(&i, NULL, 1), i ? 2 : 1, &err));
  eq_predictions_add_rows(w, rows, 3);
  eq_predictions_add_rows(w, rows + 3 * 16, 2);
  assert_int_not_equal(access(path, F_OK), 0); /* not before it is whole */
  assert_true(eq_predictions_commit(w, &err));
  eq_predictions_free(w);
  free(treatments);
  struct eq_file f;
  assert_true(eq_file_map(&f, path, &err));
  struct bytes b = { malloc(f.size), f.size };
  memcpy(b.p, f.data, f.size);
  eq_file_unmap(&f);
  unlink(path);
  return b;
}

static void put(struct bytes b, size_t at, uint64_t value) { memcpy(b.p + at, &value, sizeof value); }
static uint64_t get(struct bytes b, size_t at) {
  uint64_t value;
  memcpy(&value, b.p + at, sizeof value);
  return value;
}

/* Makes the digests fit what is there. */
static void sign(struct bytes b) {
  put(b, BODY, XXH3_64bits(b.p + HEADER, b.n - HEADER));
  put(b, DIGEST, 0);
  put(b, DIGEST, XXH3_64bits(b.p, HEADER));
}

static void refused(struct bytes b, const char *expected) {
  struct eq_predictions p;
  struct eq_err err = { 0 };
  assert_false(eq_predictions_parse(&p, "x.logits", b.p, b.n, &err));
  assert_int_equal(err.code, EQ_BAD);
  if (!strstr(err.text, expected) || strchr(err.text, '\n')) fail_msg("'%s' is not in: %s", expected, err.text);
}

static void what_is_written_is_read_again(void **state) {
  (void)state;
  struct bytes b = good_file();
  struct eq_predictions p;
  struct eq_err err = { 0 };
  if (!eq_predictions_parse(&p, "x", b.p, b.n, &err)) fail_msg("%s", err.text);
  assert_true(eq_str_is(p.model, model.name) && eq_str_is(p.recipe, "none"));
  assert_true(p.vocab == 17 && p.width == 16 && p.n_rows == 5 && p.n_segments == 3 && !p.bias);
  assert_memory_equal(&p.how.cut, &how.cut, sizeof how.cut);
  size_t head = (size_t)eq_model_at(&model, model.n_levels - 1, EQ_W_HEAD);
  assert_memory_equal(p.matrix, model.weights[head].tensor->data, 17 * 16 * sizeof(float));
  for (uint32_t i = 0, first = 0; i < 3; i++) {
    const struct eq_kept_segment *s = eq_predictions_find(&p, eq_kept_key(&i, NULL, 1));
    assert_non_null(s);
    assert_true(s->first == first && s->n == (i ? 2 : 1));
    assert_true(p.rows[s->first * 16] == (float)first * 16);
    first += (uint32_t)s->n;
  }
  uint32_t other = 3;
  assert_null(eq_predictions_find(&p, eq_kept_key(&other, NULL, 1)));
  struct eq_kept_how longer = how;
  assert_true(eq_predictions_fit(&p, &model, how, &err));
  longer.cut.context = 64;
  assert_false(eq_predictions_fit(&p, &model, longer, &err));
  free(b.p);
}

static void a_header_that_lies_is_refused(void **state) {
  (void)state;
  static const struct {
    size_t at;
    uint64_t value;
    const char *expected;
  } lies[] = {
    { 0, 0, "is not a file of kept logits" },
    { VERSION, 2, "of version 2, expected 1" },
    { VOCAB, 0, "impossible sizes" },
    { VOCAB, 1 << 28, "fewer or more" },
    { VOCAB, UINT64_MAX, "impossible sizes" },
    { WIDTH, 0, "impossible sizes" },
    { WIDTH, (uint64_t)1 << 62, "impossible sizes" },
    { WIDTH, 1 << 28, "fewer or more" },
    { WIDTH, 15, "fewer or more" },
    { ROWS, 4, "fewer or more" },
    { ROWS, UINT64_MAX, "fewer or more" },
    { ROWS, (uint64_t)1 << 58, "fewer or more" }, /* times 64 bytes overflows */
    { SEGMENTS, 2, "fewer or more" },
    { SEGMENTS, (uint64_t)1 << 59, "fewer or more" },
    { CONTEXT, 0, "impossible sizes" },
    { STRIDE, 0, "impossible sizes" },
    { UNSCORED, 32, "impossible sizes" },
    { WHOLE, 2, "impossible sizes" },
    { FULL, 2, "impossible sizes" },
    { SCALE, 0x7ff0000000000000, "impossible sizes" },
    { SOFTCAP, 0x7ff8000000000000, "impossible sizes" },
    { HAS_BIAS, 1, "fewer or more" },
    { HAS_BIAS, 3, "impossible sizes" },
    { MODEL, 1 << 20, "impossible sizes" },
    { RECIPE, 60000, "fewer or more" },
  };
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    struct bytes b = good_file();
    put(b, lies[i].at, lies[i].value);
    sign(b);
    refused(b, lies[i].expected);
    free(b.p);
  }
}

static void segments_that_lie_are_refused(void **state) {
  (void)state;
  struct bytes b = good_file();
  size_t last = b.n - 32;
  uint64_t first = get(b, last + 16);
  put(b, last + 16, 6);
  sign(b);
  refused(b, "has rows beyond the 5");
  put(b, last + 16, 0);
  put(b, last + 24, UINT64_MAX);
  sign(b);
  refused(b, "has rows beyond the 5");
  put(b, last + 16, first), put(b, last + 24, 1);
  put(b, last + 8, 0), put(b, last, 0);
  sign(b);
  refused(b, "segment 2 is out of order");
  b.p[HEADER] = '\xff';
  sign(b);
  refused(b, "not UTF-8");
  free(b.p);
}

static void a_file_that_was_cut_or_altered_is_refused(void **state) {
  (void)state;
  struct bytes b = good_file();
  struct eq_predictions p;
  for (size_t n = 0; n < b.n; n++) { /* at every byte, and so in every section */
    struct eq_err err = { 0 };
    char *copy = malloc(n ? n : 1); /* of its own size: make SAN=1 */
    memcpy(copy, b.p, n);
    assert_false(eq_predictions_parse(&p, "x", copy, n, &err));
    free(copy);
  }
  for (size_t i = 0; i < b.n; i++) {
    struct eq_err err = { 0 };
    b.p[i] ^= 16;
    assert_false(eq_predictions_parse(&p, "x", b.p, b.n, &err));
    b.p[i] ^= 16;
  }
  free(b.p);
}

static void nothing_shows_of_a_file_that_is_not_committed(void **state) {
  (void)state;
  struct eq_err err = { 0 };
  const struct eq_treatment **treatments = calloc(model.n_params, sizeof *treatments);
  struct eq_predictions_writer *w = eq_predictions_create(path, &model, treatments, "none", how, &err);
  assert_non_null(w);
  eq_predictions_free(w);
  assert_int_not_equal(access(path, F_OK), 0);
  assert_null(eq_predictions_create("/nowhere/at/all", &model, treatments, "none", how, &err));
  assert_non_null(strstr(err.text, "/nowhere/at/all"));
  free(treatments);
}

static int set_up(void **state) {
  struct eq_err err = { 0 };
  (void)state;
  unlink(path);
  return (pool = eq_pool_new(1, &err)) && eq_model_open(&model, "tests/golden/models/llama", pool, &err) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  eq_model_close(&model);
  eq_pool_free(pool);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_written_is_read_again),
    cmocka_unit_test(a_header_that_lies_is_refused),
    cmocka_unit_test(segments_that_lie_are_refused),
    cmocka_unit_test(a_file_that_was_cut_or_altered_is_refused),
    cmocka_unit_test(nothing_shows_of_a_file_that_is_not_committed),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
