# Scripts are code too.

@test "shellcheck finds nothing in our scripts" {
  mapfile -t scripts < <(git ls-files -co --exclude-standard 2>/dev/null | grep -E '\.(sh|bats|sbatch)$')
  shellcheck .ci/run tests/floors tests/fuzz/run "${scripts[@]}"
}
