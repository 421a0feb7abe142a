# slurm/submit on a real Slurm of two nodes: whatever happens to them, the result is that of one process.
# shellcheck disable=SC2154 # bats assigns stderr
bats_require_minimum_version 1.5.0

# unfit: says why these tests cannot run here. Sanitizers would see the same filters as in tests without a cluster.
unfit() {
  local tool
  for tool in slurmctld slurmd munged sbatch; do
    PATH=$PATH:/usr/sbin command -v $tool >/dev/null || { echo "$tool is not installed" && return; }
  done
  [ "${EQ_SAN:-0}" = 0 ] || echo 'under sanitizers'
}

setup_file() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  [ -z "$(unfit)" ] || return 0
  eq-text -c corpora/udhr -l en,he,de --limit 8 | eq-token -m corpora/mini -o "$BATS_FILE_TMPDIR/tokens.mp"
  eq-ppl -m corpora/mini -r none -r int4 -t 1 -i "$BATS_FILE_TMPDIR/tokens.mp" |
    eq-merge -o "$BATS_FILE_TMPDIR/one.mp"
  slurm/test-cluster start "$BATS_FILE_TMPDIR/cluster" >"$BATS_FILE_TMPDIR/export" 3>&- 4>&-
}

teardown_file() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  [ -n "$(unfit)" ] || slurm/test-cluster stop "$BATS_FILE_TMPDIR/cluster"
}

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  [ -z "$(unfit)" ] || skip "$(unfit)"
  # shellcheck disable=SC1091
  . "$BATS_FILE_TMPDIR/export"
  T=$BATS_TEST_TMPDIR
  F="$T/a sweep of 5%j" # sbatch would put the job's number there
  TOKENS=$BATS_FILE_TMPDIR/tokens.mp
}

# waits_at GATE: the command of a sweep. Each process of it names its node and itself in the file "started", and goes on
# when there is a file "NODE.goes"; told to end, it does so with 75, and says so.
waits_at() {
  cat >"$T/command" <<END
#!/bin/bash
trap 'echo told; exit 75' TERM
echo "\$SLURMD_NODENAME \$\$" >>$T/started
until [ -e "$T/\$SLURMD_NODENAME.goes" ]; do sleep 0.2; done
exec eq-ppl -m corpora/mini -r none -r int4 -t 1 "\$@"
END
  chmod +x "$T/command"
  touch "$T/started"
}

# started N [NODE]: waits until so many processes have started.
started() {
  for _ in {1..400}; do
    [ "$(grep -c "${2:-.}" "$T/started")" -lt "$1" ] || return 0
    sleep 0.1
  done
  cat "$T/started" "$F"/logs/* "$T/log" 2>&1 || true
  squeue -r && sinfo
  return 1
}

sweep() { slurm/submit --on slurm --shards 4 -o "$F" "$TOKENS" -- "$@" 2>"$T/err"; }

@test "an array on two nodes gives the bytes of one run, and a second line does nothing again" {
  run -0 slurm/submit --on slurm --shards 5 --at-once 3 --name here --sbatch --time=5 -o "$F" "$TOKENS" -- \
    eq-ppl -m corpora/mini -r none -r int4 -t 1
  cmp "$F/result.mp" "$BATS_FILE_TMPDIR/one.mp"
  local job
  job=$(cat "$F/job")
  [ -e "$F/logs/here-${job}_4.log" ]
  scontrol show job "$job" | grep -q 'ArrayTaskThrottle=3'
  scontrol show job "$job" | grep -q 'TimeLimit=00:05:00'
  run --separate-stderr slurm/submit --on slurm --shards 5 -o "$F" "$TOKENS" -- \
    eq-ppl -m corpora/mini -r none -r int4 -t 1
  [ "${stderr_lines[0]}" = "submit: 5 of 5 shards are done already" ]
  [ "$(cat "$F/job")" = "$job" ]
}

@test "a detached sweep is waited for by the same line, and a task at the end of its time goes back into the queue" {
  waits_at
  slurm/submit --on slurm --detach --shards 4 -o "$F" "$TOKENS" -- "$T/command"
  local job
  job=$(cat "$F/job")
  started 4
  scancel --batch --signal=USR1 "${job}_1"
  sweep "$T/command" &
  started 5
  grep -q told "$F/logs/sweep-${job}_1.log"
  touch "$T/node1.goes" "$T/node2.goes"
  wait $!
  [ "$(cat "$F/job")" = "$job" ]
  cmp "$F/result.mp" "$BATS_FILE_TMPDIR/one.mp"
}

@test "at the end of its time eq-ppl leaves what it has, and goes on" {
  local ppl job
  ppl=$(command -v eq-ppl)
  # it waits between the segments
  printf '#!/bin/bash\nsh -c "head -c 3000 $1; touch $2/waits; [ -e $2/goes ] || sleep 60; tail -c +3001 $1"' >"$T/slowly"
  printf '#!/bin/bash\n[ "$1" != -h ] || exec %s -h\nexec %s "$@" < <(%s %s %s)\n' "$ppl" "$ppl" "bash $T/slowly" "$TOKENS" "$T" >"$T/eq-ppl"
  chmod +x "$T/eq-ppl"
  local line=(slurm/submit --on slurm --shards 1 -o "$F" "$TOKENS" -- "$T/eq-ppl" -m corpora/mini -r none -r int4 -t 1)
  "${line[@]::3}" --detach "${line[@]:3}"
  job=$(cat "$F/job")
  for _ in {1..200}; do [ ! -e "$T/waits" ] || break; sleep 0.1; done
  sleep 1
  scancel --batch --signal=USR1 "${job}_0"
  touch "$T/goes"
  "${line[@]}"
  [ "$(cat "$F/job")" = "$job" ]
  grep -q 'eq-ppl: stopped by a signal: the same line goes on where it was' "$F/logs/sweep-${job}_0.log"
  cmp "$F/result.mp" "$BATS_FILE_TMPDIR/one.mp"
}

@test "shards that fail on the cluster are named" {
  printf '#!/bin/bash\necho no luck >&2; exit 2\n' >"$T/command"
  chmod +x "$T/command"
  run --separate-stderr slurm/submit --on slurm --shards 2 -o "$F" "$TOKENS" -- "$T/command"
  echo "$stderr"
  [ "$status" -eq 1 ]
  [ "${stderr_lines[1]}" = "submit: shard 0: ended with status 2: no luck" ]
  [ ! -e "$F/result.mp" ]
}

@test "a hub with workers on all tasks gives the bytes of one run, also when a worker is killed and the job's time ends" {
  cat >"$T/slow.py" <<END
import os, sys, time, msgpack
open("$T/started", "a").write("%d\n" % os.getppid())
for r in msgpack.Unpacker(sys.stdin.buffer, max_buffer_size=1 << 26, read_size=1):
    time.sleep(0.3 if r.get("k") == "tokens" else 0)
    sys.stdout.buffer.write(msgpack.packb(r))
    sys.stdout.buffer.flush()
END
  touch "$T/started"
  local job state
  job=$(sbatch --parsable --nodes=2 --ntasks=3 -o "$T/log" slurm/hub.sbatch "$T/two.mp" "$TOKENS" \
    sh -c "/usr/bin/python3 $T/slow.py | eq-ppl -q -m corpora/mini -r none -t 1")
  started 3
  for _ in {1..200}; do [ "$(stat -c %s "$T/two.mp.journal")" -lt 1500 ] || break; sleep 0.05; done
  kill -9 "$(ps -o ppid= "$(head -n 1 "$T/started")" | tr -d ' ')" # the eq-work above sh
  scancel --batch --signal=USR1 "$job"
  sleep 4
  [ ! -e "$T/two.mp" ]
  scontrol update JobId="$job" StartTime=now
  for _ in {1..300}; do
    state=$(squeue -h -j "$job" -o %T)
    [[ $state =~ ^(PENDING|CONFIGURING|RUNNING|COMPLETING)$ ]] || break
    sleep 0.1
  done
  cat "$T/log"
  grep -q 'journal: [1-9][0-9]* units are there' "$T/log"
  eq-ppl -m corpora/mini -r none -t 1 -i "$TOKENS" | cmp - "$T/two.mp"
  [ ! -e "$T/two.mp.key" ]
}

# One of the node's tasks dies with it, the other lives on, out of reach, and must not write to a shard that another has.
# From here on the cluster has one node.
@test "a node that is lost in the middle of an array costs nothing but time" {
  waits_at
  sweep "$T/command" &
  local submit=$! pid runner
  started 4
  pid=$(awk '$1 == "node2" { print $2; exit }' "$T/started")
  runner=$(ps -o ppid= "$pid" | tr -d ' ')
  kill -9 "$(cat "$BATS_FILE_TMPDIR/cluster/node2.pid")"
  kill -9 "$(ps -o ppid= "$runner" | tr -d ' ')" "$runner" "$pid"
  touch "$T/node1.goes"
  started 3 node1
  touch "$T/node2.goes"
  wait $submit
  cmp "$F/result.mp" "$BATS_FILE_TMPDIR/one.mp"
}

@test "a cluster that is interrupted leaves no process and no file" {
  mkdir "$T/tmp"
  TMPDIR=$T/tmp slurm/test-cluster run -- bash -c 'echo "$SLURM_CONF" >'"$T/conf"'; exec sleep 60' 3>&- &
  local pid=$!
  for _ in {1..300}; do [ ! -s "$T/conf" ] || break; sleep 0.1; done
  SLURM_CONF=$(cat "$T/conf") sinfo -h -o %D | grep -qx 2
  kill -TERM $pid
  wait $pid && false || [ $? -eq 143 ]
  [ -z "$(ls "$T/tmp")" ]
  ! grep -qsz "SLURM_CONF=$(cat "$T/conf")" /proc/[0-9]*/environ || false
}
