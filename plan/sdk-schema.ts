import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** What a provider's Node.js SDK knows about one resource type. */
export interface ResourceSchema {
  readonly type: string;
  /** Names of all inputs. */
  readonly inputs: ReadonlySet<string>;
  /** Inputs without which the SDK's own constructor throws. */
  readonly required: readonly string[];
  /** Outputs that the SDK marks secret whatever the program says. */
  readonly secretOutputs: readonly string[];
}

/** Finds a type's schema; `undefined` means that the installed SDK has no such type. */
export type SchemaSource = (type: string) => ResourceSchema | undefined;

/**
 * Reads schemas from the generated classes of the packages that the program itself imports (`@pulumi/<package>`), so that
 * there is no second table to keep in step with them. The classes are read as text: loading them costs seconds.
 */
export function sdkSchemas(projectDir: string): SchemaSource {
  const require = createRequire(join(projectDir, "index.js"));
  const known = new Map<string, ResourceSchema | undefined>();
  return (type) => {
    if (!known.has(type)) known.set(type, readSchema(type, require));
    return known.get(type);
  };
}

function readSchema(type: string, require: NodeJS.Require): ResourceSchema | undefined {
  const [pkg = "", module = "", className = ""] = type.split(":");
  let root: string;
  try {
    root = dirname(require.resolve(`@pulumi/${pkg}/package.json`));
  } catch {
    return undefined;
  }
  for (const file of classFiles(root, module, className)) {
    if (!existsSync(file)) continue;
    const source = readFileSync(file, "utf8");
    if (source.includes(`__pulumiType = '${type}'`)) return parseSchema(type, source);
  }
  return undefined;
}

/**
 * Where the code generator puts the class of `aws:lb/loadBalancer:LoadBalancer` (lb/loadBalancer.js) and of
 * `awsx:ec2:Vpc` (ec2/vpc.js); `random:index/randomId:RandomId` is at the root, and a file cannot be called index.js.
 */
function classFiles(root: string, module: string, className: string): string[] {
  const camel = className.charAt(0).toLowerCase() + className.slice(1);
  const place = module.includes("/") ? module : `${module}/${camel}`;
  const folder = place.startsWith("index/") ? "" : dirname(place);
  return [camel, className.toLowerCase(), `${camel}_`, place.split("/").at(-1) ?? camel].map((name) =>
    join(root, folder, `${name}.js`),
  );
}

function parseSchema(type: string, source: string): ResourceSchema {
  const all = (pattern: RegExp): string[] => [...source.matchAll(pattern)].map((match) => match[1] ?? "");
  const secrets = /secretOpts = \{ additionalSecretOutputs: \[([^\]]*)\]/.exec(source)?.[1] ?? "";
  return {
    type,
    inputs: new Set(all(/resourceInputs\["(\w+)"\] = (?:\(?args|args|pulumi\.secret|\(\(args)/g)),
    required: [...new Set(all(/Missing required property '(\w+)'/g))],
    secretOutputs: [...secrets.matchAll(/"(\w+)"/g)].map((match) => match[1] ?? ""),
  };
}
