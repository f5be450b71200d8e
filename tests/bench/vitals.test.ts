import { familyOf, parseProcesses } from "../../bench/apply/processes";
import { ALLOWANCE, leaks, parseVitals, type Vitals } from "../../bench/soak/vitals";

/** A line of /proc/PID/stat with the fields that are read, and the memory behind it. */
function line(
  pid: number,
  name: string,
  parent: number,
  ticks: number[],
  start: number,
  rss = 0,
  state = "S",
): string {
  const fields = Array.from({ length: 50 }, () => "0");
  fields[0] = state;
  fields[1] = String(parent);
  ticks.forEach((value, index) => {
    fields[11 + index] = String(value);
  });
  fields[19] = String(start);
  return `${pid} (${name}) ${fields.join(" ")}|HWM=${rss + 1} RSS=${rss} `;
}

const PROCESSES = [
  line(1, "sh", 0, [1, 0, 0, 0], 0),
  line(20, "node agent (x)", 1, [100, 20, 3, 4], 500, 2048),
  line(21, "node", 20, [5, 5, 0, 0], 600, 1024),
  line(22, "conntrack", 20, [0, 1, 0, 0], 600, 10),
  line(30, "wireguard-go", 1, [7, 7, 0, 0], 400, 4096),
  line(31, "wg", 21, [1, 0, 0, 0], 99_990, 5),
  line(32, "sleep", 1, [0, 0, 0, 0], 100, 0, "Z"),
];

test("processes are read from /proc, names with blanks and brackets included", () => {
  const all = parseProcesses(PROCESSES.join("\n"));
  expect(all[1]).toEqual({
    pid: 20,
    parent: 1,
    name: "node agent (x)",
    ticks: 127,
    startTicks: 500,
    rss_kib: 2048,
    peak_kib: 2049,
  });
  expect(familyOf(20, all).map(({ pid }) => pid)).toEqual([20, 21, 31, 22]);
});

const NFT = JSON.stringify({
  nftables: [
    { table: { name: "wgc_sessions" } },
    { set: { name: "own", elem: [{ elem: { val: 1, expires: 10 } }, { elem: { val: 2, expires: 5 } }] } },
    { set: { name: "seen4" } },
    { set: { name: "issued4", elem: [7] } },
  ],
});

test("vitals: old processes, the agent's files and memory, elements and those that never expire", () => {
  const text = [
    "main 20",
    "uptime 1000.00",
    ...PROCESSES,
    "fds 20 30",
    "fds 21 12",
    "fds 30 99",
    `nft ${NFT}`,
  ].join("\n");
  expect(parseVitals(text)).toEqual({
    processes: 5,
    zombies: 1,
    agent_fds: 42,
    agent_rss_mib: 3,
    wireguard_rss_mib: 4,
    set_elements: 3,
    set_elements_forever: 1,
  });
});

const CALM: Vitals = {
  processes: 6,
  zombies: 0,
  agent_fds: 60,
  agent_rss_mib: 170,
  wireguard_rss_mib: 6,
  set_elements: 20,
  set_elements_forever: 0,
};

test("what stays within its allowance is no leak", () => {
  const most: Vitals = {
    processes: CALM.processes + ALLOWANCE.processes,
    zombies: 0,
    agent_fds: CALM.agent_fds + ALLOWANCE.agent_fds,
    agent_rss_mib: CALM.agent_rss_mib + ALLOWANCE.agent_rss_mib,
    wireguard_rss_mib: CALM.wireguard_rss_mib + ALLOWANCE.wireguard_rss_mib,
    set_elements: ALLOWANCE.set_elements_per_client * 2,
    set_elements_forever: 0,
  };
  expect(leaks("s1", CALM, most, 2)).toEqual([]);
});

test.each([
  [{ processes: 11 }, "s1: processes grew from 6 to 11, allowed are 4 more"],
  [{ zombies: 1 }, "s1: zombies grew from 0 to 1, allowed are 0 more"],
  [{ agent_fds: 73 }, "s1: agent_fds grew from 60 to 73, allowed are 12 more"],
  [{ agent_rss_mib: 270 }, "s1: agent_rss_mib grew from 170 to 270, allowed are 96 more"],
  [{ wireguard_rss_mib: 110 }, "s1: wireguard_rss_mib grew from 6 to 110, allowed are 96 more"],
  [{ set_elements: 161 }, "s1: 161 elements in nft sets, allowed are 160 for 2 clients"],
  [{ set_elements_forever: 1 }, "s1: 1 elements in nft sets never expire"],
])("%p is a leak", (grown, problem) => {
  expect(leaks("s1", CALM, { ...CALM, ...grown }, 2)).toEqual([problem]);
});
