import { findPlace } from "../../agent/place";
import { FakeClock } from "./fake-clock";
import { silent } from "./fixtures";

const ITEMS: Readonly<Record<string, string>> = {
  "local-ipv4": "10.0.0.1",
  "placement/availability-zone": "eu-central-1a",
  mac: "02:00",
  "network/interfaces/macs/02:00/interface-id": "eni-1",
};
const PLACE = { address: "10.0.0.1", zone: "eu-central-1a", interfaceId: "eni-1" };

/** A metadata service of which some answers are missing or fail. */
function world(items = ITEMS) {
  const clock = new FakeClock();
  const imds = { fails: false, items, asked: [] as number[] };
  const get = async (item: string) => {
    if (item === "local-ipv4") imds.asked.push(clock.monotonic());
    if (imds.fails) throw new Error("no answer");
    return imds.items[item];
  };
  return { clock, imds, find: () => findPlace({ get }, clock, silent) };
}

test("a server's place is known at once when the metadata service answers", async () => {
  expect(await world().find()).toEqual(PLACE);
});

test("a service that does not answer is asked again, with longer and longer pauses, until it does", async () => {
  const { clock, imds, find } = world();
  imds.fails = true;
  const found = find();
  await clock.advance(60_000);
  expect(imds.asked).toEqual([0, 500, 1500, 3500, 7500, 15_500, 30_500, 45_500]);
  imds.fails = false;
  await clock.advance(15_000);
  expect(await found).toEqual(PLACE);
});

test("an address and a zone are waited for; an interface that is not named is not", async () => {
  const { clock, imds, find } = world({ "local-ipv4": "10.0.0.1" });
  const found = find();
  await clock.advance(400);
  imds.items = { ...ITEMS, mac: "02:01" };
  await clock.advance(200);
  expect(await found).toEqual({ ...PLACE, interfaceId: undefined });
});
