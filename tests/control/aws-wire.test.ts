import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ControlClient } from "../../control/client";
import { createControl } from "../../control/handler";
import { lambdaTransport } from "../../control/transports/lambda";
import { CLUSTER, newKey, temporaryFolder } from "./support";

/** Lambda's Invoke as its API reference describes it, in front of a real handler: the SDK is the real one. */
class InvokeEndpoint {
  readonly calls: { url: string; body: string }[] = [];
  /** Answers that come before the handler's: a status and an AWS error, or a reply that is lost after the work was done. */
  readonly troubles: ("lost" | { status: number; type: string; message: string })[] = [];
  private readonly control = createControl({ root: temporaryFolder(), source: "lambda" });
  private readonly server: Server = createServer((request, response) => void this.answer(request, response));

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString("utf8");
    this.calls.push({ url: request.url ?? "", body });
    const trouble = this.troubles.shift();
    if (trouble !== undefined && trouble !== "lost") {
      response.writeHead(trouble.status, {
        "x-amzn-errortype": trouble.type,
        "content-type": "application/json",
      });
      response.end(JSON.stringify({ Message: trouble.message }));
      return;
    }
    const answer = await this.control.handle(JSON.parse(body), { invocation: `id-${this.calls.length}` });
    if (trouble === "lost") request.socket.destroy();
    else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  }
}

const endpoint = new InvokeEndpoint();
const before = { ...process.env };
beforeAll(async () => {
  process.env["AWS_ENDPOINT_URL_LAMBDA"] = await endpoint.open();
  process.env["AWS_ACCESS_KEY_ID"] = "AKIDEXAMPLE";
  process.env["AWS_SECRET_ACCESS_KEY"] = "example";
});
afterAll(async () => {
  process.env = before;
  await endpoint.close();
});

test("over the SDK's own wire: a change, throttled once and with its reply lost once, is made once", async () => {
  const transport = lambdaTransport({
    functionName: "wgc-dev-control",
    region: "eu-central-1",
    pause: async () => undefined,
  });
  const client = new ControlClient(transport, { caller: "arn:aws:iam::1:user/a" });
  await client.call("init", { cluster: CLUSTER });
  endpoint.calls.length = 0;
  endpoint.troubles.push(
    { status: 429, type: "TooManyRequestsException", message: "Rate Exceeded." },
    "lost",
  );
  const added = await client.call("add", { name: "alice", publicKey: newKey() });
  expect(added.revision).toBe(1);
  expect(endpoint.calls.map(({ url }) => url)).toEqual(
    Array(3).fill("/2015-03-31/functions/wgc-dev-control/invocations"),
  );
  expect(new Set(endpoint.calls.map(({ body }) => body)).size).toBe(1);
  const { entries } = (await client.call("audit", { after: 1 })).result;
  // The invocation that did it, not the one that answered.
  expect(entries).toMatchObject([
    { operation: "add", who: "arn:aws:iam::1:user/a (stated)", invocation: "id-2" },
  ]);
});

test("a denial by IAM comes through as the action that is missing", async () => {
  const message =
    "User: arn:aws:iam::1:user/a is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:eu-central-1:1:function:wgc-dev-control";
  endpoint.troubles.push({ status: 403, type: "AccessDeniedException", message });
  const client = new ControlClient(
    lambdaTransport({ functionName: "wgc-dev-control", region: "eu-central-1" }),
  );
  await expect(client.call("list", {})).rejects.toThrow(
    /^the IAM action lambda:InvokeFunction on arn:aws:lambda:eu-central-1:1:function:wgc-dev-control is missing for arn:aws:iam::1:user\/a;/,
  );
});
