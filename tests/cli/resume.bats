# eq-ppl --resume: what is there stays and is not computed again, and however a run ended the result is that of one run.
# shellcheck disable=SC2154,SC2030,SC2031 # bats assigns stderr, and runs each test in a subshell
bats_require_minimum_version 1.5.0

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  T=$BATS_TEST_TMPDIR
}

# made N: N segments of 1 to 40 ids below 17, for the tiny golden models.
made() {
  awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) { k = i * 7 % 40 + 1; ids = ""
    for (j = 0; j < k; j++) { x = (x * 75 + 74) % 65537; ids = ids (j ? "," : "") (x + i) % 17 }
    printf "{\"k\":\"tokens\",\"lang\":\"%s\",\"id\":\"%d\",\"ids\":[%s]}\n", i % 2 ? "en" : "de", i, ids } }' |
    eq-show --from jsonl -f stream
}

tiny() { eq-ppl -m tests/golden/models/gpt2-head4-untied --ctx 8 "$@"; }

# same A B: the same records, whatever their order.
same() { cmp <(eq-merge -q -i "$1") <(eq-merge -q -i "$2"); }

@test "a file with --resume is the output of a run without, and a second run changes nothing" {
  made 30 >"$T/tokens.mp"
  tiny -r none -r int4 <"$T/tokens.mp" >"$T/one.mp"
  tiny -r none -r int4 --resume "$T/two.mp" <"$T/tokens.mp"
  cmp "$T/one.mp" "$T/two.mp"
  touch -d @1 "$T/two.mp"
  run --separate-stderr tiny -r none -r int4 --resume "$T/two.mp" <"$T/tokens.mp"
  [ "$status" = 0 ]
  [ "$stderr" = "eq-ppl: $T/two.mp: had 60 measurements, and nothing lacks" ]
  [ "$(stat -c %Y "$T/two.mp")" = 1 ]
  cmp "$T/one.mp" "$T/two.mp"
}

@test "fifty runs killed at random moments add up to one" {
  made 1500 >"$T/tokens.mp"
  local command=(eq-ppl -q -m tests/golden/models/gpt2-head4-untied -r none -r int4 -r int8 --ctx 8 -t 1
    --max-memory "$((${EQ_SAN:-0} ? 30 : 15))M" -i "$T/tokens.mp") # small batches
  "${command[@]}" -o "$T/one.mp"
  RANDOM=7
  local kills=0 torn=0 finished=0 pid
  while [ $kills -lt 50 ]; do
    "${command[@]}" --resume "$T/two.mp" &
    pid=$!
    sleep "0.$(printf %03d $((RANDOM % 500)))"
    kill -9 $pid 2>/dev/null || true
    if wait $pid 2>/dev/null; then
      same "$T/one.mp" "$T/two.mp"
      rm "$T/two.mp"
      finished=$((finished + 1))
    fi
    kills=$((kills + 1))
    [ ! -s "$T/two.mp" ] || torn=$((torn + 1))
  done
  echo "$kills runs, $finished of them ended, $torn left something"
  [ $torn -gt 10 ]
  "${command[@]}" --resume "$T/two.mp"
  same "$T/one.mp" "$T/two.mp"
}

@test "only what lacks is computed, whatever it is" {
  made 30 >"$T/tokens.mp"
  local all=(-r none -r int8 -r int4 -r int3)
  tiny "${all[@]}" <"$T/tokens.mp" >"$T/all.mp"
  # A file with holes: every third cell is gone, and a recipe is there that nobody asks for now.
  tiny -r int2 "${all[@]}" <"$T/tokens.mp" | eq-show -f jsonl | awk 'NR % 3' | eq-show --from jsonl -f stream >"$T/holes"
  # Killed: it has no trailer; and it is of an eq-ppl with another version.
  { printf '\x82\xa6equant\x01\xa4prog\x91\x83\xa4name\xa6eq-ppl\xa7version\xa10\xa4argv\x90'
    tail -c +"$(($(printf '' | eq-show --from jsonl -f stream | wc -c) - 20))" "$T/holes" | head -c -21; } >"$T/holes.mp"
  cp "$T/holes.mp" "$T/two.mp"
  tiny -v "${all[@]}" --resume "$T/two.mp" <"$T/tokens.mp" 2>"$T/err"
  grep -q 'two.mp: had 100 measurements$' "$T/err"
  cmp -n "$(stat -c %s "$T/holes.mp")" "$T/holes.mp" "$T/two.mp"
  records() { eq-merge -q -i "$1" | eq-show -f jsonl -k surprisal | grep -v int2; }
  diff <(records "$T/all.mp") <(records "$T/two.mp")
}

@test "a record that is only passed on is there once" {
  { made 3 | eq-show -f jsonl; echo '{"k":"note","of":"tomorrow"}'; } | eq-show --from jsonl -f stream >"$T/tokens.mp"
  tiny <"$T/tokens.mp" >"$T/one.mp"
  tiny --resume "$T/two.mp" <"$T/tokens.mp"
  cmp "$T/one.mp" "$T/two.mp"
  head -c -30 "$T/one.mp" >"$T/two.mp"
  tiny -q --resume "$T/two.mp" <"$T/tokens.mp"
  cmp "$T/one.mp" "$T/two.mp"
}

# refuses PATTERN ARGUMENTS...: in one line, and the file stays.
refuses() {
  local pattern=$1
  shift
  cp "$T/file.mp" "$T/before.mp"
  run --separate-stderr tiny "$@" --resume "$T/file.mp" <"$T/tokens.mp"
  [ "$status" = 2 ]
  [ "${#stderr_lines[@]}" = 1 ]
  [[ "$stderr" == *$pattern* ]]
  cmp "$T/before.mp" "$T/file.mp"
}

@test "a file of another model, other settings or another text is refused and stays" {
  made 5 >"$T/tokens.mp"
  tiny -r none <"$T/tokens.mp" >"$T/file.mp"
  refuses "is stale: record 1 has settings 'ctx 8:4, prefix 0', this run has 'ctx 8:2, prefix 0'" -r none --stride 2
  refuses "is stale: record 1 has settings" -r none --kernels ref
  refuses "is stale: record 1 has settings" -r none --min-tokens 3
  refuses "is stale: record 1 has nlls 'no', this run has 'yes'" -r none --per-token
  refuses "is stale: record 1 has reference 'nothing', this run has 'none'" -r none --reference none
  refuses "is stale: record 1 has model 'gpt2-head4-untied@" -m tests/golden/models/gpt2-head16-unscaled
  cp "$T/tokens.mp" "$T/file.mp"
  refuses "eq-ppl had no part in this stream"
  tiny -r none <"$T/tokens.mp" >"$T/file.mp"
  cat "$T/file.mp" "$T/file.mp" >"$T/two.mp"
  mv "$T/two.mp" "$T/file.mp"
  refuses "holds several streams"
  { tiny -r none <"$T/tokens.mp" && printf '' | eq-show --from jsonl -f stream; } >"$T/file.mp"
  refuses "holds several streams"
  tiny -r none <"$T/tokens.mp" >"$T/file.mp"
  eq-show -f jsonl -i "$T/tokens.mp" | sed 's/"ids":\[/&3,/' | eq-show --from jsonl -f stream >"$T/longer.mp"
  mv "$T/longer.mp" "$T/tokens.mp"
  refuses "is not the one that its results were made of" -r none
}

@test "what is no regular file is refused, and so is another output beside it" {
  made 5 >"$T/tokens.mp"
  mkfifo "$T/fifo"
  local path
  for path in "$T" "$T/fifo" /dev/null; do
    run --separate-stderr tiny --resume "$path" <"$T/tokens.mp"
    [ "$status" = 2 ]
    [ "$stderr" = "eq-ppl: $path: is no regular file: it is left as it is" ]
  done
  for path in ipc:///tmp/no -; do
    run --separate-stderr tiny --resume "$path" <"$T/tokens.mp"
    [ "$status" = 2 ]
    [[ "$stderr" == *"$path: expected a file, which a later run can go on with" ]]
  done
  [ ! -e ./- ]
  run --separate-stderr tiny --resume "$T/x.mp" -o "$T/y.mp" <"$T/tokens.mp"
  [ "$status" = 2 ]
  [[ "$stderr" == *"leave out --output" ]]
  [ ! -e "$T/x.mp" ]
  run --separate-stderr tiny --resume "$T/no-folder/x.mp" <"$T/tokens.mp"
  [ "$status" = 2 ]
  [ "${#stderr_lines[@]}" = 1 ]
}

@test "the file that is read is not appended to" {
  made 5 | tiny >"$T/file.mp"
  cp "$T/file.mp" "$T/before.mp"
  ln "$T/file.mp" "$T/link.mp"
  local from
  for from in "-i $T/file.mp" "-i $T/link.mp" ""; do
    # shellcheck disable=SC2086,SC2094 # two words or none; this is what is tested
    run --separate-stderr tiny $from --resume "$T/file.mp" <"$T/file.mp"
    [ "$status" = 2 ]
    [ "$stderr" = "eq-ppl: $T/file.mp: is the input: it is left as it is" ]
    cmp "$T/before.mp" "$T/file.mp"
  done
}

@test "two runs do not write to one file" {
  made 5 >"$T/tokens.mp"
  mkfifo "$T/in"
  tiny --resume "$T/file.mp" <"$T/in" &
  local pid=$!
  exec 4>"$T/in"
  cat "$T/tokens.mp" >&4
  for _ in {1..100}; do
    [ ! -e "$T/file.mp" ] || break
    sleep 0.05
  done
  sleep 0.2
  run --separate-stderr tiny --resume "$T/file.mp" <"$T/tokens.mp"
  [ "$status" = 2 ]
  [ "$stderr" = "eq-ppl: $T/file.mp: another run is writing to it" ]
  exec 4>&-
  wait $pid
  cmp "$T/file.mp" <(tiny <"$T/tokens.mp")
}

@test "a full disk ends a run, and the next one goes on" {
  made 60 >"$T/tokens.mp"
  tiny -r none -r int4 <"$T/tokens.mp" >"$T/one.mp"
  limited() { (ulimit -f 8 && tiny -r none -r int4 --resume "$T/two.mp" <"$T/tokens.mp"); }
  run --separate-stderr limited
  [ "$status" = 2 ]
  [ "$stderr" = "eq-ppl: $T/two.mp: write: File too large" ]
  [ "$(stat -c %s "$T/two.mp")" = 8192 ]
  run --separate-stderr limited
  [ "$status" = 2 ]
  tiny -q -r none -r int4 --resume "$T/two.mp" <"$T/tokens.mp"
  cmp "$T/one.mp" "$T/two.mp"
}

@test "an input that stops early leaves the file without its trailer, to go on with" {
  made 20 >"$T/tokens.mp"
  tiny <"$T/tokens.mp" >"$T/one.mp"
  run --separate-stderr tiny --resume "$T/two.mp" < <(head -c 700 "$T/tokens.mp")
  [ "$status" = 1 ]
  run eq-show -i "$T/two.mp"
  [ "$status" = 1 ]
  tiny -q --resume "$T/two.mp" <"$T/tokens.mp"
  cmp "$T/one.mp" "$T/two.mp"
}

@test "told to stop, it finishes what it has at hand, also while it waits for input" {
  made 300 >"$T/tokens.mp"
  tiny -r none -r int4 -t 1 -i "$T/tokens.mp" -o "$T/one.mp"
  local signal pid run
  mkfifo "$T/fifo"
  run=(eq-ppl -m tests/golden/models/gpt2-head4-untied --ctx 8 -r none -r int4 -t 1 --resume "$T/two.mp")
  for signal in TERM USR1; do
    "${run[@]}" <"$T/fifo" 2>"$T/err" &
    pid=$!
    exec 5>"$T/fifo"
    head -c 9000 "$T/tokens.mp" >&5
    sleep 0.5
    kill -$signal $pid
    wait $pid && false || [ $? = 75 ]
    exec 5>&-
    [ "$(cat "$T/err")" = "eq-ppl: stopped by a signal: the same line goes on where it was" ]
  done
  "${run[@]}" -i "$T/tokens.mp"
  same "$T/one.mp" "$T/two.mp"
  tiny -r none -i "$T/fifo" -o "$T/three.mp" & # without --resume nobody could go on
  pid=$!
  exec 5>"$T/fifo"
  sleep 0.2
  kill -TERM $pid
  wait $pid && false || [ $? = 143 ]
}
