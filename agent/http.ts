import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type Log, messageOf } from "./log";

/** What the HTTP endpoint answers with. */
export interface HttpHandlers {
  /** The body of `/healthz`; 200 when healthy, else 503. @param remote whether another machine asks */
  health(remote: boolean): { readonly healthy: boolean };
  /** The body of `/metrics` and its content type. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Starts the endpoint that the load balancer's health check and Prometheus ask. Settles when it listens. */
export function startHttp(port: number, handlers: HttpHandlers, log: Log): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request, response, handlers).catch((error: unknown) => {
      log.error({ problem: messageOf(error) }, "a request failed");
      send(response, 500, "text/plain", "internal error\n");
    });
  });
  // A health check sends one short request; whoever takes longer holds a connection for nothing.
  server.requestTimeout = 5000;
  server.headersTimeout = 5000;
  server.keepAliveTimeout = 30_000;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, () => {
      server.removeListener("error", reject);
      server.on("error", (error) => log.error({ problem: error.message }, "the HTTP endpoint has a problem"));
      resolve(server);
    });
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  handlers: HttpHandlers,
): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    send(response, 405, "text/plain", "only GET and HEAD\n");
    return;
  }
  const path = (request.url ?? "/").split("?")[0];
  if (path === "/healthz") {
    const health = handlers.health(!isLoopback(request.socket.remoteAddress));
    send(response, health.healthy ? 200 : 503, "application/json", `${JSON.stringify(health)}\n`);
  } else if (path === "/metrics") {
    const { contentType, text } = await handlers.metrics();
    send(response, 200, contentType, text);
  } else send(response, 404, "text/plain", "there are /healthz and /metrics\n");
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { "content-type": contentType, "cache-control": "no-store" });
  response.end(body);
}

/** Node shows IPv4 clients of a dual-stack socket as mapped addresses (RFC 4291, section 2.5.5.2). */
function isLoopback(address: string | undefined): boolean {
  return address === undefined || address === "::1" || /^(::ffff:)?127\./.test(address);
}
