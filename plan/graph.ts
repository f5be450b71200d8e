import {
  BALANCER_HEIGHT,
  COLUMN,
  GraphLayout,
  MARGIN,
  mountTargetBox,
  ROW,
  SERVER,
  VPC_PADDING,
} from "./graph-layout";
import { type Architecture, ends, readArchitecture, type Zone, type ZoneSubnet } from "./graph-model";
import { drawFileSystem, drawRules, drawServices, drawWayOut, drawWayToS3 } from "./graph-outside";
import { arrow, type Box, box, svgDocument, textWidth, write } from "./svg";
import type { Plan } from "./types";

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
  private readonly layout: GraphLayout;

  constructor(
    private readonly plan: Plan,
    private readonly shown: Architecture,
  ) {
    this.layout = new GraphLayout(shown);
  }

  render(): string {
    const services = drawServices(this.layout);
    const rules = drawRules(this.layout, services.bottom + 40);
    const body = [
      ...this.heading(),
      ...this.surroundings(),
      ...this.shown.zones.flatMap((zone, index) => this.zone(zone, index)),
      ...this.balancer(),
      // Before the servers, so that a line to the file system passes behind them.
      ...drawFileSystem(this.layout),
      ...this.servers(),
      ...services.body,
      ...drawWayOut(this.layout),
      ...drawWayToS3(this.layout, services.s3),
      ...rules.body,
    ];
    const title = `${this.plan.project} / ${this.plan.stack} in ${this.plan.region}`;
    return svgDocument(this.layout.width, rules.bottom + MARGIN, title, body);
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
    const height = this.layout.inner.y + this.layout.inner.height + VPC_PADDING - ROW.vpc;
    const vpc: Box = { x: MARGIN, y: ROW.vpc, width: this.layout.inner.width + 2 * VPC_PADDING, height };
    const clients: Box = { x: this.layout.middle - 110, y: ROW.top, width: 220, height: 50 };
    return [
      box(vpc, "vpc", 12),
      write(vpc.x + vpc.width - 16, vpc.y + 23, `VPC ${this.shown.vpcCidr}`, "head", "end"),
      box(clients, "plain"),
      write(this.layout.middle, clients.y + 22, "WireGuard clients", "head", "middle"),
      write(this.layout.middle, clients.y + 39, "phones, laptops, routers", "small", "middle"),
    ];
  }

  private zone(zone: Zone, index: number): string[] {
    const column: Box = {
      x: this.layout.columnX(index),
      y: this.layout.inner.y,
      width: COLUMN.width,
      height: this.layout.inner.height,
    };
    return [
      box(column, "zone", 10),
      write(column.x + column.width - 14, column.y + 22, zone.name, "head", "end"),
      ...zone.subnets.flatMap((subnet, row) => this.subnet(subnet, this.layout.subnetBox(index, row))),
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
    const bar: Box = {
      x: this.layout.inner.x,
      y: ROW.balancer,
      width: this.layout.inner.width,
      height: BALANCER_HEIGHT,
    };
    const facts = [
      balancer.listener,
      `health ${balancer.health}`,
      balancer.crossZone ? "cross-zone" : "zonal",
    ];
    const full = `Network Load Balancer  ·  ${facts.join("  ·  ")}`;
    // Two zones have no room for the long name.
    const caption = textWidth(full, 13) > bar.width ? `NLB  ·  ${facts.join("  ·  ")}` : full;
    const parts = [box(bar, "edge"), write(this.layout.middle, bar.y + 20, caption, "head", "middle")];
    for (const [index, zone] of zones.entries()) {
      const center = this.layout.columnX(index) + COLUMN.width / 2;
      if (zone.address !== "") parts.push(write(center, bar.y + 40, zone.address, "mono", "middle"));
    }
    const label = this.layout.ports(ends.clients, ends.balancer);
    const top = ROW.top + 50;
    if (label !== "")
      parts.push(
        arrow(
          [
            [this.layout.middle, top],
            [this.layout.middle, bar.y - 2],
          ],
          label,
          [this.layout.middle, top + 24],
        ),
      );
    return parts;
  }

  private servers(): string[] {
    const [group] = this.shown.groups;
    if (group === undefined || this.layout.serverRow < 0) return [];
    const frame = this.layout.groupFrame;
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
      parts.push(...serverBoxes(this.layout.columnX(column) + 22, frame.y + 24, count, group.instanceType));
    }
    return parts;
  }

  private serverFlows(column: number, top: number): string[] {
    const x = this.layout.columnX(column) + 22 + SERVER.width / 2;
    const parts: string[] = [];
    const incoming = this.layout.ports(ends.balancer, ends.servers);
    if (this.shown.balancer && incoming !== "") {
      const bottom = ROW.balancer + BALANCER_HEIGHT;
      const label: readonly [number, number] = [
        Math.max(x, this.layout.inner.x + textWidth(incoming, 11) / 2),
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
    const files = this.layout.ports(ends.servers, ends.efs);
    if (row >= 0 && row !== this.layout.serverRow && files !== "") {
      const target = mountTargetBox(this.layout.subnetBox(column, row));
      const down = row > this.layout.serverRow;
      const frame = this.layout.groupFrame;
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
