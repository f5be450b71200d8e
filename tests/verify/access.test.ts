import { readFileSync } from "node:fs";
import type { Plan } from "../../plan";
import { PAGE, withTable } from "../../scripts/access-table";
import { ADMINISTRATOR, type Ask, asker, type Pair } from "../../verify/access/ask";
import { pairsOf } from "../../verify/access/requests";
import type { Statement } from "../../verify/access/statement";
import { accessFaults, decide } from "../../verify/access/table";
import { type Document, documentsOf } from "../../verify/access/world";
import { stackPlan } from "../support/plans";

jest.setTimeout(300_000);

let plan: Plan;
let documents: Document[];
let pairs: Pair[];
beforeAll(async () => {
  plan = await stackPlan("prod");
  documents = documentsOf(plan);
  pairs = pairsOf(plan);
});

test("every request is answered as the table says", () => {
  expect(accessFaults(documents, pairs)).toEqual([]);
});

test("docs/verification.md has the table (mend: npx tsx scripts/access-table.ts)", () => {
  const page = readFileSync(PAGE, "utf8");
  expect(page).toBe(withTable(page, plan));
});

test("every role, key, bucket and file system of the plan has its policy in the table", () => {
  const decided = new Set(asks().map((ask) => decide(documents, ask).by));
  const idle = documents.filter(({ statements }) => !statements.some((each) => decided.has(each)));
  expect(idle.map(({ name }) => name)).toEqual([]);
});

const asks = (): Ask[] => pairs.flatMap(({ allowed, denied }) => [allowed, ...denied]);
const label = ({ name }: Document, { sid }: Statement, what: string): string => `${name} ${sid}: ${what}`;

/** The documents with one statement changed, or left out. */
function changed(at: Document, statement: Statement, change: Statement | undefined): Document[] {
  return documents.map((each) =>
    each !== at
      ? each
      : {
          ...each,
          statements: each.statements.flatMap((one) =>
            one !== statement ? [one] : change === undefined ? [] : [change],
          ),
        },
  );
}

/** Changes that no line of the table would notice. */
function unnoticed(
  variants: (
    statement: Statement,
    document: Document,
  ) => readonly (readonly [string, Statement | undefined])[],
): string[] {
  return documents.flatMap((document) =>
    document.statements.flatMap((statement) =>
      variants(statement, document)
        .filter(([, change]) => accessFaults(changed(document, statement, change), pairs).length === 0)
        .map(([what]) => label(document, statement, what)),
    ),
  );
}

test("without any of its actions or statements a line of the table is wrong", () => {
  // Who administers keys is the account's business; one action stands for all of them.
  const few = ({ sid, actions }: Statement) => (sid === "AdministerKey" || actions.length < 2 ? [] : actions);
  const found = unnoticed((statement) => [
    ["taken away", undefined] as const,
    ...(statement.effect === "Deny" ? [] : few(statement)).map(
      (action) =>
        [action, { ...statement, actions: statement.actions.filter((each) => each !== action) }] as const,
    ),
  ]);
  expect(found).toEqual([]);
});

test("without any of its conditions a line of the table is wrong", () => {
  const found = unnoticed((statement) =>
    Object.entries(statement.conditions).flatMap(([operator, keys]) =>
      Object.keys(keys).map((key) => {
        const { [key]: _, ...others } = keys;
        return [
          `${operator} ${key}`,
          { ...statement, conditions: { ...statement.conditions, [operator]: others } },
        ] as const;
      }),
    ),
  );
  // The file system's policy denies what the role does not allow; both stay, for the lab reads the role, and another access point may come.
  expect(found).toEqual([
    "wgc-server-policy MountSharedStorage: StringEquals elasticfilesystem:AccessPointArn",
  ]);
});

test("with any resource in the place of its own a line of the table is wrong", () => {
  const found = unnoticed(({ resources, effect, ...rest }, { owner }) =>
    // A resource's policy that names the resource says nothing by it.
    resources.includes("*") || resources.every((each) => each === owner) || effect === "Deny"
      ? []
      : [["any resource", { ...rest, effect, resources: ["*"] }] as const],
  );
  expect(found).toEqual([]);
});

test("where operators are named, nobody else takes the role", async () => {
  const named = "arn:aws:iam::123456789012:user/alice,arn:aws:iam::999999999999:user/contractor";
  const other = await stackPlan("dev", { "wgc:operatorPrincipals": named });
  const own = documentsOf(other);
  const take = (arn: string, policies: readonly Statement[]) => {
    const name = arn.split("/").at(-1) ?? "";
    const context = {
      "aws:MultiFactorAuthPresent": "true",
      "aws:MultiFactorAuthAge": "1",
      "aws:username": name,
      "sts:RoleSessionName": name,
    };
    const role = String(other.outputs["operatorRoleArn"]);
    return decide(own, asker({ kind: "user", arn }, policies)("take", "sts:AssumeRole", role, context))
      .allowed;
  };
  expect(take("arn:aws:iam::123456789012:user/alice", [])).toBe(true);
  expect(take("arn:aws:iam::123456789012:user/bob", ADMINISTRATOR)).toBe(false);
  expect(take("arn:aws:iam::999999999999:user/contractor", ADMINISTRATOR)).toBe(true);
  expect(take("arn:aws:iam::999999999999:user/contractor", [])).toBe(false);
});
