import { parseFlowEvent } from "../../../agent/takeover/flow-events";

// Lines as conntrack 1.4.7 wrote them; the packets had the bytes 11 22 33 84 and 55 66 77 88 as their index.
const OWN4 =
  "    [NEW] udp      17 30 src=192.0.2.1 dst=192.0.2.2 sport=51820 dport=4500 [UNREPLIED] src=192.0.2.2 dst=192.0.2.1 sport=4500 dport=51820 mark=2217943569 zone=51821";
const AGAIN4 =
  " [UPDATE] udp      17 30 src=192.0.2.2 dst=192.0.2.1 sport=4500 dport=51820 [UNREPLIED] src=192.0.2.1 dst=192.0.2.2 sport=51820 dport=4500 mark=2289526357 zone=51822";
const STRAY6 =
  "    [NEW] udp      17 30 src=2001:db8::2 dst=2001:db8::1 sport=4501 dport=51820 [UNREPLIED] src=2001:db8::1 dst=2001:db8::2 sport=51820 dport=4501 mark=2306303573 zone=51822";

test("the client is where our packet went to, or where the stray came from; the mark is the index as WireGuard reads it", () => {
  expect(parseFlowEvent(OWN4, "own")).toEqual({ endpoint: "192.0.2.2:4500", index: 0x84332211 });
  expect(parseFlowEvent(AGAIN4, "stray")).toEqual({ endpoint: "192.0.2.2:4500", index: 0x88776655 });
  expect(parseFlowEvent(STRAY6, "stray")).toEqual({ endpoint: "[2001:db8::2]:4501", index: 0x89776655 });
});

test("an entry without a mark has index 0, which nobody can tell from a packet's", () => {
  expect(parseFlowEvent(OWN4.replace("mark=2217943569", "mark=0"), "own")?.index).toBe(0);
});

test.each([
  "",
  "conntrack v1.4.7 (conntrack-tools): 1 flow events have been shown.",
  OWN4.replace(" mark=2217943569", ""),
  OWN4.replace(/ src=\S+/g, ""),
  OWN4.slice(0, 60),
])("no event: %j", (line) => expect(parseFlowEvent(line, "own")).toBeUndefined());
