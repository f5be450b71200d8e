/** The lab's AWS endpoint: HTTP in front of the calls that it knows. */
import { randomUUID } from "node:crypto";
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { API_ADDRESS, API_PORT } from "../addresses";
import { run } from "../process";
import type { Vpc } from "../vpc/vpc";
import { answerEc2, type Ec2Call, isRead } from "./ec2";
import { type ApiAnswer, ApiError, failure } from "./query";
import type { RoleKeyRing } from "./role-keys";
import { type ApiTrouble, refusal, waitOf } from "./trouble";

/** More than any call of the servers needs. */
const LONGEST_BODY = 64 * 1024;

export interface ApiContext {
  readonly vpc: Vpc;
  readonly keys: RoleKeyRing;
  /** How the API behaves now. */
  trouble(): ApiTrouble;
  /** Makes the network follow the VPC; resolves when it does. */
  apply(): Promise<void>;
  /** @throws ApiError when the role of the servers does not allow it. */
  authorize(instance: string, call: Ec2Call): void;
  /** Told of each call that changed something, with its parameters. */
  changed(instance: string, form: URLSearchParams): void;
}

export class ApiService {
  private readonly server: HttpServer;

  private constructor(private readonly context: ApiContext) {
    this.server = createServer((request, response) => void this.serve(request, response));
  }

  /** Listens at an address of the lab's own namespace that every machine can reach. */
  static async start(context: ApiContext): Promise<ApiService> {
    await run(["ip", "address", "add", `${API_ADDRESS}/32`, "dev", "lo"]);
    const service = new ApiService(context);
    await new Promise<void>((resolve, reject) => {
      service.server.once("error", reject);
      service.server.listen(API_PORT, API_ADDRESS, resolve);
    });
    return service;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request).catch(() => undefined);
    if (body === undefined) return void request.socket.destroy();
    const requestId = randomUUID();
    const answer = await this.answer(request, body, requestId).catch((error: unknown): ApiAnswer => {
      const known = error instanceof ApiError ? error : new ApiError("InternalError", String(error), 500);
      return failure(known, requestId);
    });
    response.writeHead(answer.status, { "content-type": "text/xml;charset=UTF-8" });
    response.end(answer.body);
  }

  private async answer(request: IncomingMessage, body: string, requestId: string): Promise<ApiAnswer> {
    const { vpc, keys, apply, authorize, changed } = this.context;
    const { method = "", url: path = "", headers } = request;
    const instance = await keys.callerOf({ method, path, headers, body }, "ec2", new Date());
    const read = isRead(body);
    const trouble = this.context.trouble();
    await pause(waitOf(trouble, read));
    const refused = refusal(trouble.state, requestId);
    if (refused) return refused;
    const answer = answerEc2(vpc, body, requestId, (call) => authorize(instance, call));
    if (answer.status === 200 && !read) {
      await apply();
      changed(instance, new URLSearchParams(body));
    }
    return answer;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST_BODY) throw new Error("too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
