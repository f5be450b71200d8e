/** moto, the emulator of S3 and CloudWatch: a process in the lab's own namespaces, with the plan's buckets and objects in it. */
import { type ChildProcess, spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { UserError } from "../../config/errors";
import type { LabModel } from "../model";
import { patient } from "../patience";

/** On the loopback interface of the lab's own namespace, which nobody else reaches. */
export const MOTO_PORT = 5000;
const BASE = `http://127.0.0.1:${MOTO_PORT}`;
const START_LIMIT_MS = patient(60_000);

export class Moto {
  private constructor(private readonly process: ChildProcess) {}

  /** @param environment virtual environment of Python with moto. @param logFile what it says, for when it does not start */
  static async start(environment: string, logFile: string, objects: LabModel["objects"]): Promise<Moto> {
    const log = openSync(logFile, "a");
    const command = ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(MOTO_PORT)];
    const child = spawn(join(environment, "bin/python3"), command, { stdio: ["ignore", log, log] });
    const moto = new Moto(child);
    await moto.answers(logFile);
    for (const bucket of new Set(objects.map((object) => object.bucket))) await put(`${BASE}/${bucket}`);
    for (const { bucket, key, path } of objects)
      await put(`${BASE}/${bucket}/${key}`, new Uint8Array(readFileSync(path)));
    return moto;
  }

  private async answers(logFile: string): Promise<void> {
    const late = performance.now() + START_LIMIT_MS;
    while (this.process.exitCode === null && performance.now() < late) {
      const answer = await fetch(`${BASE}/moto-api/`).catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer?.ok) return;
      await pause(100);
    }
    this.close();
    throw new UserError(`moto does not answer; it said: ${readFileSync(logFile, "utf8").slice(-2000)}`);
  }

  /** Takes an object away, or puts it back: a bundle that is missing. */
  static async remove(bucket: string, key: string): Promise<void> {
    await expectOk(await fetch(`${BASE}/${bucket}/${key}`, { method: "DELETE" }));
  }

  close(): void {
    this.process.kill("SIGKILL");
  }
}

async function put(url: string, body?: Uint8Array<ArrayBuffer>): Promise<void> {
  await expectOk(await fetch(url, { method: "PUT", ...(body ? { body } : {}) }));
}

async function expectOk(answer: Response): Promise<void> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`moto: ${answer.url}: HTTP ${answer.status}: ${text}`);
}
