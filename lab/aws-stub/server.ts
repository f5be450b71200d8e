/** Puts the Auto Scaling stand-in on a port. Servers find it by the SDKs' variable `AWS_ENDPOINT_URL_AUTO_SCALING`. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { AutoScalingStub } from "./auto-scaling";

/** How often it is looked for lifecycle actions that are overdue. */
const TICK_MS = 250;
/** More than any call has. */
const MOST_BYTES = 16 * 1024;

export interface RunningStub {
  /** Example: `http://127.0.0.1:5000`. */
  readonly url: string;
  close(): void;
}

/** Serves until it is closed; port 0 takes a free one. */
export async function startAwsStub(
  stub: AutoScalingStub,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<RunningStub> {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      body += chunk;
      if (body.length > MOST_BYTES) request.destroy();
    });
    request.on("end", () => {
      const { method = "", headers } = request;
      const answer = stub.answer({ method, headers, body }, performance.now());
      response.writeHead(answer.status, { "content-type": "text/xml" });
      response.end(answer.body);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const timer = setInterval(() => stub.tick(performance.now()), TICK_MS);
  timer.unref();
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    close: () => {
      clearInterval(timer);
      server.close();
      server.closeAllConnections();
    },
  };
}
