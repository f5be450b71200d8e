import { FAULTS, type Fault, parseFault } from "../../lab/faults";

const GOOD: readonly [string, Fault][] = [
  ["crash s1", { kind: "crash", server: "s1" }],
  ["blackhole s2", { kind: "blackhole", server: "s2" }],
  ["heal s2", { kind: "heal", server: "s2" }],
  ["drain s1", { kind: "drain", server: "s1" }],
  ["undrain s1", { kind: "undrain", server: "s1" }],
  ["spot s2", { kind: "spot", server: "s2" }],
  ["replace", { kind: "replace" }],
  ["stop s3", { kind: "stop", server: "s3" }],
  ["start s1", { kind: "start", server: "s1" }],
  ["reboot s1", { kind: "reboot", server: "s1" }],
  ["scale 4", { kind: "scale", capacity: 4 }],
  ["efs-hang", { kind: "efs-hang" }],
  ["efs-heal", { kind: "efs-heal" }],
  ["az-loss us-east-1a", { kind: "az-loss", zone: "us-east-1a" }],
  ["az-heal us-east-1b", { kind: "az-heal", zone: "us-east-1b" }],
  ["overlay-cut s1 s2", { kind: "overlay-cut", server: "s1", other: "s2" }],
  ["mesh-cut s1 s3", { kind: "mesh-cut", server: "s1", other: "s3" }],
  ["pair-heal s2 s1", { kind: "pair-heal", server: "s2", other: "s1" }],
  ["lead s2", { kind: "lead", server: "s2" }],
  ["api-throttle", { kind: "api-throttle" }],
  ["api-error", { kind: "api-error" }],
  ["api-slow 0.5", { kind: "api-slow", seconds: 0.5 }],
  ["api-heal", { kind: "api-heal" }],
];

test.each(GOOD)("%s", (words, fault) => {
  expect(parseFault(words.split(" "))).toEqual(fault);
});

test("every fault that there is was tried", () => {
  expect(GOOD.map(([, { kind }]) => kind).sort()).toEqual(Object.keys(FAULTS).sort());
});

const ALL =
  "crash, blackhole, heal, stop, start, reboot, drain, undrain, spot, replace, scale, efs-hang, efs-heal, az-loss, az-heal, " +
  "overlay-cut, mesh-cut, pair-heal, lead, api-throttle, api-error, api-slow, api-heal";
const BAD: readonly [words: string[], message: string][] = [
  [[], `unknown fault ''; there are: ${ALL}`],
  [["explode", "s1"], `unknown fault 'explode'; there are: ${ALL}`],
  [["toString"], `unknown fault 'toString'; there are: ${ALL}`],
  [["constructor", "s1"], `unknown fault 'constructor'; there are: ${ALL}`],
  [["crash"], "fault crash takes one server, as in: ./wgc lab fault crash s1"],
  [["crash", "s1", "s2"], "fault crash takes one server, as in: ./wgc lab fault crash s1"],
  [["efs-hang", "s1"], "fault efs-hang takes no argument, as in: ./wgc lab fault efs-hang"],
  [["az-loss"], "fault az-loss takes one zone, as in: ./wgc lab fault az-loss us-east-1a"],
  [["mesh-cut", "s1"], "fault mesh-cut takes two servers, as in: ./wgc lab fault mesh-cut s1 s2"],
  [["api-slow"], "fault api-slow takes one number of seconds, as in: ./wgc lab fault api-slow 8"],
  [["api-slow", "-1"], "seconds must be a number up to 600, not '-1', as in: ./wgc lab fault api-slow 8"],
  [["api-slow", "601"], "seconds must be a number up to 600, not '601', as in: ./wgc lab fault api-slow 8"],
  [["scale"], "fault scale takes one capacity, as in: ./wgc lab fault scale 4"],
  [["scale", "many"], "capacity must be a whole number, not 'many', as in: ./wgc lab fault scale 4"],
  [["scale", "-1"], "capacity must be a whole number, not '-1', as in: ./wgc lab fault scale 4"],
  [["scale", "2.5"], "capacity must be a whole number, not '2.5', as in: ./wgc lab fault scale 4"],
  [["scale", ""], "capacity must be a whole number, not '', as in: ./wgc lab fault scale 4"],
];

test.each(BAD)("%j is refused", (words, message) => {
  const refuse = (): Fault => parseFault(words);
  expect(refuse).toThrow(expect.objectContaining({ name: "UserError", message }));
});
