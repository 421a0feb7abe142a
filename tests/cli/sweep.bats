# slurm/submit on this machine: the result is that of one process, and what is done is not done again.
# shellcheck disable=SC2154 # bats assigns stderr
bats_require_minimum_version 1.5.0

setup_file() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  eq-text -c corpora/udhr -l en,he,de --limit 8 | eq-token -m corpora/mini -o "$BATS_FILE_TMPDIR/tokens.mp"
  eq-ppl -m corpora/mini -r none -r int4 -t 1 -i "$BATS_FILE_TMPDIR/tokens.mp" |
    eq-merge -o "$BATS_FILE_TMPDIR/one.mp"
}

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  [ "${EQ_SAN:-0}" = 0 ] || skip 'the scripts are what is tested: under sanitizers each filter starts slowly'
  T=$BATS_TEST_TMPDIR
  F=$T/sweep
  TOKENS=$BATS_FILE_TMPDIR/tokens.mp
  SCORE=(eq-ppl -m corpora/mini -r none -r int4 -t 1)
}

# sweep COMMAND...: three shards.
sweep() { slurm/submit --shards 3 --at-once 2 -o "$F" "$TOKENS" -- "$@"; }

# through WORDS: a command that does so before it scores; its options are in $@.
through() {
  printf '#!/bin/bash\n%s\nexec %s "$@"\n' "$1" "${SCORE[*]}" >"$T/command"
  chmod +x "$T/command"
}

@test "the shards of a sweep give the bytes of one run, and a second sweep does nothing again" {
  run --separate-stderr sweep "${SCORE[@]}"
  echo "$stderr"
  [ "$status" -eq 0 ]
  [ -z "$output" ]
  [ "${stderr_lines[0]}" = "submit: 24 segments x 2 recipes: all are there" ]
  [ "${stderr_lines[1]}" = "submit: $F/result.mp" ]
  cmp "$F/result.mp" "$BATS_FILE_TMPDIR/one.mp"
  [ -e "$F/logs/sweep-2.log" ]
  stat -c %y "$F"/shard-*.mp >"$T/before"
  run --separate-stderr sweep "${SCORE[@]}"
  [ "$status" -eq 0 ]
  [ "${stderr_lines[0]}" = "submit: 3 of 3 shards are done already" ]
  stat -c %y "$F"/shard-*.mp | cmp - "$T/before"
}

@test "any filter can be swept" {
  slurm/submit --shards 2 -o "$F" "$TOKENS" -- eq-shard
  eq-merge -i "$TOKENS" | cmp - "$F/result.mp"
}

@test "a shard whose process is killed is started again" {
  through 'if mkdir "$0.killed" 2>/dev/null; then kill -9 $$; fi'
  sweep "$T/command"
  [ -d "$T/command.killed" ]
  cmp "$F/result.mp" "$BATS_FILE_TMPDIR/one.mp"
}

@test "a disk that is full at the beginning leaves nothing in the way of the same line" {
  full() { (trap '' XFSZ && ulimit -f 0 && sweep "${SCORE[@]}") 2>&1 | cat; }
  run full
  [ "${lines[-1]}" = "submit: $F: cannot be written to" ]
  sweep "${SCORE[@]}"
  cmp "$F/result.mp" "$BATS_FILE_TMPDIR/one.mp"
}

@test "a list of recipes that grew is measured where it lacks, and what it no longer names stays" {
  recipes() { eq-show -f tsv -k surprisal -c recipe -i "$F/result.mp" | tail -n +2 | sort | uniq -c | tr -s '\n ' ' '; }
  printf 'none\nint4\n' >"$T/list"
  sweep eq-ppl -m corpora/mini -R "$T/list" -t 1
  printf 'none\nint3\n' >"$T/list"
  sweep eq-ppl -m corpora/mini -R "$T/list" -t 1
  [ "$(recipes)" = ' 24 int3/g128 24 int4/g128 24 none ' ]
}

@test "a command that writes nothing is named" {
  run --separate-stderr sweep /bin/true
  [ "$status" -eq 1 ]
  [ "${stderr_lines[0]}" = "submit: shard 0: left no result: " ]
}

@test "shards that fail are named, leave no result, and are tried again by the same line" {
  through 'if [ ! -e "$0.works" ]; then echo no luck >&2; exit 2; fi'
  run --separate-stderr sweep "$T/command"
  echo "$stderr"
  [ "$status" -eq 1 ]
  [ "${stderr_lines[0]}" = "submit: shard 0: ended with status 2: no luck" ]
  [ "${stderr_lines[3]}" = "submit: 3 of 3 shards failed: there is no result; the same line tries them again" ]
  [ ! -e "$F/result.mp" ]
  touch "$T/command.works"
  sweep "$T/command"
  cmp "$F/result.mp" "$BATS_FILE_TMPDIR/one.mp"
}

@test "a result without a planned cell is found out" {
  printf '#!/bin/bash\neq-show -f jsonl | grep -v "\\"recipe\\":\\"none\\".*\\"id\\":\\"pre.03\\"\\|\\"id\\":\\"pre.03\\".*\\"none\\"" | eq-show --from jsonl -f stream >"$2"\n' >"$T/drops"
  through 'set -- "$@"; '"${SCORE[*]}"' | "'"$T/drops"'" "$@"; exit 0'
  chmod +x "$T/drops"
  run --separate-stderr sweep "$T/command"
  echo "$stderr"
  [ "$status" -eq 1 ]
  [[ "${stderr_lines[0]}" == "submit: 24 segments x 2 recipes: 3 cells lack, such as none "*" pre.03" ]]
  [ "${stderr_lines[1]}" = "submit: $F/result.mp is not whole" ]
}

@test "a recipe of the plan that nothing came of is found out" {
  printf '#!/bin/bash\nexec %s -m corpora/mini -r none "${@: -2}"\n' "$(command -v eq-ppl)" >"$T/eq-ppl" # -r int4 is lost
  chmod +x "$T/eq-ppl"
  run --separate-stderr sweep "$T/eq-ppl" -m corpora/mini -r none -r int4
  echo "$stderr"
  [ "$status" -eq 1 ]
  [ "${stderr_lines[0]}" = "submit: 24 segments x 1 recipes: all are there" ]
  [ "${stderr_lines[-1]}" = "submit: $F/result.mp is not whole" ]
  [ "$(eq-show -f tsv -c recipe,missing -i "$F/missing.mp" | tail -n 1)" = $'int4/g128\t24' ]
}

@test "SIGTERM stops a sweep with status 75, and the same line goes on" {
  through 'if mkdir "$0.waits" 2>/dev/null; then exec sleep 20; fi'
  slurm/submit --shards 3 --at-once 2 -o "$F" "$TOKENS" -- "$T/command" 2>"$T/err" &
  local pid=$!
  for _ in {1..200}; do [ ! -d "$T/command.waits" ] || break; sleep 0.05; done
  kill -TERM $pid
  wait $pid && false || [ $? -eq 75 ]
  tail -n 1 "$T/err" | grep -qx 'submit: stopped: the same line goes on'
  [ ! -e "$F/result.mp" ]
  sweep "$T/command"
  cmp "$F/result.mp" "$BATS_FILE_TMPDIR/one.mp"
}

@test "a disk that is full costs nothing but time" {
  run --separate-stderr bash -c 'ulimit -f 2 && "$@"' bash slurm/submit --shards 1 -o "$F" "$TOKENS" -- "${SCORE[@]}"
  echo "$stderr"
  [ "$status" -eq 1 ]
  [[ "${stderr_lines[0]}" == "submit: shard 0: ended with status 2: eq-ppl: $F/shard-0.mp: "*"File too large" ]]
  [ -s "$F/shard-0.mp" ]
  slurm/submit --shards 1 -o "$F" "$TOKENS" -- "${SCORE[@]}"
  cmp "$F/result.mp" "$BATS_FILE_TMPDIR/one.mp"
}

@test "a shard that was damaged is named" {
  sweep "${SCORE[@]}"
  printf x | dd of="$F/shard-1.mp" bs=1 seek=1000 conv=notrunc status=none
  run --separate-stderr sweep "${SCORE[@]}"
  echo "$stderr"
  [ "$status" -eq 1 ]
  [ "${stderr_lines[-2]}" = "submit: $F/shard-1.mp is damaged: remove it, and the same line makes it again" ]
  rm "$F/shard-1.mp"
  sweep "${SCORE[@]}"
  cmp "$F/result.mp" "$BATS_FILE_TMPDIR/one.mp"
}

@test "a folder belongs to one sweep, and to one submit at a time" {
  sweep "${SCORE[@]}"
  refused() {
    run --separate-stderr "${@:2}"
    echo "$stderr"
    [ "$status" -eq 2 ]
    [ "${stderr_lines[-1]}" = "submit: $1" ]
  }
  refused "$F holds another sweep: remove it, or name another folder" slurm/submit --shards 4 -o "$F" "$TOKENS" -- "${SCORE[@]}"
  refused "$F holds another sweep: remove it, or name another folder" sweep "${SCORE[@]}" -r int8
  cmp "$F/result.mp" "$BATS_FILE_TMPDIR/one.mp"
  exec 8>"$F/lock"
  flock 8
  refused "$F: another submit is at work there" sweep "${SCORE[@]}" 8>&-
}

@test "what cannot work is refused in a line" {
  refused() {
    run --separate-stderr slurm/submit "${@:2}"
    echo "$stderr"
    [ "$status" -eq 2 ]
    [ "$stderr" = "submit: $1" ]
  }
  local usage='expected -o FOLDER, a file of TOKENS, -- and a COMMAND: -h shows an example'
  refused "$usage"
  refused "$usage" -o "$F" "$TOKENS"
  refused "$usage" "$TOKENS" -- eq-shard
  refused "--shards: '0': expected a number from 1 to 999999" --shards 0 -o "$F" "$TOKENS" -- eq-shard
  refused "--on: 'mars': expected local or slurm" --on mars -o "$F" "$TOKENS" -- eq-shard
  refused "--frobnicate: no such option: -h lists them" --frobnicate
  refused "-: expected a file of tokens, which every shard reads" -o "$F" - -- eq-shard
  refused "no-such-command: not found in the PATH" -o "$F" "$TOKENS" -- no-such-command
  slurm/submit -h | grep -q 'usage: slurm/submit'
}

@test "the sweep of the README runs" {
  sed -n '/^## Sweeps/,/^## /s/^    //p' README.md | sed "s|build/|$T/|g; s|-l en,de,he,ar|-l en,he --limit 6|" >"$T/lines"
  [ "$(wc -l <"$T/lines")" -eq 3 ]
  bash -euo pipefail "$T/lines"
  eq-plan -q -R "$T/plan.mp" --tokens "$T/tokens.mp" --missing "$T/sweep/result.mp"
  eq-ppl -q -m corpora/mini -R "$T/plan.mp" -i "$T/tokens.mp" | eq-merge | cmp - "$T/sweep/result.mp"
}
