/* options.h: the options of a tool as a table, from which come the parser, `-h` and the check of the manual. */
#ifndef EQ_BASE_OPTIONS_H
#define EQ_BASE_OPTIONS_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

enum eq_option_type {
  EQ_HEADING, /* no option: `help` is the title of the group that follows in -h */
  EQ_FLAG,    /* bool, set to true */
  EQ_UINT,    /* uint64_t */
  EQ_REAL,    /* double */
  EQ_TEXT,    /* const char *, borrowed from argv */
  EQ_TEXTS,   /* struct eq_texts, one item each time the option is given */
};

/* The items given to a repeatable option, in order; borrowed from argv. The parser allocates items, the owner frees. */
struct eq_texts {
  const char **items;
  size_t n;
};

/* One row; a table ends with a row of zeros. Defaults are what the target struct holds before parsing. */
struct eq_option {
  char letter;      /* 0: none */
  const char *name; /* long name without "--" */
  enum eq_option_type type;
  size_t offset;        /* of the field in the target struct */
  const char *argument; /* its name in -h, NULL for a flag */
  const char *help;     /* a few words */
  bool neutral;         /* cannot change the results (threads, ports, talk): left out of the recorded argv, so that
                           output bytes do not depend on it */
};

/* A table and the struct that its offsets are of. */
struct eq_option_set {
  const struct eq_option *table;
  void *target;
};

/* Reads argv[1..argc) by POSIX rules with GNU long options (--name VALUE, --name=VALUE, -nVALUE, -abc, --), options
 * and operands mixed. Operands are moved to the front of argv[1..] in order and counted in *n_operands. `recorded`
 * (may be NULL, n_recorded then too) must have room for argc pointers and gets what provenance keeps of argv: all but
 * neutral options. An unknown option names the nearest known one. */
bool eq_options_parse(const struct eq_option_set *sets, size_t n_sets, int argc, char **argv, size_t *n_operands,
                      const char **recorded, size_t *n_recorded, struct eq_err *err);

/* Adds the rows of a table to an -h text, a line each, in at most 100 columns. */
void eq_options_help(const struct eq_option *table, struct eq_buffer *out);

#endif
