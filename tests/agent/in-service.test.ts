import type { Health } from "../../agent/health";
import { inService } from "../../agent/in-service";

const OK: Health = { status: "ok", healthy: true, reasons: [], checks: checks() };
const DRAINING: Health = {
  ...{ status: "draining", healthy: false, reasons: ["draining: asked"] },
  checks: checks("serving"),
};
const BROKEN: Health = { status: "unhealthy", healthy: false, reasons: ["wg hangs"], checks: checks("tool") };
const DRAINING_BROKEN: Health = { ...DRAINING, checks: checks("serving", "tool") };
const STANDBY = { standby: "standby: i-2 is active", handingOn: undefined };
const HANDING_ON = { standby: "standby: i-2 is active", handingOn: "handing on to i-2" };

function checks(...failing: string[]): Health["checks"] {
  const names = ["serving", "applied", "loop", "tool", "interface", "key", "listenPort", "firewall"];
  const all = [...names, "forwarding", "probe", "leftBehind"];
  return Object.fromEntries(all.map((name) => [name, { ok: !failing.includes(name) }]));
}

test.each([
  ["alone, it is told as it is", OK, { standby: undefined, handingOn: undefined }, OK],
  [
    "standing by, it takes no traffic",
    OK,
    STANDBY,
    { ...OK, status: "standby", healthy: false, reasons: ["standby: i-2 is active"] },
  ],
  ["standing by, what is wrong with it goes first", BROKEN, STANDBY, BROKEN],
  [
    "handing on, it takes traffic",
    OK,
    HANDING_ON,
    { ...OK, status: "standby", healthy: true, reasons: ["handing on to i-2"] },
  ],
  [
    "handing on, it takes traffic though it drains",
    DRAINING,
    HANDING_ON,
    { ...DRAINING, healthy: true, reasons: ["handing on to i-2", "draining: asked"] },
  ],
  [
    "handing on, it takes traffic though it is back from a drain for a moment only",
    { ...BROKEN, reasons: ["recovering"], checks: checks() },
    HANDING_ON,
    { ...OK, status: "standby", reasons: ["handing on to i-2", "recovering"] },
  ],
  ["handing on, it takes none when it is broken", BROKEN, HANDING_ON, BROKEN],
  ["nor when it drains and is broken", DRAINING_BROKEN, HANDING_ON, DRAINING_BROKEN],
  ["draining as a standby, it takes none", DRAINING, STANDBY, DRAINING],
])("%s", (_, health, turn, told) => {
  expect(inService(health, turn)).toEqual(told);
});
