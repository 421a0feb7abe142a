# How much memory eq-ppl says it will take, and takes.
# shellcheck disable=SC2154 # bats assigns stderr
bats_require_minimum_version 1.5.0

setup_file() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  export tokens=$BATS_FILE_TMPDIR/tokens.mp
  eq-text -c corpora/udhr -l ar,de,en,fr,he,ru,hi,zh | eq-token -m corpora/mini -o "$tokens"
}

# peak: MiB of the line that -v ends with. foretold: of the one before.
peak() { sed -n 's/.* \([0-9.]*\) MiB peak memory$/\1/p' <<<"$stderr"; }
foretold() { sed -n 's/.*peak memory will be about \([0-9.]*\) MiB$/\1/p' <<<"$stderr"; }

@test "--dry-run foretells the peak within 20 %, and reads nothing" {
  [ "${EQ_SAN:-0}" = 0 ] || skip "the sanitizer takes memory of its own"
  run -0 --separate-stderr eq-ppl -m corpora/mini --dry-run -i /dev/null
  dry=$(foretold)
  run -0 --separate-stderr eq-ppl -m corpora/mini -v -i "$tokens" -o /dev/null
  echo "foretold $dry and $(foretold), took $(peak)"
  awk -v a="$dry" -v b="$(peak)" 'BEGIN { exit !(a > 0 && b > 0 && a < 1.2 * b && a > b / 1.2) }'
}

@test "--max-memory holds, and results are the same bytes" {
  [ "${EQ_SAN:-0}" = 0 ] || skip "the sanitizer takes memory of its own"
  eq-ppl -m corpora/mini -r int4 -i "$tokens" -o "$BATS_TEST_TMPDIR/free.mp"
  run -0 --separate-stderr eq-ppl -m corpora/mini -r int4 --max-memory 50M -v -i "$tokens" -o "$BATS_TEST_TMPDIR/held.mp"
  awk -v b="$(peak)" 'BEGIN { exit !(b > 0 && b < 50) }'
  cmp "$BATS_TEST_TMPDIR/free.mp" "$BATS_TEST_TMPDIR/held.mp"
}

@test "a limit that cannot be held is refused, saying what would do" {
  run -1 --separate-stderr eq-ppl -m corpora/mini --max-memory 10M -i "$tokens" -o /dev/null
  [[ $stderr == *'a run takes at least '*' MiB'* || $stderr == *'the program itself takes'* ]]
  run -2 --separate-stderr eq-ppl -m corpora/mini --max-memory 8X </dev/null
  [[ $stderr == *"--max-memory: '8X': expected bytes"* ]]
}
