import { hostname, userInfo } from "node:os";
import { ControlClient, ControlFailure, isRepeatable, readResponse } from "../../control/client";
import { inputs, type Operation, type Request, type Response } from "../../control/protocol";
import { folderTransport } from "../../control/transports/folder";
import { CLUSTER, newKey, temporaryFolder } from "./support";

/** A transport that remembers what it was asked. */
function recorder(answer: (request: Request) => Response) {
  const requests: Request[] = [];
  const transport = async (request: Request): Promise<Response> => {
    requests.push(request);
    return answer(request);
  };
  return { requests, transport };
}

const fine = ({ operation }: Request) =>
  ({ version: 1, ok: true, operation, revision: 7, result: { name: "a" } }) as unknown as Response;

test("whatever changes something gets a request key of its own, unless it has one; what only looks gets none", async () => {
  const { requests, transport } = recorder(fine);
  const client = new ControlClient(transport, { caller: "arn:aws:iam::1:user/a" });
  expect(await client.call("remove", { name: "a" })).toEqual({ revision: 7, result: { name: "a" } });
  await client.call("remove", { name: "a" });
  await client.call("remove", { name: "a" }, { requestKey: "request-1" });
  await client.call("list", {});
  const keys = requests.map(({ requestKey }) => requestKey);
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(keys[1]).not.toBe(keys[0]);
  expect(keys.slice(2)).toEqual(["request-1", undefined]);
  expect(requests[0]).toEqual({
    version: 1,
    operation: "remove",
    requestKey: keys[0],
    caller: "arn:aws:iam::1:user/a",
    input: { name: "a" },
  });
});

test("only what looks may be sent twice without a key", () => {
  const reading = (Object.keys(inputs) as Operation[]).filter((operation) => isRepeatable({ operation }));
  expect(reading).toEqual(["list", "show", "config", "export", "status", "audit"]);
  expect(isRepeatable({ operation: "add", requestKey: "request-1" })).toBe(true);
});

test("a refusal is thrown as one message with all that is known", async () => {
  const error = {
    code: "unknown-client" as const,
    message: "there is no client alcie",
    issues: [{ path: "input.name", message: "is not the name of a client" }],
    suggestion: "alice",
    remedy: "list the clients",
  };
  const { transport } = recorder(() => ({ version: 1, ok: false, error }));
  const failure = await new ControlClient(transport)
    .call("show", { name: "alcie" })
    .catch((thrown: unknown) => thrown);
  expect(failure).toBeInstanceOf(ControlFailure);
  expect(failure).toMatchObject({
    error,
    message: "there is no client alcie; did you mean alice?; list the clients",
  });
  const two = new ControlFailure({
    code: "invalid-request",
    message: "2 fields are wrong: input.a, input.b",
    issues: [
      { path: "input.a", message: "is odd" },
      { path: "input.b", message: "is even" },
    ],
  });
  expect(two.message).toBe("2 fields are wrong: input.a, input.b\n  input.a is odd\n  input.b is even");
});

test("an answer to another operation is not taken", async () => {
  const { transport } = recorder((request) => fine({ ...request, operation: "list" } as Request));
  await expect(new ControlClient(transport).call("show", { name: "a" })).rejects.toThrow(/it is about list/);
});

test.each([
  ["no JSON", "<html>", /another version/],
  ["null", "null", /another version/],
  ["another version", '{"version":2,"ok":true}', /another version/],
  ["no revision", '{"version":1,"ok":true,"operation":"list","result":{}}', /parts are missing/],
  ["no error", '{"version":1,"ok":false}', /parts are missing/],
])("an answer that is %s is not understood", (_, text, message) => {
  expect(() => readResponse(text)).toThrow(message);
  expect(() => readResponse(text)).toThrow(ControlFailure);
});

test("a folder is served by the handler in this process, which knows its user", async () => {
  const client = new ControlClient(folderTransport(temporaryFolder()), { caller: "not-asked" });
  await client.call("init", { cluster: CLUSTER });
  const { revision, result } = await client.call("add", { name: "alice", publicKey: newKey() });
  expect([revision, result.client.name]).toEqual([1, "alice"]);
  const { entries } = (await client.call("audit", { after: 1 })).result;
  expect(entries[0]?.who).toBe(`${userInfo().username}@${hostname()}`);
  await expect(client.call("show", { name: "bob" })).rejects.toThrow(/there is no client bob/);
});
