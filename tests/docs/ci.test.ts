// biome-ignore-all lint/suspicious/noTemplateCurlyInString: GitHub's own expressions
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { type Caller, evaluate } from "../../verify/access/evaluate";
import { readStatements } from "../../verify/access/statement";
import { documentFaults } from "../../verify/iam";
import { ACTIONLINT, runTool, testWith } from "../support/tool";

const root = join(__dirname, "..", "..");
const folder = join(root, ".github", "workflows");
const files = readdirSync(folder);
interface Job {
  readonly permissions?: Record<string, string>;
  readonly environment?: string;
  readonly uses?: string;
  readonly if?: string;
  readonly steps?: readonly { readonly uses?: string; readonly run?: string }[];
}
interface Workflow {
  readonly permissions: Record<string, string>;
  readonly jobs: Record<string, Job>;
}
const text = (file: string): string => readFileSync(join(folder, file), "utf8");
const workflow = (file: string): Workflow => parse(text(file));
const jobs = files.flatMap((file) =>
  Object.entries(workflow(file).jobs).map(([name, job]) => ({ name: `${file} ${name}`, job })),
);

describe("the trust policies of docs/ci.md", () => {
  const page = readFileSync(join(root, "docs", "ci.md"), "utf8");
  const [preview = "", prod = ""] = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(
    (match) => match[1] ?? "",
  );
  const GITHUB = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com";
  const takes = (policy: string, sub: string, aud = "sts.amazonaws.com", provider = GITHUB): boolean => {
    const caller: Caller = { kind: "federated", provider };
    const context = {
      "token.actions.githubusercontent.com:aud": aud,
      "token.actions.githubusercontent.com:sub": sub,
    };
    const request = {
      caller,
      action: "sts:AssumeRoleWithWebIdentity",
      resource: "arn:aws:iam::123456789012:role/r",
      context,
    };
    return evaluate({ identity: [], resource: readStatements(policy) }, request).allowed;
  };

  test("are documents that IAM takes", () => {
    for (const policy of [preview, prod]) expect(documentFaults(JSON.parse(policy), "resource")).toEqual([]);
  });

  test("let in the pull requests and the environment that they are for", () => {
    expect(takes(preview, "repo:my-org/wgc:pull_request")).toBe(true);
    expect(takes(prod, "repo:my-org/wgc:environment:prod")).toBe(true);
  });

  test.each([
    ["another repository", "repo:my-org/other:environment:prod"],
    ["a repository whose name begins alike", "repo:my-org/wgc-fork:environment:prod"],
    ["another owner", "repo:somebody/wgc:environment:prod"],
    ["a branch without the environment", "repo:my-org/wgc:ref:refs/heads/main"],
    ["another environment", "repo:my-org/wgc:environment:dev"],
    ["an environment that begins alike", "repo:my-org/wgc:environment:prod-test"],
    ["a pull request", "repo:my-org/wgc:pull_request"],
    ["a wildcard as name", "repo:my-org/wgc:environment:*"],
  ])("deny the deployment's role to %s", (_, sub) => {
    expect(takes(prod, sub)).toBe(false);
  });

  test.each([
    ["a branch", "repo:my-org/wgc:ref:refs/heads/main"],
    ["another repository's pull request", "repo:my-org/other:pull_request"],
  ])("deny the preview's role to %s", (_, sub) => {
    expect(takes(preview, sub)).toBe(false);
  });

  test("deny tokens for somebody else, or of another issuer", () => {
    expect(takes(prod, "repo:my-org/wgc:environment:prod", "https://github.com/my-org")).toBe(false);
    const other = "arn:aws:iam::123456789012:oidc-provider/gitlab.com";
    expect(takes(prod, "repo:my-org/wgc:environment:prod", "sts.amazonaws.com", other)).toBe(false);
  });
});

describe("the workflows", () => {
  test("give no right to all of their jobs but reading", () => {
    const broad = files.flatMap((file) =>
      Object.entries(workflow(file).permissions).map((right) => right.join(": ")),
    );
    expect([...new Set(broad)]).toEqual(["contents: read"]);
  });

  test("ask for each right in the job that needs it", () => {
    const rights = jobs.flatMap(({ name, job }) =>
      Object.entries(job.permissions ?? {})
        .filter(([, level]) => level === "write")
        .map(([right]) => `${name}: ${right}`),
    );
    expect(rights.sort()).toEqual([
      "deploy-stack.yml up: id-token",
      "deploy.yml dev: id-token",
      "deploy.yml prod: id-token",
      "preview.yml comment: pull-requests",
      "preview.yml preview: id-token",
      "preview.yml preview: pull-requests",
    ]);
  });

  test("take AWS's credentials only where a token is asked for, and deploy only within an environment", () => {
    for (const { name, job } of jobs) {
      const logsIn = (job.steps ?? []).some(({ uses }) =>
        uses?.startsWith("aws-actions/configure-aws-credentials@"),
      );
      expect([name, logsIn]).toEqual([
        name,
        job.steps !== undefined && job.permissions?.["id-token"] === "write",
      ]);
    }
    const deploying = jobs.filter(({ job }) => JSON.stringify(job.steps ?? []).includes('"command":"up"'));
    expect(deploying.map(({ name, job }) => [name, job.environment])).toEqual([
      ["deploy-stack.yml up", "${{ inputs.stack }}"],
    ]);
  });

  test("run nothing of a pull request where a comment may be written, and give forks no token", () => {
    const of = (name: string) => jobs.find((each) => each.name === `preview.yml ${name}`)?.job;
    expect(of("comment")?.steps?.some(({ uses }) => uses?.startsWith("actions/checkout"))).toBe(false);
    for (const name of ["comment", "preview"])
      expect(of(name)?.if).toContain("github.event.pull_request.head.repo.full_name == github.repository");
  });

  test("pin every action to a version or a commit, and hold no secret", () => {
    for (const file of files) {
      expect(text(file)).not.toMatch(/secrets\.|AWS_ACCESS_KEY_ID|AWS_SECRET/);
      // An expression in a command would be run as what a stranger wrote; commands take their values from the environment.
      for (const { run } of Object.values(workflow(file).jobs).flatMap(({ steps }) => steps ?? []))
        expect(run ?? "").not.toContain("${{");
    }
    const used = jobs.flatMap(({ job }) => [job.uses, ...(job.steps ?? []).map(({ uses }) => uses)]);
    const odd = used.filter((use) => use !== undefined && !/^\.\/|@(v\d+(\.\d+)*|[0-9a-f]{40})$/.test(use));
    expect(odd).toEqual([]);
  });

  testWith(ACTIONLINT, "actionlint has nothing against any of them", () => {
    expect(
      runTool(
        "actionlint",
        files.map((file) => join(folder, file)),
      ),
    ).toEqual({ code: 0, text: "" });
  });
});
