import type { StubCall } from "../../../lab/aws-stub/auto-scaling";
import type { AwsCall } from "../../../lab/boot/aws-services";
import { type BootImage, ensureBootImage } from "../../../lab/boot/image";
import { readModel } from "../../../lab/model";
import { stackPlan } from "../../support/plans";
import { LabUnderTest, PROJECT, testUnless } from "../support";
import { bootTestProblem, IMAGE_LIMIT, oneServer } from "./support";

const problem = bootTestProblem();
const LIMIT = 180_000;
let lab: LabUnderTest;
let model: ReturnType<typeof readModel>;

// One lab for all tests, which run in this order; each mends what it broke.
if (problem === undefined) {
  beforeAll(async () => {
    const plan = oneServer(await stackPlan("dev"));
    model = readModel(plan);
    const image: BootImage = await ensureBootImage(PROJECT, (text) => process.stderr.write(`${text}\n`));
    lab = await LabUnderTest.start(`test-boot-${process.pid}`, plan, image);
  }, IMAGE_LIMIT);
  afterAll(() => lab.end());
}

const s1 = (script: string): Promise<string> => lab.sh("s1", script);
/** Something that only the lab's own namespace reaches: moto. */
const inLab = (script: string): Promise<string> =>
  lab.router(`'${process.execPath}' -e '${script.replaceAll("'", `'"'"'`)}'`);

testUnless(
  problem,
  "a server boots from the plan's user data under systemd until it is healthy, and a client's packets pass",
  async () => {
    await lab.call("up");
    await lab.call("healthy");
    await lab.call("join", { name: "alice" });
    expect((await lab.answer("alice")).via).toBe((await lab.status()).servers[0]?.address);
    expect(await s1("cat /var/lib/cloud/instance/user-data.txt; echo .")).toBe(`${model.userData}.`);
    const units = "wgc-network.service wgc-agent.service wgc-rekey.path cloud-final.service";
    expect((await s1(`systemctl is-active ${units}`)).split("\n")).toEqual(
      units.split(" ").map(() => "active"),
    );
    expect(await s1("systemctl --failed --plain --no-legend")).toBe("");
    expect(await s1("sha256sum /opt/wgc/agent.js | cut -d ' ' -f 1")).toBe(model.objects[0]?.sha256);
    const { servers } = await lab.status();
    expect(await told(servers[0]?.instance)).toEqual(["CONTINUE"]);
    process.stderr.write(`${servers[0]?.boot.join("\n")}\n`);
  },
  LIMIT,
);

testUnless(problem, "systemd keeps the agent in the sandbox that its unit asks for", async () => {
  const status = "/proc/$(systemctl show -P MainPID wgc-agent.service)/status";
  const field = (name: string): Promise<string> => s1(`grep '^${name}:' ${status} | cut -f 2`);
  expect(await field("NoNewPrivs")).toBe("1");
  expect(BigInt(`0x${await field("CapBnd")}`)).toBe(1n << 12n); // CAP_NET_ADMIN and nothing else, capabilities(7)
  const write = "nsenter -t $(systemctl show -P MainPID wgc-agent.service) -m touch /etc/x";
  expect((await lab.exec("s1", "sh", "-c", write)).stderr).toMatch(/Read-only file system/);
});

testUnless(
  problem,
  "the agent's bundle was fetched from S3 with the role's own keys, and with no others",
  async () => {
    const calls = await lab.call<AwsCall[]>("awsCalls");
    const { instance } = (await lab.status()).servers[0] ?? { instance: "" };
    const [object] = model.objects;
    const path = `/${object?.bucket}/${object?.key}`;
    expect(calls.filter(({ service }) => service === "s3")).toEqual(
      ["HEAD", "GET"].map((method) => ({
        instance,
        service: "s3",
        action: `${method} ${path}`,
        status: 200,
      })),
    );
    const url = `s3://${object?.bucket}/${object?.key}`;
    const stranger = "AWS_ACCESS_KEY_ID=AKIAGUESSED AWS_SECRET_ACCESS_KEY=x";
    const { code, stderr } = await lab.exec("s1", "sh", "-c", `${stranger} aws s3 cp ${url} -`);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/403/)]);
  },
  LIMIT,
);

testUnless(
  problem,
  "answers of the metadata service go one hop, as the plan says, and need a token",
  async () => {
    const rules = "ip saddr 169.254.169.254 ip ttl 1 counter; ip saddr 169.254.169.254 ip ttl > 1 counter";
    await s1(`nft 'table ip hops { chain in { type filter hook input priority 0; ${rules}; }; }'`);
    const ask = `/lab/node -e 'fetch("http://169.254.169.254/latest/meta-data/").then((answer) => console.log(answer.status))'`;
    expect(await s1(ask)).toBe("401");
    const counts = (await s1("nft list table ip hops")).match(/packets \d+/g);
    expect(counts).toEqual([expect.not.stringMatching(/packets 0$/), "packets 0"]);
    await s1("nft delete table ip hops");
  },
  LIMIT,
);

testUnless(
  problem,
  "after a reboot the server is healthy with the same key and clients, and its user data did not run again",
  async () => {
    const keys = "wg show wg0 public-key; wg show wg0 peers | sort"; // they come in no order
    const started = "grep -c 'agent .* in place' /var/log/cloud-init-output.log";
    const bootId = "cat /proc/sys/kernel/random/boot_id";
    const before = [await s1(keys), await s1(started)];
    const id = await s1(bootId);
    await lab.fault("reboot", { server: "s1" });
    await lab.until(({ servers }) => servers[0]?.health === "healthy", "s1 to be healthy again");
    await lab.rekey("alice");
    await lab.answer("alice");
    expect([await s1(keys), await s1(started)]).toEqual(before);
    expect(await s1(bootId)).not.toBe(id);
    expect(await s1("systemctl --failed --plain --no-legend")).toBe("");
  },
  LIMIT,
);

/** What an instance told the group, as far as it was taken. */
async function told(instance: string | undefined): Promise<(string | undefined)[]> {
  const calls = await lab.call<StubCall[]>("lifecycleCalls");
  return calls
    .filter((call) => call.instance === instance && call.refused === undefined)
    .map(({ result }) => result);
}

/** What a server shows whose boot failed: it never answers a health check, and its units say so. */
async function expectFailed(name: string): Promise<void> {
  const server = (await lab.status()).servers.find((candidate) => candidate.name === name);
  expect([server?.state, server?.health]).toEqual(["failed", "unused"]);
  expect((await lab.exec(name, "systemctl", "is-failed", "cloud-final.service")).stdout).toBe("failed\n");
  expect((await lab.exec(name, "systemctl", "is-active", "wgc-agent.service")).stdout).toBe("inactive\n");
  const ask = `fetch("http://${server?.address}:8080/healthz").then(() => console.log("answered"), () => console.log("none"))`;
  expect(await inLab(ask)).toBe("none\n");
}

testUnless(
  problem,
  "a server whose bundle is missing in S3 fails its boot visibly, and the others go on",
  async () => {
    const [object] = model.objects;
    const url = `http://127.0.0.1:5000/${object?.bucket}/${object?.key}`;
    // moto lets nobody delete anonymously; it does not look at the signature.
    const headers = '{ authorization: "AWS4-HMAC-SHA256 Credential=lab/20260101/us-east-1/s3/aws4_request" }';
    const status = ".then((answer) => console.log(answer.status))";
    expect(await inLab(`fetch("${url}", { method: "DELETE", headers: ${headers} })${status}`)).toBe("204\n");
    const missing = `the agent cannot be fetched from s3://${object?.bucket}/${object?.key}`;
    await expect(lab.fault("scale", { capacity: 2 })).rejects.toThrow(missing);
    await expectFailed("s2");
    // The group is told at once, with the AWS command line and the role's keys, and does not wait for its hook's time.
    expect(await told((await lab.status()).servers[1]?.instance)).toEqual(["ABANDON"]);
    await lab.answer("alice");
    const body = `require("fs").readFileSync("/run/lab/s3/${object?.bucket}/${object?.key}")`;
    expect(await inLab(`fetch("${url}", { method: "PUT", body: ${body} })${status}`)).toBe("200\n");
  },
  LIMIT,
);

testUnless(
  problem,
  "a server that cannot mount the file system fails its boot visibly, and boots once it can",
  async () => {
    const points = "/run/lab/efs/.points";
    await lab.router(`mv ${points} ${points}-away`);
    await expect(lab.fault("start", { server: "s2" })).rejects.toThrow("/mnt/wgc/registry cannot be mounted");
    await expectFailed("s2");
    expect(await lab.sh("s2", "grep -o 'no access point' /var/log/cloud-init-output.log | head -1")).toBe(
      "no access point",
    );
    await lab.router(`mv ${points}-away ${points}`);
    await lab.fault("start", { server: "s2" });
    await lab.until(({ servers }) => servers[1]?.health === "healthy", "s2 to be healthy");
  },
  LIMIT,
);
