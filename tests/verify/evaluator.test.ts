// biome-ignore-all lint/suspicious/noTemplateCurlyInString: IAM's own variables
import { type AccessRequest, type Caller, evaluate } from "../../verify/access/evaluate";
import { readStatements, type Statement } from "../../verify/access/statement";

const USER: Caller = { kind: "user", arn: "arn:aws:iam::111122223333:user/alice" };
const KEY = "arn:aws:kms:us-east-1:111122223333:key/1";
const read = (...statements: object[]): Statement[] =>
  readStatements(JSON.stringify({ Statement: statements }));
const allow = { Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket/*" };
const ask = (more: Partial<AccessRequest> = {}): AccessRequest => ({
  caller: USER,
  action: "s3:GetObject",
  resource: "arn:aws:s3:::bucket/a/b",
  context: {},
  ...more,
});
const says = (identity: object[], request: AccessRequest, resource?: object[]): boolean =>
  evaluate(
    { identity: read(...identity), resource: resource === undefined ? undefined : read(...resource) },
    request,
  ).allowed;
const when = (Condition: object, context: Record<string, string>): boolean =>
  says([{ ...allow, Condition }], ask({ context }));

test.each([
  ["nothing said is denied", [], ask(), false],
  ["an allow", [allow], ask(), true],
  ["a deny beside it wins, in whatever order", [allow, { ...allow, Effect: "Deny" }], ask(), false],
  ["another action", [allow], ask({ action: "s3:PutObject" }), false],
  ["actions are compared without regard to case", [{ ...allow, Action: "S3:getobject" }], ask(), true],
  ["a wildcard in an action", [{ ...allow, Action: "s3:Get*" }], ask(), true],
  ["a wildcard for one letter", [{ ...allow, Action: "s3:GetObjec?" }], ask(), true],
  ["an action is matched as a whole", [{ ...allow, Action: "s3:Get" }], ask(), false],
  ["NotAction leaves its own out", [{ ...allow, Action: undefined, NotAction: "s3:*" }], ask(), false],
  ["NotAction is everything else", [{ ...allow, Action: undefined, NotAction: "ec2:*" }], ask(), true],
  ["another resource", [allow], ask({ resource: "arn:aws:s3:::other/a" }), false],
  ["resources keep their case", [allow], ask({ resource: "arn:aws:s3:::BUCKET/a" }), false],
  [
    "NotResource leaves its own out",
    [{ ...allow, Resource: undefined, NotResource: "arn:aws:s3:::bucket/*" }],
    ask(),
    false,
  ],
  [
    "NotResource is everything else",
    [{ ...allow, Resource: undefined, NotResource: "arn:aws:s3:::other/*" }],
    ask(),
    true,
  ],
  [
    "a wildcard does not reach over a colon",
    [{ ...allow, Resource: "arn:aws:ec2:us-*:instance/*" }],
    ask({ resource: "arn:aws:ec2:us-east-1:111122223333:instance/i-1" }),
    false,
  ],
  [
    "a dot is a dot",
    [{ ...allow, Resource: "arn:aws:s3:::bucket.a/*" }],
    ask({ resource: "arn:aws:s3:::bucketxa/b" }),
    false,
  ],
] as const)("%s", (_, statements, request, allowed) => {
  expect(says([...statements], request)).toBe(allowed);
});

test.each([
  ["StringEquals", { StringEquals: { "a:b": ["x", "y"] } }, { "a:b": "y" }, true],
  ["StringEquals of another", { StringEquals: { "a:b": "x" } }, { "a:b": "y" }, false],
  ["StringEquals takes wildcards as letters", { StringEquals: { "a:b": "x*" } }, { "a:b": "xy" }, false],
  ["StringEquals of what is absent", { StringEquals: { "a:b": "x" } }, {}, false],
  ["StringEqualsIfExists of what is absent", { StringEqualsIfExists: { "a:b": "x" } }, {}, true],
  ["StringNotEquals of one of several", { StringNotEquals: { "a:b": ["x", "y"] } }, { "a:b": "y" }, false],
  ["StringNotEquals of what is absent", { StringNotEquals: { "a:b": "x" } }, {}, true],
  ["keys are compared without regard to case", { StringEquals: { "A:B": "x" } }, { "a:b": "x" }, true],
  ["StringLike", { StringLike: { "a:b": "x*z" } }, { "a:b": "xyz" }, true],
  ["StringLike is about the whole text", { StringLike: { "a:b": "x" } }, { "a:b": "xyz" }, false],
  ["StringNotLike", { StringNotLike: { "a:b": "x*" } }, { "a:b": "xyz" }, false],
  ["ArnLike by parts", { ArnLike: { "a:b": "arn:aws:s3:*" } }, { "a:b": "arn:aws:s3:::bucket" }, false],
  ["ArnLike", { ArnLike: { "a:b": "arn:aws:s3:::b*" } }, { "a:b": "arn:aws:s3:::bucket" }, true],
  ["ArnNotEquals", { ArnNotEquals: { "a:b": "arn:aws:s3:::b*" } }, { "a:b": "arn:aws:s3:::bucket" }, false],
  ["Bool", { Bool: { "a:b": "true" } }, { "a:b": "TRUE" }, true],
  ["Bool of what is absent", { Bool: { "a:b": "false" } }, {}, false],
  ["BoolIfExists of what is absent", { BoolIfExists: { "a:b": "true" } }, {}, true],
  ["NumericLessThan", { NumericLessThan: { "a:b": "3600" } }, { "a:b": "900" }, true],
  ["NumericLessThan of the same", { NumericLessThan: { "a:b": "3600" } }, { "a:b": "3600" }, false],
  ["NumericLessThan of what is absent", { NumericLessThan: { "a:b": "3600" } }, {}, false],
  ["Null true", { Null: { "a:b": "true" } }, {}, true],
  ["Null false", { Null: { "a:b": "false" } }, {}, false],
  [
    "all operators have to hold",
    { Null: { "a:b": "false" }, Bool: { "c:d": "true" } },
    { "a:b": "1", "c:d": "false" },
    false,
  ],
  ["all keys have to hold", { StringEquals: { "a:b": "x", "c:d": "y" } }, { "a:b": "x", "c:d": "z" }, false],
  [
    "a variable",
    { StringEquals: { "a:b": "${aws:username}" } },
    { "a:b": "alice", "aws:username": "alice" },
    true,
  ],
  [
    "a variable brings no wildcard",
    { StringLike: { "a:b": "${aws:username}" } },
    { "a:b": "bob", "aws:username": "*" },
    false,
  ],
  ["a variable without a value", { StringLike: { "a:b": "${aws:username}" } }, { "a:b": "" }, false],
] as const)("condition: %s", (_, condition, context, holds) => {
  expect(when(condition, { ...context })).toBe(holds);
});

test("a variable in a resource, with a colon in its name and in its value", () => {
  const own = {
    ...allow,
    Action: "ssm:TerminateSession",
    Resource: "arn:aws:ssm:us-east-1:111122223333:session/${aws:userid}-*",
  };
  const end = (id: string) =>
    says(
      [own],
      ask({
        action: "ssm:TerminateSession",
        resource: `arn:aws:ssm:us-east-1:111122223333:session/${id}`,
        context: { "aws:userid": "AROA:alice" },
      }),
    );
  expect([end("AROA:alice-1"), end("AROA:bob-1")]).toEqual([true, false]);
});

describe("the caller's policies and the resource's", () => {
  const root = { AWS: "arn:aws:iam::111122223333:root" };
  const decrypt = ask({ action: "kms:Decrypt", resource: KEY });
  const mine = { Effect: "Allow", Action: "kms:Decrypt", Resource: "*" };
  const keyPolicy = (Principal: unknown) => [{ ...mine, Principal }];

  test.each([
    ["a key's policy has to allow too", [mine], [], false],
    ["a key that leaves it to the account", [mine], keyPolicy(root), true],
    ["a key that leaves it to the account needs the caller's policy", [], keyPolicy(root), false],
    ["a key that names the caller", [], keyPolicy({ AWS: USER.kind === "user" ? USER.arn : "" }), true],
    ["a key that names another", [mine], keyPolicy({ AWS: "arn:aws:iam::111122223333:user/bob" }), false],
    ["a key of another account's users", [mine], keyPolicy({ AWS: "arn:aws:iam::999999999999:root" }), false],
    [
      "a deny in the key's policy",
      [mine],
      [...keyPolicy(root), { ...mine, Effect: "Deny", Principal: "*" }],
      false,
    ],
    [
      "a deny for another",
      [mine],
      [
        ...keyPolicy(root),
        { ...mine, Effect: "Deny", Principal: { AWS: "arn:aws:iam::111122223333:user/bob" } },
      ],
      true,
    ],
  ] as const)("%s", (_, identity, resource, allowed) => {
    expect(says([...identity], decrypt, [...resource])).toBe(allowed);
  });

  test("elsewhere one of the two is enough, and an account that is left to decide is no allow", () => {
    const open = (Principal: unknown) => [{ ...allow, Principal }];
    expect(says([allow], ask(), [])).toBe(true);
    expect(says([], ask(), open("*"))).toBe(true);
    expect(says([], ask(), open(root))).toBe(false);
    expect(says([], ask({ caller: { kind: "anonymous" } }), open("*"))).toBe(true);
    expect(says([], ask({ caller: { kind: "anonymous" } }), open(root))).toBe(false);
  });

  test("a caller of another account needs both", () => {
    const caller: Caller = { kind: "user", arn: "arn:aws:iam::999999999999:user/eve" };
    const end = ask({
      caller,
      action: "lambda:InvokeFunction",
      resource: "arn:aws:lambda:us-east-1:111122223333:function:f",
    });
    const may = { Effect: "Allow", Action: "lambda:InvokeFunction", Resource: "*" };
    const named = [{ ...may, Principal: { AWS: caller.arn } }];
    expect([says([may], end), says([], end, named), says([may], end, named)]).toEqual([false, false, true]);
  });

  test("services and federated callers are named", () => {
    const trust = (Principal: object) => [{ Effect: "Allow", Action: "sts:AssumeRole", Principal }];
    const take = (caller: Caller) =>
      ask({ caller, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r" });
    const ec2: Caller = { kind: "service", name: "ec2.amazonaws.com" };
    expect(says([], take(ec2), trust({ Service: "ec2.amazonaws.com" }))).toBe(true);
    expect(says([], take(ec2), trust({ Service: "lambda.amazonaws.com" }))).toBe(false);
    const federated: Caller = {
      kind: "federated",
      provider: "arn:aws:iam::111122223333:oidc-provider/example.com",
    };
    expect(
      says(
        [],
        take(federated),
        trust({ Federated: federated.kind === "federated" ? federated.provider : "" }),
      ),
    ).toBe(true);
    expect(says([], take(federated), trust({ Service: "ec2.amazonaws.com" }))).toBe(false);
  });
});

test.each([
  [
    "an operator",
    { ...allow, Condition: { IpAddress: { "a:b": "10.0.0.0/8" } } },
    /condition operator IpAddress/,
  ],
  [
    "a set operator",
    { ...allow, Condition: { "ForAllValues:StringEquals": { "a:b": "x" } } },
    /ForAllValues:StringEquals/,
  ],
  ["an element", { ...allow, NotPrincipal: "*" }, /does not know NotPrincipal/],
  [
    "a variable with a default",
    { ...allow, Resource: "arn:aws:s3:::${aws:username, 'x'}/*" },
    /does not know the variable/,
  ],
  ["an effect", { ...allow, Effect: "Maybe" }, /Effect is Maybe/],
])("%s that the evaluator does not know is an error and no answer", (_, statement, message) => {
  expect(() => says([statement], ask({ context: { "a:b": "x" } }))).toThrow(message);
});
