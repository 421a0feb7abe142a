/* merge.h: records of many streams as one, in an order that depends on nothing but the records.
 *
 * What makes a record the one that it is are its kind and those fields that schema.c calls keys: of surprisal language,
 * segment, model, recipe and how it was scored. Records are sorted by these (kinds in the order of eq_kinds, strings by
 * bytes), one that comes again with the same bytes is kept once, and two that say different things of one key are a
 * conflict. A record of an unknown kind comes last, and its whole bytes are its key. */
#ifndef EQ_STREAM_MERGE_H
#define EQ_STREAM_MERGE_H

#include "lib/stream/record.h"

struct eq_merge;

struct eq_merge *eq_merge_new(struct eq_err *err);
void eq_merge_free(struct eq_merge *m);

/* Keeps a copy of the record. A `source` record only lends its chain. Fails when a key has another type than the schema
 * says, when a required one is missing, and when memory is out. */
bool eq_merge_add(struct eq_merge *m, const struct eq_record *r, struct eq_err *err);

/* A header's "prog", for eq_merge_chain. */
bool eq_merge_add_chain(struct eq_merge *m, struct eq_str chain, struct eq_err *err);

/* Sorts. Fails with EQ_DATA on a conflict: "records 3 and 17 are of the same thing and differ in 'nll': surprisal en 12
 * mini none". */
bool eq_merge_close(struct eq_merge *m, struct eq_err *err);

/* After eq_merge_close: how many records, the i-th one's bytes, and how many came again. */
size_t eq_merge_count(const struct eq_merge *m);
struct eq_str eq_merge_record(const struct eq_merge *m, size_t i);
uint64_t eq_merge_repeated(const struct eq_merge *m);

/* The chains of programs that made the records, each once, in the order of their bytes. */
size_t eq_merge_chains(const struct eq_merge *m);
struct eq_str eq_merge_chain(const struct eq_merge *m, size_t i);

#endif
