import fc from "fast-check";
import {
  backendAddress,
  balancerAddress,
  clientAddress,
  hostOf,
  hostWithPrefix,
  serverAddress,
  serverPublicAddress,
} from "../../lab/addresses";
import { type MachineFacts, machineProblem } from "../../lab/machine-check";
import { TrafficRecord } from "../../lab/traffic";

describe("addresses", () => {
  test("hosts are counted from the network address, across octets too", () => {
    expect(hostOf("10.0.32.0/20", 0)).toBe("10.0.32.0");
    expect(hostOf("10.0.32.0/20", 300)).toBe("10.0.33.44");
    expect(hostOf("10.0.32.77/20", 1)).toBe("10.0.32.1");
    expect(hostWithPrefix("10.0.32.0/20", 10)).toBe("10.0.32.10/20");
  });

  test("roles never share an address in one subnet", () => {
    const subnet = "10.0.32.0/24";
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { minLength: 1 }), (indices) => {
        const fixed = [hostOf(subnet, 1), balancerAddress(subnet), backendAddress(subnet)];
        const all = [...fixed, ...indices.map((index) => serverAddress(subnet, index))];
        expect(new Set(all).size).toBe(all.length);
      }),
    );
    expect([balancerAddress(subnet), serverAddress(subnet, 0), backendAddress(subnet)]).toEqual([
      "10.0.32.5",
      "10.0.32.10",
      "10.0.32.200",
    ]);
  });

  test("clients and public addresses come from documentation ranges (RFC 5737)", () => {
    expect([clientAddress(0), clientAddress(3)]).toEqual(["198.51.100.10", "198.51.100.13"]);
    expect([serverPublicAddress(0), serverPublicAddress(2)]).toEqual(["203.0.113.10", "203.0.113.12"]);
  });
});

describe("traffic", () => {
  const record = (...times: number[]): TrafficRecord => {
    const traffic = new TrafficRecord();
    times.forEach((at, index) => {
      traffic.take(JSON.stringify({ sent: index + 1, at: at - 1 }));
      traffic.take(JSON.stringify({ seq: index + 1, rtt: 1, via: `10.0.0.${index}`, at }));
    });
    return traffic;
  };

  test("a window has what was sent and answered in it, and the last answer before it", () => {
    const window = record(100, 200, 300, 400).window(200, 300);
    expect(window.sent.map(({ seq, at }) => [seq, at])).toEqual([[3, 299]]);
    expect(window.before).toMatchObject({ seq: 1, at: 100 });
    expect(window.answers.map(({ seq, at }) => [seq, at])).toEqual([
      [2, 200],
      [3, 300],
    ]);
    expect(record().window(0, 100)).toEqual({ sent: [], before: undefined, answers: [] });
  });

  test("a client that talks for hours is counted in full, and only its last answers are kept", () => {
    const many = 120_000;
    const traffic = record(...Array.from({ length: many }, (_, index) => index));
    expect(traffic.report()).toMatchObject({ sent: many, received: many, last: { seq: many } });
    const { answers, sent } = traffic.window(0, many);
    expect(answers.length).toBeLessThan(many);
    expect([answers.at(-1)?.seq, sent.at(-1)?.seq]).toEqual([many, many]);
    expect(answers.length).toBeGreaterThanOrEqual(50_000);
  });

  test.each([
    ["between two answers", [100, 200, 900, 1000], 100, 1000, 700],
    ["from the last answer before the time asked for", [100, 900], 500, 900, 800],
    ["up to the end, when none came any more", [100, 200], 100, 1200, 1000],
    ["from the start, when none came before", [900], 500, 900, 400],
    ["of the whole time, when none came at all", [], 500, 800, 300],
    ["without answers after the end", [100, 200, 5000], 100, 300, 100],
  ] as const)("the longest gap is found %s", (_, times, from, to, gap) => {
    expect(record(...times).longestGap(from, to)).toBe(gap);
  });

  test("sent and received are counted, and the last answer is kept", () => {
    const traffic = record(100, 200);
    traffic.take(JSON.stringify({ sent: 3, at: 300 }));
    expect(traffic.report()).toEqual({
      sent: 3,
      received: 2,
      last: { at: 200, rtt: 1, via: "10.0.0.1", seq: 2 },
    });
  });

  test("the next answer is the next one that matches; earlier ones do not count", async () => {
    const traffic = record(100);
    const next = traffic.next(({ via }) => via !== "10.0.0.1", 5000);
    traffic.take(JSON.stringify({ seq: 8, rtt: 1, via: "10.0.0.1", at: 200 }));
    traffic.take(JSON.stringify({ seq: 9, rtt: 2, via: "10.0.0.2", at: 300 }));
    expect(await next).toEqual({ at: 300, rtt: 2, via: "10.0.0.2", seq: 9 });
  });

  test("times are told on the lab's clock", () => {
    const traffic = new TrafficRecord(5000);
    traffic.take(JSON.stringify({ sent: 1, at: 5100 }));
    traffic.take(JSON.stringify({ seq: 1, rtt: 1, via: "10.0.0.1", at: 5200 }));
    expect(traffic.window(0, 1000)).toMatchObject({ sent: [{ at: 100 }], answers: [{ at: 200 }] });
  });

  test("without an answer in time there is none", async () => {
    expect(await record(100).next(() => true, 5)).toBeUndefined();
  });

  test("a line that is no probe's is an error, not an answer", () => {
    expect(() => record().take('{"seq": 1}')).toThrow();
    expect(() => record().take("(node:1) Warning")).toThrow();
  });
});

describe("what a machine needs", () => {
  const FACTS: MachineFacts = {
    platform: "linux",
    user: "maria",
    namespaceError: undefined,
    settings: [],
    kernelWireGuard: false,
    tun: "usable",
  };

  test.each([
    ["wireguard-go has its device", {}],
    ["the kernel has WireGuard, whatever the device", { kernelWireGuard: true, tun: "missing" }],
    ["the kernel has WireGuard and the device is closed", { kernelWireGuard: true, tun: "forbidden" }],
  ] as const)("nothing is missing when %s", (_, facts) => {
    expect(machineProblem({ ...FACTS, ...facts })).toBeUndefined();
  });

  const REASON = "unshare failed: Operation not permitted";
  const DENIED = `this machine does not let user maria make namespaces (${REASON})`;
  const APPARMOR = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
  test.each([
    ["another system", { platform: "darwin" }, "the lab needs Linux (namespaces); this is darwin"],
    [
      "no tun device",
      { tun: "missing" },
      "this kernel has no WireGuard and there is no /dev/net/tun for wireguard-go; make one with: sudo modprobe tun || (sudo mkdir -p /dev/net && sudo mknod -m 666 /dev/net/tun c 10 200)",
    ],
    [
      "a closed tun device",
      { tun: "forbidden" },
      "/dev/net/tun may not be opened by user maria; distributions allow it to everyone. Do the same with 'sudo chmod 666 /dev/net/tun', or run the lab as root: sudo ./wgc demo",
    ],
    [
      "no user namespaces",
      { namespaceError: REASON },
      `${DENIED}; allow it with 'sudo sysctl -w user.max_user_namespaces=15000', or run the lab as root: sudo ./wgc demo`,
    ],
    [
      "user namespaces that AppArmor forbids",
      { namespaceError: REASON, settings: ["/proc/sys/user/max_user_namespaces", APPARMOR] },
      `${DENIED}; allow it with 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0', or run the lab as root: sudo ./wgc demo`,
    ],
    [
      "a container of root without privileges",
      { namespaceError: REASON, user: "root" },
      `this machine does not let user root make namespaces (${REASON}); a container needs --privileged for it, elsewhere see 'sysctl user.max_user_namespaces'`,
    ],
    [
      "no namespaces, even with WireGuard in the kernel",
      { namespaceError: "x", kernelWireGuard: true, user: "root" },
      "this machine does not let user root make namespaces (x); a container needs --privileged for it, elsewhere see 'sysctl user.max_user_namespaces'",
    ],
  ] as const)("%s is named with what mends it", (_, facts, message) => {
    expect(machineProblem({ ...FACTS, ...facts })).toBe(message);
  });
});
