/**
 * AWS's services as booted servers see them, at one address: calls of Auto Scaling and EC2 go to the lab's own services, all others to moto. Nobody
 * is answered who does not sign with the keys that the metadata service gave to the instance which the request comes from.
 */
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { API_ADDRESS, API_PORT, AWS_SERVICES } from "../addresses";
import type { RoleKeys } from "../aws/role-keys";
import type { StubAnswer, StubRequest } from "../aws-stub/auto-scaling";
import { run } from "../process";
import { MOTO_PORT } from "./moto";

/** One call of a server. */
export interface AwsCall {
  instance: string;
  /** As in signatures: `s3`, `monitoring`, `ec2`, `autoscaling`; empty when it was not signed. */
  service: string;
  /** Name of the call; of S3 method and path. */
  action: string;
  status: number;
}

/** An instance that may call. */
export interface Caller {
  instance: string;
  keys: RoleKeys;
}

export interface ServicesContext {
  region: string;
  /** Answers a request to Auto Scaling. */
  autoScaling(request: StubRequest): StubAnswer;
  /** Who has the address; nobody who is no instance is answered. */
  caller(address: string): Caller | undefined;
  /** Told about each call once it has been answered. */
  onCall(call: AwsCall): void;
}

const SCOPE = /Credential=([^/,\s]+)\/\d{8}\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request/;

/** Who signed, and for what; undefined when the request has no signature of version 4. */
export function signatureScope(
  authorization: string | undefined,
): { accessKeyId: string; region: string; service: string } | undefined {
  const [, accessKeyId, region, service] = SCOPE.exec(authorization ?? "") ?? [];
  if (accessKeyId === undefined || region === undefined || service === undefined) return undefined;
  return { accessKeyId, region, service };
}

export class AwsServices {
  private readonly server: Server;

  private constructor(private readonly context: ServicesContext) {
    this.server = createServer((request, response) => void this.serve(request, response));
  }

  static async start(context: ServicesContext): Promise<AwsServices> {
    await run(["ip", "address", "add", `${AWS_SERVICES.address}/32`, "dev", "lo"]);
    const services = new AwsServices(context);
    await new Promise<void>((resolve, reject) => {
      services.server.once("error", reject);
      services.server.listen(AWS_SERVICES.port, AWS_SERVICES.address, resolve);
    });
    return services;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request).catch(() => undefined);
    if (body === undefined) return void request.destroy();
    const caller = this.context.caller(request.socket.remoteAddress ?? "");
    const scope = signatureScope(request.headers.authorization);
    const form = new URLSearchParams(body.toString());
    const call: AwsCall = {
      instance: caller?.instance ?? "",
      service: scope?.service ?? "",
      action: form.get("Action") ?? `${request.method} ${request.url}`,
      status: 0,
    };
    const refused = this.refusal(caller, scope, request);
    if (refused) return this.finish(response, call, refused);
    if (scope?.service === "autoscaling") {
      const { method = "", headers } = request;
      return this.finish(
        response,
        call,
        this.context.autoScaling({ method, headers, body: body.toString() }),
      );
    }
    this.pass(request, body, response, call);
  }

  /** Why the request is not the instance's own. */
  private refusal(
    caller: Caller | undefined,
    scope: ReturnType<typeof signatureScope>,
    request: IncomingMessage,
  ): StubAnswer | undefined {
    if (!caller || !scope) return refuse("MissingAuthenticationToken", "the request is not signed", 403);
    if (
      scope.accessKeyId !== caller.keys.accessKeyId ||
      request.headers["x-amz-security-token"] !== caller.keys.sessionToken
    )
      return refuse("InvalidClientTokenId", "the security token included in the request is invalid", 403);
    if (scope.region !== this.context.region) {
      const message = `credential should be scoped to '${this.context.region}', not '${scope.region}'`;
      return refuse("SignatureDoesNotMatch", message, 403);
    }
    return undefined;
  }

  private finish(response: ServerResponse, call: AwsCall, answer: StubAnswer): void {
    response.writeHead(answer.status, { "content-type": "text/xml" });
    response.end(answer.body);
    this.context.onCall({ ...call, status: answer.status });
  }

  private pass(request: IncomingMessage, body: Buffer, response: ServerResponse, call: AwsCall): void {
    const { method, url, headers } = request;
    // EC2 is the lab's own: it knows the VPC that the servers are in, and what their role may do there.
    const ec2 = call.service === "ec2";
    const to = ec2 ? { host: API_ADDRESS, port: API_PORT } : { host: "127.0.0.1", port: MOTO_PORT };
    const onward = forward({ ...to, method, path: url, headers, agent: false }, (answer) => {
      const status = answer.statusCode ?? 502;
      response.writeHead(status, answer.headers);
      answer.pipe(response);
      answer.on("end", () => this.context.onCall({ ...call, status }));
    });
    onward.on("error", () => this.finish(response, call, refuse("ServiceUnavailable", "no answer", 503)));
    onward.end(body);
  }
}

/** A refusal in the form of AWS's query protocol. */
function refuse(code: string, message: string, status: number): StubAnswer {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { status, body: `<ErrorResponse>${error}</ErrorResponse>` };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
