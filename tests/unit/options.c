/* Options by the rules of POSIX and GNU, and what provenance keeps of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/options.h"

struct args {
  bool flag, loud;
  uint64_t n;
  double x;
  const char *text;
  struct eq_texts list;
};

static const struct eq_option table[] = {
  { 0, NULL, EQ_HEADING, 0, NULL, "what it does", false },
  { 'f', "flag", EQ_FLAG, offsetof(struct args, flag), NULL, "a flag", false },
  { 'n', "number", EQ_UINT, offsetof(struct args, n), "N", "a number", false },
  { 'x', "real", EQ_REAL, offsetof(struct args, x), "X", "a real", false },
  { 0, "text", EQ_TEXT, offsetof(struct args, text), "T", "a text", false },
  { 'r', "recipe", EQ_TEXTS, offsetof(struct args, list), "R", "many", false },
  { 'l', "loud", EQ_FLAG, offsetof(struct args, loud), NULL, "changes no result", true },
  { 0 },
};

enum { MOST = 16 };

struct parsed {
  struct args a;
  struct eq_err err;
  char *argv[MOST + 1];
  const char *recorded[MOST];
  size_t n_operands, n_recorded;
  bool ok;
};

/* Parses words separated by blanks. */
static struct parsed parse(char *words) {
  struct parsed p = { 0 };
  int argc = 1;
  char *rest = words;
  p.argv[0] = words;
  for (char *w; argc < MOST && (w = strsep(&rest, " "));) p.argv[argc++] = w;
  struct eq_option_set set = { table, &p.a };
  p.ok = eq_options_parse(&set, 1, argc, p.argv, &p.n_operands, p.recorded, &p.n_recorded, &p.err);
  return p;
}

static void every_way_to_give_a_value_is_understood(void **state) {
  (void)state;
  char words[] = "-n7 --real=-0.5 one --text --flag -f -r a --recipe b -- -f";
  struct parsed p = parse(words);
  assert_true(p.ok);
  assert_int_equal(p.a.n, 7);
  assert_true(p.a.x + 0.5 >= 0 && p.a.x + 0.5 <= 0);
  assert_string_equal(p.a.text, "--flag");
  assert_true(p.a.flag);
  assert_int_equal(p.a.list.n, 2);
  assert_string_equal(p.a.list.items[1], "b");
  assert_int_equal(p.n_operands, 2);
  assert_string_equal(p.argv[1], "one");
  assert_string_equal(p.argv[2], "-f");
  free(p.a.list.items);
}

static void letters_join(void **state) {
  (void)state;
  char words[] = "-lfn 3";
  struct parsed p = parse(words);
  assert_true(p.ok && p.a.flag && p.a.loud);
  assert_int_equal(p.a.n, 3);
}

static void neutral_options_are_not_recorded(void **state) {
  (void)state;
  char words[] = "-l -n 7 x --loud -f";
  struct parsed p = parse(words);
  const char *kept[] = { "-n", "7", "x", "-f" };
  assert_int_equal(p.n_recorded, 4);
  for (size_t i = 0; i < 4; i++) assert_string_equal(p.recorded[i], kept[i]);
}

static void what_is_wrong_is_named(void **state) {
  (void)state;
  static const struct {
    const char *words, *message;
  } wrong[] = {
    { "--nubmer 3", "unknown option --nubmer: did you mean --number?" },
    { "--zzzzzzzz", "unknown option --zzzzzzzz: -h lists the options" },
    { "-z", "unknown option -z: -h lists the options" },
    { "-n", "--number needs a value: N" },
    { "-n -1", "--number: '-1' is not a whole number of 0 or more" },
    { "-n 18446744073709551616", "--number: '18446744073709551616' is not a whole number of 0 or more" },
    { "-x 0x10", "--real: '0x10' is not a number" },
    { "--flag=1", "--flag takes no value" },
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char words[64];
    strcpy(words, wrong[i].words);
    struct parsed p = parse(words);
    assert_false(p.ok);
    assert_int_equal(p.err.code, EQ_BAD);
    assert_string_equal(p.err.text, wrong[i].message);
  }
}

static void help_has_a_line_for_each_option(void **state) {
  (void)state;
  struct eq_buffer b = { 0 };
  eq_options_help(table, &b);
  assert_string_equal(b.data, "what it does:\n"
                              "  -f, --flag                   a flag\n"
                              "  -n, --number N               a number\n"
                              "  -x, --real X                 a real\n"
                              "      --text T                 a text\n"
                              "  -r, --recipe R               many\n"
                              "  -l, --loud                   changes no result\n");
  eq_buffer_free(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_way_to_give_a_value_is_understood), cmocka_unit_test(letters_join),
    cmocka_unit_test(neutral_options_are_not_recorded),        cmocka_unit_test(what_is_wrong_is_named),
    cmocka_unit_test(help_has_a_line_for_each_option),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
