#!/usr/bin/env bash
# One step of the Action: runs kstate as the inputs say and tells of it. Everything from outside comes as environment.
set -uo pipefail

files="${RUNNER_TEMP:?}/kstate-reports"
mkdir -p "$files"
token="${GITHUB_TOKEN:-}"
unset GITHUB_TOKEN # only what talks to GitHub is given it

# Lines of NAME=VALUE from a secret, for this process and its children alone.
while IFS= read -r line; do
  name="${line%%=*}"
  if [[ "$line" == *=* && "$name" =~ ^[A-Za-z_][A-Za-z0-9_]*$ && ! "$name" =~ ^(GITHUB_|RUNNER_|KSTATE|PATH$|LD_) ]]; then
    export "$name=${line#*=}"
  elif [[ -n "${line//[[:space:]]/}" ]]; then
    echo "::error title=kstate::a line of the input env is not NAME=VALUE, or has a name that is taken"
    exit 64
  fi
done <<< "${KSTATE_ENV:-}"
unset KSTATE_ENV

narrowed=()
for cluster in ${KSTATE_CLUSTERS:-}; do narrowed+=(--cluster "$cluster"); done
[[ -n "${KSTATE_VALUES:-}" ]] && narrowed+=(--values "$KSTATE_VALUES")

approved=()
while IFS= read -r line; do
  [[ -n "$line" ]] && approved+=(--approve "$line")
done <<< "${KSTATE_APPROVE:-}"

kstate() { "${KSTATE:?}" "$@"; }

with_token() { GITHUB_TOKEN="$token" "${KSTATE:?}" "$@"; }

# What cannot be told is a warning; it never changes what the run came to.
tell() {
  if [[ "${KSTATE_NOTIFY:-true}" == "true" ]]; then
    with_token notify "$@" --scope "$KSTATE_SCOPE" --as "$KSTATE_LOGIN"
    if [[ $? == 64 ]]; then
      echo "::warning title=kstate notify::nobody could be told: the inputs do not go together, see the log"
    fi
  fi
  return 0
}

plan() {
  local offline=()
  [[ -n "${KSTATE_SNAPSHOT:-}" ]] && offline=(--offline "$KSTATE_SNAPSHOT")
  rm -f "$files/plan.json"
  kstate plan "$KSTATE_SPEC" --format github --out "$files/plan.json" "${narrowed[@]}" "${offline[@]}"
  local code=$?
  if [[ -f "$files/plan.json" ]]; then tell "$files/plan.json" --comment; else tell --comment; fi
  [[ -n "${KSTATE_SARIF:-}" ]] && sarif "$code"
  return "$code"
}

# What the plan found, or where the spec is wrong. Where nothing could be looked at there is no file: an empty one
# would close what was found before.
sarif() {
  rm -f "$KSTATE_SARIF"
  if [[ -f "$files/plan.json" ]]; then
    kstate show "$files/plan.json" --format sarif > "$KSTATE_SARIF"
  elif [[ "$1" == 64 ]]; then
    kstate validate "$KSTATE_SPEC" --format sarif ${KSTATE_VALUES:+--values "$KSTATE_VALUES"} > "$KSTATE_SARIF"
  fi
  return 0
}

# Planned again, here and now; the very file whose digest was approved is what is applied.
apply() {
  if [[ ! "${KSTATE_DIGEST:-}" =~ ^sha256:[0-9a-f]{64}$ ]]; then
    echo "::error title=kstate::the input digest is no digest: nothing was approved"
    return 64
  fi
  rm -f "$files/apply.json" "$files/result.json"
  kstate plan "$KSTATE_SPEC" --out "$files/apply.json" "${narrowed[@]}"
  local code=$?
  [[ -f "$files/apply.json" ]] || return "$code"
  carry_out
  code=$?
  if [[ "$code" == 6 ]]; then
    # Applied in part: the same plan goes on where it ended.
    sleep "${KSTATE_PAUSE:-10}"
    carry_out
    code=$?
  fi
  [[ -f "$files/result.json" ]] && tell "$files/result.json" --comment
  return "$code"
}

carry_out() {
  kstate apply "$files/apply.json" --expect "$KSTATE_DIGEST" "${approved[@]}" --wait 10m \
    --format github --out "$files/result.json"
}

drift() {
  local chat=()
  [[ -n "${KSTATE_SLACK:-}" ]] && chat=(--slack "$KSTATE_SLACK")
  rm -f "$files/drift.json"
  kstate drift "$KSTATE_SPEC" --format github --out "$files/drift.json" "${narrowed[@]}"
  local code=$?
  [[ -f "$files/drift.json" ]] && tell "$files/drift.json" --issue "${chat[@]}"
  return "$code"
}

# What is live, for plans that get no login.
snapshot() {
  if [[ -z "${KSTATE_SNAPSHOT:-}" ]]; then
    echo "::error title=kstate::the input snapshot names no file to write"
    return 64
  fi
  kstate snapshot "$KSTATE_SPEC" --out "$KSTATE_SNAPSHOT" "${narrowed[@]}"
}

case "${KSTATE_RUN:-}" in
  validate) kstate validate "$KSTATE_SPEC" --format github ${KSTATE_VALUES:+--values "$KSTATE_VALUES"} ;;
  plan) plan ;;
  approved) with_token approved --format github --scope "$KSTATE_SCOPE" --as "$KSTATE_LOGIN" ;;
  apply) apply ;;
  drift) drift ;;
  snapshot) snapshot ;;
  *)
    echo "::error title=kstate::the input run must be validate, plan, approved, apply, drift or snapshot"
    (exit 64)
    ;;
esac
code=$?
echo "exit-code=$code" >> "${GITHUB_OUTPUT:?}"
# Drift is told by its issue: a scheduled job that fails every hour is one that nobody looks at any more.
[[ "${KSTATE_RUN:-}" == "drift" && "$code" == 2 ]] && exit 0
exit "$code"
