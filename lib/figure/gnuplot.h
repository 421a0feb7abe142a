/* gnuplot.h: runs gnuplot on a script. No shell is involved. */
#ifndef EQ_FIGURE_GNUPLOT_H
#define EQ_FIGURE_GNUPLOT_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* A text as a gnuplot string literal, quotes and all: nothing in it can end the literal or the line. Control characters
 * become spaces, broken UTF-8 question marks. */
void eq_gnuplot_string(struct eq_buffer *script, struct eq_str text);

/* Gives the script to a gnuplot found on the PATH and adds what it writes to its stdout, an image, to `image`. Fails
 * (EQ_BAD) when there is no gnuplot, when it complains (with its words), or when it draws nothing. */
bool eq_gnuplot_run(const struct eq_buffer *script, struct eq_buffer *image, struct eq_err *err);

#endif
