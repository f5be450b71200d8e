/**
 * The lab's instance metadata service, version 2 only (as the launch template asks): one HTTP server in the lab's own
 * namespace, where the packets of all servers to 169.254.169.254 arrive. Who asks is told by the source address.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
 */
import { randomBytes } from "node:crypto";
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { METADATA_ADDRESS } from "./addresses";
import type { RoleKeys } from "./aws/role-keys";
import { type BootMetadata, itemAt, metadataTree } from "./imds-tree";
import { run } from "./process";

/** What the service tells an instance of itself. */
export interface InstanceMetadata {
  instance: string;
  zone: string;
  /** Where the Auto Scaling group wants it to be. */
  targetLifecycleState: "InService" | "Terminated";
  /** When EC2 takes a spot instance back; ISO 8601. Undefined: it does not. */
  spotEnd: string | undefined;
  /** Its primary network interface. */
  interface: { id: string; mac: string; address: string };
  /** Its role, with the role's keys and when they end (ISO 8601). */
  role: RoleKeys & { role: string; expiration: string };
  /** What only a server asks for that boots by itself. */
  boot?: BootMetadata;
}

/** A request, as far as it matters; header names in lower case. */
export interface MetadataRequest {
  method: string;
  path: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface MetadataAnswer {
  status: number;
  body: string;
}

const TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_HEADER = "x-aws-ec2-metadata-token";
const LONGEST_TTL_SECONDS = 21_600;

/** The service's answers. Tokens are each instance's own and end with their time. */
export class Metadata {
  private readonly tokens = new Map<string, { instance: string; until: number }>();

  /** @param now milliseconds of a clock that never jumps */
  answer(about: InstanceMetadata, request: MetadataRequest, now: number): MetadataAnswer {
    const { method, path, headers } = request;
    if (path === "/latest/api/token") {
      return method === "PUT" ? this.token(about, headers, now) : status(405, "Method Not Allowed");
    }
    if (method !== "GET" && method !== "HEAD") return status(405, "Method Not Allowed");
    const token = this.tokens.get(String(headers[TOKEN_HEADER] ?? ""));
    if (!token || token.instance !== about.instance || token.until <= now) return status(401, "Unauthorized");
    const body = itemAt(metadataTree(about), path);
    return body === undefined ? status(404, "Not Found") : { status: 200, body };
  }

  private token(about: InstanceMetadata, headers: MetadataRequest["headers"], now: number): MetadataAnswer {
    // A request that went through a proxy is not the instance's own.
    if (headers["x-forwarded-for"] !== undefined) return status(403, "Forbidden");
    const ttl = Number(headers[TTL_HEADER] ?? "");
    if (!Number.isInteger(ttl) || ttl < 1 || ttl > LONGEST_TTL_SECONDS) return status(400, "Bad Request");
    for (const [old, { until }] of this.tokens) if (until <= now) this.tokens.delete(old);
    const token = randomBytes(42).toString("base64url");
    this.tokens.set(token, { instance: about.instance, until: now + ttl * 1000 });
    return { status: 200, body: token };
  }
}

const status = (code: number, text: string): MetadataAnswer => ({ status: code, body: `${text}\n` });

/** Serves the metadata of whichever instance has the address that a request comes from. */
export class MetadataService {
  private readonly metadata = new Metadata();
  private readonly server: HttpServer;

  private constructor(private readonly find: (address: string) => InstanceMetadata | undefined) {
    this.server = createServer((request, response) => this.serve(request, response));
  }

  static async start(find: (address: string) => InstanceMetadata | undefined): Promise<MetadataService> {
    await run(["ip", "address", "add", `${METADATA_ADDRESS}/32`, "dev", "lo"]);
    const service = new MetadataService(find);
    await new Promise<void>((resolve, reject) => {
      service.server.once("error", reject);
      service.server.listen(80, METADATA_ADDRESS, resolve);
    });
    return service;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const about = this.find(request.socket.remoteAddress ?? "");
    if (!about) {
      request.socket.destroy(); // on AWS nobody but instances reaches the service
      return;
    }
    const { method = "", url = "", headers } = request;
    const answer = this.metadata.answer(about, { method, path: url, headers }, performance.now());
    response.writeHead(answer.status, { "content-type": "text/plain" });
    response.end(answer.body);
  }
}
