import { createSocket } from "node:dgram";
import { TOUCH } from "./ruleset";

/**
 * How the kernel's tables learn that flows are led to this server: by a datagram that leaves here and that nobody receives. One that
 * cannot be sent is no error: the table is more careful then, and silent clients have to speak first.
 */
export function touchSocket(): () => void {
  const socket = createSocket("udp4");
  socket.unref();
  socket.on("error", () => {});
  return () => socket.send("", TOUCH.port, TOUCH.address, () => {});
}
