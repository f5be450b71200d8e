/** What the picture shows around the zones: file system, services, ways out, and the list of who may talk to whom. */
import { BALANCER_HEIGHT, type GraphLayout, MARGIN, mountTargetBox, ROW, SIDE } from "./graph-layout";
import { ends } from "./graph-model";
import { arrow, type Box, box, type Tone, write } from "./svg";

/** The file system below the zones, with an arrow from each mount target. */
export function drawFileSystem(layout: GraphLayout): string[] {
  if (!layout.shown.fileSystem) return [];
  const bar: Box = { x: layout.inner.x, y: layout.storageTop, width: layout.inner.width, height: 36 };
  const arrows = layout.shown.zones.flatMap((zone, column) => {
    const row = zone.subnets.findIndex((subnet) => subnet.mountTarget);
    const subnet = zone.subnets[row];
    if (subnet === undefined) return [];
    const target = mountTargetBox(layout.subnetBox(column, row));
    const x = target.x + target.width / 2;
    return [
      arrow([
        [x, target.y + target.height],
        [x, bar.y - 2],
      ]),
    ];
  });
  const caption = "EFS file system: registry and runtime state, one mount target a zone";
  return [...arrows, box(bar, "storage"), write(layout.middle, bar.y + 23, caption, "head", "middle")];
}

/** The services beside the VPC in one row; S3 last, where the servers' way to it comes down. */
export function drawServices(layout: GraphLayout): { body: string[]; bottom: number; s3: Box | undefined } {
  const { shown } = layout;
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
  if (boxes.length === 0) return { body: [], bottom: layout.storageTop + 36, s3: undefined };
  const gap = 16;
  const y = layout.storageTop + 36 + 24;
  const width = (layout.width - 2 * MARGIN - gap * (boxes.length - 1)) / boxes.length;
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

/** The way to the internet. */
export function drawWayOut(layout: GraphLayout): string[] {
  const label = layout.ports(ends.servers, ends.internet);
  if (layout.serverRow < 0 || label === "") return [];
  const x = layout.width - MARGIN - SIDE / 2 + 12;
  const frame = layout.groupFrame;
  const y = frame.y + 30;
  const place: Box = { x: x - 62, y: ROW.top, width: 124, height: 50 };
  const title = layout.shown.zones.some((zone) => zone.subnets.some((subnet) => subnet.natGateway))
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

/** The way to the bucket that the agent comes from. */
export function drawWayToS3(layout: GraphLayout, bucket: Box | undefined): string[] {
  if (bucket === undefined || layout.serverRow < 0) return [];
  const x = layout.width - MARGIN - SIDE / 2 + 12;
  const frame = layout.groupFrame;
  const y = frame.y + 50;
  const label = layout.shown.s3Endpoint ? "gateway endpoint" : "agent bundle";
  const end: readonly [number, number] = [x, bucket.y - 2];
  return [arrow([[frame.x + frame.width, y], [x, y], end], label, [x, (y + bucket.y) / 2], true)];
}

/** The whole list under the picture, because an arrow has no room for every port. */
export function drawRules(layout: GraphLayout, top: number): { body: string[]; bottom: number } {
  const flows = layout.shown.flows;
  if (flows.length === 0) return { body: [], bottom: top };
  const body = [write(MARGIN, top, "Who may open connections (security group rules)", "head")];
  const half = Math.ceil(flows.length / 2);
  for (const [index, flow] of flows.entries()) {
    const column = index < half ? 0 : 1;
    const y = top + 22 + (index - column * half) * 18;
    const x = MARGIN + (column * (layout.width - 2 * MARGIN)) / 2;
    body.push(write(x, y, `${flow.from} → ${flow.to}`), write(x + 240, y, flow.ports, "mono"));
  }
  return { body, bottom: top + 22 + half * 18 };
}
