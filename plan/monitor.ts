import { type Child, type ChildRequest, expandVpc } from "./awsx-vpc";
import type { Project } from "./project";
import type { SchemaSource } from "./sdk-schema";
import { standinContext, standinFor } from "./standins";
import { invokes, zonesOf } from "./standins/invokes";
import type { Diagnostic, Json, JsonObject, PlanMode, PlannedResource } from "./types";
import {
  bare,
  holdsSecret,
  isObject,
  presentObject,
  resourceReference,
  secretValue,
  texts,
  UNKNOWN,
  unknownPaths,
} from "./values";

/** A registration as the SDK sends it, free of gRPC. */
export interface Registration {
  readonly type: string;
  readonly name: string;
  readonly parent: string;
  readonly custom: boolean;
  readonly remote: boolean;
  readonly inputs: JsonObject;
  readonly dependencies: readonly string[];
  readonly propertyDependencies: Readonly<Record<string, readonly string[]>>;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly ignoreChanges: readonly string[];
  readonly replaceOnChanges: readonly string[];
  readonly additionalSecretOutputs: readonly string[];
  readonly aliases: readonly Json[];
  readonly provider: string;
  /** Set for a resource that is only read. */
  readonly readId?: string;
}

export interface Registered {
  readonly urn: string;
  readonly id: string;
  /** Outputs in wire form. */
  readonly outputs: JsonObject;
  readonly dependencies: Readonly<Record<string, readonly string[]>>;
}

/** Where in the program something was asked for, as far as the SDK says. */
export interface Origin {
  readonly parent: string;
  readonly position: string;
}

const STACK_TYPE = "pulumi:pulumi:Stack";
/** Load balancer and target group names are at most 32 characters (ELBv2 API reference, CreateLoadBalancer / CreateTargetGroup). */
const NAME_LIMITS: Readonly<Record<string, number>> = {
  "aws:lb/loadBalancer:LoadBalancer": 32,
  "aws:lb/targetGroup:TargetGroup": 32,
};
/** What Pulumi's bridge puts after an automatic name: a hyphen and seven hexadecimal digits. */
const AUTONAME_DIGITS = 7;

/**
 * Plays the engine's part for one run of the program: gives URNs and ids, answers questions, and keeps what was registered.
 * INVARIANTS: a fault never stops the run, so that all faults of a program are reported together; every value handed out
 * depends only on the program and its config, never on time or on the order in which registrations arrive.
 */
export class Monitor {
  readonly faults: string[] = [];
  readonly diagnostics: Diagnostic[] = [];
  private readonly resources = new Map<string, PlannedResource>();
  private readonly wire = new Map<string, Registered>();
  private readonly claimed = new Map<string, Set<number>>();
  private stackOutputs: JsonObject = {};
  private stackUrn = "";

  constructor(
    private readonly project: Project,
    private readonly mode: PlanMode,
    private readonly schemas: SchemaSource,
  ) {}

  /** Handles one registration (or read); never throws for what the program did wrong, see {@link faults}. */
  register(request: Registration): Registered {
    const urn = this.urnOf(request.type, request.name, request.parent);
    if (request.type === STACK_TYPE) this.stackUrn = urn;
    if (this.resources.has(urn)) {
      this.fault(
        `two resources have the URN ${urn}: ${request.type} "${request.name}" is registered twice under ${this.label(request.parent)}; give one another name`,
      );
    }
    const custom = request.custom && !request.type.startsWith("pulumi:providers:");
    const inputs = custom ? this.check(request, urn) : request.inputs;
    const made = request.remote
      ? this.expand(request, urn, inputs)
      : this.create(request, urn, inputs, custom);
    this.wire.set(urn, made);
    this.resources.set(urn, this.describe(request, made, inputs));
    return made;
  }

  /** Keeps what a component (or the stack itself) says that its outputs are. */
  registerOutputs(urn: string, outputs: JsonObject): void {
    const resource = this.resources.get(urn);
    if (resource === undefined) {
      this.fault(`outputs were registered for ${urn}, which was never registered`);
      return;
    }
    const known = this.wire.get(urn);
    if (known) this.wire.set(urn, { ...known, outputs: { ...known.outputs, ...outputs } });
    if (urn === this.stackUrn) this.stackOutputs = outputs;
    resource.outputs = { ...resource.outputs, ...presentObject(outputs, this.project.dir) };
  }

  /** Answers a question that the program asks of a provider; throws when there is no answer. */
  invoke(token: string, args: JsonObject, provider: string, origin: Origin): JsonObject {
    if (token === "pulumi:pulumi:getResource") return this.lookUp(String(args["urn"] ?? ""));
    const answer = invokes[token];
    if (answer === undefined) {
      const asker = origin.parent === "" ? "the program" : this.label(origin.parent);
      const place = origin.position === "" ? "" : ` at ${origin.position}`;
      const message = `${asker} calls ${token}${place}, and the plan has no stand-in for it; add one to plan/standins/invokes.ts`;
      this.fault(message);
      throw new Error(message);
    }
    const plainArgs = bareObject(args);
    return answer(plainArgs, this.regionFor(provider, plainArgs));
  }

  /** Refuses something that a plan cannot stand in for. */
  refuse(message: string): void {
    this.fault(message);
  }

  /** Looks for what makes a finished plan useless: values that stayed unknown, or that were never values at all. */
  finish(): { resources: PlannedResource[]; outputs: JsonObject; region: string } {
    for (const [urn, made] of this.wire) this.checkTexts(urn, made.outputs);
    if (this.mode === "resolved") {
      this.reportUnknowns(
        this.stackOutputs,
        (path) => `stack output "${path}" has no value in a resolved plan`,
      );
      for (const { path, text } of texts(this.stackOutputs)) {
        if (/\bundefined\b/.test(text))
          this.fault(`stack output "${path}" holds the word "undefined": ${text}`);
      }
    }
    return {
      resources: [...this.resources.values()].filter((resource) => resource.type !== STACK_TYPE).sort(byUrn),
      outputs: presentObject(this.stackOutputs, this.project.dir),
      region: this.project.config["aws:region"] ?? "",
    };
  }

  private create(request: Registration, urn: string, inputs: JsonObject, custom: boolean): Registered {
    if (!custom)
      return { urn, id: request.custom ? `provider-${request.name}` : "", outputs: inputs, dependencies: {} };
    if (this.mode === "preview" && request.readId === undefined)
      return { urn, id: "", outputs: inputs, dependencies: {} };
    const region = this.regionFor(request.provider, bareObject(inputs));
    const context = standinContext(this.claimed, {
      urn,
      type: request.type,
      name: request.name,
      parent: request.parent,
      region,
    });
    const result = standinFor(request.type)(bareObject(inputs), context);
    const secrets = new Set([
      ...request.additionalSecretOutputs,
      ...(this.schemas(request.type)?.secretOutputs ?? []),
    ]);
    const outputs: JsonObject = { ...result.outputs, ...inputs };
    if (request.type.startsWith("aws:")) {
      outputs["region"] = inputs["region"] ?? region;
      outputs["tagsAll"] = inputs["tags"] ?? {};
    }
    for (const key of secrets)
      if (outputs[key] !== undefined && !holdsSecret(outputs[key])) outputs[key] = secretValue(outputs[key]);
    return { urn, id: request.readId ?? result.id, outputs, dependencies: {} };
  }

  /** Unknown type, missing inputs, unknown values in a resolved plan; also fills in the automatic name. */
  private check(request: Registration, urn: string): JsonObject {
    const where = `${request.type} "${request.name}" (under ${this.label(request.parent)})`;
    const schema = this.schemas(request.type);
    if (schema === undefined) {
      this.fault(
        `${where}: the installed SDK has no such resource type; is it misspelt, or its @pulumi package not installed?`,
      );
      return request.inputs;
    }
    if (request.readId !== undefined) return request.inputs;
    for (const key of schema.required) {
      const value = request.inputs[key];
      if (value === undefined || value === null) this.fault(`${where}: missing required input "${key}"`);
    }
    if (this.mode === "resolved")
      this.reportUnknowns(request.inputs, (path) => this.unresolved(where, path, request));
    this.checkUserData(where, request.inputs);
    return this.autoName(request, schema.inputs, urn, where);
  }

  private unresolved(where: string, path: string, request: Registration): string {
    const sources = request.propertyDependencies[path.split(/[.[]/)[0] ?? ""] ?? [];
    const from =
      sources.length === 0
        ? ""
        : `; it comes from ${sources.map((source) => this.label(source)).join(", ")}, whose stand-in lacks that output`;
    return `${where}: input "${path}" has no value in a resolved plan${from}`;
  }

  /** As Pulumi's bridge does: logical name and random digits, unless the program gives a name or a prefix. */
  private autoName(
    request: Registration,
    known: ReadonlySet<string>,
    urn: string,
    where: string,
  ): JsonObject {
    const { inputs, type } = request;
    const takesName =
      type.startsWith("aws:") && known.has("name") && !this.schemas(type)?.required.includes("name");
    if (!takesName || inputs["name"] !== undefined) return inputs;
    const region = this.project.config["aws:region"] ?? "";
    const { hex } = standinContext(this.claimed, {
      urn,
      type,
      name: request.name,
      parent: request.parent,
      region,
    });
    const prefix = typeof inputs["namePrefix"] === "string" ? inputs["namePrefix"] : `${request.name}-`;
    const name = `${prefix}${hex(AUTONAME_DIGITS, "name")}`;
    const limit = NAME_LIMITS[type];
    if (limit !== undefined && name.length > limit) {
      this.fault(
        `${where}: its automatic name "${name}" has ${name.length} characters, AWS allows ${limit}; give a shorter logical name or set "name"`,
      );
    }
    return { ...inputs, name };
  }

  private checkUserData(where: string, inputs: JsonObject): void {
    const data = inputs["userData"] ?? inputs["userDataBase64"];
    if (data === undefined || this.mode !== "resolved") return;
    const value = bare(data);
    if (typeof value !== "string" || value === UNKNOWN) return;
    const decoded = Buffer.from(value, "base64").toString("utf8");
    const readable = Buffer.from(decoded, "utf8").toString("base64") === value ? decoded : value;
    for (const bad of [/\bundefined\b/, /\[object Object\]/, /\bNaN\b/]) {
      const line = readable.split("\n").findIndex((candidate) => bad.test(candidate));
      if (line >= 0)
        this.fault(
          `${where}: user data line ${line + 1} holds ${bad.source.replaceAll("\\b", '"').replaceAll("\\", "")}, a value that was never set`,
        );
    }
  }

  private checkTexts(urn: string, values: JsonObject): void {
    // Pulumi puts this sentence where a program turned an Output into text without apply or interpolate.
    for (const { path, text } of texts(values)) {
      if (
        text.includes("Calling [toString] on an [Output<T>]") ||
        text.includes("Calling [toJSON] on an [Output<T>]")
      ) {
        this.fault(
          `${this.label(urn)}: "${path}" was made from an Output as if it were text; use pulumi.interpolate or apply`,
        );
      }
    }
  }

  /** Components of other languages: the only one a plan can expand is awsx's VPC. */
  private expand(request: Registration, urn: string, inputs: JsonObject): Registered {
    const nothing = { urn, id: "", outputs: inputs, dependencies: {} };
    if (request.type !== "awsx:ec2:Vpc") {
      this.fault(
        `${request.type} "${request.name}" is made by a plugin, and the plan only knows how awsx:ec2:Vpc is made`,
      );
      return nothing;
    }
    const plain = bareObject(inputs);
    try {
      const zones = zonesOf(this.regionFor(request.provider, plain));
      const expansion = expandVpc(plain, {
        name: request.name,
        urn,
        zones,
        register: (child) => this.registerChild(child, request),
      });
      return { ...nothing, outputs: expansion.outputs, dependencies: expansion.dependencies };
    } catch (error) {
      this.fault(
        `awsx:ec2:Vpc "${request.name}" (under ${this.label(request.parent)}): ${error instanceof Error ? error.message : error}`,
      );
      return nothing;
    }
  }

  private registerChild(child: ChildRequest, owner: Registration): Child {
    const none = {
      protect: owner.protect,
      retainOnDelete: owner.retainOnDelete,
      ignoreChanges: [],
      replaceOnChanges: [],
      additionalSecretOutputs: [],
      aliases: [],
    };
    // The children's provider is the one for aws, not the component's own.
    const made = this.register({
      ...none,
      ...child,
      custom: true,
      remote: false,
      propertyDependencies: {},
      provider: "",
    });
    const id = made.id === "" ? UNKNOWN : made.id;
    return {
      urn: made.urn,
      id,
      reference: resourceReference(made.urn, made.id),
      output: (key) => made.outputs[key] ?? UNKNOWN,
    };
  }

  private lookUp(urn: string): JsonObject {
    const found = this.wire.get(urn);
    if (found === undefined) throw new Error(`no resource has the URN ${urn}`);
    return { urn, id: found.id, state: found.outputs };
  }

  private describe(request: Registration, made: Registered, inputs: JsonObject): PlannedResource {
    const {
      type,
      name,
      custom,
      protect,
      retainOnDelete,
      ignoreChanges,
      replaceOnChanges,
      aliases,
      provider,
    } = request;
    const show = (values: JsonObject): JsonObject => presentObject(values, this.project.dir);
    const parent = request.parent === "" || request.parent === this.stackUrn ? null : request.parent;
    const outputs = type === "awsx:ec2:Vpc" ? show(made.outputs) : custom ? show(made.outputs) : {};
    const common = {
      type,
      name,
      custom,
      protect,
      retainOnDelete,
      ignoreChanges,
      replaceOnChanges,
      aliases,
      provider,
    };
    const { dependencies, propertyDependencies } = request;
    return {
      ...common,
      urn: made.urn,
      parent,
      external: request.readId !== undefined,
      id: made.id,
      inputs: show(inputs),
      outputs,
      dependencies: [...dependencies].sort(),
      propertyDependencies,
    };
  }

  private urnOf(type: string, name: string, parent: string): string {
    const parentType = parent === "" || parent === this.stackUrn ? "" : `${parent.split("::")[2] ?? ""}$`;
    return `urn:pulumi:${this.project.stack}::${this.project.name}::${parentType}${type}::${name}`;
  }

  /** Region of the resource's own argument, else of its provider, else of the config. */
  private regionFor(provider: string, inputs: JsonObject): string {
    if (typeof inputs["region"] === "string") return inputs["region"];
    const explicit = this.wire.get(provider.split("::").slice(0, 4).join("::"))?.outputs["region"];
    if (typeof explicit === "string") return explicit;
    const region = this.project.config["aws:region"];
    if (region === undefined)
      this.fault(
        `no AWS region is set; set one with: pulumi config set aws:region us-east-1 --stack ${this.project.stack}`,
      );
    return region ?? "us-east-1";
  }

  private reportUnknowns(values: JsonObject, message: (path: string) => string): void {
    for (const path of unknownPaths(values)) this.fault(message(path));
  }

  private label(urn: string): string {
    const [, , types = "", name = ""] = urn.split("::");
    return urn === "" || urn === this.stackUrn ? "the stack" : `${types.split("$").at(-1)} "${name}"`;
  }

  private fault(message: string): void {
    if (!this.faults.includes(message)) this.faults.push(message);
  }
}

function bareObject(values: JsonObject): JsonObject {
  const result = bare(values);
  return isObject(result) ? result : {};
}

function byUrn(a: PlannedResource, b: PlannedResource): number {
  return a.urn < b.urn ? -1 : a.urn > b.urn ? 1 : 0;
}
