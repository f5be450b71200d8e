// A real WireGuard interface, asked for handshakes by cli/verify/handshake.ts.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { HandshakeSocket } from "../../../cli/verify/handshake";
import { generateKeyPair } from "../../../wireguard/keys";

const PORT = 51820;
const run = (file: string, ...args: string[]): string => execFileSync(file, args, { encoding: "utf8" });
const step = (name: string): void => void process.stdout.write(`${JSON.stringify({ step: name })}\n`);

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

function serverUp(): string {
  try {
    execFileSync("ip", ["link", "add", "wg0", "type", "wireguard"], { stdio: "ignore" });
  } catch {
    run("wireguard-go", "wg0");
  }
  const server = generateKeyPair();
  // The namespace's own /run: the file goes with it.
  writeFileSync("/run/private.key", server.privateKey, { mode: 0o600 });
  run("wg", "set", "wg0", "listen-port", String(PORT), "private-key", "/run/private.key");
  run("ip", "link", "set", "wg0", "up");
  return server.publicKey;
}

async function main(): Promise<void> {
  const serverPublicKey = serverUp();
  const client = generateKeyPair();
  const ask = async (privateKey: string, peer: string): Promise<number | undefined> => {
    const socket = await HandshakeSocket.open("127.0.0.1", PORT, { privateKey, serverPublicKey: peer });
    const answer = await socket.ask(1000);
    socket.close();
    return answer;
  };
  must((await ask(client.privateKey, serverPublicKey)) === undefined, "a stranger was answered");
  step("a stranger gets no answer");

  run("wg", "set", "wg0", "peer", client.publicKey, "allowed-ips", "10.0.0.2/32");
  must((await ask(client.privateKey, serverPublicKey)) !== undefined, "a client was not answered");
  const [, at = "0"] = run("wg", "show", "wg0", "latest-handshakes").trim().split("\t");
  must(Number(at) > 0, "the server has no session: the confirmation did not reach it");
  step("a client is answered, and the server has the session");

  must((await ask(client.privateKey, generateKeyPair().publicKey)) === undefined, "another key was answered");
  step("who has another key than the cluster's does not count");
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
