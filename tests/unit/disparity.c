/* Damage and disparity beside NumPy's (tests/golden/disparity.py), and the cases where a number would be a lie. */
#include "lib/measure/disparity.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/random.h"
#include "lib/stream/reader.h"

static struct eq_pool *pool;

/* ---- golden ---- */

static void read_scores(struct eq_scores *scores, const char *path) {
  struct eq_err err = { 0 };
  struct eq_reader *in = eq_reader_open(path, &err);
  struct eq_record r;
  struct eq_surprisal s;
  assert_non_null(in);
  while (eq_read(in, &r)) {
    assert_true(eq_record_get(&r, &eq_kind_surprisal, &s, &err));
    assert_true(eq_scores_add(scores, &s, &err));
  }
  assert_int_equal(eq_reader_error(in)->code, EQ_OK);
  eq_reader_free(in);
  assert_true(eq_scores_close(scores, &err));
}

static struct eq_str group_of(struct eq_str lang) {
  const char *const groups[][2] = { { "ar", "low" }, { "he", "low" }, { "de", "high" }, { "en", "high" } };
  for (size_t i = 0; i < 4; i++)
    if (eq_str_is(lang, groups[i][0])) return eq_str(groups[i][1]);
  return (struct eq_str){ 0 };
}

/* Measures the first model; the caller frees d and groups. */
static bool measure(const struct eq_scores *scores, size_t replicates, struct eq_disparities *d, struct eq_str **groups,
                    struct eq_err *err) {
  *groups = calloc(scores->langs.n + 1, sizeof **groups);
  for (size_t i = 0; i < scores->langs.n; i++) (*groups)[i] = group_of(scores->langs.items[i]);
  struct eq_disparity_options o = { .base = eq_str("none"), .low = eq_str("low"), .high = eq_str("high") };
  o.groups = *groups;
  o.replicates = replicates;
  o.pool = pool;
  return eq_disparities_measure(d, scores, 0, &o, err);
}

static const struct eq_damage *damage(const struct eq_disparities *d, const char *recipe, const char *lang) {
  for (size_t i = 0; i < d->n_recipes * d->n_langs; i++)
    if (eq_str_is(d->damages[i].recipe, recipe) && eq_str_is(d->damages[i].lang, lang)) return &d->damages[i];
  fail_msg("no damage of %s under %s", lang, recipe);
  return NULL;
}

static const struct eq_disparity *disparity(const struct eq_disparities *d, const char *recipe) {
  for (size_t i = 0; i < d->n_recipes; i++)
    if (eq_str_is(d->disparities[i].recipe, recipe)) return &d->disparities[i];
  fail_msg("no disparity of %s", recipe);
  return NULL;
}

static void check_field(const struct eq_kind *kind, const void *record, const char *key, const char *expected) {
  const struct eq_field *f = eq_kind_field(kind, eq_str(key));
  assert_non_null(f);
  const char *at = (const char *)record + f->offset;
  double want = strtod(expected, NULL), is = NAN;
  if (f->type == EQ_T_STR) {
    if (!eq_str_equal(*(const struct eq_str *)at, eq_str(expected)))
      fail_msg("%s is '%.*s', expected '%s'", key, EQ_STR(*(const struct eq_str *)at), expected);
    return;
  }
  is = f->type == EQ_T_U64 ? (double)*(const uint64_t *)at : *(const double *)at;
  if (!(fabs(is - want) <= 1e-9 * fabs(want)) && !(isnan(is) && isnan(want)))
    fail_msg("%s is %.17g, expected %.17g", key, is, want);
}

static void every_number_is_numpys(void **state) {
  (void)state;
  struct eq_scores scores = { 0 };
  struct eq_disparities d;
  struct eq_str *groups;
  struct eq_err err = { 0 };
  char line[512], *part[5];
  size_t n = 0;
  read_scores(&scores, "tests/golden/surprisal.mp");
  assert_true(measure(&scores, 2000, &d, &groups, &err));
  assert_true(eq_str_is(d.disparities[0].recipe, "none"));
  FILE *f = fopen("tests/golden/disparity.tsv", "r");
  assert_non_null(f);
  for (; fgets(line, sizeof line, f); n++) {
    char *rest = line;
    line[strcspn(line, "\n")] = 0;
    for (int i = 0; i < 5; i++) part[i] = strsep(&rest, "\t");
    bool is_damage = strcmp(part[0], "damage") == 0;
    if (is_damage)
      check_field(&eq_kind_damage, damage(&d, part[1], part[2]), part[3], part[4]);
    else
      check_field(&eq_kind_disparity, disparity(&d, part[1]), part[3], part[4]);
  }
  fclose(f);
  assert_true(n > 400);
  eq_disparities_free(&d);
  eq_scores_free(&scores);
  free(groups);
}

/* ---- made by hand ---- */

/* One segment: n_scored 50, 100 bytes, vocabulary 512. */
static void add(struct eq_scores *s, const char *recipe, const char *lang, unsigned id, double bits) {
  char name[16];
  snprintf(name, sizeof name, "%u", id);
  struct eq_surprisal r = { .lang = eq_str(lang), .id = eq_str(name), .model = eq_str("m"), .recipe = eq_str(recipe) };
  r.n_tokens = r.n_scored = 50;
  r.bytes = r.chars = 100;
  r.vocab = 512;
  r.nll = bits * M_LN2;
  assert_true(eq_scores_add(s, &r, NULL));
}

/* Noise of mean 0 that is its own for each language, recipe and id. */
static double noise(const char *recipe, const char *lang, unsigned id) {
  return eq_random_f64((uint64_t)recipe[strlen(recipe) - 1], (uint64_t)(lang[0] * 256 + lang[1]), id) - 0.5;
}

/* 40 segments of en, de, ar, he with 200 bits each, and `high`, `low` bits more, give or take `wobble`. */
static void add_recipe(struct eq_scores *s, const char *recipe, double high, double low, double wobble) {
  const char *const langs[] = { "en", "de", "ar", "he" };
  for (unsigned l = 0; l < 4; l++)
    for (unsigned id = 0; id < 40; id++)
      add(s, recipe, langs[l], id, 200 + (l < 2 ? high : low) + wobble * noise(recipe, langs[l], id));
}

struct made {
  struct eq_scores scores;
  struct eq_disparities d;
  struct eq_str *groups;
  struct eq_err err;
};

static bool finish(struct made *m) {
  return eq_scores_close(&m->scores, &m->err) && measure(&m->scores, 500, &m->d, &m->groups, &m->err);
}

static void discard(struct made *m) {
  eq_disparities_free(&m->d);
  eq_scores_free(&m->scores);
  free(m->groups);
}

static void a_constant_shift_is_found_with_no_doubt(void **state) {
  (void)state;
  struct made m = { 0 };
  add_recipe(&m.scores, "none", 0, 0, 0);
  add_recipe(&m.scores, "int4", 5, 15, 0);
  assert_true(finish(&m));
  const struct eq_damage *he = damage(&m.d, "int4", "he");
  const struct eq_disparity *d = disparity(&m.d, "int4");
  assert_true(fabs(he->delta_segment - 15) < 1e-12 && fabs(he->delta_byte - 0.15) < 1e-12);
  assert_true(he->delta_segment_hi - he->delta_segment_lo < 1e-12);
  assert_true(fabs(he->deg - 100 * (exp2(15.0 / 50) - 1)) < 1e-9); /* closed form: bits over tokens */
  assert_true(fabs(he->ppl - exp2(215.0 / 50)) < 1e-9 && fabs(he->bits_char - 2.15) < 1e-12);
  assert_true(fabs(d->ratio - 3) < 1e-12 && d->ratio_hi - d->ratio_lo < 1e-12 && !d->ratio_reason.p);
  assert_true(fabs(d->legacy_he_en - (exp2(0.3) - 1) / (exp2(0.1) - 1)) < 1e-9);
  assert_true(eq_str_is(d->worst, "ar") && eq_str_is(d->best, "de") && eq_str_is(he->flags, ""));
  discard(&m);
}

static void the_base_differs_from_itself_by_nothing(void **state) {
  (void)state;
  struct made m = { 0 };
  add_recipe(&m.scores, "none", 0, 0, 3);
  assert_true(finish(&m));
  const struct eq_damage *he = damage(&m.d, "none", "he");
  assert_true(he->delta_segment == 0 && he->delta_segment_lo == 0 && he->delta_segment_hi == 0 && he->deg == 0);
  assert_true(isnan(disparity(&m.d, "none")->ratio) && disparity(&m.d, "none")->ratio_reason.p);
  discard(&m);
}

static void a_ratio_over_nothing_is_nan_with_a_reason(void **state) {
  (void)state;
  struct made m = { 0 };
  add_recipe(&m.scores, "none", 0, 0, 0);
  add_recipe(&m.scores, "int8", 0, 3, 4);  /* en and de: noise around 0 */
  add_recipe(&m.scores, "gain", -2, 3, 1); /* en and de gain */
  assert_true(finish(&m));
  const struct eq_disparity *noisy = disparity(&m.d, "int8"), *gain = disparity(&m.d, "gain");
  assert_true(isnan(noisy->ratio) && isnan(noisy->ratio_lo) && !isnan(noisy->delta_high));
  assert_non_null(strstr(noisy->ratio_reason.p, "covers 0"));
  assert_true(isnan(gain->ratio));
  assert_non_null(strstr(gain->ratio_reason.p, "below 0"));
  discard(&m);
}

/* Three languages' intervals cover 0, and so may the median, though its estimate is above. */
static void a_median_that_may_be_nothing_is_no_denominator(void **state) {
  (void)state;
  struct made m = { 0 };
  add_recipe(&m.scores, "none", 0, 0, 0);
  add_recipe(&m.scores, "int8", 0.5, 0.5, 8);
  add_recipe(&m.scores, "int4", 5, 10, 8);
  assert_true(finish(&m));
  const struct eq_disparity *noisy = disparity(&m.d, "int8"), *sure = disparity(&m.d, "int4");
  double sum = 0;
  const char *const langs[] = { "en", "de", "ar", "he" };
  for (int l = 0; l < 4; l++) sum += damage(&m.d, "int8", langs[l])->delta_segment;
  assert_true(sum > 0 && isnan(noisy->worst_over_median) && !isnan(noisy->worst_minus_best));
  assert_non_null(strstr(noisy->median_reason.p, "may be 0"));
  assert_true(sure->worst_over_median > 1 && !sure->median_reason.p);
  discard(&m);
}

static void a_group_without_languages_has_no_ratio(void **state) {
  (void)state;
  struct made m = { 0 };
  for (unsigned id = 0; id < 40; id++) {
    add(&m.scores, "none", "en", id, 100);
    add(&m.scores, "int4", "en", id, 110 + noise("int4", "en", id));
  }
  assert_true(finish(&m));
  const struct eq_disparity *d = disparity(&m.d, "int4");
  assert_true(isnan(d->ratio) && isnan(d->delta_low) && fabs(d->delta_high - 10) < 0.5);
  assert_true(eq_str_is(d->ratio_reason, "no language of the group 'low' in the stream"));
  assert_true(isnan(d->legacy_he_en) && eq_str_is(d->legacy_reason, "no deg of 'he'"));
  discard(&m);
}

static void a_ratio_lowered_by_hurting_the_high_group_levels_down(void **state) {
  (void)state;
  struct made m = { 0 };
  add_recipe(&m.scores, "none", 0, 0, 0);
  add_recipe(&m.scores, "a", 4, 12, 2);       /* ratio 3 */
  add_recipe(&m.scores, "b-worse", 9, 12, 2); /* 1.3: only the high group pays */
  add_recipe(&m.scores, "0-kind", 3, 5, 2);   /* 1.7: the low group gains */
  add_recipe(&m.scores, "d-trade", 5, 6,
             2); /* 1.2: the high group pays, but the low group gains; 0 is kinder to both */
  assert_true(finish(&m));
  assert_true(eq_str_is(disparity(&m.d, "b-worse")->flags, "levels-down"));
  assert_true(eq_str_is(disparity(&m.d, "b-worse")->levels_down_from, "0-kind"));
  assert_true(eq_str_is(disparity(&m.d, "a")->flags, "") && eq_str_is(disparity(&m.d, "0-kind")->flags, ""));
  assert_true(eq_str_is(disparity(&m.d, "d-trade")->levels_down_from, "0-kind"));
  discard(&m);
}

static void a_ratio_lowered_by_sparing_the_low_group_does_not_level_down(void **state) {
  (void)state;
  struct made m = { 0 };
  add_recipe(&m.scores, "none", 0, 0, 0);
  add_recipe(&m.scores, "a", 4, 12, 2);
  add_recipe(&m.scores, "b", 5, 6, 2);     /* a trade: one bit for the high group, six for the low */
  add_recipe(&m.scores, "c", 4.01, 12, 2); /* as a, within the noise */
  assert_true(finish(&m));
  for (size_t i = 0; i < m.d.n_recipes; i++) assert_true(eq_str_is(m.d.disparities[i].flags, ""));
  discard(&m);
}

static void what_has_no_pair_is_counted_and_said(void **state) {
  (void)state;
  struct made m = { 0 };
  add_recipe(&m.scores, "none", 0, 0, 0);
  add(&m.scores, "none", "he", 50, INFINITY); /* an id that the base scored nowhere is never drawn */
  for (unsigned id = 1; id < 40; id++) add(&m.scores, "int4", "he", id, id == 3 ? INFINITY : 210);
  for (unsigned id = 0; id < 41; id++) add(&m.scores, "int4", "en", id, 205); /* id 40: not in the base */
  assert_true(finish(&m));
  const struct eq_damage *he = damage(&m.d, "int4", "he"), *en = damage(&m.d, "int4", "en");
  assert_true(he->segments == 38 && he->excluded == 3 && eq_str_is(he->flags, "incomplete"));
  assert_true(en->segments == 40 && en->excluded == 1 && eq_str_is(en->flags, ""));
  const struct eq_damage *de = damage(&m.d, "int4", "de"); /* the whole language is missing */
  assert_true(de->segments == 0 && de->excluded == 40 && isnan(de->delta_segment) && isnan(de->ppl));
  assert_true(eq_str_is(de->flags, "little-text,incomplete"));
  assert_true(m.d.unscored == 1 + 1 && m.d.unpaired == 1 + 1 + 1 + 40 + 40);
  assert_true(disparity(&m.d, "int4")->languages == 2 && disparity(&m.d, "int4")->segments == 40);
  discard(&m);
}

static void worse_than_a_guess_is_saturated_and_little_text_is_said(void **state) {
  (void)state;
  struct made m = { 0 };
  for (unsigned id = 0; id < 10; id++) {
    add(&m.scores, "none", "en", id, 200);
    add(&m.scores, "int2", "en", id, 450.1); /* 9 bits a token are the guess among 512 */
    add(&m.scores, "int3", "en", id, 449.9);
  }
  assert_true(finish(&m));
  assert_true(eq_str_is(damage(&m.d, "int2", "en")->flags, "saturated,little-text"));
  assert_true(eq_str_is(damage(&m.d, "int3", "en")->flags, "little-text"));
  assert_true(eq_str_is(disparity(&m.d, "int2")->flags, "saturated,little-text"));
  discard(&m);
}

static void one_pair_has_an_estimate_but_no_interval(void **state) {
  (void)state;
  struct made m = { 0 };
  add(&m.scores, "none", "en", 1, 200);
  add(&m.scores, "int4", "en", 1, 230);
  assert_true(finish(&m));
  const struct eq_damage *en = damage(&m.d, "int4", "en");
  assert_true(fabs(en->delta_segment - 30) < 1e-12 && isnan(en->delta_segment_lo) && isnan(en->delta_byte_hi));
  discard(&m);
}

/* One unit cannot say how it varies, whatever is made of it. */
static void one_unit_gives_groups_no_interval(void **state) {
  (void)state;
  struct made m = { 0 };
  const char *const langs[] = { "en", "de", "ar", "he" };
  for (int l = 0; l < 4; l++) add(&m.scores, "none", langs[l], 1, 200), add(&m.scores, "int4", langs[l], 1, 230);
  assert_true(finish(&m));
  const struct eq_disparity *d = disparity(&m.d, "int4");
  assert_true(fabs(d->delta_low - 30) < 1e-12 && isnan(d->delta_low_lo) && isnan(d->delta_high_hi) && isnan(d->ratio));
  discard(&m);
}

/* Of 40 ids an eighth of the replicates draws neither of 2: too many. */
static void a_ratio_without_an_interval_is_nan_and_says_why(void **state) {
  (void)state;
  const struct {
    const char *sparse;
    unsigned pairs;
    const char *reason;
  } cases[] = { { "de", 2, "the denominator's interval, that of delta_high, is not defined: too few pairs" },
                { "he", 2, "the ratio's own interval is not defined: too few pairs" },
                { "de", 1, "'de' of the group 'high' has fewer than 2 pairs" },
                { "ar", 1, "'ar' of the group 'low' has fewer than 2 pairs" } };
  for (int c = 0; c < 4; c++) {
    struct made m = { 0 };
    add_recipe(&m.scores, "none", 0, 0, 0);
    const char *const langs[] = { "en", "de", "ar", "he" };
    for (unsigned l = 0; l < 4; l++)
      for (unsigned id = 0; id < (strcmp(langs[l], cases[c].sparse) == 0 ? cases[c].pairs : 40); id++)
        add(&m.scores, "int4", langs[l], id, 210 + noise("int4", langs[l], id));
    assert_true(finish(&m));
    const struct eq_disparity *d = disparity(&m.d, "int4");
    assert_true(isnan(d->ratio) && isnan(d->ratio_lo) && eq_str_is(d->ratio_reason, cases[c].reason));
    assert_true(fabs(d->delta_high - 10) < 1 && fabs(d->delta_low - 10) < 1);
    const struct eq_damage *sparse = damage(&m.d, "int4", cases[c].sparse);
    assert_true(sparse->segments == cases[c].pairs && isnan(sparse->delta_segment_lo) && isnan(sparse->delta_byte_hi));
    discard(&m);
  }
}

static void records_without_bytes_have_no_bits_a_byte(void **state) {
  (void)state;
  struct made m = { 0 };
  add_recipe(&m.scores, "none", 0, 0, 0);
  add_recipe(&m.scores, "int4", 5, 5, 2);
  for (size_t i = 0; i < m.scores.n; i++) m.scores.rows[i].bytes = m.scores.rows[i].chars = EQ_ABSENT;
  assert_true(finish(&m));
  const char *const recipes[] = { "none", "int4" };
  for (int r = 0; r < 2; r++) {
    const struct eq_damage *en = damage(&m.d, recipes[r], "en");
    assert_true(isnan(en->bits_byte) && isnan(en->bits_char) && isnan(en->delta_byte) && isnan(en->delta_byte_lo));
    assert_true(en->bytes == EQ_ABSENT && en->delta_segment_lo <= en->delta_segment && en->bits_segment > 0);
  }
  discard(&m);
}

static void a_legacy_ratio_over_no_change_is_nan_with_a_reason(void **state) {
  (void)state;
  struct made m = { 0 };
  add_recipe(&m.scores, "none", 0, 0, 0);
  add_recipe(&m.scores, "int8", 0, 3, 0);
  assert_true(finish(&m));
  const struct eq_disparity *d = disparity(&m.d, "int8");
  assert_true(isnan(d->legacy_he_en) && isnan(d->legacy_low_high) && isnan(d->legacy_mean_over_en));
  assert_true(eq_str_is(d->legacy_reason, "deg of 'en' is 0"));
  discard(&m);
}

static void a_missing_base_names_the_recipes_there_are(void **state) {
  (void)state;
  struct made m = { 0 };
  add(&m.scores, "int4", "en", 1, 200);
  add(&m.scores, "int8", "en", 1, 200);
  assert_false(finish(&m));
  assert_int_equal(m.err.code, EQ_BAD);
  assert_non_null(strstr(m.err.text, "'none'"));
  assert_non_null(strstr(m.err.text, "'int4', 'int8'"));
  discard(&m);
}

static void the_same_record_twice_counts_once_and_another_is_refused(void **state) {
  (void)state;
  struct made m = { 0 }, bad = { 0 };
  for (int i = 0; i < 2; i++) add_recipe(&m.scores, "none", 0, 0, 2);
  assert_true(finish(&m));
  assert_true(damage(&m.d, "none", "en")->segments == 40);
  discard(&m);
  add_recipe(&bad.scores, "none", 0, 0, 2);
  add(&bad.scores, "none", "he", 7, 1);
  assert_false(finish(&bad));
  assert_non_null(strstr(bad.err.text, "segment '7' of 'he' under recipe 'none' has two records that differ"));
  discard(&bad);
}

static void what_an_error_names_does_not_depend_on_what_came_first(void **state) {
  (void)state;
  const double orders[3][3] = { { 7, 5, NAN }, { NAN, 7, 5 }, { 5, NAN, 7 } };
  char first[sizeof((struct eq_err *)0)->text] = "";
  for (int o = 0; o < 3; o++) {
    struct made m = { 0 };
    for (int i = 0; i < 3; i++) add(&m.scores, "none", "en", 1, orders[o][i]);
    assert_false(finish(&m));
    if (o == 0) strcpy(first, m.err.text);
    assert_string_equal(m.err.text, first);
    discard(&m);
  }
}

static void a_pair_of_two_texts_is_refused(void **state) {
  (void)state;
  const struct {
    size_t offset;
    uint64_t value;
    const char *message;
  } cases[] = {
    { offsetof(struct eq_score, n_scored), 49, "has n_scored 49 under recipe 'int4' and 50 under the base 'none'" },
    { offsetof(struct eq_score, bytes), 99, "has bytes 99 under recipe 'int4' and 100 under" },
    { offsetof(struct eq_score, chars), EQ_ABSENT, "has chars -1 under recipe 'int4' and 100 under" },
    { offsetof(struct eq_score, vocab), 513, "has vocab 513 under recipe 'int4' and 512 under" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct made m = { 0 };
    add(&m.scores, "none", "en", 1, 200);
    add(&m.scores, "int4", "en", 1, 200);
    *(uint64_t *)((char *)&m.scores.rows[1] + cases[i].offset) = cases[i].value;
    assert_false(finish(&m));
    assert_non_null(strstr(m.err.text, cases[i].message));
    discard(&m);
  }
}

static void excluded_and_empty_segments_are_not_scored(void **state) {
  (void)state;
  struct made m = { 0 };
  struct eq_surprisal r = { .lang = eq_str("en"), .model = eq_str("m"), .recipe = eq_str("none"), .n_scored = 9 };
  r.nll = 5;
  r.id = eq_str("kept");
  assert_true(eq_scores_add(&m.scores, &r, NULL));
  r.id = eq_str("empty");
  r.n_scored = 0;
  assert_true(eq_scores_add(&m.scores, &r, NULL));
  r.id = eq_str("excluded");
  r.n_scored = 9;
  r.excluded = eq_str("too short");
  assert_true(eq_scores_add(&m.scores, &r, NULL));
  assert_true(finish(&m));
  assert_true(damage(&m.d, "none", "en")->segments == 1 && damage(&m.d, "none", "en")->excluded == 2);
  discard(&m);
}

static int start(void **state) {
  (void)state;
  return (pool = eq_pool_new(2, NULL)) == NULL;
}
static int stop(void **state) {
  (void)state;
  return eq_pool_free(pool), 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_number_is_numpys),
    cmocka_unit_test(a_constant_shift_is_found_with_no_doubt),
    cmocka_unit_test(the_base_differs_from_itself_by_nothing),
    cmocka_unit_test(a_ratio_over_nothing_is_nan_with_a_reason),
    cmocka_unit_test(a_median_that_may_be_nothing_is_no_denominator),
    cmocka_unit_test(a_group_without_languages_has_no_ratio),
    cmocka_unit_test(a_ratio_lowered_by_hurting_the_high_group_levels_down),
    cmocka_unit_test(a_ratio_lowered_by_sparing_the_low_group_does_not_level_down),
    cmocka_unit_test(what_has_no_pair_is_counted_and_said),
    cmocka_unit_test(worse_than_a_guess_is_saturated_and_little_text_is_said),
    cmocka_unit_test(one_pair_has_an_estimate_but_no_interval),
    cmocka_unit_test(a_missing_base_names_the_recipes_there_are),
    cmocka_unit_test(the_same_record_twice_counts_once_and_another_is_refused),
    cmocka_unit_test(records_without_bytes_have_no_bits_a_byte),
    cmocka_unit_test(a_legacy_ratio_over_no_change_is_nan_with_a_reason),
    cmocka_unit_test(one_unit_gives_groups_no_interval),
    cmocka_unit_test(excluded_and_empty_segments_are_not_scored),
    cmocka_unit_test(a_ratio_without_an_interval_is_nan_and_says_why),
    cmocka_unit_test(what_an_error_names_does_not_depend_on_what_came_first),
    cmocka_unit_test(a_pair_of_two_texts_is_refused),
  };
  return cmocka_run_group_tests(tests, start, stop);
}
