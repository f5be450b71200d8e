import { UserError } from "../../config/errors";
import { loadSettings } from "../../config/load";

const load = (values: Record<string, string>) => {
  const own = Object.entries(values).map(([key, value]) => [`wgc:${key}`, value]);
  return loadSettings({ stack: "dev", values: { "aws:region": "us-east-1", ...Object.fromEntries(own) } });
};

function faults(values: Record<string, string>): string[] {
  try {
    load(values);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message.split("\n  - ").slice(1);
  }
  return [];
}

const routed = { addressing: "routed" };

test("routed addressing is towards the VPC, and nobody there may open connections to clients", () => {
  const { settings, warnings } = load({ ...routed, vpcCidr: "10.7.0.0/16" });
  expect(settings).toMatchObject({
    routedPrefixes: ["10.7.0.0/16"],
    backendPrefixes: [],
    clientToClient: false,
    clientRoutes: ["10.7.0.0/16"],
  });
  expect(warnings).toEqual([]);
});

test("prefixes and route tables are read as lists", () => {
  const { settings } = load({
    ...routed,
    routedPrefixes: "10.0.0.0/16,192.168.0.0/16",
    backendPrefixes: "10.0.3.0/24,192.168.4.0/24",
    clientRoutes: "10.0.0.0/8,192.168.0.0/16",
    routeTables: "rtb-0123456789abcdef0=us-east-1a, rtb-01234567=us-east-1b",
  });
  expect(settings.routedPrefixes).toEqual(["10.0.0.0/16", "192.168.0.0/16"]);
  expect(settings.backendPrefixes).toEqual(["10.0.3.0/24", "192.168.4.0/24"]);
  expect(settings.routeTables).toEqual([
    { id: "rtb-0123456789abcdef0", zone: "us-east-1a" },
    { id: "rtb-01234567", zone: "us-east-1b" },
  ]);
});

test.each([
  ["192.168.0.0/16", "10.0.0.0/16,192.168.0.0/16"],
  ["10.0.32.0/20,192.168.0.0/16", "10.0.0.0/16,192.168.0.0/16"],
])("routed prefixes %s leave the VPC out, which deserves a warning", (routedPrefixes, mended) => {
  const { warnings } = load({ ...routed, routedPrefixes });
  expect(warnings).toEqual([
    expect.stringContaining(`wgc:routedPrefixes ${routedPrefixes} does not contain wgc:vpcCidr 10.0.0.0/16`),
  ]);
  expect(warnings[0]).toContain(`pulumi config set wgc:routedPrefixes ${mended}`);
  expect(load({ ...routed, routedPrefixes: mended }).warnings).toEqual([]);
  expect(load({ ...routed, routedPrefixes: "10.0.0.0/8", tunnelCidr: "100.64.0.0/16" }).warnings).toEqual([]);
});

test("clients that reach each other get a route there unless their routes are set", () => {
  expect(load({ ...routed, clientToClient: "true" }).settings.clientRoutes).toEqual([
    "10.0.0.0/16",
    "10.100.0.0/16",
  ]);
  const set = { ...routed, clientToClient: "true", clientRoutes: "10.0.0.0/16,10.100.9.0/24,10.100.0.0/16" };
  expect(load(set).warnings).toEqual([]);
});

test.each([
  [{ addressing: "routed", takeover: "false" }, "takeover", "while wgc:addressing is routed:", "true"],
  [
    { topology: "active-passive", takeover: "false" },
    "takeover",
    "while wgc:topology is active-passive:",
    "true",
  ],
  [
    { addressing: "routed", topology: "active-passive", takeover: "false" },
    "takeover",
    "while wgc:addressing is routed and wgc:topology is active-passive:",
    "true",
  ],
  [
    { topology: "active-passive", crossZone: "false" },
    "crossZone",
    "zones other than the active server's would drop their clients",
    "true",
  ],
  [{ routedPrefixes: "10.0.0.0/16" }, "routedPrefixes", "while wgc:addressing is masquerade", '""'],
  [{ backendPrefixes: "10.0.0.0/16" }, "backendPrefixes", "while wgc:addressing is masquerade", '""'],
  [{ clientToClient: "true" }, "clientToClient", "while wgc:addressing is masquerade", "false"],
  [{ routeTables: "rtb-01234567=us-east-1a" }, "routeTables", "while wgc:addressing is masquerade", '""'],
  [
    { ...routed, routedPrefixes: "10.0.0.0/8,10.0.0.0/16" },
    "routedPrefixes",
    "must not overlap wgc:tunnelCidr 10.100.0.0/16 (10.0.0.0/8)",
    "10.0.0.0/16",
  ],
  [
    { ...routed, routedPrefixes: "0.0.0.0/0", tunnelCidr: "172.30.0.0/16" },
    "routedPrefixes",
    "must not overlap wgc:tunnelCidr",
    "10.0.0.0/16",
  ],
  [
    { ...routed, routedPrefixes: "169.254.169.0/24,10.0.0.0/16" },
    "routedPrefixes",
    "must not contain addresses that no host can use (169.254.169.0/24)",
    "10.0.0.0/16",
  ],
  [
    { ...routed, routedPrefixes: "10.0.0.0/16,203.0.113.0/24" },
    "routedPrefixes",
    "must not lie outside wgc:vpcCidr and the private ranges",
    "10.0.0.0/16",
  ],
  [
    { ...routed, backendPrefixes: "10.0.3.0/24,10.1.0.0/16", clientRoutes: "10.0.0.0/8" },
    "backendPrefixes",
    "must lie inside wgc:routedPrefixes 10.0.0.0/16 (10.1.0.0/16 does not)",
    "10.0.3.0/24",
  ],
  [
    { ...routed, routedPrefixes: "10.0.3.0/24", backendPrefixes: "10.0.0.0/16" },
    "backendPrefixes",
    "must lie inside wgc:routedPrefixes 10.0.3.0/24",
    '""',
  ],
  [{ meshPort: "51820" }, "meshPort", "must differ from wgc:listenPort (51820)", "51830"],
  [{ meshPort: "51821" }, "meshPort", "must differ from the port after wgc:listenPort (51821)", "51830"],
  [{ meshPort: "8080" }, "meshPort", "must differ from wgc:healthPort (8080)", "51830"],
  [{ meshPort: "4790" }, "meshPort", "must differ from the overlay's port (4790)", "51830"],
  [{ listenPort: "51829" }, "meshPort", "is 51830 (its default)", "51840"],
  [{ ...routed, listenPort: "4789" }, "listenPort", "must differ from 4790", "51820"],
  [
    { ...routed, routeTables: "rtb-01234567=us-east-1a,rtb-01234567=us-east-1b" },
    "routeTables",
    '"rtb-01234567=us-east-1b" is there twice',
    "rtb-0123456789abcdef0=us-east-1a",
  ],
  [
    { ...routed, routeTables: "rtb-01234567" },
    "routeTables",
    '"rtb-01234567" is not: it must be rtb-ID=ZONE',
    "rtb-0123456789abcdef0=us-east-1a",
  ],
])("%j is refused", (values, key, why, mend) => {
  const given = values as unknown as Record<string, string>;
  const found = faults(given);
  expect(found).toHaveLength(1);
  expect(found[0]?.startsWith(`wgc:${key} is `)).toBe(true);
  expect(found[0]).toContain(why);
  expect(found[0]?.endsWith(`\n    pulumi config set wgc:${key} ${mend}`)).toBe(true);
  // The line that mends it mends it.
  expect(faults({ ...given, [key]: mend === '""' ? "" : mend })).toEqual([]);
});

test("ranges of the VPC may be routed even where they are public: AWS allows such VPCs", () => {
  expect(load({ ...routed, vpcCidr: "203.0.0.0/16" }).settings.routedPrefixes).toEqual(["203.0.0.0/16"]);
});

test("standing by needs no routed addressing, and a port of the tunnel may be the overlay's while there is none", () => {
  expect(faults({ topology: "active-passive" })).toEqual([]);
  expect(faults({ listenPort: "4790" })).toEqual([]);
});

test("what clients have no route for is warned about, with the line that mends it", () => {
  const values = {
    ...routed,
    routedPrefixes: "10.0.0.0/16,192.168.0.0/16",
    backendPrefixes: "192.168.4.0/24",
    clientRoutes: "10.0.0.0/16",
    clientToClient: "true",
  };
  const { warnings } = load(values);
  expect(warnings.map((warning) => warning.split(" ")[0])).toEqual([
    "wgc:backendPrefixes",
    "wgc:clientToClient",
  ]);
  expect(warnings[0]).toMatch(/set wgc:clientRoutes 10\.0\.0\.0\/16,192\.168\.4\.0\/24$/);
  expect(warnings[1]).toMatch(/set wgc:clientRoutes 10\.0\.0\.0\/16,10\.100\.0\.0\/16$/);
});
