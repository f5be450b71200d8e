import { stripVTControlCharacters } from "node:util";
import { renderStatus } from "../../cli/lab-command";
import type { LabStatus, RouteStatus } from "../../lab/status";
import { labStatus } from "../support/lab-status";

const status = (routes: RouteStatus[], api: LabStatus["api"] = { state: "fine", latency: 1500 }): LabStatus =>
  labStatus({ uptime: 1000, addressing: "routed", routes, api });
const lines = (seen: LabStatus): string[] =>
  stripVTControlCharacters(renderStatus(seen))
    .split("\n")
    .map((line) => line.trim().replace(/\s{2,}/g, " | "));
const route = (server: string | null): RouteStatus => ({
  ...{ table: "rtb-1", zone: "us-east-1a", subnets: ["10.0.0.0/19"], destination: "10.100.0.0/16" },
  ...{ interface: "eni-1", server },
});

test("the lab's status says which server each route table leads to, and which lead nowhere", () => {
  const seen = lines(status([route("s2"), route(null)]));
  expect(seen).toContain("us-east-1a | rtb-1 | 10.0.0.0/19 | 10.100.0.0/16 | s2");
  expect(seen).toContain("us-east-1a | rtb-1 | 10.0.0.0/19 | 10.100.0.0/16 | nobody (black hole)");
});

test("without routes there is no table of them, and the API is named only when something is wrong with it", () => {
  expect(lines(status([])).filter((line) => /route table|API/.test(line))).toEqual([]);
  expect(lines(status([], { state: "throttle", latency: 1500 }))).toContain(
    "AWS's API: throttle, takes 1.5 s",
  );
  expect(lines(status([], { state: "fine", latency: 8000 }))).toContain("AWS's API: fine, takes 8.0 s");
});
