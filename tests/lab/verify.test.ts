import { setTimeout as pause } from "node:timers/promises";
import { labWorld } from "../../cli/verify/lab-world";
import { verifyCluster } from "../../cli/verify/steps";
import { ControlClient } from "../../control/client";
import type { Request, Response } from "../../control/protocol";
import { Cluster } from "./cluster";

const cluster = new Cluster("verify", {});

cluster.test(
  "wgc verify --lab --drain: a client comes, its server is drained and put back, and nothing of it stays",
  async () => {
    const control = new ControlClient((request: Request) => cluster.lab.call<Response>("control", request));
    // The cluster of the tests checks health faster than a deployed one.
    const world = { ...labWorld(cluster.lab, control, 8080), sleep: () => pause(10_000) };
    const { signal } = new AbortController();
    const report = await verifyCluster(world, {
      ...{ name: "verify-lab", drain: true, signal },
      progress: () => undefined,
    });
    expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
    expect(report.steps.map(({ step }) => step)).toEqual([
      ...["endpoint", "client", "handshake", "health", "drain", "cleanup", "cleanup"],
    ]);
    const { clients } = (await control.call("list", { limit: 100 })).result;
    expect(clients).toEqual([]);
    const reasons = await Promise.all((await world.servers()).map((server) => world.health(server)));
    expect(reasons.map(({ status }) => status)).not.toContain("draining");
  },
);
