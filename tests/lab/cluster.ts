import type { NatKind } from "../../lab/nat";
import { stackPlan } from "../support/plans";
import { patient } from "../support/slow";
import { LabUnderTest, labProblem, quick, testUnless } from "./support";

export const CLIENTS = ["alice", "bob", "carol", "dave"];
/** The registry's folder in the lab's own namespaces. */
export const REGISTRY = "$(dirname /run/lab/efs/fs-*/*/clients)";
const LIMIT = 90_000;

/** A real cluster for one test file: the dev stack's plan with shorter times, and four clients that never stop talking. */
export class Cluster {
  private running: LabUnderTest | undefined;
  private readonly problem = labProblem();

  constructor(
    name: string,
    private readonly clients: Record<string, NatKind> = Object.fromEntries(CLIENTS.map((c) => [c, "strict"])),
    config: Record<string, string> = {},
  ) {
    if (this.problem !== undefined) return;
    beforeAll(async () => {
      const plan = quick(await stackPlan("dev", config));
      this.running = await LabUnderTest.start(`test-${name}-${process.pid}`, plan);
      await this.lab.call("up");
      await this.lab.call("healthy");
      await Promise.all(Object.entries(clients).map(([name, nat]) => this.lab.call("join", { name, nat })));
    }, patient(LIMIT));
    afterAll(() => this.running?.end());
  }

  get lab(): LabUnderTest {
    if (!this.running) throw new Error("the lab did not start");
    return this.running;
  }

  /** A test in the lab; skipped with the reason in its title where there can be none, or for the further problem given. */
  test(title: string, body: () => Promise<void>, further?: string): void {
    testUnless(
      this.problem ?? further,
      title,
      async () => {
        try {
          await body();
        } finally {
          await this.mend();
        }
      },
      LIMIT,
    );
  }

  /** Ends every fault, so that a test that fails leaves nothing to the next one. */
  private async mend(): Promise<void> {
    for (const zone of ["us-east-1a", "us-east-1b"]) await this.lab.fault("az-heal", { zone });
    for (const server of await this.serverNames()) {
      await this.lab.fault("start", { server }).catch(() => undefined); // the next test waits for what it needs
    }
  }

  async serverNames(): Promise<string[]> {
    return (await this.lab.status()).servers.map((server) => server.name);
  }

  /** Public keys of the clients that a server knows. */
  async peers(server: string): Promise<string[]> {
    const clients = 'wg show wg0 peers | grep -vF "$(cat /var/lib/wgc/probe.pub)"';
    return (await this.lab.sh(server, `${clients} || :`)).split("\n").sort();
  }

  keyOf(client: string): Promise<string> {
    return this.lab.sh(client, "wg show wg0 public-key");
  }

  /** The server that carries most clients, with those and all others. */
  async busiest() {
    const { servers } = await this.lab.status();
    const names = Object.keys(this.clients);
    const flows = await this.lab.flows(names);
    const carried = (address: string): string[] => names.filter((name) => flows[name] === address);
    const [server] = [...servers].sort((a, b) => carried(b.address).length - carried(a.address).length);
    if (!server) throw new Error("the lab has no servers");
    const clients = carried(server.address);
    expect(clients).not.toEqual([]);
    return { server, clients, others: names.filter((name) => !clients.includes(name)), flows };
  }
}
