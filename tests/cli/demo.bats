# The pipeline that `make demo` runs, and other studies, on a few segments a language.

@test "the demo shows eight recipes on fifteen languages, and draws them" {
  run pipelines/demo.sh "$BATS_TEST_TMPDIR/new/demo" 2
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(grep -cE '^[a-z0-9/;,=L-]+ +[a-z]{2} +(high|medium|low)? +2 ' <<<"$output")" -eq 120 ]
  for recipe in none int8/g128 int4/g128 int4/tensor 'int4/tensor;L0=keep' 'int4/tensor;L0,L-1=keep' \
    'int4/tensor;L0,L9,L-1=keep' seed-w; do
    echo "$recipe"
    [ "$(grep -cE "^$recipe +(ar|en) " <<<"$output")" -eq 2 ]
  done
  grep -q 'little-text' <<<"$output" # two segments are
  grep -q 'Chinese (zh)' "$BATS_TEST_TMPDIR/new/demo/damage.svg"
  [ "$(head -c 4 "$BATS_TEST_TMPDIR/new/demo/damage.png" | tail -c 3)" = PNG ]
}

@test "the demo fails when a step of it fails" {
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\nexit 3\n' >"$BATS_TEST_TMPDIR/bin/eq-token"
  chmod +x "$BATS_TEST_TMPDIR/bin/eq-token"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH run pipelines/demo.sh "$BATS_TEST_TMPDIR/demo" 1
  [ "$status" -ne 0 ]
}

@test "the study of bits measures seven widths in three granularities, and draws their curves" {
  run pipelines/bits.sh "$BATS_TEST_TMPDIR/bits" 1
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(grep -cE '^int[2-8]/(tensor|row|g128) +[a-z]{2} ' <<<"$output")" -eq 315 ]
  grep -q 'int·/row' "$BATS_TEST_TMPDIR/bits/bits.svg"
}

@test "the study of efficiency compares three recipes of one size, and their combination with its parts" {
  run pipelines/efficiency.sh "$BATS_TEST_TMPDIR/efficiency" 1
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(grep -cE '^(none|int4/g128|int6/g128|prune=0.8\+fp16|prune=0.5|prune=0.5\+int6/g128) +[a-z]{2} ' <<<"$output")" -eq 90 ]
  grep -qE '^prune=0.5\+int6/g128 +prune=0.5 & int6/g128 +en ' <<<"$output"
  # of 3,460,864 weights 2,359,296 have 4 + 32/128 bits; a fifth of 16, and 1; half of 6, 32/128 and 1; the others keep 16
  [ "$(cut -f1,2 "$BATS_TEST_TMPDIR/efficiency/efficiency.tsv" | tr '\n\t' ' ,')" = \
    'recipe,bits a weight int4/g128,7.990 prune=0.5+int6/g128,7.990 prune=0.8+fp16,7.956 ' ]
  grep -q 'int4/g128' "$BATS_TEST_TMPDIR/efficiency/efficiency.svg"
}
