# The front door.

@test "eq TOOL runs the tool beside it, and its status is the tool's" {
  [ "$(eq shard --version)" = "$(eq-shard --version)" ]
  run eq shard --no-such
  [ "$status" -eq 2 ]
  [ "$output" = "eq-shard: unknown option --no-such: -h lists the options" ]
}

@test "eq help lists every tool there is" {
  diff <(eq help | sed -n 's/^  eq \([a-z]*\).*/\1/p' | sort) <(for t in tools/eq-*.c; do basename "$t" .c; done | sed 's/^eq-//' | sort)
}

@test "eq help TOOL is eq-TOOL -h" {
  diff <(eq help show) <(eq-show -h)
}

@test "a tool that is not there is named" {
  run eq nothing
  [ "$status" -eq 2 ]
  [ "$output" = "eq: there is no tool 'nothing': eq help lists them" ]
}
