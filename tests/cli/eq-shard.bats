# Shards of a stream.
# shellcheck disable=SC2154 # bats assigns stderr
bats_require_minimum_version 1.5.0

@test "every record is in exactly one of the shards, and the shards are of like size" {
  local i all=0 n
  eq-text -c corpora/udhr -l en,de,he,zh-Hans -o "$BATS_TEST_TMPDIR/all.mp"
  for i in 0 1 2; do
    eq-shard -n 3 -s $i -i "$BATS_TEST_TMPDIR/all.mp" | eq-show -f jsonl >"$BATS_TEST_TMPDIR/$i"
    n=$(wc -l <"$BATS_TEST_TMPDIR/$i")
    [ "$n" -gt 40 ]
    all=$((all + n))
  done
  diff <(sort "$BATS_TEST_TMPDIR"/[012]) <(eq-show -f jsonl -i "$BATS_TEST_TMPDIR/all.mp" | sort)
}

@test "two shards merged are byte-identical to one run" {
  eq-text -c corpora/udhr -l en,de -o "$BATS_TEST_TMPDIR/all.mp"
  eq-shard -n 2 -s 0 -i "$BATS_TEST_TMPDIR/all.mp" -o "$BATS_TEST_TMPDIR/0.mp"
  eq-shard -n 2 -s 1 -i "$BATS_TEST_TMPDIR/all.mp" -o "$BATS_TEST_TMPDIR/1.mp"
  cat "$BATS_TEST_TMPDIR"/[01].mp | eq-merge -o "$BATS_TEST_TMPDIR/merged.mp"
  eq-merge -i "$BATS_TEST_TMPDIR/all.mp" -o "$BATS_TEST_TMPDIR/one.mp"
  cmp "$BATS_TEST_TMPDIR/one.mp" "$BATS_TEST_TMPDIR/merged.mp"
}

@test "records without a language and an id are in every shard" {
  for i in 0 1; do
    [ "$(eq-shard -n 2 -s $i <tests/golden/one.mp | eq-show -f jsonl -k of-tomorrow,disparity | wc -l)" -eq 2 ]
  done
}

@test "a shard that there is not is refused, and nothing is written" {
  run --separate-stderr eq-shard -n 2 -s 2 -i tests/golden/one.mp
  [ "$status" -eq 2 ]
  [ "$stderr" = "eq-shard: --shard: 2 of 2 shards: expected 0 to N-1" ]
  [ -z "$output" ]
}
