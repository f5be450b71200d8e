import {
  CALM_MS,
  describe as inWords,
  MEMBERS,
  SERVERS,
  type SoakEvent,
  schedule,
} from "../../bench/soak/schedule";

const SEEDS = Array.from({ length: 40 }, (_, index) => `seed-${index}`);
const MINUTES = 10;
const of = (events: readonly SoakEvent[], ...kinds: string[]): SoakEvent[] =>
  events.filter(({ action }) => kinds.includes(action.kind));
const serverOf = ({ action }: SoakEvent): string => ("server" in action ? action.server : "");

test("the schedule follows from seed and length alone", () => {
  expect(schedule("7", MINUTES)).toEqual(schedule("7", MINUTES));
  expect(schedule("7", MINUTES)).not.toEqual(schedule("8", MINUTES));
});

test("something happens every few seconds, everything there is, and nothing in the calm part at the end", () => {
  const kinds = new Set<string>();
  for (const seed of SEEDS) {
    const events = schedule(seed, MINUTES);
    const times = events.map(({ at }) => at);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    const pauses = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(6001);
    expect(times.at(-1)).toBeLessThanOrEqual(MINUTES * 60_000 - CALM_MS);
    for (const { action } of events) kinds.add(action.kind);
  }
  expect([...kinds].sort()).toEqual(
    [
      ...["blackhole", "crash", "drain", "efs-hang", "efs-heal", "heal", "join", "kill-agent"],
      ...["revoke", "roam", "scale", "start", "undrain"],
    ].sort(),
  );
});

test("one of the servers is always in service, and each trouble of a server ends before its next one begins", () => {
  const ends = { crash: "start", blackhole: "heal", drain: "undrain" } as Record<string, string>;
  for (const seed of SEEDS) {
    const out = new Map<string, string>();
    for (const event of schedule(seed, MINUTES)) {
      const { kind } = event.action;
      const server = serverOf(event);
      if (ends[kind] !== undefined) {
        expect(out.get(server)).toBeUndefined();
        out.set(server, kind);
      } else if (Object.values(ends).includes(kind)) {
        expect(ends[out.get(server) ?? ""]).toBe(kind);
        out.delete(server);
      } else if (kind === "kill-agent") expect(out.get(server)).toBeUndefined();
      expect(out.size).toBeLessThan(SERVERS.length);
    }
    expect(out.size).toBe(0);
  }
});

test("nobody is revoked, joins or boots while the file system hangs", () => {
  for (const seed of SEEDS) {
    let hangs = false;
    for (const { action } of schedule(seed, MINUTES)) {
      if (action.kind === "efs-hang") hangs = true;
      else if (action.kind === "efs-heal") hangs = false;
      else if (hangs) expect(["roam", "kill-agent"]).toContain(action.kind);
    }
    expect(hangs).toBe(false);
  }
});

test("clients are revoked once and only after they came; members stay, and those without a router do not roam", () => {
  for (const seed of SEEDS) {
    const there = new Set(["v1", "v2"]);
    for (const { action } of of(schedule(seed, MINUTES), "revoke", "join", "roam")) {
      if (!("client" in action)) continue;
      if (action.kind === "join") there.add(action.client);
      else if (action.kind === "revoke") expect(there.delete(action.client)).toBe(true);
      else expect(MEMBERS[action.client]).toMatch(/^(strict|full-cone)$/);
    }
  }
});

test("the group grows by one server and shrinks again, in turns", () => {
  for (const seed of SEEDS) {
    const sizes = of(schedule(seed, MINUTES), "scale").map(({ action }) =>
      "capacity" in action ? action.capacity : 0,
    );
    sizes.forEach((size, index) => {
      expect(size).toBe(index % 2 === 0 ? 4 : 3);
    });
    expect(sizes.length % 2).toBe(0);
  }
});

test("actions in words", () => {
  expect(inWords({ kind: "crash", server: "s1" })).toBe("crash s1");
  expect(inWords({ kind: "join", client: "v3", nat: "public" })).toBe("join v3 (public)");
  expect(inWords({ kind: "scale", capacity: 4 })).toBe("scale 4");
  expect(inWords({ kind: "efs-hang" })).toBe("efs-hang");
});
