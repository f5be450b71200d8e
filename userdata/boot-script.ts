import { PATHS } from "./paths";
import type { UserDataArgs } from "./types";

/** Tries of each mount and of fetching the agent, and the longest pause between two tries in seconds. */
const MOUNT_TRIES = 10;
const FETCH_TRIES = 6;
const LONGEST_PAUSE = 16;
/** Tries to tell the group of a failed boot. */
const ABANDON_TRIES = 4;

/** Seconds that the script's `retry` pauses at most: 1, 2, 4 and so on up to the longest, none after the last try. */
function pauses(tries: number): number {
  let sum = 0;
  for (let left = tries - 1, pause = 1; left > 0; left--) {
    sum += pause;
    if (pause < LONGEST_PAUSE) pause *= 2;
  }
  return sum;
}

/** Seconds that a boot that still succeeds may spend waiting between tries: 95 for each of two mounts, 31 for the agent. */
export const BOOT_RETRY_SECONDS = 2 * pauses(MOUNT_TRIES) + pauses(FETCH_TRIES);

/**
 * Renders the script that turns a fresh instance into a server. POSIX sh; running it again is harmless.
 * The values it contains come from the stack (bucket, key, hash), never from a client.
 */
export function renderBootScript(args: Pick<UserDataArgs, "agent" | "region" | "lifecycle">): string {
  const { bucket, key, sha256 } = args.agent;
  const { group, launchHook } = args.lifecycle;
  return `#!/bin/sh
# Made by wgc. Turns a fresh instance into a VPN server; running it again is harmless.
set -eu
umask 022

log() { printf '%s wgc-boot: %s\\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }
fail() { log "FAILED: $*" >&2; exit 1; }

# retry TIMES COMMAND...: runs the command until it succeeds, with growing pauses.
retry() {
  left=$1; shift; pause=1
  until "$@"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    log "$1 did not succeed, $left attempts left; next in $pause s"
    sleep "$pause"
    if [ "$pause" -lt ${LONGEST_PAUSE} ]; then pause=$((pause * 2)); fi
  done
}

# The group waits for this server's word (a launch lifecycle hook). The agent gives it; of a failed boot this script tells, with the
# image's own AWS command line: the agent, or the Node.js that runs it, may be what is missing. The group then ends this instance and
# launches another one. On a server that does not wait, as when this is run again, the call is refused and changes nothing.
abandon() {
  id=$(cat ${PATHS.instanceId}) || return 0
  retry ${ABANDON_TRIES} aws autoscaling complete-lifecycle-action --auto-scaling-group-name ${group} \\
    --lifecycle-hook-name ${launchHook} --lifecycle-action-result ABANDON --instance-id "$id" ||
    log "the group cannot be told; it ends this instance when its launch hook's time is up"
}
ended() {
  code=$?
  trap - EXIT
  [ "$code" -eq 0 ] || abandon
  exit "$code"
}
trap ended EXIT

link_node() {
  for name in node-24 node; do
    found=$(command -v "$name" || true)
    if [ -n "$found" ]; then
      mkdir -p ${dir(PATHS.node)}
      ln -sfn "$found" ${PATHS.node}
      log "node is $found"
      return
    fi
  done
  fail "no Node.js on this image; was the package nodejs24 installed?"
}

# New mount targets resolve in DNS up to 90 s after they were made, so this tries for about two minutes.
mount_share() {
  mkdir -p "$1"
  if mountpoint -q "$1"; then log "$1 is mounted"; return; fi
  retry ${MOUNT_TRIES} mount "$1" || fail "$1 cannot be mounted; see /var/log/amazon/efs/mount.log"
  log "$1 mounted"
}

fetch_agent() {
  new=${PATHS.agent}.new
  retry ${FETCH_TRIES} aws s3 cp --only-show-errors s3://${bucket}/${key} "$new" || fail "the agent cannot be fetched from s3://${bucket}/${key}"
  printf '%s  %s\\n' ${sha256} "$new" | sha256sum -c - >/dev/null 2>&1 ||
    fail "the agent from s3://${bucket}/${key} is not the one that was deployed: its SHA-256 is $(sha256sum "$new" | cut -d ' ' -f 1)"
  mv "$new" ${PATHS.agent}
  log "agent ${sha256.slice(0, 12)} in place"
}

export AWS_DEFAULT_REGION=${args.region}
install -d -m 0700 ${PATHS.state}
link_node
mount_share ${PATHS.registry}
mount_share ${PATHS.runtime}
fetch_agent
sysctl -p ${PATHS.sysctls}
log "kernel settings applied"
${PATHS.node} ${PATHS.agent} init || fail "the cluster's key cannot be taken up; the lines above say why"
log "the cluster's key is here"
systemctl daemon-reload
systemctl enable --now wgc-network.service wgc-agent.service wgc-rekey.path
log "tunnel and agent started"
`;
}

function dir(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
