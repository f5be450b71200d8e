import { documentFaults } from "../../verify/iam";

const statement = { Sid: "One", Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket/*" };
const document = (...statements: object[]) =>
  JSON.parse(JSON.stringify({ Version: "2012-10-17", Statement: statements }));

test.each([
  ["a sound document", [statement], []],
  [
    "an action that does not exist",
    [{ ...statement, Action: "s3:FetchObject" }],
    ["One: there is no action s3:FetchObject"],
  ],
  [
    "a wildcard that matches nothing",
    [{ ...statement, Action: "kms:Rotate*Now" }],
    ["One: there is no action kms:Rotate*Now"],
  ],
  [
    "a service that nobody knows",
    [{ ...statement, Action: "wgc:Do" }],
    ["One: nothing is known of the service wgc (wgc:Do)"],
  ],
  [
    "a principal in an identity policy",
    [{ ...statement, Principal: "*" }],
    ["One: it has 1 principals for a identity policy"],
  ],
  ["no resource", [{ ...statement, Resource: undefined }], ["One: it names no resource"]],
  ["what is no ARN", [{ ...statement, Resource: "bucket/*" }], ["One: bucket/* is no ARN"]],
  ["an effect that is none", [{ ...statement, Effect: "allow" }], ['One: Effect is "allow"']],
  ["an element that is none", [{ ...statement, Actions: "s3:GetObject" }], ["One: unknown element Actions"]],
  [
    "both kinds of action",
    [{ ...statement, NotAction: "s3:GetObject" }],
    ["One: it needs exactly one of Action and NotAction"],
  ],
  ["one name twice", [statement, statement], ["two statements are called One"]],
  [
    "a name with a space",
    [{ ...statement, Sid: "One two" }],
    ["One two: Sid has other characters than A-Z, a-z, 0-9"],
  ],
  [
    "a condition operator that is none",
    [{ ...statement, Condition: { StringIs: { "aws:SourceAccount": "1" } } }],
    ["One: there is no condition operator StringIs"],
  ],
  [
    "a condition key that is none",
    [{ ...statement, Condition: { Bool: { SecureTransport: "false" } } }],
    ["One: SecureTransport is no condition key"],
  ],
] as const)("%s", (_, statements, faults) => {
  expect(documentFaults(document(...statements), "identity")).toEqual(faults);
});

test("a tag's key may have colons, a condition key one", () => {
  const condition = (key: string) => ({ ...statement, Condition: { StringEquals: { [key]: "x" } } });
  expect(documentFaults(document(condition("aws:ResourceTag/wgc:cluster")), "identity")).toEqual([]);
  expect(documentFaults(document(condition("aws:Resource:Tag")), "identity")).toEqual([
    "One: aws:Resource:Tag is no condition key",
  ]);
});

test("a resource policy names who", () => {
  const trust = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "ec2.amazonaws.com" } };
  expect(documentFaults(document(trust), "resource")).toEqual([]);
  expect(documentFaults(document({ ...trust, Principal: undefined }), "resource")).toEqual([
    "1: it has 0 principals for a resource policy",
  ]);
  expect(documentFaults({ Version: "2008-10-17", Statement: [] }, "resource")).toEqual([
    "Version is not 2012-10-17",
    "there is no statement",
  ]);
});
