# A mark is where a unit of work ends: what stands before it comes out although the input goes on.
# shellcheck disable=SC2154,SC2030,SC2031 # bats assigns stderr, and runs each test in a subshell
bats_require_minimum_version 1.5.0

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  T=$BATS_TEST_TMPDIR
}

# marked FIRST LAST: English segments in JSON lines, each followed by its mark.
marked() {
  eq-text -c corpora/udhr -l en | eq-show -f jsonl | sed -n "$1,$2p" |
    awk -v unit="$1" '{ print; printf "{\"k\":\"mark\",\"unit\":%d}\n", unit++ }'
}

# stream: JSON lines as a stream that goes on: without its trailer, {"end": n, "xxh64": digest} of 21 bytes.
stream() { eq-show --from jsonl -f stream | head -c -21; }

# comes_out UNIT: waits until that mark is in out.mp.
comes_out() {
  for _ in {1..200}; do
    sleep 0.05
    ! eq-show -q -f jsonl -i "$T/out.mp" 2>/dev/null | tail -n 1 | grep -qx "{\"k\":\"mark\",\"unit\":$1}" || return 0
  done
  echo "mark $1 did not come out"
  return 1
}

# answers COMMAND: it gives back a unit, then ten, then forty, each time before more comes; in the end what it gave is what
# it gives when nobody waits.
answers() {
  local first=1 last header
  header=$(printf '' | stream | wc -c)
  rm -f "$T/in" && mkfifo "$T/in"
  bash -c "$1" <"$T/in" >"$T/out.mp" 2>"$T/err" &
  local pid=$!
  exec 4>"$T/in"
  for last in 1 10 50; do
    marked $first $last | stream | tail -c +$((first == 1 ? 1 : header + 1)) >&4
    comes_out $last
    first=$((last + 1))
  done
  exec 4>&-
  wait $pid || true # the trailer never came
  diff <(eq-show -q -f jsonl -i "$T/out.mp" 2>/dev/null) \
    <(marked 1 50 | eq-show --from jsonl -f stream | bash -c "$1" | eq-show -f jsonl)
}

@test "eq-shard and eq-show answer at a mark" {
  answers eq-shard
  answers 'eq-show -f stream'
}

@test "eq-token answers at a mark, with any number of threads" {
  answers 'eq-token -m corpora/mini -t 1'
  answers 'eq-token -m corpora/mini -t 3'
  answers 'eq-token -m corpora/mini -t 2 | eq-token -m corpora/mini --decode -t 2'
}

@test "eq-ppl answers at a mark" {
  answers 'eq-token -m corpora/mini -t 1 | eq-ppl -m corpora/mini -r none -r int4 -t 1 --ctx 64'
}
