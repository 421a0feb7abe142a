/* Patterns of names: the cases of a shell, and a brute-force twin on random words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/recipe/glob.h"

static void patterns_match_as_in_a_shell(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *name;
    bool match;
  } cases[] = {
    { "", "", true },
    { "", "a", false },
    { "*", "", true },
    { "**", "a.b", true },
    { "a", "a", true },
    { "a", "A", false },
    { "a?", "a", false },
    { "?", "a", true },
    { "h.*.w", "h.1.a.w", true },
    { "*.w", "h.1.wb", false },
    { "*a*b", "xaxbxb", true },
    { "*ab", "aab", true },
    { "[abc]", "b", true },
    { "[a-c]", "b", true },
    { "[a-c]", "d", false },
    { "[!a-c]", "d", true },
    { "[!a-c]", "b", false },
    { "[a-]", "-", true },
    { "[]]", "]", true },
    { "[!]]", "]", false },
    { "[!]", "!", false },
    { "[!]", "[!]", true },
    { "[", "[", true },
    { "[a", "[a", true },
    { "x[0-9].y", "x7.y", true },
    { "[*]", "*", true },
    { "[*]", "a", false },
    { "h.[1-3]?", "h.12", true },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (eq_glob_match(eq_str(cases[i].pattern), cases[i].name) != cases[i].match)
      fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].name);
}

/* The definition, tried every way: exponential. */
static bool brute(const char *p, const char *name) {
  if (*p == 0) return *name == 0;
  if (*p == '*') return brute(p + 1, name) || (*name && brute(p, name + 1));
  return *name && (*p == '?' || *p == *name) && brute(p + 1, name + 1);
}

static void stars_match_as_by_brute_force(void **state) {
  (void)state;
  for (uint64_t i = 0; i < 20000; i++) {
    char pattern[9] = { 0 }, name[9] = { 0 };
    size_t n = eq_random_below(1, 0, i, 9), m = eq_random_below(1, 1, i, 9);
    for (size_t j = 0; j < n; j++) pattern[j] = "ab*?"[eq_random_below(1, 2 + j, i, 4)];
    for (size_t j = 0; j < m; j++) name[j] = "ab"[eq_random_below(1, 20 + j, i, 2)];
    if (eq_glob_match(eq_str(pattern), name) != brute(pattern, name)) fail_msg("'%s' and '%s'", pattern, name);
  }
}

static void many_stars_cost_no_exponential_time(void **state) {
  (void)state;
  char pattern[2001] = { 0 }, name[2001] = { 0 };
  for (size_t i = 0; i < 1000; i++) memcpy(pattern + 2 * i, "*a", 2);
  memset(name, 'a', 2000);
  assert_true(eq_glob_match(eq_str(pattern), name));
  pattern[1999] = 'b';
  assert_false(eq_glob_match(eq_str(pattern), name));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(patterns_match_as_in_a_shell),
    cmocka_unit_test(stars_match_as_by_brute_force),
    cmocka_unit_test(many_stars_cost_no_exponential_time),
  };
  return cmocka_run_group_tests_name("glob", tests, NULL, NULL);
}
