import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandDrain, OperatorDrain } from "../../agent/drain-command";
import { DrainNotices } from "../../agent/drain-notices";
import { instanceId } from "../../agent/identity";
import { Imds } from "../../agent/imds";
import { createLog } from "../../agent/log";
import { FakeClock } from "./fake-clock";

const folder = mkdtempSync(join(tmpdir(), "wgc-drain-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Items = Record<string, string | undefined>;

/** A metadata service with these items; what it was asked, and its tokens. */
function service(items: Items) {
  const asked: string[] = [];
  const state = { token: "t1", away: false };
  const fetchUrl = async (url: string, init: RequestInit): Promise<Response> => {
    asked.push(`${init.method ?? "GET"} ${url.replace("http://169.254.169.254/latest/", "")}`);
    if (state.away) throw new TypeError("fetch failed");
    const headers = new Headers(init.headers);
    if (init.method === "PUT") {
      const ttl = headers.get("X-aws-ec2-metadata-token-ttl-seconds");
      return ttl === "21600" ? new Response(state.token) : new Response("", { status: 400 });
    }
    if (headers.get("X-aws-ec2-metadata-token") !== state.token) return new Response("", { status: 401 });
    const value = items[url.split("/meta-data/")[1] ?? ""];
    return value === undefined ? new Response("", { status: 404 }) : new Response(`${value}\n`);
  };
  return { imds: new Imds(fetchUrl), asked, state };
}

describe("instance metadata", () => {
  test("one token serves many requests; when it is refused, another one is fetched", async () => {
    const { imds, asked, state } = service({ "instance-id": "i-1" });
    expect(await imds.get("instance-id")).toBe("i-1");
    expect(await imds.get("spot/instance-action")).toBeUndefined();
    expect(asked).toEqual([
      "PUT api/token",
      "GET meta-data/instance-id",
      "GET meta-data/spot/instance-action",
    ]);
    state.token = "t2";
    expect(await imds.get("instance-id")).toBe("i-1");
    expect(asked.slice(3)).toEqual([
      "GET meta-data/instance-id",
      "PUT api/token",
      "GET meta-data/instance-id",
    ]);
  });

  test("a server is who the environment says, else who the metadata says, else its host name", async () => {
    const { imds, state } = service({ "instance-id": "i-1" });
    expect(await instanceId({ WGC_INSTANCE_ID: "i-env" }, imds)).toBe("i-env");
    expect(await instanceId({ WGC_INSTANCE_ID: "" }, imds)).toBe("i-1");
    state.away = true;
    expect(await instanceId({}, imds)).toMatch(/^(?!i-1$)./);
  });
});

describe("notices", () => {
  /** Notices over a metadata service and an operator, and what they said last. */
  function watch(items: Items) {
    const clock = new FakeClock();
    const { imds, state } = service(items);
    const operator = { drain: undefined as string | undefined, broken: false, slow: false };
    const said: Record<string, string | undefined> = {};
    const targets: (string | undefined)[] = [];
    const notices = new DrainNotices({
      imds,
      operator: {
        reason: async () => {
          if (operator.broken) throw new Error("EIO");
          if (operator.slow) await new Promise((resolve) => setTimeout(resolve, 5));
          return operator.drain;
        },
      },
      clock,
      log: createLog(2, {}),
      tell: (source, reason) => {
        said[source] = reason;
      },
      onTarget: (target) => targets.push(target),
    });
    return { clock, state, operator, said, notices, targets };
  }

  test.each(["InService", "Standby", "Detached", undefined])("%s is no reason to drain", async (state) => {
    const { notices, said } = watch({ "autoscaling/target-lifecycle-state": state });
    await notices.start();
    expect(said).toEqual({ operator: undefined });
    await new Promise((resolve) => setImmediate(resolve));
    expect(said).toEqual({ operator: undefined, lifecycle: undefined, spot: undefined });
    notices.stop();
  });

  test.each([
    ["Terminated", "the Auto Scaling group ends this instance"],
    ["Warmed:Terminated", "the Auto Scaling group ends this instance"],
    ["Warmed:Running", "this instance is in the warm pool"],
    ["Warmed:Stopped", "this instance is in the warm pool"],
  ])("%s is one: %s", async (state, reason) => {
    const { clock, notices, said, targets } = watch({ "autoscaling/target-lifecycle-state": state });
    await notices.start();
    await clock.advance(0);
    expect([said["lifecycle"], targets]).toEqual([reason, [state]]);
    notices.stop();
  });

  test("the group's wish and a spot interruption are seen within five seconds, an operator's word within half a second", async () => {
    const items: Items = { "autoscaling/target-lifecycle-state": "InService" };
    const { clock, notices, operator, said } = watch(items);
    await notices.start();
    await clock.advance(0);
    items["autoscaling/target-lifecycle-state"] = "Terminated";
    items["spot/instance-action"] = '{"action": "terminate", "time": "2026-01-01T00:02:00Z"}';
    operator.drain = "asked";
    await clock.advance(500);
    expect(said["operator"]).toBe("asked");
    await clock.advance(4500);
    expect(said).toEqual({
      operator: "asked",
      lifecycle: "the Auto Scaling group ends this instance",
      spot: "spot interruption (terminate) at 2026-01-01T00:02:00Z",
    });
    operator.drain = undefined;
    await clock.advance(500);
    expect(said["operator"]).toBeUndefined();
    notices.stop();
  });

  test("what cannot be read changes nothing, and is looked at again", async () => {
    const items: Items = { "autoscaling/target-lifecycle-state": "Terminated" };
    const { clock, notices, operator, said, state, targets } = watch(items);
    operator.drain = "asked";
    await notices.start();
    await clock.advance(0);
    const before = { ...said };
    expect(before["lifecycle"]).toBe("the Auto Scaling group ends this instance");
    state.away = true;
    operator.broken = true;
    items["autoscaling/target-lifecycle-state"] = "InService";
    await clock.advance(10_000);
    expect(said).toEqual(before);
    expect(targets).toEqual(["Terminated"]);
    state.away = false;
    await clock.advance(5000);
    expect(said["lifecycle"]).toBeUndefined();
    notices.stop();
  });

  test("the start waits for what an operator said, so that a restart never puts the server back in service", async () => {
    const { notices, operator, said } = watch({});
    operator.drain = "asked";
    operator.slow = true;
    await notices.start();
    expect(said["operator"]).toBe("asked");
    notices.stop();
  });

  test("after the stop nothing is said any more", async () => {
    const { clock, notices, operator, said } = watch({});
    await notices.start();
    notices.stop();
    operator.drain = "asked";
    await clock.advance(10_000);
    expect(said["operator"]).toBeUndefined();
  });
});

describe("an operator's word", () => {
  test("holds until it is taken back, also in a folder that was not there yet", async () => {
    const operator = new OperatorDrain(join(folder, "state"));
    expect(await operator.reason()).toBeUndefined();
    await operator.set(true);
    await operator.set(true);
    expect(await new OperatorDrain(join(folder, "state")).reason()).toBe("an operator asked for it");
    await operator.set(false);
    await operator.set(false);
    expect(await operator.reason()).toBeUndefined();
  });

  test("the command waits for the agent's own answer", async () => {
    const statePath = join(folder, "command");
    const operator = new OperatorDrain(statePath);
    let other: string | undefined;
    const agent = createServer((_, response) => {
      void operator.reason().then((reason) => {
        const why = reason ?? other;
        response.end(JSON.stringify({ drain: why === undefined ? null : { reason: why, over: false } }));
      });
    });
    await new Promise<void>((resolve) => agent.listen(0, "127.0.0.1", resolve));
    const config = { statePath, healthPort: (agent.address() as AddressInfo).port };
    try {
      expect(await commandDrain(config, true)).toMatch(/^draining: an operator asked for it;/);
      expect(await commandDrain(config, false)).toMatch(/^no longer draining;/);
      other = "SIGTERM";
      await expect(commandDrain(config, false, 200)).rejects.toThrow(
        "it is noted, but the server drains for another reason: SIGTERM",
      );
    } finally {
      agent.close();
      agent.closeAllConnections();
    }
    await expect(commandDrain(config, true, 200)).rejects.toThrow(
      "it is noted, but the agent does not answer; it drains as soon as it runs: systemctl status wgc-agent",
    );
    expect(await operator.reason()).toBe("an operator asked for it");
  });
});
