/* journal.h: results of units of work kept in a file as they come, so that a run that was killed goes on where it was.
 *
 * The file is a stream without a trailer: a header with the "prog" of the results and a mark 0 with the XXH64 of that
 * array, then each unit's records followed by its mark, which carries the unit's number and "of", the XXH64 of the
 * record that it was made of. A tail that was torn off is cut; so it survives a kill at any byte. A file with records
 * and no mark is none, and left as it is. Beside it, memory holds 40 bytes a unit. */
#ifndef EQ_STREAM_JOURNAL_H
#define EQ_STREAM_JOURNAL_H

#include "lib/base/error.h"
#include "lib/stream/work.h"
#include "lib/stream/writer.h"

struct eq_journal;

/* Opens or makes the file, reads what it holds, and locks it against others who would write to it. */
struct eq_journal *eq_journal_open(const char *path, struct eq_err *err);
/* What was added is then on the disk. */
void eq_journal_free(struct eq_journal *j);

/* "prog" of the results: of the file, or empty while it has none; and said once, before the first result is added.
 * False when the file's results are of another chain of programs. */
struct eq_str eq_journal_prog(const struct eq_journal *j);
bool eq_journal_begin(struct eq_journal *j, struct eq_str prog, struct eq_err *err);

/* How many units were found in the file. */
uint64_t eq_journal_found(const struct eq_journal *j);
/* *done: the result of that unit is there. False when it was made of another record. */
bool eq_journal_has(struct eq_journal *j, uint64_t unit, struct eq_str record, bool *done, struct eq_err *err);
/* Adds a result; `hash` is of the unit's record. It is out of this process at once. */
uint64_t eq_journal_hash(struct eq_str record);
bool eq_journal_add(struct eq_journal *j, const struct eq_work_unit *result, uint64_t hash, struct eq_err *err);

/* Brings what was added to the disk when that was done five seconds ago; to be called again and again (eq_clock). */
bool eq_journal_sync(struct eq_journal *j, double now, struct eq_err *err);

/* Writes the records of all units in the order of their numbers, which must be 0 to n-1. */
bool eq_journal_copy(struct eq_journal *j, uint64_t n, struct eq_writer *w, struct eq_err *err);

#endif
