import { MemberFilter } from "../../../agent/mesh/member-filter";
import { settle } from "../fake-clock";

test("a request to fill the set again is not lost to one that is under way", async () => {
  const runs: string[] = [];
  let finish = (): void => undefined;
  const filter = new MemberFilter((_, __, { stdin }) => {
    runs.push(stdin ?? "");
    return new Promise((resolve) => {
      finish = () => resolve("");
    });
  });
  const first = filter.set(["10.0.0.2"]);
  await filter.set(["10.0.0.2"], true); // nothing yet: one run at a time
  finish();
  await first;
  void filter.set(["10.0.0.2"]);
  await settle();
  finish();
  await settle();
  await filter.set(["10.0.0.2"]); // now it is as it should be
  expect(runs).toEqual(
    Array(2).fill("flush set inet wgc mesh_members\nadd element inet wgc mesh_members { 10.0.0.2 }\n"),
  );
});
