import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { agentConfigPath, agentConfigSchema, loadAgentConfig } from "../../agent/config";
import { VERSION } from "../../agent/version";
import { UserError } from "../../config/errors";
import { CONFIG } from "./fixtures";
import { temporaryFolder } from "./namespace";

const folder = temporaryFolder();

test("the configuration is read from its file, or from where the environment says", () => {
  const path = join(folder, "agent.json");
  writeFileSync(path, JSON.stringify(CONFIG));
  expect(loadAgentConfig(path)).toEqual(CONFIG);
  expect(agentConfigPath({})).toBe("/etc/wgc/agent.json");
  expect(agentConfigPath({ WGC_AGENT_CONFIG: path })).toBe(path);
});

test("every fault is named at once, and unknown fields are faults", () => {
  const path = join(folder, "bad.json");
  writeFileSync(
    path,
    JSON.stringify({ ...CONFIG, listenPort: 0, tunnelIpv4: "10.0.0.1", statePath: "x", colour: "red" }),
  );
  expect(() => loadAgentConfig(path)).toThrow(UserError);
  for (const part of [
    "bad.json is wrong",
    "listenPort",
    "tunnelIpv4 is not an address range",
    "statePath is not an absolute path",
    '"colour"',
  ]) {
    expect(() => loadAgentConfig(path)).toThrow(part);
  }
});

test("a missing or cut-off file is an error that names it", () => {
  expect(() => loadAgentConfig(join(folder, "none.json"))).toThrow(
    /cannot read the agent's configuration .*none\.json: .*ENOENT/,
  );
  const path = join(folder, "cut.json");
  writeFileSync(path, '{"version": 1,');
  expect(() => loadAgentConfig(path)).toThrow(/cannot read the agent's configuration .*cut\.json/);
});

const optional = ["addressing", "topology"];

test.each(Object.keys(CONFIG).filter((field) => !optional.includes(field)))("%s is required", (field) => {
  const { [field as keyof typeof CONFIG]: _, ...rest } = CONFIG;
  expect(agentConfigSchema.safeParse(rest).success).toBe(false);
});

test("a server masquerades and serves unless its configuration says otherwise", () => {
  const { addressing: _, topology: __, ...rest } = CONFIG;
  expect(agentConfigSchema.parse(rest)).toEqual(CONFIG);
});

const ROUTED = {
  overlayPort: 4790,
  prefixes: ["10.0.0.0/16"],
  routeTables: [{ id: "rtb-0123456789abcdef0", zone: "us-east-1a" }],
  clientToClient: false,
};

test.each([
  [{ addressing: "routed", routed: ROUTED }, undefined],
  [{ addressing: "routed" }, "routed must be there with addressing routed, and only then"],
  [
    { addressing: "masquerade", routed: ROUTED },
    "routed must be there with addressing routed, and only then",
  ],
  [{ addressing: "routed", routed: { ...ROUTED, prefixes: [] } }, "routed.prefixes"],
  [{ addressing: "routed", routed: { ...ROUTED, backendPrefixes: [] } }, "backendPrefixes"],
  [
    { addressing: "routed", routed: { ...ROUTED, routeTables: [{ id: "rtb-x", zone: "a" }] } },
    "routed.routeTables.0.id is not the id of a route table",
  ],
])("routed addressing comes with what it needs: %j", (more, problem) => {
  const path = join(folder, "routed.json");
  writeFileSync(path, JSON.stringify({ ...CONFIG, ...more }));
  if (problem === undefined) expect(loadAgentConfig(path)).toEqual({ ...CONFIG, ...more });
  else expect(() => loadAgentConfig(path)).toThrow(problem);
});

test("an agent that no bundle gave a version says so", () => {
  expect(VERSION).toBe("dev");
});
