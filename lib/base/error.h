/* error.h: how every room says that something went wrong.
 *
 * A function that can fail returns bool (or NULL) and takes `struct eq_err *err` last. The library never
 * prints and never exits: lib/tool turns an error into one line on stderr and an exit status. The first error
 * stays: a later eq_fail on the same struct is ignored, so a loop may go on and report once at its end.  */
#ifndef EQ_BASE_ERROR_H
#define EQ_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* The values are the exit statuses of the tools. */
enum eq_code {
  EQ_OK = 0,   /* nothing failed */
  EQ_DATA = 1, /* the data say no: a truncated stream, a check that failed, a budget that cannot be met */
  EQ_BAD = 2,  /* bad usage, bad input, I/O or memory */
};

enum { EQ_ERR_TEXT = 1024 };

/* text is one line of UTF-8 without control characters, except after eq_fail_at, which adds the caret's lines. */
struct eq_err {
  enum eq_code code;
  char text[EQ_ERR_TEXT];
};

/* Records "message" unless an error is there already; always returns false, so `return eq_fail(...)` reads well.
 * Say where, what was found, what was expected, what to do. Control characters (of a hostile tensor name, say) are
 * escaped as \xNN and broken UTF-8 too; a message that is too long ends in "...". err may be NULL. */
bool eq_fail(struct eq_err *err, enum eq_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As eq_fail with EQ_BAD, for a text that a person typed: three lines, "what: source", and under its byte `at` a caret
 * and the message:
 *     recipe: int4;L99=keep
 *                  ^ the model has layers L0-L11                                                                  */
bool eq_fail_at(struct eq_err *err, const char *what, const char *source, size_t at, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Puts "prefix" before the message of an error that is there, and keeps a caret under its place: for who knows more of
 * where it happened (the file and line that a recipe came from). Nothing happens when there is no error. */
void eq_fail_prefix(struct eq_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* eq_fail for a failed system call: "where: action: strerror(errno)", EQ_BAD. */
bool eq_fail_errno(struct eq_err *err, const char *where, const char *action);

/* eq_fail for memory: "out of memory (N bytes for what)". */
bool eq_fail_memory(struct eq_err *err, size_t bytes, const char *what);

#endif
