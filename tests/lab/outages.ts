import { INTERNET } from "../../lab/addresses";
import { CLIENTS, type Cluster, REGISTRY } from "./cluster";
import { eventually, hangProblem, isHealthy } from "./support";

/** Failures of what servers share: storage, zones, registry, bucket. */
export function outageTests(cluster: Cluster): void {
  /** What a server's agent says about itself. */
  async function healthOf(server: string): Promise<{ healthy: boolean; status: string; reasons: string[] }> {
    return JSON.parse(await cluster.lab.sh(server, "curl -s http://127.0.0.1:8080/healthz"));
  }

  /** Starts a server; resolves when its agent and the load balancer call it healthy. */
  async function startAgain(server: string): Promise<void> {
    await cluster.lab.fault("start", { server });
    const isUp = async () => ((await healthOf(server).catch(() => undefined))?.healthy ? true : undefined);
    await eventually(isUp, `${server}'s agent to be healthy`);
    await cluster.lab.until(({ servers }) => servers.every(isHealthy), "all servers to be healthy");
  }

  /** Proves that this server alone carries every client: all others are black holes meanwhile. */
  async function servesAlone(server: string): Promise<void> {
    const { lab } = cluster;
    const { servers } = await lab.status();
    const others = servers.filter(({ name }) => name !== server);
    for (const { name } of others) await lab.fault("blackhole", { server: name });
    await lab.until(
      ({ servers }) => servers.every((s) => s.name === server || s.health === "unhealthy"),
      "the others to be out",
    );
    await Promise.all(CLIENTS.map((name) => lab.rekey(name)));
    const address = servers.find(({ name }) => name === server)?.address;
    try {
      for (const name of CLIENTS) expect((await lab.answer(name)).via).toBe(address);
    } finally {
      for (const { name } of others) await lab.fault("start", { server: name });
    }
  }

  cluster.test(
    "while the shared file system hangs, a server that starts again serves every known client",
    async () => {
      const { lab } = cluster;
      await lab.fault("efs-hang");
      try {
        await lab.fault("crash", { server: "s1" });
        await startAgain("s1");
        const stuck = await lab.exec("s1", "timeout", "1", "ls", "/mnt/wgc/registry");
        expect(stuck.code).not.toBe(0);
        await servesAlone("s1");
      } finally {
        await lab.fault("efs-heal");
      }
      await lab.settle(CLIENTS);
      expect(await lab.sh("s1", "ls /mnt/wgc/registry")).toContain("cluster.json");
    },
    hangProblem(),
  );

  cluster.test(
    "without the shared file system a server that starts again serves every known client",
    async () => {
      const { lab } = cluster;
      const away = "cd /run/lab/efs && mv .points .gone";
      const back = "cd /run/lab/efs && mv .gone .points";
      const keys = await cluster.peers("s2");
      await lab.fault("crash", { server: "s2" });
      await lab.router(away);
      try {
        await startAgain("s2");
        expect((await lab.exec("s2", "mountpoint", "-q", "/mnt/wgc/registry")).code).not.toBe(0);
        expect(await cluster.peers("s2")).toEqual(keys);
        expect((await healthOf("s2")).status).toBe("degraded");
        await servesAlone("s2");
      } finally {
        await lab.router(back);
      }
      await lab.sh("s2", "mount -a && systemctl kill --kill-whom=main --signal=KILL wgc-agent.service");
      await lab.settle(CLIENTS);
    },
  );

  cluster.test(
    "without the internet behind them all servers stay in service: clients go on to reach the VPC",
    async () => {
      const { lab } = cluster;
      const reachesInternet = async () =>
        (await lab.exec("s1", "ping", "-c", "1", "-W", "1", INTERNET.host)).code === 0;
      const sent = async () => (await lab.status()).clients.find(({ name }) => name === "alice")?.sent ?? 0;
      expect(await reachesInternet()).toBe(true);
      // What begins behind the internet gateway.
      const rules = [
        "add table ip cut",
        "add chain ip cut new { type filter hook forward priority -5; }",
        `add rule ip cut new ct state new iifname != ${INTERNET.bridge} oifname ${INTERNET.bridge} counter drop`,
      ];
      await lab.router("nft -f -", rules.join("\n"));
      try {
        expect(await reachesInternet()).toBe(false);
        // Ten requests a second: longer than it takes to see any fault, and than two of the load balancer's checks.
        const enough = (await sent()) + 100;
        const unhealthy = new Set<string>();
        await lab.until(({ clients, servers }) => {
          for (const server of servers) if (!isHealthy(server)) unhealthy.add(server.name);
          return clients.some(({ name, sent }) => name === "alice" && sent >= enough);
        }, "a hundred requests of alice");
        expect([...unhealthy]).toEqual([]);
        for (const name of await cluster.serverNames()) expect((await healthOf(name)).healthy).toBe(true);
        for (const name of CLIENTS) await lab.answer(name);
        expect(await lab.router("nft list table ip cut")).toMatch(/counter packets [1-9]/);
      } finally {
        await lab.router("nft delete table ip cut");
      }
      expect(await reachesInternet()).toBe(true);
    },
  );

  cluster.test(
    "when every server is unhealthy the load balancer fails open and all clients go on",
    async () => {
      const { lab } = cluster;
      const names = await cluster.serverNames();
      const stop = (name: string) => lab.sh(name, "systemctl stop wgc-agent.service");
      const [open] = await Promise.all([
        lab.until(({ failOpen }) => failOpen.length === 2, "both zones to fail open"),
        ...names.map(stop),
      ]);
      expect(open.failOpen).toEqual(["us-east-1a", "us-east-1b"]);
      const closed = await lab.until(
        ({ servers }) => servers.every((s) => s.health === "unhealthy"),
        "no healthy server",
      );
      expect(closed.failOpen).toEqual(["us-east-1a", "us-east-1b"]);
      await Promise.all(CLIENTS.map((name) => lab.rekey(name)));
      for (const name of CLIENTS) await lab.answer(name);
      for (const name of names) await lab.sh(name, "systemctl start wgc-agent.service");
      expect((await lab.settle(CLIENTS)).failOpen).toEqual([]);
    },
  );

  cluster.test("a lost zone silences its address; clients of the other zone's address go on", async () => {
    const { lab } = cluster;
    const { clients, servers } = await lab.status();
    const via = (address: string): string[] =>
      clients.filter((c) => c.via === address).map(({ name }) => name);
    const [lost, kept] = [via("192.0.2.10"), via("192.0.2.20")];
    expect([lost.length, kept.length]).toEqual([2, 2]);
    await lab.fault("az-loss", { zone: "us-east-1a" });
    await lab.until(
      ({ servers }) => servers.every((s) => (s.zone === "us-east-1b") === isHealthy(s)),
      "the loss to be seen",
    );
    await Promise.all(CLIENTS.map((name) => lab.rekey(name)));
    const survivor = servers.find(({ zone }) => zone === "us-east-1b");
    for (const name of kept) expect((await lab.answer(name)).via).toBe(survivor?.address);
    const count = async () =>
      (await lab.status()).clients.filter((c) => lost.includes(c.name)).map((c) => c.received);
    const before = await count();
    for (const name of kept) for (let n = 0; n < 5; n++) await lab.answer(name);
    expect(await count()).toEqual(before);
    await lab.fault("az-heal", { zone: "us-east-1a" });
    await lab.settle(CLIENTS);
  });

  cluster.test(
    "a corrupt client file is reported, and neither its client nor any other loses anything",
    async () => {
      const { lab } = cluster;
      const keys = await cluster.peers("s3");
      const file = `${REGISTRY}/clients/carol.json`;
      await lab.router(`cp ${file} /run/lab/carol.json && printf '{"schema":1,"na' >${file}`);
      await lab.sh("s3", "systemctl kill --kill-whom=main --signal=KILL wgc-agent.service"); // a new agent reads every file
      const health = await eventually(async () => {
        const now = await healthOf("s3").catch(() => undefined);
        const started = now !== undefined && now.status !== "starting"; // it reads before it applies
        return started && now.reasons.some((reason) => reason.includes("carol.json")) ? now : undefined;
      }, "s3 to report the file");
      expect([health.healthy, health.status]).toEqual([true, "degraded"]);
      expect(await cluster.peers("s3")).toEqual(keys);
      for (const name of CLIENTS) await lab.answer(name);
      // Another client can be added meanwhile: carol's key and address are claimed by files of their own.
      await lab.call("join", { name: "erin" });
      await lab.router(`cp /run/lab/carol.json ${file}`);
      expect(await cluster.peers("s3")).toEqual([...keys, await cluster.keyOf("erin")].sort());
    },
  );

  cluster.test("a revoked client passes no packet any more, and the others do not notice", async () => {
    const { lab } = cluster;
    const key = await cluster.keyOf("dave");
    await lab.call("revoke", { name: "dave" });
    for (const name of await cluster.serverNames()) expect(await cluster.peers(name)).not.toContain(key);
    const seen = async () => (await lab.status()).clients.find(({ name }) => name === "dave");
    const sentBy = (count: number) =>
      lab.until(
        ({ clients }) => clients.some((c) => c.name === "dave" && c.sent >= count),
        `${count} probes of dave`,
      );
    await sentBy(((await seen())?.sent ?? 0) + 2); // what was under way has arrived
    const before = await seen();
    await lab.rekey("dave");
    await sentBy((before?.sent ?? 0) + 12);
    expect((await seen())?.received).toBe(before?.received);
    for (const name of ["alice", "bob", "carol"]) await lab.answer(name);
  });

  cluster.test(
    "a truncated agent in the bucket ends the boot with its reason, and the server never gets traffic",
    async () => {
      const { lab } = cluster;
      await lab.router("cd /run/lab/s3/*/agent && cp *.js /run/lab/agent.js && truncate -s 1000 *.js");
      await expect(lab.fault("scale", { capacity: 4 })).rejects.toThrow(
        /is not the one that was deployed: its SHA-256 is [0-9a-f]{64}/,
      );
      const failed = (await lab.status()).servers.find(({ name }) => name === "s5");
      expect([failed?.state, failed?.health, failed?.flows]).toEqual(["failed", "unused", 0]);
      expect(await lab.router("nft list set ip lab servers")).not.toContain(failed?.address);
      // With the right bundle in its place the same server boots, and only then is it registered.
      await lab.router("cp /run/lab/agent.js /run/lab/s3/*/agent/*.js");
      await lab.fault("start", { server: "s5" });
      await lab.until(
        ({ servers }) => servers.length === 4 && servers.every(isHealthy),
        "the new server to be healthy",
      );
    },
  );
}
