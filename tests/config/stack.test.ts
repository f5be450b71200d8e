import * as pulumi from "@pulumi/pulumi";
import { stackSettings } from "../../config/stack";

beforeEach(async () => {
  await pulumi.runtime.setMocks(
    { newResource: () => ({ id: "", state: {} }), call: () => ({}) },
    "wgc",
    "test",
    true,
  );
});

test("reads the stack's configuration and passes warnings to Pulumi's log", () => {
  const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue(undefined);
  pulumi.runtime.setAllConfig({
    "aws:region": "us-east-1",
    "wgc:instanceType": "t4g.small",
    "wgc:listenPort": "4500",
  });
  expect(stackSettings()).toMatchObject({
    clusterName: "wgc-test",
    listenPort: 4500,
    instanceType: "t4g.small",
  });
  expect(warn.mock.calls).toEqual([
    [expect.stringContaining("wgc:instanceType t4g.small runs on CPU credits")],
  ]);
});

test("a fault ends the program with the message alone: Pulumi takes the error for its own", () => {
  pulumi.runtime.setAllConfig({ "aws:region": "us-east-1", "wgc:listenPort": "0" });
  const read = () => {
    try {
      return stackSettings();
    } catch (error) {
      return error;
    }
  };
  expect(pulumi.RunError.isInstance(read())).toBe(true);
  expect(String(read())).toContain("wgc:listenPort is 0: it must be a whole number from 1 to 65534");
});
