import { PeerLooks } from "../../../agent/takeover/peer-looks";
import { FakeClock } from "../fake-clock";
import { silent } from "../fixtures";

const LOOKS = 5;

/** When looks began whose dumps took as long as said. */
async function looking(kind: "urgent" | "expecting" | "usual", took: readonly number[]): Promise<number[]> {
  const clock = new FakeClock();
  const began: number[] = [];
  const looks = new PeerLooks({
    clock,
    log: silent,
    device: {
      dump: async () => {
        began.push(clock.monotonic());
        clock.skip(took[began.length - 1] ?? 0);
        return { peers: [] } as never;
      },
    },
    urgent: () => kind === "urgent",
    expecting: () => kind === "expecting",
    wanted: () => began.length < LOOKS,
    onPeers: () => undefined,
  });
  looks.soon();
  looks.soon(); // asked for already
  await clock.advance(60_000);
  return began;
}

test("quick looks come as soon as there is news to expect, and no sooner", async () => {
  expect(await looking("urgent", [])).toEqual([20, 40, 60, 80, 100]);
  expect(await looking("expecting", [])).toEqual([30, 60, 90, 120, 150]);
  expect(await looking("usual", [])).toEqual([700, 1400, 2100, 2800, 3500]);
});

test("long looks leave the processor to others, less so while clients are called", async () => {
  const every = (ms: number) => Array.from({ length: LOOKS }, () => ms);
  expect(await looking("urgent", every(100))).toEqual([20, 420, 820, 1220, 1620]);
  expect(await looking("expecting", every(100))).toEqual([30, 2130, 4230, 6330, 8430]);
  expect(await looking("usual", every(100))).toEqual([700, 5800, 10_900, 16_000, 21_100]);
});

test("one look that waited for a busy processor does not put the next one off", async () => {
  expect(await looking("urgent", [10, 500, 10, 10, 10])).toEqual([20, 60, 590, 630, 670]);
});
