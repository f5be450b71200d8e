/** The lab's control protocol: one JSON object a line over a Unix socket; requests, their answers, and events. */
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { UserError } from "../config/errors";
import { onLines } from "./process";

interface Request {
  id: number;
  method: string;
  params: unknown;
}

interface Answer {
  id: number;
  result?: unknown;
  error?: { message: string; user: boolean; stack?: string | undefined };
}

interface Event {
  event: string;
  data: unknown;
}

export type Handler = (method: string, params: unknown) => Promise<unknown>;

/** Serves requests on a Unix socket; `publish` sends an event to everyone connected. */
export class RpcServer {
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  constructor(private readonly handler: Handler) {
    this.server = createServer((socket) => this.accept(socket));
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(path, resolve);
    });
  }

  publish(event: string, data: unknown): void {
    const line = `${JSON.stringify({ event, data } satisfies Event)}\n`;
    for (const socket of this.sockets) socket.write(line);
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    onLines(socket, (line) => void this.answer(socket, JSON.parse(line) as Request));
  }

  private async answer(socket: Socket, request: Request): Promise<void> {
    const answer: Answer = { id: request.id };
    try {
      answer.result = (await this.handler(request.method, request.params)) ?? null;
    } catch (error) {
      const known = error instanceof Error ? error : new Error(String(error));
      answer.error = { message: known.message, user: known instanceof UserError, stack: known.stack };
    }
    if (!socket.destroyed) socket.write(`${JSON.stringify(answer)}\n`);
  }
}

/** A connection to a running lab. */
export class RpcClient {
  private next = 1;
  private readonly waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  private readonly listeners = new Map<string, (data: never) => void>();
  /** Called when the connection has ended, whoever ended it. */
  onClose: (() => void) | undefined;

  private constructor(private readonly socket: Socket) {
    onLines(socket, (line) => this.receive(JSON.parse(line) as Answer | Event));
    socket.on("close", () => {
      this.onClose?.();
      for (const { reject } of this.waiting.values()) reject(new Error("the lab ended before it answered"));
      this.waiting.clear();
    });
    socket.on("error", () => socket.destroy());
  }

  static connect(path: string): Promise<RpcClient> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(path);
      socket.once("error", reject);
      socket.once("connect", () => resolve(new RpcClient(socket)));
    });
  }

  /** Calls back with the data of each event of that name. */
  on<T>(event: string, listener: (data: T) => void): void {
    this.listeners.set(event, listener as (data: never) => void);
  }

  call<T>(method: string, params: unknown = {}): Promise<T> {
    const id = this.next++;
    return new Promise<T>((resolve, reject) => {
      if (this.socket.destroyed) return reject(new Error("the lab has ended"));
      this.waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.socket.write(`${JSON.stringify({ id, method, params } satisfies Request)}\n`);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(message: Answer | Event): void {
    if ("event" in message) {
      this.listeners.get(message.event)?.(message.data as never);
      return;
    }
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (!message.error) {
      waiting?.resolve(message.result);
      return;
    }
    const error = message.error.user
      ? new UserError(message.error.message)
      : new Error(message.error.message);
    if (message.error.stack) error.stack = message.error.stack;
    waiting?.reject(error);
  }
}
