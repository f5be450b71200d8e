import type { Architecture } from "./graph-model";
import type { Box } from "./svg";

export const MARGIN = 28;
export const COLUMN = { width: 288, gap: 22 };
export const VPC_PADDING = 18;
/** Room right of the VPC for the ways out: to the internet and to S3. */
export const SIDE = 170;
export const ROW = { top: 78, balancer: 182, vpc: 286, zoneHead: 34, subnet: 116, between: 14, storage: 58 };
export const BALANCER_HEIGHT = 52;
export const SERVER = { width: 78, height: 46, gap: 8 };

/** Where the parts of the picture are. Pure geometry: zones as columns, subnets as rows in them. */
export class GraphLayout {
  readonly width: number;
  /** The columns of the zones, without the VPC's frame around them. */
  readonly inner: Box;
  readonly storageTop: number;

  constructor(readonly shown: Architecture) {
    const count = Math.max(1, shown.zones.length);
    const columns = count * COLUMN.width + (count - 1) * COLUMN.gap;
    const rows = Math.max(1, ...shown.zones.map((zone) => zone.subnets.length));
    const height = ROW.zoneHead + rows * (ROW.subnet + ROW.between);
    this.inner = { x: MARGIN + VPC_PADDING, y: ROW.vpc + 36, width: columns, height };
    this.width = columns + 2 * (MARGIN + VPC_PADDING) + SIDE;
    this.storageTop = this.inner.y + height + VPC_PADDING + 40;
  }

  get middle(): number {
    return this.inner.x + this.inner.width / 2;
  }

  columnX(index: number): number {
    return this.inner.x + index * (COLUMN.width + COLUMN.gap);
  }

  subnetBox(column: number, row: number): Box {
    const y = this.inner.y + ROW.zoneHead + row * (ROW.subnet + ROW.between);
    return { x: this.columnX(column) + 10, y, width: COLUMN.width - 20, height: ROW.subnet };
  }

  /** Row of subnets that the servers are in; -1 without servers. */
  get serverRow(): number {
    return this.shown.zones[0]?.subnets.findIndex((subnet) => subnet.servers) ?? -1;
  }

  get groupFrame(): Box {
    const { y } = this.subnetBox(0, this.serverRow);
    return { x: this.inner.x + 4, y: y + 8, width: this.inner.width - 8, height: SERVER.height + 34 };
  }

  /** Ports of the connections between two parts; ICMP is left to the list, the arrows show where the traffic goes. */
  ports(from: string, to: string): string {
    const matching = this.shown.flows.filter((flow) => flow.from === from && flow.to === to);
    return matching
      .map((flow) => flow.ports)
      .filter((ports) => !ports.startsWith("ICMP"))
      .join(", ");
  }
}

/** A mount target stands at the right, clear of the arrow that comes down to the first server. */
export function mountTargetBox(subnet: Box): Box {
  return { x: subnet.x + subnet.width - 100, y: subnet.y + 44, width: 88, height: 34 };
}
