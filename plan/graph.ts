import { type Architecture, ends, readArchitecture, type Zone, type ZoneSubnet } from "./graph-model";
import { arrow, type Box, box, svgDocument, type Tone, textWidth, write } from "./svg";
import type { Plan } from "./types";

const MARGIN = 28;
const COLUMN = { width: 288, gap: 22 };
const VPC_PADDING = 18;
/** Room right of the VPC for the ways out: to the internet and to S3. */
const SIDE = 170;
const ROW = { top: 78, balancer: 182, vpc: 286, zoneHead: 34, subnet: 116, between: 14, storage: 58 };
const BALANCER_HEIGHT = 52;
const SERVER = { width: 78, height: 46, gap: 8 };
/** Servers drawn in one zone before the rest is only counted. */
const SERVERS_DRAWN = 3;

/**
 * Draws the architecture of a plan: zones as columns, clients above, storage below, an arrow for every kind of connection that
 * the security groups allow. Plain SVG text without a layout engine: the parts are always the same, only their numbers vary.
 */
export function renderGraph(plan: Plan): string {
  return new Picture(plan, readArchitecture(plan)).render();
}

class Picture {
  private readonly width: number;
  private readonly inner: Box;
  private readonly storageTop: number;

  constructor(
    private readonly plan: Plan,
    private readonly shown: Architecture,
  ) {
    const count = Math.max(1, shown.zones.length);
    const columns = count * COLUMN.width + (count - 1) * COLUMN.gap;
    const rows = Math.max(1, ...shown.zones.map((zone) => zone.subnets.length));
    const height = ROW.zoneHead + rows * (ROW.subnet + ROW.between);
    this.inner = { x: MARGIN + VPC_PADDING, y: ROW.vpc + 36, width: columns, height };
    this.width = columns + 2 * (MARGIN + VPC_PADDING) + SIDE;
    this.storageTop = this.inner.y + height + VPC_PADDING + 40;
  }

  render(): string {
    const services = this.services();
    const rules = this.rules(services.bottom + 40);
    const body = [
      ...this.heading(),
      ...this.surroundings(),
      ...this.shown.zones.flatMap((zone, index) => this.zone(zone, index)),
      ...this.balancer(),
      // Before the servers, so that a line to the file system passes behind them.
      ...this.fileSystem(),
      ...this.servers(),
      ...services.body,
      ...this.wayOut(),
      ...this.wayToS3(services.s3),
      ...rules.body,
    ];
    const title = `${this.plan.project} / ${this.plan.stack} in ${this.plan.region}`;
    return svgDocument(this.width, rules.bottom + MARGIN, title, body);
  }

  private get middle(): number {
    return this.inner.x + this.inner.width / 2;
  }

  private columnX(index: number): number {
    return this.inner.x + index * (COLUMN.width + COLUMN.gap);
  }

  private subnetBox(column: number, row: number): Box {
    const y = this.inner.y + ROW.zoneHead + row * (ROW.subnet + ROW.between);
    return { x: this.columnX(column) + 10, y, width: COLUMN.width - 20, height: ROW.subnet };
  }

  /** Row of subnets that the servers are in; -1 without servers. */
  private get serverRow(): number {
    return this.shown.zones[0]?.subnets.findIndex((subnet) => subnet.servers) ?? -1;
  }

  private heading(): string[] {
    const { groups, zones } = this.shown;
    const servers = groups.map((group) => `${group.desired} × ${group.instanceType}`).join(", ");
    const made = this.plan.resources.filter((resource) => resource.custom).length;
    const facts = [this.plan.region, `${zones.length} zones`, servers, `${made} resources`].filter(
      (fact) => fact !== "",
    );
    return [
      write(MARGIN, 38, `${this.plan.project} / ${this.plan.stack}`, "title"),
      write(MARGIN, 58, facts.join("  ·  "), "small"),
    ];
  }

  private surroundings(): string[] {
    const height = this.inner.y + this.inner.height + VPC_PADDING - ROW.vpc;
    const vpc: Box = { x: MARGIN, y: ROW.vpc, width: this.inner.width + 2 * VPC_PADDING, height };
    const clients: Box = { x: this.middle - 110, y: ROW.top, width: 220, height: 50 };
    return [
      box(vpc, "vpc", 12),
      write(vpc.x + vpc.width - 16, vpc.y + 23, `VPC ${this.shown.vpcCidr}`, "head", "end"),
      box(clients, "plain"),
      write(this.middle, clients.y + 22, "WireGuard clients", "head", "middle"),
      write(this.middle, clients.y + 39, "phones, laptops, routers", "small", "middle"),
    ];
  }

  private zone(zone: Zone, index: number): string[] {
    const column: Box = {
      x: this.columnX(index),
      y: this.inner.y,
      width: COLUMN.width,
      height: this.inner.height,
    };
    return [
      box(column, "zone", 10),
      write(column.x + column.width - 14, column.y + 22, zone.name, "head", "end"),
      ...zone.subnets.flatMap((subnet, row) => this.subnet(subnet, this.subnetBox(index, row))),
    ];
  }

  private subnet(subnet: ZoneSubnet, place: Box): string[] {
    const parts = [
      box(place, "plain"),
      write(
        place.x + place.width / 2,
        place.y + place.height - 10,
        `${subnet.type} ${subnet.cidr}`,
        "small",
        "middle",
      ),
    ];
    if (subnet.mountTarget) {
      const target = mountTargetBox(place);
      parts.push(
        box(target, "storage"),
        write(target.x + target.width / 2, target.y + 23, "EFS mount", "", "middle"),
      );
    }
    if (subnet.natGateway) {
      const nat: Box = { x: place.x + place.width / 2 - 26, y: place.y + 44, width: 52, height: 34 };
      parts.push(box(nat, "edge"), write(nat.x + 26, nat.y + 22, "NAT", "head", "middle"));
    }
    return parts;
  }

  private balancer(): string[] {
    const { balancer, zones } = this.shown;
    if (balancer === undefined) return [];
    const bar: Box = { x: this.inner.x, y: ROW.balancer, width: this.inner.width, height: BALANCER_HEIGHT };
    const facts = [
      balancer.listener,
      `health ${balancer.health}`,
      balancer.crossZone ? "cross-zone" : "zonal",
    ];
    const full = `Network Load Balancer  ·  ${facts.join("  ·  ")}`;
    // Two zones have no room for the long name.
    const caption = textWidth(full, 13) > bar.width ? `NLB  ·  ${facts.join("  ·  ")}` : full;
    const parts = [box(bar, "edge"), write(this.middle, bar.y + 20, caption, "head", "middle")];
    for (const [index, zone] of zones.entries()) {
      const center = this.columnX(index) + COLUMN.width / 2;
      if (zone.address !== "") parts.push(write(center, bar.y + 40, zone.address, "mono", "middle"));
    }
    const label = this.ports(ends.clients, ends.balancer);
    const top = ROW.top + 50;
    if (label !== "")
      parts.push(
        arrow(
          [
            [this.middle, top],
            [this.middle, bar.y - 2],
          ],
          label,
          [this.middle, top + 24],
        ),
      );
    return parts;
  }

  private get groupFrame(): Box {
    const { y } = this.subnetBox(0, this.serverRow);
    return { x: this.inner.x + 4, y: y + 8, width: this.inner.width - 8, height: SERVER.height + 34 };
  }

  private servers(): string[] {
    const [group] = this.shown.groups;
    if (group === undefined || this.serverRow < 0) return [];
    const frame = this.groupFrame;
    const { minSize, maxSize } = group.group.inputs;
    const caption = `Auto Scaling group: ${group.desired} now, ${String(minSize)} to ${String(maxSize)}`;
    const parts = [
      box(frame, "ghost", 10),
      write(frame.x + frame.width - 16, frame.y + 17, caption, "small", "end"),
    ];
    for (const [column, zone] of this.shown.zones.entries()) {
      const place = group.zones.indexOf(zone.name);
      if (place < 0) continue;
      parts.push(...this.serverFlows(column, frame.y + 24));
      const count = serversIn(group.desired, group.zones.length, place);
      parts.push(...serverBoxes(this.columnX(column) + 22, frame.y + 24, count, group.instanceType));
    }
    return parts;
  }

  private serverFlows(column: number, top: number): string[] {
    const x = this.columnX(column) + 22 + SERVER.width / 2;
    const parts: string[] = [];
    const incoming = this.ports(ends.balancer, ends.servers);
    if (this.shown.balancer && incoming !== "") {
      const bottom = ROW.balancer + BALANCER_HEIGHT;
      const label: readonly [number, number] = [
        Math.max(x, this.inner.x + textWidth(incoming, 11) / 2),
        bottom + 25,
      ];
      parts.push(
        arrow(
          [
            [x, bottom],
            [x, top - 2],
          ],
          incoming,
          label,
        ),
      );
    }
    const row = this.shown.zones[column]?.subnets.findIndex((subnet) => subnet.mountTarget) ?? -1;
    const files = this.ports(ends.servers, ends.efs);
    if (row >= 0 && row !== this.serverRow && files !== "") {
      const target = mountTargetBox(this.subnetBox(column, row));
      const down = row > this.serverRow;
      const frame = this.groupFrame;
      const from = down ? frame.y + frame.height : frame.y;
      const to = down ? target.y - 2 : target.y + target.height + 2;
      const at = target.x + target.width / 2 - 10;
      const line = [
        [at, from],
        [at, to],
      ] as const;
      parts.push(arrow(line, files, [at, (from + to) / 2]));
    }
    return parts;
  }

  private fileSystem(): string[] {
    if (!this.shown.fileSystem) return [];
    const bar: Box = { x: this.inner.x, y: this.storageTop, width: this.inner.width, height: 36 };
    const arrows = this.shown.zones.flatMap((zone, column) => {
      const row = zone.subnets.findIndex((subnet) => subnet.mountTarget);
      const subnet = zone.subnets[row];
      if (subnet === undefined) return [];
      const target = mountTargetBox(this.subnetBox(column, row));
      const x = target.x + target.width / 2;
      return [
        arrow([
          [x, target.y + target.height],
          [x, bar.y - 2],
        ]),
      ];
    });
    const caption = "EFS file system: registry and runtime state, one mount target a zone";
    return [...arrows, box(bar, "storage"), write(this.middle, bar.y + 23, caption, "head", "middle")];
  }

  /** The services beside the VPC in one row; S3 last, where the servers' way to it comes down. */
  private services(): { body: string[]; bottom: number; s3: Box | undefined } {
    const { shown } = this;
    const boxes: { title: string; detail: string; tone: Tone }[] = [];
    if (shown.keyUses.length > 0)
      boxes.push({ title: "KMS key", detail: `encrypts ${shown.keyUses.join(", ")}`, tone: "edge" });
    if (shown.alarms.length > 0) {
      boxes.push({
        title: "CloudWatch",
        detail: `${shown.alarms.length} alarms, step scaling`,
        tone: "plain",
      });
    }
    for (const name of shown.functions) boxes.push({ title: "Lambda", detail: name, tone: "server" });
    for (const name of shown.buckets) boxes.push({ title: "S3", detail: name, tone: "storage" });
    if (boxes.length === 0) return { body: [], bottom: this.storageTop + 36, s3: undefined };
    const gap = 16;
    const y = this.storageTop + 36 + 24;
    const width = (this.width - 2 * MARGIN - gap * (boxes.length - 1)) / boxes.length;
    const places = boxes.map(
      (_, index): Box => ({ x: MARGIN + index * (width + gap), y, width, height: ROW.storage }),
    );
    const body = boxes.flatMap(({ title, detail, tone }, index) => {
      const place = places[index] ?? { x: 0, y, width, height: ROW.storage };
      return [
        box(place, tone),
        write(place.x + 14, y + 24, title, "head"),
        write(place.x + 14, y + 43, detail, "small"),
      ];
    });
    return { body, bottom: y + ROW.storage, s3: shown.buckets.length > 0 ? places.at(-1) : undefined };
  }

  private wayOut(): string[] {
    const label = this.ports(ends.servers, ends.internet);
    if (this.serverRow < 0 || label === "") return [];
    const x = this.width - MARGIN - SIDE / 2 + 12;
    const frame = this.groupFrame;
    const y = frame.y + 30;
    const place: Box = { x: x - 62, y: ROW.top, width: 124, height: 50 };
    const title = this.shown.zones.some((zone) => zone.subnets.some((subnet) => subnet.natGateway))
      ? "internet (NAT)"
      : "internet";
    return [
      box(place, "plain"),
      write(x, place.y + 30, title, "head", "middle"),
      arrow(
        [
          [frame.x + frame.width, y],
          [x, y],
          [x, place.y + 52],
        ],
        label,
        [x, ROW.balancer + BALANCER_HEIGHT / 2],
      ),
    ];
  }

  private wayToS3(bucket: Box | undefined): string[] {
    if (bucket === undefined || this.serverRow < 0) return [];
    const x = this.width - MARGIN - SIDE / 2 + 12;
    const frame = this.groupFrame;
    const y = frame.y + 50;
    const label = this.shown.s3Endpoint ? "gateway endpoint" : "agent bundle";
    const end: readonly [number, number] = [x, bucket.y - 2];
    return [arrow([[frame.x + frame.width, y], [x, y], end], label, [x, (y + bucket.y) / 2], true)];
  }

  /** The whole list under the picture, because an arrow has no room for every port. */
  private rules(top: number): { body: string[]; bottom: number } {
    const flows = this.shown.flows;
    if (flows.length === 0) return { body: [], bottom: top };
    const body = [write(MARGIN, top, "Who may open connections (security group rules)", "head")];
    const half = Math.ceil(flows.length / 2);
    for (const [index, flow] of flows.entries()) {
      const column = index < half ? 0 : 1;
      const y = top + 22 + (index - column * half) * 18;
      const x = MARGIN + (column * (this.width - 2 * MARGIN)) / 2;
      body.push(write(x, y, `${flow.from} → ${flow.to}`), write(x + 240, y, flow.ports, "mono"));
    }
    return { body, bottom: top + 22 + half * 18 };
  }

  /** Ports of the connections between two parts; ICMP is left to the list, the arrows show where the traffic goes. */
  private ports(from: string, to: string): string {
    const matching = this.shown.flows.filter((flow) => flow.from === from && flow.to === to);
    return matching
      .map((flow) => flow.ports)
      .filter((ports) => !ports.startsWith("ICMP"))
      .join(", ");
  }
}

/** A mount target stands at the right, clear of the arrow that comes down to the first server. */
function mountTargetBox(subnet: Box): Box {
  return { x: subnet.x + subnet.width - 100, y: subnet.y + 44, width: 88, height: 34 };
}

function serverBoxes(x: number, y: number, count: number, instanceType: string): string[] {
  const drawn = count > SERVERS_DRAWN ? SERVERS_DRAWN - 1 : count;
  const parts: string[] = [];
  for (let place = 0; place < drawn; place++) {
    const left = x + place * (SERVER.width + SERVER.gap);
    const center = left + SERVER.width / 2;
    parts.push(box({ x: left, y, ...SERVER }, "server"), write(center, y + 20, "server", "head", "middle"));
    parts.push(write(center, y + 37, instanceType, "tiny", "middle"));
  }
  if (count > drawn)
    parts.push(write(x + drawn * (SERVER.width + SERVER.gap) + 4, y + 28, `+ ${count - drawn} more`, "head"));
  return parts;
}

/** An Auto Scaling group keeps its zones balanced: the remainder goes to the first ones. */
function serversIn(desired: number, zones: number, index: number): number {
  return Math.floor(desired / zones) + (index < desired % zones ? 1 : 0);
}
