/** A server's kernel, as far as the overlay needs it. */
export class Kernel {
  readonly routes = new Map<string, string>();
  /** What of the overlay there is; `broken`: the kernel makes no such device. */
  device: "none" | "down" | "up" | "broken" = "none";
  /** How often the routes were read. */
  reads = 0;

  /** Sets the device down, takes it away, or lets it be made no more: the routes by it go. */
  lose(device: "none" | "down" | "broken"): void {
    this.device = device;
    this.routes.clear();
  }

  /** The program `ip`. */
  async ip(args: readonly string[], stdin = ""): Promise<string> {
    const has = (...words: string[]) => words.every((word) => args.includes(word));
    if (has("link", "show")) return this.link;
    if (has("rule", "show")) return "1190:\tfrom all to 10.100.0.0/16 lookup 119\n";
    if (has("route", "show")) return this.table;
    if (this.device === "broken" && has("link")) throw new Error("ip: unknown device type");
    if (has("link", "add")) this.device = "down";
    if (has("link", "set")) this.device = "up";
    if (has("-batch")) this.change(stdin);
    return "";
  }

  private get link(): string {
    const flags = this.device === "up" ? "NOARP,UP,LOWER_UP" : "NOARP";
    return this.device === "up" || this.device === "down" ? `2: wgc-mesh: <${flags}> mtu 1420\n` : "";
  }

  private get table(): string {
    this.reads++;
    const line = ([address, server]: [string, string]) =>
      `${address.replace("/32", "")}  encap ip id 51820 src 0.0.0.0 dst ${server} ttl 0 tos 0 dev wgc-mesh scope link \n`;
    return [...this.routes].map(line).join("");
  }

  private change(batch: string): void {
    if (this.device !== "up" && batch.includes("replace")) throw new Error("ip: network is down");
    for (const [, address = "", server] of batch.matchAll(
      /^route (?:replace|del) (\S+) (?:encap .* dst (\S+) )?/gm,
    )) {
      if (server === undefined) this.routes.delete(address);
      else this.routes.set(address, server);
    }
  }
}
